//! Leaves without domain words.

pub mod disk;
pub mod elapsed;
pub mod git;
pub mod slug;
pub mod spelling;
pub mod tree;
