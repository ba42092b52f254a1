//! The processes of a container, as the host sees them.

use http::Method;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::json::null_as_default;
use crate::plan::observed::ContainerId;

/// A table of processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Processes {
    #[serde(default, deserialize_with = "null_as_default")]
    pub titles: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub processes: Vec<Vec<String>>,
}

impl Engine {
    /// # Errors
    /// `is_conflict` where the container does not run.
    pub async fn processes(&self, id: &ContainerId) -> Result<Processes, EngineError> {
        let call = Call::new(format!("processes of container `{id}`"));
        self.wire().json(&call, Method::GET, &format!("/containers/{}/top", id.as_str()), None).await
    }
}
