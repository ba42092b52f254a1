//! What integration tests need from inside the library: the command line and the exit codes. Not an interface for programs.

use clap::{CommandFactory, Parser};

pub use crate::error::Kind;

/// The whole command line, as clap knows it.
pub fn command() -> clap::Command {
    crate::cli::Cli::command()
}

/// Parses a command line, program name first, as the binary does; runs nothing.
///
/// # Errors
/// What clap refuses. A call for help counts as an error there too.
pub fn parse(line: Vec<String>) -> Result<(), clap::Error> {
    let line = crate::cli::argv::verb_first(line, &command());
    crate::cli::Cli::try_parse_from(line).map(drop)
}
