//! What the engine has of a project, as plain data: the planner's right-hand input, filled in by `engine::observe`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::compose::model::Project;
use crate::edge::{Behind, Edge};

/// Declares an engine object's id: an opaque string, shown by its first 12 characters.
macro_rules! engine_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(pub String);

        impl $name {
            /// The first 12 characters, as people and docker's tables write ids.
            pub fn short(&self) -> &str {
                let bare = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
                bare.get(..12).unwrap_or(bare)
            }

            /// The whole id, as the engine's API takes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.short())
            }
        }
    };
}
use crate::labels::{compose, sofa};

engine_id!(
    /// A container's id.
    ContainerId
);
engine_id!(
    /// A network's id.
    NetworkId
);
engine_id!(
    /// An image's id (`sha256:…`): its config digest, or the manifest digest on a containerd store.
    ImageId
);

/// Everything of one project that the engine has, and what else a plan must know of the engine.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The project's containers in every state, one-offs included, ordered by service, number, name.
    pub containers: Vec<Container>,
    /// The project's networks, and those that the model names and that do not have the project's label.
    pub networks: Vec<Network>,
    /// Networks of others that have the names of networks which its containers are connected to.
    pub foreign_networks: Vec<Network>,
    /// The project's volumes, and those that the model names and that do not have the project's label.
    pub volumes: Vec<Volume>,
    /// Local images by reference. A missing reference is not on the engine.
    pub images: BTreeMap<String, Image>,
    /// Containers of other projects and of none. They may have ports, names, networks and volumes that this project needs.
    pub foreign: Vec<Container>,
    /// Volumes of other projects or of none, that the model does not name.
    pub foreign_volumes: Vec<Volume>,
    /// The volume in which `sofa` keeps its own records of the project, where there is one.
    pub store: Option<Volume>,
    /// The project's edge, where there is one.
    pub edge: Option<ObservedEdge>,
    /// The model of the last release, if it was loaded. It shows what containers were created from.
    pub released: Option<Project>,
}

/// A project's edge, as the engine has it.
#[derive(Debug, Clone, Default)]
pub struct ObservedEdge {
    /// Its container; `None` where that was removed, or is not listed because no files are read.
    pub container: Option<Container>,
    /// What its file says; empty where that was not read.
    pub edge: Edge,
    /// The subnet of the network between it and its servers.
    pub subnet: String,
}

impl ObservedEdge {
    /// Whether its proxy runs, and its ports are published.
    pub fn is_open(&self, project: &str) -> bool {
        let front = crate::edge::front_network(project);
        let container = self.container.as_ref().filter(|container| container.is_up());
        container.is_some_and(|container| container.networks.contains_key(&front))
    }
}

/// A container, as the engine's list describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: String,
    /// The Compose service in its label; empty where it has none.
    pub service: String,
    /// Its replica number (label `container-number`); 0 for one-offs.
    pub number: u32,
    /// Whether it was created by `run` (label `oneoff=True`) or for a `pre_start` hook: it is not a replica.
    pub oneoff: bool,
    /// What it is doing.
    pub state: State,
    /// Its healthcheck's verdict.
    pub health: Health,
    /// The reference it was created from.
    pub image: String,
    /// The image's id.
    pub image_id: ImageId,
    /// When it was created, in seconds since the epoch.
    pub created: i64,
    /// The engine's own words («Up 3 minutes (healthy)»).
    pub status: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// The networks it is attached to, by network name.
    pub networks: BTreeMap<String, Attachment>,
    /// Its last start, where it shares namespaces with another container and runs.
    pub started: Option<Timestamp>,
    /// Whether a run had it take no more work, and has neither stopped it nor had it take work again.
    pub quiesced: bool,
    /// The container whose network it shares.
    pub network_of: Option<ContainerId>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// Its exposed and published ports.
    pub ports: Vec<Port>,
}

impl Container {
    /// The Compose project that it belongs to. Only a config hash or a hook label proves that a deploy created it: an image that
    /// was built for a project passes its labels on to every `docker run`.
    pub fn project(&self) -> Option<&str> {
        self.label(compose::CONFIG_HASH).or(self.label(compose::HOOK)).and(self.label(compose::PROJECT))
    }

    /// Whether its process exists, so that it has its ports and addresses.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Running | State::Paused | State::Restarting)
    }

    /// Whether it mounts the volume with this name.
    pub fn has_volume(&self, name: &str) -> bool {
        self.mounts.iter().any(|mount| mount.name.as_deref() == Some(name))
    }

    /// Its anonymous volumes.
    pub fn anonymous_volumes(&self) -> impl Iterator<Item = &str> {
        let volumes = self.mounts.iter().filter(|mount| mount.kind == "volume");
        volumes.filter_map(|mount| mount.name.as_deref()).filter(|name| is_anonymous_volume(name))
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        label_of(&self.labels, name)
    }

    /// Its place behind the project's edge, where it has one.
    pub fn behind_edge(&self) -> Option<Behind> {
        serde_json::from_str(self.label(sofa::BEHIND)?).ok()
    }
}

pub fn label_of<'a>(labels: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    labels.get(name).map(String::as_str)
}

