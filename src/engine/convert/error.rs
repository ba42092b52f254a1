//! Why a service cannot be converted for an engine.

use crate::compose::model::{Service, ServiceName};
use crate::engine::api_version::ApiVersion;

#[derive(Debug, thiserror::Error)]
#[error("service `{service}`: {reason}")]
pub struct ConvertError {
    pub service: ServiceName,
    pub reason: ConvertReason,
}

#[derive(Debug, thiserror::Error)]
pub enum ConvertReason {
    /// The engine is too old, or `sofa` does not support the key.
    #[error("`{key}` needs {needs}")]
    Unsupported { key: String, needs: String },
    /// A value that no engine accepts.
    #[error("`{key}`: {reason}")]
    Invalid { key: String, reason: String },
    #[error("`{key}`: file `{path}`: {source}")]
    File { key: String, path: String, source: std::io::Error },
}

impl ConvertError {
    fn new(service: &Service, reason: ConvertReason) -> ConvertError {
        ConvertError { service: service.name.clone(), reason }
    }

    pub(super) fn unsupported(service: &Service, key: &str, needs: impl Into<String>) -> ConvertError {
        ConvertError::new(service, ConvertReason::Unsupported { key: key.to_owned(), needs: needs.into() })
    }

    pub(super) fn too_old(service: &Service, key: &str, api: ApiVersion, engine: &str) -> ConvertError {
        ConvertError::unsupported(service, key, format!("Docker Engine {engine} (API {api}) or newer"))
    }

    pub(super) fn invalid(service: &Service, key: &str, reason: impl Into<String>) -> ConvertError {
        ConvertError::new(service, ConvertReason::Invalid { key: key.to_owned(), reason: reason.into() })
    }

    pub(super) fn file(service: &Service, key: &str, path: &str, source: std::io::Error) -> ConvertError {
        let (key, path) = (key.to_owned(), path.to_owned());
        ConvertError::new(service, ConvertReason::File { key, path, source })
    }
}
