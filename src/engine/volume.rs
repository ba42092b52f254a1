//! Creates and removes volumes. `convert` builds the body of a creation.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::query_parameters::RemoveVolumeOptionsBuilder;
use http::Method;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::convert::NewVolume;
use super::error::EngineError;
use super::json::{null_as_default, to_json};

/// How long the engine may take to compute sizes of volumes; later they are left out.
const ADDING_UP: Duration = Duration::from_secs(2);

impl Engine {
    /// Sizes of volumes in bytes, by name, as far as the engine knows them.
    ///
    /// # Errors
    /// The engine's, and `Timeout` after 2 s.
    pub async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>, EngineError> {
        let call = Call::new("sizes of volumes").within(ADDING_UP);
        // Engines before 23 ignore `type` and compute all sizes.
        let usage: Usage = self.wire().json(&call, Method::GET, "/system/df?type=volume", None).await?;
        let sizes = usage
            .volumes
            .into_iter()
            .filter_map(|volume| Some((volume.name, u64::try_from(volume.usage_data?.size).ok()?)));
        Ok(sizes.collect())
    }

    /// Creates a volume. An existing volume with this name is not changed, also if it differs.
    ///
    /// # Errors
    /// The engine's, for example a driver that is not installed.
    pub async fn create_volume(&self, volume: &NewVolume) -> Result<(), EngineError> {
        let call = Call::new(format!("creation of volume `{}`", volume.name())).slow();
        let body = to_json(&call, &volume.body)?;
        self.wire().bytes(&call, Method::POST, "/volumes/create", Some(&body)).await.map(drop)
    }

    /// Removes a volume and its content.
    ///
    /// # Errors
    /// `is_conflict` while a container (also a stopped one) uses it; `is_not_found` where it does not exist.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of volume `{name}`")).slow();
        let options = RemoveVolumeOptionsBuilder::new().force(false).build();
        self.wire().bounded(&call, self.docker().remove_volume(name, Some(options))).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    #[serde(default, deserialize_with = "null_as_default")]
    volumes: Vec<VolumeUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeUsage {
    name: String,
    #[serde(default)]
    usage_data: Option<UsageData>,
}

/// The size is -1 where the volume's driver does not report it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UsageData {
    size: i64,
}
