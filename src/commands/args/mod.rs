//! Groups of options that several verbs have.

pub mod deploy;
pub mod format;
