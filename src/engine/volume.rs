//! Volumes: making and removing them. What one is made of comes from `convert`.

use bollard::query_parameters::RemoveVolumeOptionsBuilder;

use super::Engine;
use super::call::Call;
use super::error::EngineError;

impl Engine {
    /// Removes a volume and what is in it.
    ///
    /// # Errors
    /// `is_conflict` while a container (also a stopped one) uses it; `is_not_found` where there is none.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of volume `{name}`")).slow();
        let options = RemoveVolumeOptionsBuilder::new().force(false).build();
        self.wire()
            .bounded(&call, self.docker().remove_volume(name, Some(options)))
            .await
    }
}
