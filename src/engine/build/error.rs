//! Why an image could not be built.

use std::io;
use std::path::Path;

use crate::engine::error::EngineError;

/// A build that did not happen or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Something that the classic builder does not have.
    #[error("`build.{key}` needs BuildKit, which `sofa` does not use yet")]
    NeedsBuildKit {
        /// The key under `build:`.
        key: String,
    },
    /// A value that no builder could take.
    #[error("`build.{key}`: {reason}")]
    Invalid {
        /// The key under `build:`.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the context that could not be read.
    #[error("build context: `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A step of the Dockerfile, or the Dockerfile itself.
    #[error("{message}")]
    Failed {
        /// The builder's own words.
        message: String,
        /// The last lines of its output, oldest first.
        tail: Vec<String>,
    },
    /// The engine could not be talked to, or refused.
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
