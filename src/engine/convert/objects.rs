//! Converts networks and volumes of a project.

use std::collections::BTreeMap;

use bollard::models::{Ipam, IpamConfig, VolumeCreateRequest};

use super::value::{hash_map, text};
use crate::compose::model::{Network, Volume};

/// A network for `Engine::create_network`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNetwork {
    pub(in crate::engine) body: bollard::models::NetworkCreateRequest,
}

impl NewNetwork {
    pub fn name(&self) -> &str {
        &self.body.name
    }
}

impl NewNetwork {
    /// From an inspect of an existing network.
    pub(in crate::engine) fn of_inspect(found: &serde_json::Value) -> Result<NewNetwork, serde_json::Error> {
        let keys = [
            "Name",
            "Driver",
            "Internal",
            "Attachable",
            "EnableIPv4",
            "EnableIPv6",
            "IPAM",
            "Options",
            "Labels",
        ];
        let kept = keys.into_iter().filter_map(|key| Some((key.to_owned(), found.get(key)?.clone())));
        let body = serde_json::from_value(serde_json::Value::Object(kept.collect()))?;
        Ok(NewNetwork { body })
    }
}

/// A volume for `Engine::create_volume`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVolume {
    pub(in crate::engine) body: VolumeCreateRequest,
}

impl NewVolume {
    pub fn name(&self) -> &str {
        self.body.name.as_deref().unwrap_or_default()
    }

    /// A volume of the driver `local` without options.
    pub fn local(name: &str, labels: BTreeMap<String, String>) -> NewVolume {
        NewVolume {
            body: VolumeCreateRequest {
                name: Some(name.to_owned()),
                labels: Some(labels.into_iter().collect()),
                ..VolumeCreateRequest::default()
            },
        }
    }
}

/// Builds a network. `labels` are from `network_labels`.
pub fn network(network: &Network, labels: BTreeMap<String, String>) -> NewNetwork {
    let pool = |pool: &crate::compose::model::IpamPool| IpamConfig {
        subnet: text(&pool.subnet),
        ip_range: text(&pool.ip_range),
        gateway: text(&pool.gateway),
        auxiliary_addresses: hash_map(&pool.aux_addresses),
    };
    let ipam = &network.ipam;
    let has_ipam = !ipam.driver.is_empty() || !ipam.config.is_empty() || !ipam.options.is_empty();
    let body = bollard::models::NetworkCreateRequest {
        name: network.name.clone(),
        driver: text(&network.driver),
        internal: Some(network.internal),
        attachable: Some(network.attachable),
        ipam: has_ipam.then(|| Ipam {
            driver: text(&ipam.driver),
            config: Some(ipam.config.iter().map(pool).collect()),
            options: hash_map(&ipam.options),
        }),
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        options: hash_map(&network.driver_opts),
        labels: Some(labels.into_iter().collect()),
        ..bollard::models::NetworkCreateRequest::default()
    };
    NewNetwork { body }
}

/// Builds a volume. `labels` are from `volume_labels`.
pub fn volume(volume: &Volume, labels: BTreeMap<String, String>) -> NewVolume {
    NewVolume {
        body: VolumeCreateRequest {
            name: Some(volume.name.clone()),
            driver: text(&volume.driver),
            driver_opts: hash_map(&volume.driver_opts),
            labels: Some(labels.into_iter().collect()),
            cluster_volume_spec: None,
        },
    }
}
