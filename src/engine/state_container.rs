//! Containers that are never started, for the state that `sofa` keeps on the engine: files are copied in and out, and a
//! container's name can exist only once.

use std::collections::BTreeMap;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions};
use bytes::Bytes;

use super::client::Engine;
use super::convert::NewContainer;
use super::error::EngineError;
use crate::plan::observed::ContainerId;

/// An image without content. It is imported where it is missing, so no registry is needed.
pub const IMAGE: &str = "sofa.empty:1";

/// The name of the volume with a project's records, and of the container through which they are read and written.
pub fn store_name(project: &str) -> String {
    format!("sofa.state.{project}")
}

/// The name of the container that is a project's lock.
pub fn lock_name(project: &str) -> String {
    format!("sofa.lock.{project}")
}

/// A container to create and never start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateContainer {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Mounted in the container; created where it does not exist.
    pub volume: Option<StateVolume>,
}

/// The volume of a state container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateVolume {
    pub name: String,
    /// For a new volume; an existing one keeps its labels.
    pub labels: BTreeMap<String, String>,
    /// Where it is mounted.
    pub folder: String,
}

impl Engine {
    /// Creates a state container: one call, where the image exists.
    ///
    /// # Errors
    /// `is_conflict` where the name is in use, otherwise the engine's.
    pub async fn create_state_container(
        &self,
        container: &StateContainer,
    ) -> Result<ContainerId, EngineError> {
        let new = NewContainer::bare(&container.name, body(container));
        match self.create(&new).await {
            Err(error) if error.is_not_found() => {}
            created => return created.map(|created| created.id),
        }
        let image = IMAGE.parse().map_err(|error: super::image::NotAReference| EngineError::Answer {
            call: format!("import of image `{IMAGE}`"),
            reason: error.to_string(),
        })?;
        self.import_image(&image, Bytes::new(), &[]).await?;
        self.create(&new).await.map(|created| created.id)
    }
}

fn body(container: &StateContainer) -> ContainerCreateBody {
    let mount = |volume: &StateVolume| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.name.clone()),
        target: Some(volume.folder.clone()),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            labels: Some(volume.labels.clone().into_iter().collect()),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    };
    ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        // The engine requires a command also for a container that is never started.
        cmd: Some(vec!["never-started".to_owned()]),
        labels: Some(container.labels.clone().into_iter().collect()),
        network_disabled: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            mounts: Some(container.volume.iter().map(mount).collect()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
