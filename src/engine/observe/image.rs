//! One local image: its id, its digest as docker compose records it, and its configuration.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;

use crate::engine::api_version::ApiVersion;
use crate::engine::call::Call;
use crate::engine::client::Engine;
use crate::engine::error::EngineError;
use crate::engine::inspect::HealthcheckReply;
use crate::engine::json::null_as_default;
use crate::engine::wire::query::{Path, segment};
use crate::plan::observed::{Image, ImageId};

impl Engine {
    /// A local image by reference or id; none where the engine does not have it.
    ///
    /// # Errors
    /// The call's. A reference that the engine cannot parse is an error (400).
    pub async fn inspect_image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let call = Call::new(format!("inspect of image `{reference}`"));
        let manifests = self.api() >= ApiVersion::IMAGE_MANIFESTS;
        let path =
            Path::new(format!("/images/{}/json", segment(reference))).with_flag("manifests", manifests);
        match self.wire().json::<ImageReply>(&call, Method::GET, path.as_str(), None).await {
            Ok(reply) => Ok(Some(reply.into_image())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    pub id: ImageId,
    /// Names with tags; empty where none is left.
    pub names: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// In bytes, with layers that other images share.
    pub size: u64,
}

impl Engine {
    /// Lists all images of the engine without intermediate layers.
    ///
    /// # Errors
    /// The call's.
    pub async fn list_images(&self) -> Result<Vec<ListedImage>, EngineError> {
        let call = Call::new("list of images");
        let replies: Vec<ListReply> = self.wire().json(&call, Method::GET, "/images/json", None).await?;
        let listed = |reply: ListReply| ListedImage {
            id: ImageId(reply.id),
            names: reply.repo_tags.into_iter().filter(|name| name != "<none>:<none>").collect(),
            labels: reply.labels,
            size: reply.size.max(0).unsigned_abs(),
        };
        Ok(replies.into_iter().map(listed).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListReply {
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    size: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageReply {
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    repo_digests: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    os: String,
    #[serde(default, deserialize_with = "null_as_default")]
    architecture: String,
    #[serde(default, deserialize_with = "null_as_default")]
    config: ConfigReply,
    #[serde(default, deserialize_with = "null_as_default")]
    metadata: MetadataReply,
    #[serde(default, deserialize_with = "null_as_default")]
    manifests: Vec<ManifestReply>,
}

/// The engine's own metadata of an image. Go's zero time means that it never had a name on this engine.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct MetadataReply {
    #[serde(default, deserialize_with = "null_as_default")]
    last_tag_time: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ConfigReply {
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    volumes: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "null_as_default")]
    healthcheck: HealthcheckReply,
    #[serde(default, deserialize_with = "null_as_default")]
    entrypoint: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    cmd: Vec<String>,
}

/// One manifest of an image in a containerd store (API 1.48 and newer).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestReply {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    kind: String,
    #[serde(default)]
    available: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    image_data: ImageDataReply,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ImageDataReply {
    #[serde(default, deserialize_with = "null_as_default")]
    platform: PlatformReply,
}

#[derive(Deserialize, Default)]
struct PlatformReply {
    #[serde(default, deserialize_with = "null_as_default")]
    os: String,
    #[serde(default, deserialize_with = "null_as_default")]
    architecture: String,
}

impl ImageReply {
    /// docker compose 5.5 and newer records the digest of the platform's manifest, older versions the id.
    fn digest(&self) -> &str {
        let images = || self.manifests.iter().filter(|m| m.kind == "image" && m.available);
        let platform = |m: &&ManifestReply| {
            let platform = &m.image_data.platform;
            platform.os == self.os && platform.architecture == self.architecture
        };
        images().find(platform).or_else(|| images().next()).map_or(&self.id, |m| &m.id)
    }

    fn into_image(self) -> Image {
        Image {
            digest: self.digest().to_owned(),
            id: ImageId(self.id),
            repo_digests: self.repo_digests,
            tagged: self
                .metadata
                .last_tag_time
                .parse()
                .ok()
                .map(|time: jiff::Timestamp| time.as_second())
                .filter(|&time| time > 0),
            labels: self.config.labels,
            healthcheck: self.config.healthcheck.effective(&[]).is_some(),
            volumes: self.config.volumes.into_keys().collect(),
            entrypoint: self.config.entrypoint,
            command: self.config.cmd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ImageReply;
    use serde_json::json;

    fn digest(manifests: serde_json::Value) -> String {
        let reply = json!({"Id": "sha256:index", "Os": "linux", "Architecture": "amd64", "Config": null,
                           "Manifests": manifests});
        serde_json::from_value::<ImageReply>(reply).unwrap().into_image().digest
    }

    #[test]
    fn without_manifests_the_digest_is_the_id() {
        assert_eq!(digest(json!(null)), "sha256:index");
    }

    #[test]
    fn the_available_image_of_the_platform_is_the_digest() {
        let manifest = |id: &str, kind: &str, available: bool, arch: &str| {
            json!({"ID": id, "Kind": kind, "Available": available,
                   "ImageData": {"Platform": {"os": "linux", "architecture": arch}}})
        };
        let found = digest(json!([
            manifest("sha256:attestation", "attestation", true, "amd64"),
            manifest("sha256:absent", "image", false, "amd64"),
            manifest("sha256:arm", "image", true, "arm64"),
            manifest("sha256:amd", "image", true, "amd64"),
        ]));
        assert_eq!(found, "sha256:amd");
    }
}
