//! What the engine says about its machine.

use http::Method;
use serde::Deserialize;

use super::EngineError;
use super::call::Call;
use super::client::Engine;

impl Engine {
    /// The folder with images, containers and volumes, on the engine's machine.
    ///
    /// # Errors
    /// The call's.
    pub async fn data_root(&self) -> Result<String, EngineError> {
        let info: Info = self.wire().json(&Call::new("info"), Method::GET, "/info", None).await?;
        Ok(info.docker_root_dir)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    docker_root_dir: String,
}
