//! One entry of `GET /containers/json`. Unknown states and mounts are accepted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::status;
use crate::engine::inspect;
use crate::engine::json::null_as_default;
use crate::labels::compose;
use crate::plan::observed::{Attachment, Container, ContainerId, ImageId, Mount, Port};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ContainerReply {
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    names: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    image: String,
    #[serde(default, rename = "ImageID", deserialize_with = "null_as_default")]
    image_id: String,
    #[serde(default)]
    created: i64,
    #[serde(default, deserialize_with = "null_as_default")]
    state: String,
    #[serde(default, deserialize_with = "null_as_default")]
    status: String,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    ports: Vec<PortReply>,
    #[serde(default, deserialize_with = "null_as_default")]
    mounts: Vec<MountReply>,
    #[serde(default, deserialize_with = "null_as_default")]
    network_settings: NetworkSettingsReply,
    #[serde(default, deserialize_with = "null_as_default")]
    host_config: HostConfigReply,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct HostConfigReply {
    #[serde(default, deserialize_with = "null_as_default")]
    network_mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortReply {
    #[serde(default, rename = "IP")]
    ip: Option<String>,
    private_port: u16,
    #[serde(default)]
    public_port: Option<u16>,
    #[serde(default, rename = "Type", deserialize_with = "null_as_default")]
    protocol: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MountReply {
    #[serde(default, rename = "Type", deserialize_with = "null_as_default")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    source: String,
    #[serde(default, deserialize_with = "null_as_default")]
    destination: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettingsReply {
    #[serde(default, deserialize_with = "null_as_default")]
    networks: BTreeMap<String, EndpointReply>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct EndpointReply {
    #[serde(default, rename = "NetworkID", deserialize_with = "null_as_default")]
    network_id: String,
    #[serde(default, rename = "IPAddress", deserialize_with = "null_as_default")]
    ip_address: String,
    #[serde(default, rename = "GlobalIPv6Address", deserialize_with = "null_as_default")]
    ipv6_address: String,
}

impl ContainerReply {
    pub(super) fn into_container(self) -> Container {
        let label = |name: &str| self.labels.get(name).map(String::as_str).unwrap_or_default();
        let service = label(compose::SERVICE).to_owned();
        let oneoff = label(compose::ONEOFF) == "True" || self.labels.contains_key(compose::HOOK);
        let number = label(compose::CONTAINER_NUMBER).parse().unwrap_or(0);
        let name = own_name(&self.names);
        let networks = self.network_settings.networks.into_iter();
        let networks = networks
            .map(
                |(
                    name,
                    EndpointReply { network_id: network, ip_address: address, ipv6_address: address6 },
                )| { (name, Attachment { network, address, address6 }) },
            )
            .collect();
        let network_of = self.host_config.network_mode.strip_prefix("container:");
        let network_of = network_of.map(|id| ContainerId(id.to_owned()));
        let mut ports: Vec<Port> = self.ports.into_iter().map(PortReply::into_port).collect();
        ports.sort();
        let mut mounts: Vec<Mount> = self.mounts.into_iter().map(MountReply::into_mount).collect();
        mounts.sort_by(|a, b| a.destination.cmp(&b.destination));
        Container {
            id: ContainerId(self.id),
            name,
            service,
            number,
            oneoff,
            state: inspect::state(&self.state, status::exit_code(&self.status)),
            health: status::health(&self.status),
            image: self.image,
            image_id: ImageId(self.image_id),
            created: self.created,
            status: self.status,
            labels: self.labels,
            networks,
            started: None,
            quiesced: false,
            network_of,
            mounts,
            ports,
        }
    }
}

/// The container's own name. Legacy links add names with two slashes («/web/db»).
fn own_name(names: &[String]) -> String {
    let bare = |name: &String| name.trim_start_matches('/').to_owned();
    names.iter().map(bare).find(|name| !name.contains('/')).unwrap_or_default()
}

impl PortReply {
    fn into_port(self) -> Port {
        Port {
            address: self.ip.filter(|ip| !ip.is_empty()),
            published: self.public_port.filter(|port| *port != 0),
            target: self.private_port,
            protocol: self.protocol,
        }
    }
}

impl MountReply {
    fn into_mount(self) -> Mount {
        Mount {
            kind: self.kind,
            name: self.name.filter(|name| !name.is_empty()),
            source: self.source,
            destination: self.destination,
        }
    }
}
