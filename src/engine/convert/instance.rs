//! What a container is made from beside its service: names, labels, other containers, and the engine.

use std::collections::BTreeMap;

use crate::compose::model::ServiceName;
use crate::engine::api_version::ApiVersion;
use crate::plan::observed::ContainerId;

/// One container to be made of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// The name to create it under; it may be a temporary one.
    pub name: String,
    /// The name it will have in the end: its first DNS name on every network.
    pub final_name: String,
    /// What to create it from: a reference, or an image id to be sure of the digest.
    pub image: String,
    /// All its labels (`ContainerLabels::build`).
    pub labels: BTreeMap<String, String>,
    /// The containers of the services that it shares a namespace or volumes with.
    pub parents: BTreeMap<ServiceName, ContainerId>,
    /// The running containers of the services that it links to: name and replica number.
    pub links: BTreeMap<ServiceName, Vec<(String, u32)>>,
    /// Anonymous volumes of the container that it takes the place of.
    pub inherited: Vec<InheritedVolume>,
    /// Whether other containers find it by its service's name. Not so for one-offs.
    pub service_aliases: bool,
    /// Whether its host ports are published. Not so for one-offs.
    pub publish: bool,
}

/// An anonymous volume that goes from one container to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InheritedVolume {
    /// The volume's name.
    pub volume: String,
    /// Where it is mounted.
    pub target: String,
}

/// The engine that the bodies are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The API version spoken with it.
    pub api: ApiVersion,
    /// Whether its files are those of this machine, so that configs and secrets can be bind mounts.
    pub local: bool,
}
