//! Pushes an image and reports the progress.

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
    /// Pushes an image by this name. The push runs while the stream is read, and succeeded when it ends without an error.
    ///
    /// # Errors
    /// `is_not_found` where the image does not exist; `Failed` in the stream where the registry refuses.
    pub async fn push(
        &self,
        image: &Reference,
        auth: Option<&RegistryAuth>,
    ) -> Result<EngineStream<PullProgress>, EngineError> {
        let call = Call::new(format!("push of image `{image}`")).slow();
        let name = segment(image.name());
        let path = Path::new(format!("/images/{name}/push")).with("tag", image.tag_or_latest());
        // The engine requires the header also without credentials.
        let header = auth.map_or_else(RegistryAuth::empty_header, RegistryAuth::header);
        let body = bollard::body_full(bytes::Bytes::new());
        let headers = [("x-registry-auth", header)];
        let request = self.wire().upload(&call, Method::POST, path.as_str(), &headers, body);
        let response = self.wire().within(&call, request).await?;
        Ok(progress(call, response.into_body()).boxed())
    }
}
