//! The container of a project's edge: its published ports, its volume, and its first network.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Mount, MountType,
    MountVolumeOptions, NetworkingConfig, PortBinding,
};

use super::client::Engine;
use super::convert::{FileUpload, NewContainer};
use super::endpoint::Endpoint;
use super::error::EngineError;
use super::restart_policy::RestartPolicy;
use crate::edge::Published;
use crate::plan::observed::ContainerId;

/// An edge's container to create.
#[derive(Debug)]
pub struct EdgeContainer<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub labels: BTreeMap<String, String>,
    pub ports: &'a [Published],
    /// Its volume, and where it is mounted.
    pub volume: (&'a str, &'a str),
    /// For a new volume.
    pub volume_labels: BTreeMap<String, String>,
    /// The network that it is started in, without published ports, and its address there.
    pub network: (&'a str, Ipv4Addr),
    pub command: Vec<String>,
    pub file: FileUpload,
}

impl Engine {
    /// Creates the container of an edge with its file, and does not start it.
    ///
    /// # Errors
    /// `is_conflict` where the name is in use, `is_not_found` where the image is missing, otherwise the engine's.
    pub async fn create_edge(&self, edge: EdgeContainer<'_>) -> Result<ContainerId, EngineError> {
        let mut new = NewContainer::bare(edge.name, body(&edge));
        new.uploads = vec![edge.file];
        Ok(self.create(&new).await?.id)
    }
}

fn body(edge: &EdgeContainer<'_>) -> ContainerCreateBody {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in edge.ports {
        let binding =
            PortBinding { host_ip: Some(port.host.address.clone()), host_port: Some(port.host.port.clone()) };
        bindings.insert(format!("{}/tcp", port.inside), Some(vec![binding]));
    }
    let (network, address) = edge.network;
    let (volume, folder) = edge.volume;
    let mount = Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(folder.to_owned()),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            labels: Some(edge.volume_labels.clone().into_iter().collect()),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    };
    let endpoint = Endpoint::at(address).0;
    ContainerCreateBody {
        image: Some(edge.image.to_owned()),
        entrypoint: Some(edge.command.clone()),
        cmd: Some(Vec::new()),
        // Its proxy gives up the rights of root; a port below 1024 and a reload need them.
        user: Some("0:0".to_owned()),
        labels: Some(edge.labels.clone().into_iter().collect()),
        exposed_ports: Some(edge.ports.iter().map(|port| format!("{}/tcp", port.inside)).collect()),
        stop_signal: Some("SIGTERM".to_owned()),
        host_config: Some(HostConfig {
            network_mode: Some(network.to_owned()),
            port_bindings: Some(bindings.into_iter().collect()),
            mounts: Some(vec![mount]),
            restart_policy: Some(RestartPolicy::Always.body()),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            ..HostConfig::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.to_owned(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

impl Endpoint {
    /// An attachment with a fixed address.
    pub fn at(address: Ipv4Addr) -> Endpoint {
        let ipam =
            EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..EndpointIpamConfig::default() };
        Endpoint(EndpointSettings {
            ip_address: Some(address.to_string()),
            ipam_config: Some(ipam),
            ..EndpointSettings::default()
        })
    }

    /// An attachment with names.
    pub fn with_names(names: &[String]) -> Endpoint {
        Endpoint(EndpointSettings { aliases: Some(names.to_vec()), ..EndpointSettings::default() })
    }
}
