//! What a registry knows of an image, asked through the engine.

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
    /// The digest that its registry has for an image now; nothing is fetched.
    ///
    /// # Errors
    /// A registry that cannot be reached, does not know the image, or wants other credentials.
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
