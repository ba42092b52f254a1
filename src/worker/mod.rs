//! Queue workers: what their command lines say. Pure; knows neither files nor an engine.

pub mod celery;
pub mod control;
mod program;

use std::fmt;

/// Why a command line cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
