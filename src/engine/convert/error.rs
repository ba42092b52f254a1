//! Why a service cannot be converted for an engine.

use crate::compose::model::Service;
use crate::engine::api_version::ApiVersion;

#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The engine is too old, or `sofa` does not support the key.
    #[error("service `{service}`: `{key}` needs {needs}")]
    Unsupported { service: String, key: String, needs: String },
    /// A value that no engine accepts.
    #[error("service `{service}`: `{key}`: {reason}")]
    Invalid { service: String, key: String, reason: String },
    #[error("service `{service}`: `{key}`: file `{path}`: {source}")]
    File { service: String, key: String, path: String, source: std::io::Error },
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
