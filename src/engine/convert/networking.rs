//! The networks of a container. Old engines attach one at creation and the others later, new engines all at creation.

use std::cmp::Reverse;
use std::collections::HashMap;

use bollard::models::{EndpointIpamConfig, EndpointSettings};

use super::error::ConvertError;
use super::host_config;
use super::instance::{Instance, Target};
use super::value::{hash_map, list, text};
use crate::compose::model::{Attachment, NetworkName, Project, Service};
use crate::engine::api_version::ApiVersion;
use crate::engine::endpoint::Endpoint;

/// The driver option with the name of an interface (API 1.49).
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

#[derive(Debug, Default)]
pub(super) struct Networking {
    /// `HostConfig.NetworkMode`.
    pub(super) mode: String,
    pub(super) at_creation: HashMap<String, EndpointSettings>,
    pub(super) later: Vec<(String, Endpoint)>,
    /// `HostConfig.Links`.
    pub(super) links: Vec<String>,
    /// The container's MAC address, for engines whose endpoints have none.
    pub(super) container_mac: Option<String>,
}

pub(super) fn build(
    project: &Project,
    service: &Service,
    instance: &Instance,
    target: Target,
) -> Result<Networking, ConvertError> {
    if let Some(mode) = host_config::namespace(service, instance, "network_mode", &service.network_mode)? {
        let container_mac = text(&service.mac_address);
        let links = default_network_links(service, instance);
        return Ok(Networking { mode, container_mac, links, ..Networking::default() });
    }
    let order = by_priority(service);
    let Some(primary) = order.first() else {
        return Ok(Networking { mode: "none".to_owned(), ..Networking::default() });
    };
    let several = target.api >= ApiVersion::SEVERAL_ENDPOINTS;
    let mut networking = Networking { mode: name_of(project, service, primary)?, ..Networking::default() };
    for key in &order {
        let attachment = service.networks.get(key.as_str()).and_then(Option::as_ref);
        let is_primary = key == primary;
        if let Some(attachment) = attachment {
            check(service, attachment, target, is_primary)?;
        }
        let mut endpoint = endpoint(service, instance, attachment);
        if is_primary {
            let mac = text(&service.mac_address).or(endpoint.mac_address.take());
            match several {
                true => endpoint.mac_address = mac,
                false => networking.container_mac = mac,
            }
        }
        let name = name_of(project, service, key)?;
        match several || is_primary {
            true => drop(networking.at_creation.insert(name, endpoint)),
            false => networking.later.push((name, Endpoint(endpoint))),
        }
    }
    if let Some((network, address)) = &instance.edge {
        let endpoint = Endpoint::at(*address);
        match several {
            true => drop(networking.at_creation.insert(network.clone(), endpoint.0)),
            false => networking.later.push((network.clone(), endpoint)),
        }
    }
    Ok(networking)
}

/// The service's networks: by priority, highest first, then by key.
fn by_priority(service: &Service) -> Vec<NetworkName> {
    let priority = |key: &NetworkName| match service.networks.get(key.as_str()) {
        Some(Some(attachment)) => attachment.priority,
        _ => 0,
    };
    let mut keys: Vec<NetworkName> = service.networks.keys().cloned().collect();
    keys.sort_by_key(|key| (Reverse(priority(key)), key.clone()));
    keys
}

fn name_of(project: &Project, service: &Service, key: &NetworkName) -> Result<String, ConvertError> {
    match project.networks.get(key.as_str()) {
        Some(network) => Ok(network.name.clone()),
        None => Err(ConvertError::invalid(service, "networks", format!("`{key}` is not defined"))),
    }
}

fn check(
    service: &Service,
    attachment: &Attachment,
    target: Target,
    is_primary: bool,
) -> Result<(), ConvertError> {
    const GATEWAY_PRIORITY: ApiVersion = ApiVersion::IMAGE_MANIFESTS;
    let second_mac = !attachment.mac_address.is_empty() && !is_primary;
    let needs = [
        ("networks.mac_address", second_mac, ApiVersion::SEVERAL_ENDPOINTS, "25"),
        ("networks.gw_priority", attachment.gw_priority != 0, GATEWAY_PRIORITY, "28"),
        (
            "networks.interface_name",
            !attachment.interface_name.is_empty(),
            ApiVersion::INTERFACE_NAME,
            "28.1",
        ),
    ];
    match needs.into_iter().find(|(_, used, api, _)| *used && target.api < *api) {
        Some((key, _, api, engine)) => Err(ConvertError::too_old(service, key, api, engine)),
        None => Ok(()),
    }
}

