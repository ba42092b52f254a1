//! Sending an image to its registry, with its progress.

use futures_util::StreamExt;
use http::Method;

use super::credentials::RegistryAuth;
use super::pull::{PullProgress, progress};
use super::reference::Reference;
use crate::engine::call::Call;
use crate::engine::client::{Engine, EngineStream};
use crate::engine::error::EngineError;
use crate::engine::wire::query::{Path, segment};

impl Engine {
    /// Sends an image under this name. It goes on as long as the stream is read, and has succeeded when it ends without error.
    ///
    /// # Errors
    /// `is_not_found` where there is no such image; in the stream `Failed` for what the registry refuses.
    pub async fn push(
        &self,
        image: &Reference,
        auth: Option<&RegistryAuth>,
    ) -> Result<EngineStream<PullProgress>, EngineError> {
        let call = Call::new(format!("push of image `{image}`")).slow();
        let name = segment(image.name());
        let path = Path::new(format!("/images/{name}/push")).with("tag", image.tag_or_latest());
        // The engine wants the header of those too who have no credentials.
        let header = auth.map_or_else(RegistryAuth::nobody, RegistryAuth::header);
        let body = bollard::body_full(bytes::Bytes::new());
        let headers = [("x-registry-auth", header)];
        let request = self.wire().upload(&call, Method::POST, path.as_str(), &headers, body);
        let response = self.wire().within(&call, request).await?;
        Ok(progress(call, response.into_body()).boxed())
    }
}
