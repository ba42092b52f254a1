//! Volumes: making and removing them. What one is made of comes from `convert`.

use bollard::query_parameters::RemoveVolumeOptionsBuilder;
use http::Method;

use super::Engine;
use super::call::Call;
use super::convert::NewVolume;
use super::error::EngineError;

impl Engine {
    /// Creates a volume. One of that name that exists already is left as it is, whatever it is made of.
    ///
    /// # Errors
    /// The engine's refusal, such as a driver that is not installed.
    pub async fn create_volume(&self, volume: &NewVolume) -> Result<(), EngineError> {
        let call = Call::new(format!("creation of volume `{}`", volume.name())).slow();
        let body = super::to_json(&call, &volume.body)?;
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
