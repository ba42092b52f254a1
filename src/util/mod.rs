//! Leaves without domain words.

pub mod argv;
pub mod bytes;
pub mod duration;
pub mod elapsed;
pub mod float;
pub mod git;
pub mod natural;
pub mod slug;
pub mod spelling;
