//! What is checked before a deploy changes anything.

mod acknowledgement;
pub mod gpus;
mod protection;
mod takeover;

pub use protection::{candidate, kind, mounts, of_workers, protect, workers};
pub use takeover::refuse_to_start_beside;
