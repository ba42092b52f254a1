//! The input of a container beside its service: names, labels, other containers, and the engine.

use std::collections::BTreeMap;

use crate::compose::model::ServiceName;
use crate::engine::api_version::ApiVersion;
use crate::plan::observed::ContainerId;

/// One container of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// The name at creation; it may be temporary.
    pub name: String,
    /// The name after the deploy, and its first DNS name on every network.
    pub final_name: String,
    /// A reference, or an image id where the digest must not change.
    pub image: String,
    /// From `ContainerLabels::build`.
    pub labels: BTreeMap<String, String>,
    /// The containers of the services whose namespaces or volumes it shares.
    pub parents: BTreeMap<ServiceName, ContainerId>,
    /// The running containers of the services in `links`: name and replica number.
    pub links: BTreeMap<ServiceName, Vec<(String, u32)>>,
    /// Anonymous volumes of the container that it replaces.
    pub inherited: Vec<InheritedVolume>,
    /// Whether its service's name is an alias; false for one-off containers.
    pub service_aliases: bool,
    /// The network between the project's edge and its servers, with the container's address there.
    pub edge: Option<(String, std::net::Ipv4Addr)>,
    /// Whether its input is attached to before its start, and ends with that.
    pub attached_input: bool,
    /// Whether its host ports are published; false for one-off containers.
    pub publish: bool,
}

/// An anonymous volume that a new container takes from the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InheritedVolume {
    pub volume: String,
    pub target: String,
}

/// The engine for which a body is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub api: ApiVersion,
    /// Whether the engine is on this machine, so that configs and secrets can be bind mounts.
    pub local: bool,
}
