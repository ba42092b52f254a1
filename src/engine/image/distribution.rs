//! What a registry knows about an image, through the engine.

use http::Method;
use serde::Deserialize;

use super::credentials::RegistryAuth;
use super::reference::Reference;
use crate::engine::call::Call;
use crate::engine::client::Engine;
use crate::engine::error::EngineError;
use crate::engine::wire;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution {
    descriptor: Descriptor,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Engine {
    /// The digest of an image in its registry. Nothing is pulled.
    ///
    /// # Errors
    /// The registry is not reachable, does not have the image, or refuses the credentials.
    pub async fn registry_digest(
        &self,
        image: &Reference,
        auth: Option<&RegistryAuth>,
    ) -> Result<String, EngineError> {
        let call = Call::new(format!("digest of image `{image}`")).slow();
        let path = format!("/distribution/{}/json", image.canonical());
        let headers: Vec<_> = auth.map(|auth| ("x-registry-auth", auth.header())).into_iter().collect();
        let body = bollard::body_full(bytes::Bytes::new());
        self.wire()
            .within(&call, async {
                let response = self.wire().upload(&call, Method::GET, &path, &headers, body).await?;
                let bytes = wire::collect(&call, response).await?;
                let found: Distribution = serde_json::from_slice(&bytes).map_err(|error| {
                    EngineError::Answer { call: call.to_string(), reason: error.to_string() }
                })?;
                Ok(found.descriptor.digest)
            })
            .await
    }
}
