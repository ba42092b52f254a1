//! Containers that are never started, for what `sofa` itself keeps on the engine: files go in and out of one, its name
//! is taken or free, and nothing runs.

use std::collections::BTreeMap;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions};
use bytes::Bytes;

use super::Engine;
use super::convert::NewContainer;
use super::error::EngineError;
use crate::plan::observed::ContainerId;

/// An image without content. It is imported where it is missing, so no registry is asked.
pub const IMAGE: &str = "sofa.empty:1";

/// The name of a project's store: of the volume, and of the container through which it is read and written.
pub fn store_name(project: &str) -> String {
    format!("sofa.state.{project}")
}

/// The name of the container that is a project's lock.
pub fn lock_name(project: &str) -> String {
    format!("sofa.lock.{project}")
}

/// A container to be created and never started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Its name.
    pub name: String,
    /// Its labels, which cannot be changed later.
    pub labels: BTreeMap<String, String>,
    /// A volume in it; it is made where there is none.
    pub volume: Option<ShelfVolume>,
}

/// A volume of a shelf.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShelfVolume {
    /// Its name.
    pub name: String,
    /// The labels that it gets where it is new.
    pub labels: BTreeMap<String, String>,
    /// The folder that it is in the container.
    pub folder: String,
}

impl Engine {
    /// Creates a shelf: one call, where the image is there.
    ///
    /// # Errors
    /// `is_conflict` where the name is taken, else the engine's refusal.
    pub async fn create_shelf(&self, shelf: &Shelf) -> Result<ContainerId, EngineError> {
        let new = NewContainer::bare(&shelf.name, body(shelf));
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

fn body(shelf: &Shelf) -> ContainerCreateBody {
    let mount = |volume: &ShelfVolume| Mount {
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
        // The engine wants a command even of what is never started.
        cmd: Some(vec!["never-started".to_owned()]),
        labels: Some(shelf.labels.clone().into_iter().collect()),
        network_disabled: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            mounts: Some(shelf.volume.iter().map(mount).collect()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
