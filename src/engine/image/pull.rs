//! Pulls an image and reports the progress.

use futures_util::{Stream, StreamExt};
use http::Method;
use serde::Deserialize;

use super::credentials::RegistryAuth;
use super::reference::Reference;
use crate::engine::call::Call;
use crate::engine::client::{Engine, EngineStream};
use crate::engine::error::EngineError;
use crate::engine::json::null_as_default;
use crate::engine::wire::json_lines;
use crate::engine::wire::query::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// None for a message about the whole image.
    pub layer: Option<String>,
    /// In the engine's words («Downloading», «Pull complete»).
    pub status: String,
    /// Bytes of this step that are done.
    pub current: u64,
    /// All bytes of this step; 0 if unknown.
    pub total: u64,
}

impl Engine {
    /// Pulls an image. The pull runs while the stream is read, and succeeded when the stream ends without an error.
    /// A name without tag and digest means `latest`, never all tags.
    ///
    /// # Errors
    /// `is_not_found` where the registry does not have the image, refused where credentials are missing or wrong;
    /// `Failed` in the stream for a later failure.
    pub async fn pull(
        &self,
        image: &Reference,
        platform: Option<&str>,
        auth: Option<&RegistryAuth>,
    ) -> Result<EngineStream<PullProgress>, EngineError> {
        let call = Call::new(format!("pull of image `{image}`")).slow();
        let path = Path::new("/images/create")
            .with("fromImage", image.name())
            .with("tag", image.version())
            .with_some("platform", platform);
        let headers: Vec<_> = auth.map(|auth| ("x-registry-auth", auth.header())).into_iter().collect();
        let body = bollard::body_full(bytes::Bytes::new());
        let request = self.wire().upload(&call, Method::POST, path.as_str(), &headers, body);
        let response = self.wire().within(&call, request).await?;
        Ok(progress(call, response.into_body()).boxed())
    }
}

pub(super) fn progress(
    call: Call,
    body: hyper::body::Incoming,
) -> impl Stream<Item = Result<PullProgress, EngineError>> + Send {
    let values = json_lines::values(call.clone(), body);
    values.map(move |value| Message::read(&call, value?).map(PullProgress::of))
}

impl PullProgress {
    pub(crate) fn of(message: Message) -> PullProgress {
        PullProgress {
            layer: message.id.filter(|id| !id.is_empty()),
            status: message.status.unwrap_or_default(),
            current: message.progress_detail.current.max(0).unsigned_abs(),
            total: message.progress_detail.total.max(0).unsigned_abs(),
        }
    }
}

/// One message of a pull, an import or a build (moby `jsonmessage`).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) stream: Option<String>,
    #[serde(default)]
    pub(crate) aux: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) progress_detail: ProgressDetail,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_detail: Option<ErrorDetail>,
}

#[derive(Deserialize, Default)]
pub(crate) struct ProgressDetail {
    #[serde(default)]
    pub(crate) current: i64,
    #[serde(default)]
    pub(crate) total: i64,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    message: Option<String>,
}

impl Message {
    /// Reads a message. A message of a failure is an error; an unknown form is an empty message.
    pub(crate) fn read(call: &Call, value: serde_json::Value) -> Result<Message, EngineError> {
        let message: Message = serde_json::from_value(value).unwrap_or_default();
        match message.failure() {
            Some(message) => Err(EngineError::Failed { call: call.to_string(), message }),
            None => Ok(message),
        }
    }

    /// The reason, for a message of a failure.
    pub(crate) fn failure(&self) -> Option<String> {
        let detail = self.error_detail.as_ref().and_then(|detail| detail.message.as_ref());
        detail.or(self.error.as_ref()).map(|text| text.trim().to_owned())
    }
}
