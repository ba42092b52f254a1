//! The project of a command: its files, its name, and what its engine has of it.

mod files;
mod live;
mod name;

pub use files::LoadedProject;
pub use live::{LiveProject, View};
