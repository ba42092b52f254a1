//! What `sofa` keeps on the engine for each project: its records, the key of its digests, and the lock that one run
//! holds at a time. All of it may be lost without harm: what is missing is made anew, what runs does not depend on it.
//!
//! The records of project `p` lie in the volume `sofa.state.p`, read and written through the container of that name,
//! which is never started. Neither has docker compose's labels, so `down` leaves them, `docker compose down -v` too;
//! `docker rm sofa.state.p && docker volume rm sofa.state.p` removes them.

pub mod fence;
pub mod head;
pub mod holder;
pub mod key;
pub mod lease;
pub mod lock;
pub mod record;
pub mod release;
mod seal;
pub mod store;
pub mod tags;
pub mod unfinished;

pub use fence::Fence;
pub use head::{Head, Operator};
pub use holder::{Holder, Process};
pub use key::ContentKey;
pub use lock::{Held, Lock, LockError};
pub use store::{Found, Place, Snapshot, StateError, Store};
