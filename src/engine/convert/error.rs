//! Why a service cannot be converted for an engine.

use crate::compose::model::Service;
use crate::engine::api_version::ApiVersion;

/// What of the model cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The engine is too old, or `sofa` does not have it.
    #[error("service `{service}`: `{key}` needs {needs}")]
    Unsupported {
        /// The service.
        service: String,
        /// The key in the Compose file.
        key: String,
        /// What would be needed.
        needs: String,
    },
    /// A value that no engine could take.
    #[error("service `{service}`: `{key}`: {reason}")]
    Invalid {
        /// The service.
        service: String,
        /// The key in the Compose file.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that a key names could not be read.
    #[error("service `{service}`: `{key}`: file `{path}`: {source}")]
    File {
        /// The service.
        service: String,
        /// The key in the Compose file.
        key: String,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl ConvertError {
    pub(super) fn unsupported(service: &Service, key: &str, needs: impl Into<String>) -> ConvertError {
        ConvertError::Unsupported {
            service: service.name.to_string(),
            key: key.to_owned(),
            needs: needs.into(),
        }
    }

    pub(super) fn too_old(service: &Service, key: &str, api: ApiVersion, engine: &str) -> ConvertError {
        ConvertError::unsupported(service, key, format!("Docker Engine {engine} (API {api}) or newer"))
    }

    pub(super) fn invalid(service: &Service, key: &str, reason: impl Into<String>) -> ConvertError {
        ConvertError::Invalid {
            service: service.name.to_string(),
            key: key.to_owned(),
            reason: reason.into(),
        }
    }
}