/// Whether a volume's name is one that an engine makes up: 64 hexadecimal digits. Newer engines label such volumes as well.
pub fn is_anonymous_volume(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a container is doing. An engine may know states that this list does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Created, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its process is frozen.
    Paused,
    /// It exited and its restart policy is about to start it again.
    Restarting,
    /// It exited with this code.
    Exited(i64),
    /// It is being removed.
    Removing,
    /// Its removal failed.
    Dead,
    /// A state of a newer or other engine, in its words.
    Other(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Created => f.write_str("created"),
            State::Running => f.write_str("running"),
            State::Paused => f.write_str("paused"),
            State::Restarting => f.write_str("restarting"),
            State::Exited(code) => write!(f, "exited ({code})"),
            State::Removing => f.write_str("removing"),
            State::Dead => f.write_str("dead"),
            State::Other(state) => f.write_str(state),
        }
    }
}

/// A healthcheck's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The container has no healthcheck.
    None,
    /// No verdict yet.
    Starting,
    /// The last test passed.
    Healthy,
    /// `retries` tests failed in a row.
    Unhealthy,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::None => "none",
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        })
    }
}

/// A container's place in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The network's id; empty where the container never ran.
    pub network: String,
    /// Its IPv4 address there, without the prefix length; empty while it does not run.
    pub address: String,
    /// Its IPv6 address there, likewise.
    pub address6: String,
}

/// One mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, …
    pub kind: String,
    /// The volume's name, for volumes.
    pub name: Option<String>,
    /// The source on the host.
    pub source: String,
    /// Where the container sees it.
    pub destination: String,
}

/// One exposed port of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// The host address, where it is published.
    pub address: Option<String>,
    /// The host port, where it is published.
    pub published: Option<u16>,
    /// The container's port.
    pub target: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// What it is made of.
    pub settings: NetworkSettings,
}

/// What a network is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Whether it has no way out.
    pub internal: bool,
    /// Whether containers outside the project may join.
    pub attachable: bool,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// Options of its driver.
    pub options: BTreeMap<String, String>,
    /// Its subnets, with those that the engine chose.
    pub subnets: Vec<String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name, which is its identity.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Options of its driver.
    pub options: BTreeMap<String, String>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
}

/// A local image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// The value of the label `image` that docker compose gives to containers of this image: the id, and from API 1.48 on the
    /// digest of the platform's manifest.
    pub digest: String,
    /// `repository@sha256:…` as registries know it; empty for an image that never was in one.
    pub repo_digests: Vec<String>,
    /// When it last got a name on this engine (a pull or a build), in seconds since the epoch. `None` if the engine does not
    /// report it.
    pub tagged: Option<i64>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its configuration has a healthcheck that is not `NONE`.
    pub healthcheck: bool,
    /// The paths that it declares as volumes.
    pub volumes: Vec<String>,
    /// What its containers run where their service says nothing.
    pub entrypoint: Vec<String>,
    /// The arguments of the entrypoint, or the whole command line.
    pub command: Vec<String>,
}

impl Observed {
    /// The networks that are known: of the project, of its model, and those of others that its containers use.
    pub(super) fn all_networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().chain(&self.foreign_networks)
    }

    /// A service's containers by replica number. Of several with one number, the one to continue with comes first: current ones
    /// before obsolete ones, then running before stopped ones, then the newest.
    pub(super) fn by_number(
        &self,
        service: &str,
        is_obsolete: impl Fn(&Container) -> bool,
    ) -> BTreeMap<u32, Vec<&Container>> {
        let mut replicas: BTreeMap<u32, Vec<&Container>> = BTreeMap::new();
        let own = self
            .containers
            .iter()
            .filter(|found| !found.oneoff && found.service == service && found.state != State::Removing);
        for container in own {
            replicas.entry(container.number).or_default().push(container);
        }
        for found in replicas.values_mut().filter(|found| found.len() > 1) {
            found.sort_by_key(|container| {
                (is_obsolete(container), !container.is_up(), std::cmp::Reverse(container.created))
            });
        }
        replicas
    }

    /// The container whose namespaces and mounts other services share: that of a service's first replica.
    pub fn first_container(&self, service: &str) -> Option<&Container> {
        self.by_number(service, |_| false).into_values().next()?.into_iter().next()
    }
}

impl Container {
    /// Whether it is connected to a network of this name that does not exist any more: another network may have the name now.
    pub(super) fn is_on_removed_network(&self, name: &str, observed: &Observed) -> bool {
        let Some(attachment) = self.networks.get(name).filter(|found| !found.network.is_empty()) else {
            return false;
        };
        !observed.all_networks().any(|network| network.id.as_str() == attachment.network)
    }

    /// The name of a container that is created beside this one, until its own name is free. docker compose uses the same.
    pub(super) fn temporary_name(&self, name: &str) -> String {
        format!("{}_{name}", self.id.short())
    }

    /// Whether it has such a name.
    pub(super) fn has_temporary_name(&self) -> bool {
        let prefix = self.name.split_once('_').map(|(prefix, _)| prefix);
        prefix.is_some_and(|prefix| prefix.len() == 12 && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}
