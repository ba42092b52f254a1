//! The config hashes in docker compose's labels, byte for byte, in each dialect. A service whose hash equals the one in its
//! container's label is not recreated.
//!
//! Not in a service's hash: how it is built, when its image is pulled, the number of replicas, its dependencies, profiles, name
//! and extensions. A namespace or mount of another service's container is in it by the container's id: resolve
//! [`Service::network_mode`] and the like first.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::model::{Network, Service, Volume};
use super::render::compact_json;
use crate::compat::Dialect;

/// The hash of a service.
pub fn service(service: &Service, dialect: Dialect) -> String {
    sha256(&compact_json(&hashed(service), dialect))
}

/// What of a service is hashed: the rest changes no container.
pub(super) fn hashed(service: &Service) -> Service {
    let mut hashed = Service {
        build: None,
        pull_policy: String::new(),
        scale: None,
        depends_on: std::collections::BTreeMap::new(),
        profiles: Vec::new(),
        ..service.clone()
    };
    if let Some(deploy) = &mut hashed.deploy {
        deploy.replicas = None;
    }
    hashed
}

/// The hash of a network.
pub fn network(network: &Network, dialect: Dialect) -> String {
    sha256(&compact_json(network, dialect))
}

/// The hash of a volume; without a driver it is that of the driver `local`.
pub fn volume(volume: &Volume, dialect: Dialect) -> String {
    let mut hashed = volume.clone();
    if hashed.driver.is_empty() {
        "local".clone_into(&mut hashed.driver);
    }
    sha256(&compact_json(&hashed, dialect))
}

fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
