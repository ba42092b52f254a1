//! What `sofa` keeps on the engine for each project: its records, and the key of its digests. All of it may be lost
//! without harm: what is missing is made anew, what runs does not depend on it.
//!
//! The records of project `p` lie in the volume `sofa.state.p`, read and written through the container of that name,
//! which is never started. Neither has docker compose's labels, so `down` leaves them, `docker compose down -v` too;
//! `docker rm sofa.state.p && docker volume rm sofa.state.p` removes them.

pub mod head;
pub mod key;
pub mod release;
mod seal;
pub mod store;

pub use head::Head;
pub use key::ContentKey;
pub use store::{Found, Place, Snapshot, StateError, Store};
