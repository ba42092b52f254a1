//! Pulls, tags, removes and imports images. `observe` inspects them.

use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::wire::json_lines;
use super::wire::query::Path;
use crate::plan::observed::ImageId;

pub mod credentials;
mod distribution;
mod pull;
mod push;
mod reference;

pub use credentials::{Credentials, RegistryAuth};
pub(crate) use pull::Message;
pub use pull::PullProgress;
pub use reference::{NotAReference, Reference};

impl Engine {
    /// Adds a name to an image.
    ///
    /// # Errors
    /// `is_not_found` where the image does not exist.
    pub async fn tag_image(&self, image: &str, name: &Reference) -> Result<(), EngineError> {
        let call = Call::new(format!("naming image `{image}` `{name}`"));
        let options = TagImageOptionsBuilder::new().repo(name.name()).tag(name.tag_or_latest()).build();
        self.wire().bounded(&call, self.docker().tag_image(image, Some(options))).await
    }

    /// Removes a name of an image, and the image with its last name.
    ///
    /// # Errors
    /// `is_conflict` while a container uses it, unless `force` is set and none of them runs; `is_not_found` where it
    /// does not exist.
    pub async fn remove_image(&self, image: &str, force: bool) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of image `{image}`")).slow();
        let options = RemoveImageOptionsBuilder::new().force(force).build();
        let removal = self.docker().remove_image(image, Some(options), None);
        self.wire().bounded(&call, removal).await.map(drop)
    }

    /// Creates an image of one layer from a tar archive of a root file system. An empty archive makes an empty image.
    /// `changes` are lines of a Dockerfile (`CMD`, `LABEL`, `ENV`, …) that set the image's configuration.
    ///
    /// # Errors
    /// The engine's.
    pub async fn import_image(
        &self,
        name: &Reference,
        tar: Bytes,
        changes: &[&str],
    ) -> Result<ImageId, EngineError> {
        let call = Call::new(format!("import of image `{name}`")).slow();
        let path = Path::new("/images/create")
            .with("fromSrc", "-")
            .with("repo", name.name())
            .with("tag", name.tag_or_latest());
        let path = changes.iter().fold(path, |path, change| path.with("changes", change));
        let headers = [("content-type", "application/x-tar".to_owned())];
        self.wire()
            .within(&call, async {
                let body = bollard::body_full(tar);
                let response = self.wire().upload(&call, Method::POST, path.as_str(), &headers, body).await?;
                let mut values = json_lines::values(call.clone(), response.into_body()).boxed();
                let mut id = None;
                while let Some(value) = values.next().await {
                    let message = pull::Message::read(&call, value?)?;
                    id = message.status.filter(|s| s.starts_with("sha256:")).or(id);
                }
                id.map(ImageId).ok_or_else(|| EngineError::Answer {
                    call: call.to_string(),
                    reason: "it contains no image id".to_owned(),
                })
            })
            .await
    }
}