fn endpoint(service: &Service, instance: &Instance, attachment: Option<&Attachment>) -> EndpointSettings {
    let mut aliases = vec![instance.final_name.clone()];
    if instance.service_aliases {
        aliases.push(service.name.to_string());
    }
    let mut endpoint =
        EndpointSettings { links: list(&links(service, instance)), ..EndpointSettings::default() };
    if let Some(attachment) = attachment {
        if instance.service_aliases {
            aliases.extend(attachment.aliases.iter().cloned());
        }
        let ipam = EndpointIpamConfig {
            ipv4_address: text(&attachment.ipv4_address),
            ipv6_address: text(&attachment.ipv6_address),
            link_local_ips: list(&attachment.link_local_ips),
        };
        endpoint.ipam_config = Some(ipam);
        endpoint.ip_address = text(&attachment.ipv4_address);
        endpoint.mac_address = text(&attachment.mac_address);
        endpoint.gw_priority = (attachment.gw_priority != 0).then_some(attachment.gw_priority);
        let mut options = attachment.driver_opts.clone();
        if !attachment.interface_name.is_empty() {
            options.insert(INTERFACE_NAME.to_owned(), attachment.interface_name.clone());
        }
        endpoint.driver_opts = hash_map(&options);
    }
    endpoint.aliases = Some(aliases);
    endpoint
}

/// The links of a container on the engine's default network, which are part of its host configuration. The engine resolves them when
/// it creates the container, so they name the linked container by its id.
fn default_network_links(service: &Service, instance: &Instance) -> Vec<String> {
    if service.network_mode != "bridge" {
        return Vec::new();
    }
    let mut links = Vec::new();
    for link in &service.links {
        let (other, alias) = link.split_once(':').unwrap_or((link, link));
        let Some(id) = instance.parents.get(other) else { continue };
        links.push(format!("{}:{alias}", id.as_str()));
        for (container, number) in instance.links.get(other).into_iter().flatten().take(1) {
            links.push(format!("{}:{other}-{number}", id.as_str()));
            links.push(format!("{}:{container}", id.as_str()));
        }
    }
    let external = service.external_links.iter().map(|link| link.split_once(':').unwrap_or((link, link)));
    links.extend(external.map(|(container, alias)| format!("{container}:{alias}")));
    links
}

/// `container:alias` for every linked container: with the alias, and with its older names.
fn links(service: &Service, instance: &Instance) -> Vec<String> {
    let mut links = Vec::new();
    for link in &service.links {
        let (other, alias) = link.split_once(':').unwrap_or((link, link));
        for (container, number) in instance.links.get(other).into_iter().flatten() {
            links.push(format!("{container}:{alias}"));
            links.push(format!("{container}:{other}-{number}"));
            links.push(format!("{container}:{container}"));
        }
    }
    for link in &service.external_links {
        let (container, alias) = link.split_once(':').unwrap_or((link, link));
        links.push(format!("{container}:{alias}"));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::{Networking, build};
    use crate::compose::model::{Attachment, Network, Project, Service};
    use crate::engine::api_version::ApiVersion;
    use crate::engine::convert::{Instance, Target};

    fn attached(priorities: &[(&str, i64)]) -> (Project, Service) {
        let mut project = Project::default();
        let mut service = Service { name: "web".into(), ..Service::default() };
        for (key, priority) in priorities {
            let network = Network { name: format!("p_{key}"), ..Network::default() };
            project.networks.insert((*key).into(), network);
            let attachment = Attachment {
                priority: *priority,
                aliases: vec![format!("{key}-alias")],
                ..Attachment::default()
            };
            service.networks.insert((*key).into(), Some(attachment));
        }
        (project, service)
    }

    fn built(project: &Project, service: &Service, minor: u16) -> Networking {
        let instance =
            Instance { final_name: "p-web-1".into(), service_aliases: true, ..Instance::default() };
        let target = Target { api: ApiVersion { major: 1, minor }, local: true };
        build(project, service, &instance, target).unwrap()
    }

    #[test]
    fn the_highest_priority_is_first_and_old_engines_attach_the_others_later() {
        let (project, service) = attached(&[("a", 0), ("b", 10), ("c", 0)]);
        let old = built(&project, &service, 41);
        assert_eq!(old.mode, "p_b");
        assert_eq!(old.at_creation.keys().collect::<Vec<_>>(), ["p_b"]);
        assert_eq!(old.later.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["p_a", "p_c"]);
        let new = built(&project, &service, 44);
        assert_eq!((new.at_creation.len(), new.later.len()), (3, 0));
    }

    #[test]
    fn a_container_is_found_by_its_name_its_service_and_its_aliases() {
        let (project, service) = attached(&[("a", 0)]);
        let networking = built(&project, &service, 44);
        let aliases = networking.at_creation["p_a"].aliases.clone().unwrap();
        assert_eq!(aliases, ["p-web-1", "web", "a-alias"]);
    }

    #[test]
    fn a_mac_address_is_the_containers_on_old_engines() {
        let (project, mut service) = attached(&[("a", 0)]);
        service.mac_address = "02:42:ac:11:00:02".into();
        let old = built(&project, &service, 41);
        assert_eq!(old.container_mac.as_deref(), Some("02:42:ac:11:00:02"));
        assert_eq!(old.at_creation["p_a"].mac_address, None);
        let new = built(&project, &service, 44);
        assert_eq!(new.container_mac, None);
        assert_eq!(new.at_creation["p_a"].mac_address.as_deref(), Some("02:42:ac:11:00:02"));
    }

    #[test]
    fn a_service_without_networks_has_the_mode_none() {
        assert_eq!(built(&Project::default(), &Service::default(), 41).mode, "none");
    }
}
