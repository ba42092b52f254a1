//! The edge of a project: a proxy that owns the published ports of its HTTP services, and loses no request while their containers
//! are replaced. This module is pure: `config` is the proxy's configuration, `process` has the scripts that run in its container,
//! `answer` reads what the proxy says, `address` gives its servers addresses.

pub mod address;
pub mod answer;
pub mod config;
pub mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of what an edge keeps; it is in the label of its container.
pub const FORMAT: u32 = 1;
/// The image of an edge where the engine has it: built by `tools/edge-image`.
pub const OWN_IMAGE: &str = "sofa-edge:bookworm";
/// The image of an edge else.
pub const OFFICIAL_IMAGE: &str = "haproxy:3.2-bookworm";
/// The first port in the edge's container for a published port.
const FIRST_PORT: u16 = 30_000;

/// The name of a project's edge: of its container, its volume, and the network between it and its servers.
pub fn name(project: &str) -> String {
    format!("sofa.edge.{project}")
}

/// The network through which the edge publishes ports. An engine publishes the ports of a container through the first of its networks
/// by name. This name sorts before those that Compose makes, so no network that the edge joins later takes its place.
pub fn front_network(project: &str) -> String {
    format!("0-sofa-edge.{project}")
}

/// What an edge serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Its services, by name.
    pub routes: BTreeMap<String, Route>,
    /// Its servers, by name: the first characters of the container's id.
    pub servers: BTreeMap<String, Server>,
}

/// How requests reach a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The port on which its containers listen.
    pub port: u16,
    /// The host ports that it has.
    pub published: Vec<HostPort>,
    /// The `Host` headers that it answers on a host port; empty means every one that no other service has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The paths that it answers on a host port begin with this.
    pub path: String,
    /// The path of the health check; `None` means that a connection is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How long the requests of a container that leaves may take.
    pub drain: Duration,
    /// The names under which the edge stands for it, by network.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Vec<String>>,
    /// Its other TCP ports, which the edge passes on under these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<u16>,
}

/// A port of the host, as a Compose file says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPort {
    /// The host's address; empty means all.
    pub address: String,
    /// A number or a range; empty means any free one.
    pub port: String,
}

/// A container that answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    pub service: String,
    /// Its address in the network between the edge and its servers.
    pub address: std::net::Ipv4Addr,
    pub port: u16,
}

/// The label of a container behind an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    pub port: u16,
    /// Its fixed address in the network between the edge and its servers.
    pub address: std::net::Ipv4Addr,
}

/// A published port of an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    pub host: HostPort,
    /// The services that share it, in order.
    pub services: Vec<String>,
    /// The port in the edge's container.
    pub inside: u16,
}

impl Edge {
    /// The published ports, numbered inside so that no service has the same port. Two services share a host port; each has a free
    /// one of its own.
    pub fn published(&self) -> Vec<Published> {
        let mut services: BTreeMap<(&HostPort, &str), Vec<String>> = BTreeMap::new();
        for (name, route) in &self.routes {
            for host in &route.published {
                let is_free = matches!(host.port.as_str(), "" | "0");
                let own = if is_free { name.as_str() } else { "" };
                services.entry((host, own)).or_default().push(name.clone());
            }
        }
        let used: BTreeSet<u16> = self.routes.values().flat_map(Route::ports).collect();
        let free = (FIRST_PORT..=u16::MAX).filter(|port| !used.contains(port));
        let numbered = services.into_iter().zip(free);
        numbered
            .map(|(((host, _), services), inside)| Published { host: host.clone(), services, inside })
            .collect()
    }

    /// The networks in which the edge has names, with these names.
    pub fn networks(&self) -> BTreeMap<String, Vec<String>> {
        let mut networks: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (network, names) in self.routes.values().flat_map(|route| &route.names) {
            networks.entry(network.clone()).or_default().extend(names.iter().cloned());
        }
        networks
    }

    /// The servers of a service.
    pub fn servers_of<'e>(&'e self, service: &'e str) -> impl Iterator<Item = (&'e str, &'e Server)> {
        let own = self.servers.iter().filter(move |(_, server)| server.service == service);
        own.map(|(name, server)| (name.as_str(), server))
    }

    /// The longest time that the requests of a container that leaves may take.
    pub fn longest_drain(&self) -> Duration {
        self.routes.values().map(|route| route.drain).max().unwrap_or_default()
    }
}

impl Route {
    /// The ports of its containers that the edge takes.
    pub fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        std::iter::once(self.port).chain(self.others.iter().copied())
    }

    /// Its names, over all networks.
    pub fn all_names(&self) -> BTreeSet<&str> {
        self.names.values().flatten().map(String::as_str).collect()
    }
}
