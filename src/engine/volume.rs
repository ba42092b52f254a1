//! Volumes: making and removing them. What one is made of comes from `convert`.

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

/// How long the engine may take to add up what volumes hold; the list goes without after that.
const ADDING_UP: Duration = Duration::from_secs(2);

impl Engine {
    /// What volumes hold in bytes, by name, as far as the engine can tell.
    ///
    /// # Errors
    /// The engine's, and when it takes longer than 2 s.
    pub async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>, EngineError> {
        let call = Call::new("sizes of volumes").within(ADDING_UP);
        // Engines before 23 know no `type` and add up everything.
        let usage: Usage = self.wire().json(&call, Method::GET, "/system/df?type=volume", None).await?;
        let sizes = usage
            .volumes
            .into_iter()
            .filter_map(|volume| Some((volume.name, u64::try_from(volume.usage_data?.size).ok()?)));
        Ok(sizes.collect())
    }

    /// Creates a volume. One of that name that exists already is left as it is, whatever it is made of.
    ///
    /// # Errors
    /// The engine's refusal, such as a driver that is not installed.
    pub async fn create_volume(&self, volume: &NewVolume) -> Result<(), EngineError> {
        let call = Call::new(format!("creation of volume `{}`", volume.name())).slow();
        let body = to_json(&call, &volume.body)?;
        self.wire().bytes(&call, Method::POST, "/volumes/create", Some(&body)).await.map(drop)
    }

    /// Removes a volume and what is in it.
    ///
    /// # Errors
    /// `is_conflict` while a container (also a stopped one) uses it; `is_not_found` where there is none.
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

/// A size of -1 is one that the volume's driver does not tell.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UsageData {
    size: i64,
}
