//! Mounts of a service and the volumes of a project (Compose spec, “volumes”).

use serde::{Deserialize, Serialize};

use super::record::{Omit, record};
use super::{Bytes, Extensions, Labels, Mapping, Options};

record! {
    /// One mount of a service.
    pub struct Mount {
        /// What is mounted.
        #[serde(rename = "type")]
        pub kind: MountKind,
        /// An absolute path, a key of `volumes:`, an image; empty for an anonymous volume and for tmpfs.
        pub source: String,
        /// Where in the container.
        pub target: String,
        /// Whether the container may not write.
        pub read_only: bool,
        /// A hint for macOS; engines on Linux ignore it.
        pub consistency: String,
        /// Options of a bind mount.
        pub bind: Option<BindOptions>,
        /// Options of a volume.
        pub volume: Option<VolumeOptions>,
        /// Options of a tmpfs.
        pub tmpfs: Option<TmpfsOptions>,
        /// Options of an image mount.
        pub image: Option<ImageOptions>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// What is mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A file or folder of the host.
    Bind,
    /// A volume, named or anonymous.
    #[default]
    Volume,
    /// Memory.
    Tmpfs,
    /// An image (API 1.48).
    Image,
    /// A Windows named pipe.
    Npipe,
    /// A CSI volume of a swarm.
    Cluster,
}

impl MountKind {
    /// As written in a Compose file and in the engine's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Image => "image",
            Self::Npipe => "npipe",
            Self::Cluster => "cluster",
        }
    }
}

impl Omit for MountKind {
    fn omit(&self) -> bool {
        false
    }
}

record! {
    /// Options of a bind mount.
    pub struct BindOptions {
        /// `z` or `Z`.
        pub selinux: String,
        /// Mount propagation.
        pub propagation: String,
        /// Whether a missing source is created as a folder, where it is written; see [`BindOptions::creates_host_path`].
        /// docker compose 2 prints only `true`, 5 only `false`.
        pub create_host_path: Option<bool>,
        /// `enabled`, `disabled`, `writable` or `readonly`.
        pub recursive: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

impl BindOptions {
    /// Whether a missing source is created as a folder. The default is yes.
    pub fn creates_host_path(&self) -> bool {
        self.create_host_path.unwrap_or(true)
    }
}

record! {
    /// Options of a volume mount.
    pub struct VolumeOptions {
        /// Labels of an anonymous volume.
        pub labels: Mapping,
        /// Whether the image's files are not copied into an empty volume.
        pub nocopy: bool,
        /// Path in the volume.
        pub subpath: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// Options of a tmpfs.
    pub struct TmpfsOptions {
        /// Its size.
        pub size: Bytes,
        /// Its mode bits.
        pub mode: u32,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// Options of an image mount.
    pub struct ImageOptions {
        /// Path in the image.
        pub subpath: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// A volume of the project.
    pub struct Volume {
        /// Its name on the engine.
        pub name: String,
        /// Its driver; empty means the engine's default.
        pub driver: String,
        /// Options of the driver.
        pub driver_opts: Options,
        /// Whether it must exist already and is never created or removed.
        pub external: bool,
        /// Its labels, without docker compose's own.
        pub labels: Labels,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}
