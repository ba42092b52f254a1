//! What can go wrong between `sofa` and the engine. Messages name the call; they never hold a request's body.

use std::io;
use std::time::Duration;

use super::api_version::ApiVersion;

/// A call to the engine that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing answers at the engine's address.
    #[error("engine at `{host}` is not reachable: {}", reachability(source))]
    Unreachable {
        /// The address.
        host: String,
        /// Why: no socket, nobody listening, no permission.
        source: io::Error,
    },
    /// The engine is older than the oldest that `sofa` knows.
    #[error("engine at `{host}` speaks API {api}; `sofa` needs {oldest} (Docker Engine 20.10) or newer")]
    TooOld {
        /// The address.
        host: String,
        /// The newest version it speaks.
        api: ApiVersion,
        /// The oldest version that would do.
        oldest: ApiVersion,
    },
    /// The engine refused.
    #[error("{call}: {message}")]
    Api {
        /// What was asked («start of container `web-1`»).
        call: String,
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },
    /// The engine began, and failed on the way (a pull, a build, a wait).
    #[error("{call}: {message}")]
    Failed {
        /// What was asked.
        call: String,
        /// The engine's own words.
        message: String,
    },
    /// The engine did not answer in time. What was asked may still happen.
    #[error("{call}: no answer from the engine within {} s", after.as_secs_f32())]
    Timeout {
        /// What was asked.
        call: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection broke, or a stream ended before its end. What was asked may have happened.
    #[error("{call}: connection to the engine broke: {reason}")]
    Stream {
        /// What was asked.
        call: String,
        /// How it broke.
        reason: String,
    },
    /// The engine answered something that is no answer to the question.
    #[error("{call}: answer of the engine is not understood: {reason}")]
    Answer {
        /// What was asked.
        call: String,
        /// Where the answer went wrong.
        reason: String,
    },
    /// The operation needs something that this engine, or `sofa`, does not have.
    #[error("{what} needs {needs}")]
    Unsupported {
        /// What was asked for, by its key in the Compose file where it has one.
        what: String,
        /// What would be needed.
        needs: String,
    },
    /// A file on this machine that the call needs could not be read.
    #[error("{what} `{path}`: {source}")]
    File {
        /// What the file is («build context», «credentials»).
        what: String,
        /// Its path.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// Makes a missing object a success: to remove or stop it is already done.
///
/// # Errors
/// Every other error.
pub fn ignore_missing(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match outcome {
        Err(error) if error.is_not_found() => Ok(()),
        outcome => outcome,
    }
}

impl EngineError {
    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            EngineError::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the object that was named does not exist (404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the call clashes with what exists: a name taken, an object in use (409).
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Whether the engine could not be talked to, so that trying again after reconnecting may help.
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            EngineError::Unreachable { .. } | EngineError::Stream { .. } | EngineError::Timeout { .. }
        )
    }

    /// Whether it is unknown if the engine did what was asked, so that only observing tells.
    pub fn is_unsure(&self) -> bool {
        matches!(self, EngineError::Stream { .. } | EngineError::Timeout { .. } | EngineError::Answer { .. })
    }
}

/// The reason in words that a person can act on.
fn reachability(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "the socket does not exist (is Docker installed and started?)".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens on the socket (is Docker started?)".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied on the socket (is this user in the group `docker`?)".to_owned()
        }
        _ => error.to_string(),
    }
}
