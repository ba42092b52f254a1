//! What is checked before a deploy changes anything.

mod gpus;
mod protection;
mod takeover;

pub use gpus::in_use as gpus_in_use;
pub use protection::{candidate, gpus, kind, mounts, protect};
pub use takeover::refuse_to_start_beside;
