//! What is checked before a deploy changes anything.

mod protection;
mod takeover;

pub use protection::{candidate, kind, mounts, protect};
pub use takeover::refuse_to_start_beside;
