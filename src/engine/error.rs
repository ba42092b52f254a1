//! Errors of calls to the engine. Messages name the call and never contain the body of a request.

use std::io;
use std::time::Duration;

use super::api_version::ApiVersion;

/// A call to the engine that failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("engine at `{host}` is not reachable: {}", reachability(source))]
    Unreachable {
        host: String,
        /// No socket, no listener, or no permission.
        source: io::Error,
    },
    #[error("engine at `{host}` speaks API {api}; `sofa` needs {oldest} (Docker Engine 20.10) or newer")]
    TooOld {
        host: String,
        /// The newest version that the engine supports.
        api: ApiVersion,
        /// The oldest version that `sofa` supports.
        oldest: ApiVersion,
    },
    /// The engine refused the call.
    #[error("{call}: {message}")]
    Api {
        /// For example «start of container `web-1`».
        call: String,
        status: u16,
        message: String,
    },
    /// The engine accepted the call and failed later (a pull, a build, a wait).
    #[error("{call}: {message}")]
    Failed { call: String, message: String },
    /// The engine did not answer in time. It may still do what was asked.
    #[error("{call}: no answer from the engine within {} s", after.as_secs_f32())]
    Timeout { call: String, after: Duration },
    /// The connection was lost, or a stream ended early. The engine may have done what was asked.
    #[error("{call}: connection to the engine was lost: {reason}")]
    Stream { call: String, reason: String },
    /// The answer could not be read.
    #[error("{call}: answer of the engine could not be read: {reason}")]
    Answer { call: String, reason: String },
    /// The operation needs a feature that this engine or `sofa` does not have.
    #[error("{what} needs {needs}")]
    Unsupported {
        /// The key in the Compose file, if there is one.
        what: String,
        needs: String,
    },
    /// A local file that the call needs could not be read.
    #[error("{what} `{path}`: {source}")]
    File {
        /// The kind of file: «build context», «credentials».
        what: String,
        path: String,
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
    pub fn status(&self) -> Option<u16> {
        match self {
            EngineError::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the object does not exist (404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether it is a container that does not exist, not something that the call needs beside it, such as a network.
    pub fn is_container_not_found(&self) -> bool {
        matches!(self, EngineError::Api { status: 404, message, .. } if message.contains("o such container"))
    }

    /// The engine's own words, without the call.
    pub fn reason(&self) -> String {
        match self {
            EngineError::Api { message, .. } | EngineError::Failed { message, .. } => message.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the call conflicts with the present state: a name is in use, an object is used (409).
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Whether the connection failed, so that a retry after a reconnect may succeed.
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            EngineError::Unreachable { .. } | EngineError::Stream { .. } | EngineError::Timeout { .. }
        )
    }
}

/// The reason, with what to check.
fn reachability(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "the socket does not exist (is Docker installed and started?)".to_owned(),
        io::ErrorKind::ConnectionRefused => {
            "no process listens on the socket (is Docker started?)".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "permission denied on the socket (is this user in the group `docker`?)".to_owned()
        }
        _ => error.to_string(),
    }
}
