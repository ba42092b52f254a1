//! What services share: namespaces and mounts, which belong to one particular container.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::{ContainerId, Observed};
use crate::compose::model::Service;

/// By service, the containers whose namespaces and mounts a service shares.
pub type Parents<'a> = BTreeMap<&'a str, &'a ContainerId>;

/// The existing containers whose namespaces and mounts a service shares.
pub fn parents<'a>(service: &'a Service, observed: &'a Observed) -> Parents<'a> {
    let found = |parent| Some((parent, &observed.first_container(parent)?.id));
    namespace_parents(service).into_iter().filter_map(found).collect()
}

/// The service in the form that docker compose hashes: with the id of the container that it shares something with, and
/// `volumes_from` without its `:ro`.
pub(super) fn with_parents(service: &Service, parents: &Parents<'_>) -> Service {
    let mut resolved = service.clone();
    for mode in [&mut resolved.network_mode, &mut resolved.ipc, &mut resolved.pid] {
        if let Some(id) = mode.strip_prefix("service:").and_then(|name| parents.get(name)) {
            *mode = format!("container:{}", id.as_str());
        }
    }
    for from in &mut resolved.volumes_from {
        let mut parts = from.split(':');
        let id = match (parts.next(), parts.next()) {
            (Some("container"), Some(container)) => Some(container),
            (name, _) => name.and_then(|name| parents.get(name)).map(|id| id.as_str()),
        };
        if let Some(id) = id {
            *from = id.to_string();
        }
    }
    resolved
}

/// Whether a service may share something with a container that only the engine knows.
pub(super) fn shares(service: &Service) -> bool {
    !service.volumes_from.is_empty() || !namespace_parents(service).is_empty()
}

/// The services in whose namespaces or mounts this one lives: `network_mode`, `ipc`, `pid`, `uts`, `volumes_from`.
pub fn namespace_parents(service: &Service) -> BTreeSet<&str> {
    let mounts = service
        .volumes_from
        .iter()
        .filter(|from| !from.starts_with("container:"))
        .map(|from| from.split(':').next().unwrap_or(from));
    namespaces(service).into_iter().chain(mounts).collect()
}

/// The services whose very containers a container of this service is created with: [`namespace_parents`], and `links` on the
/// engine's default network, which the engine resolves to a container when it creates one.
pub fn creation_parents(service: &Service) -> BTreeSet<&str> {
    let links = service.links.iter().filter(|_| service.network_mode == "bridge");
    let linked = links.map(|link| link.split(':').next().unwrap_or(link));
    namespace_parents(service).into_iter().chain(linked).collect()
}

/// The services in whose namespaces this one lives. These end with the process: who shares them must be restarted with it.
pub fn namespaces(service: &Service) -> BTreeSet<&str> {
    let modes = [&service.network_mode, &service.ipc, &service.pid, &service.uts];
    modes.into_iter().filter_map(|mode| mode.strip_prefix("service:")).collect()
}
