//! Why an image could not be built.

use std::io;
use std::path::Path;

use crate::engine::error::EngineError;

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A feature that the classic builder does not have.
    #[error("`build.{key}` needs BuildKit, which `sofa` does not use yet")]
    NeedsBuildKit { key: String },
    /// A value that no builder accepts.
    #[error("`build.{key}`: {reason}")]
    Invalid { key: String, reason: String },
    #[error("build context: `{path}`: {source}")]
    File { path: String, source: io::Error },
    /// A step of the Dockerfile failed, or the Dockerfile is not valid.
    #[error("{message}")]
    Failed {
        /// The builder's message.
        message: String,
        /// The last lines of the output, oldest first.
        tail: Vec<String>,
    },
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl BuildError {
    pub(super) fn file(path: &Path, source: io::Error) -> BuildError {
        BuildError::File { path: path.display().to_string(), source }
    }

    pub(super) fn invalid(key: &str, reason: impl Into<String>) -> BuildError {
        BuildError::Invalid { key: key.to_owned(), reason: reason.into() }
    }
}
