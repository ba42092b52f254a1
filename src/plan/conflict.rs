//! What only one container can have: host ports, fixed addresses and names that a plan needs and another container has.

use std::net::IpAddr;

use super::desired::{Desired, DesiredService};
use super::observed::{Container, Observed};
use super::problem::Problem;
use crate::compose::model::Port;
use crate::labels::{compose, sofa};

/// Every host port and container name of the scope that a container of another project, or of no project, has.
pub fn find(desired: &Desired<'_>, observed: &Observed) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in desired.services.values() {
        let name = &service.service.name;
        for number in 1..=service.replicas {
            let wanted = service.container_name(desired.project, number);
            if let Some(holder) = observed.foreign.iter().find(|container| container.name == wanted) {
                let message = format!("container name `{wanted}` is held by {}", owner(holder));
                let otherwise = match service.service.container_name.as_str() {
                    "" => "give the project another name",
                    _ => "write no `container_name`",
                };
                let hint = format!("{otherwise}, or remove that one: `docker rm {wanted}`");
                problems.push(Problem::of(name, message).hint(hint).conflict());
            }
        }
        let foreign: Vec<&Container> = observed.foreign.iter().filter(|other| other.is_up()).collect();
        // Neither a service without containers needs its port, nor a job that is done.
        let needs_ports = service.replicas > 0 && !service.job;
        for (port, holders) in held_ports(service, &foreign).filter(|_| needs_ports) {
            let holder = holders[0];
            let message =
                format!("{} is held by container `{}` of {}", host_port(port), holder.name, owner(holder));
            let hint = format!("publish another port, or free that one: {}", stopping(desired, holder));
            problems.push(Problem::of(name, message).hint(hint).conflict());
        }
    }
    problems
}

/// Whether a service's containers need anything that only one container can have at a time.
pub(super) fn needs_something_alone(service: &DesiredService<'_>) -> bool {
    let attached = service.service.networks.values().flatten();
    let mut addresses = attached.flat_map(|attached| [&attached.ipv4_address, &attached.ipv6_address]);
    let own = service.service.ports.iter().any(|port| !is_of_edge(service, port));
    own || addresses.any(|address| !address.is_empty())
}

/// Something that a service's containers need and that only one container can have at a time.
pub(super) struct Held<'a> {
    /// What it is, in words.
    pub(super) what: String,
    /// Who has it; several where it is one of a range of ports and none of them is free.
    pub(super) holders: Vec<&'a Container>,
}

/// The host ports and fixed addresses of a service that running containers among these have. Nothing has an address in a network
/// that is created again.
pub(super) fn held<'a>(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    containers: &[&'a Container],
    is_made_anew: impl Fn(&str) -> bool,
) -> Vec<Held<'a>> {
    let ports = held_ports(service, containers)
        .filter(|(port, _)| !is_of_edge(service, port))
        .map(|(port, holders)| Held { what: host_port(port), holders });
    ports.chain(held_addresses(desired, service, containers, is_made_anew)).collect()
}

/// The ports of a service that these containers publish. A range is a pool from which the engine takes a free port, so it counts
/// only if all of it is taken.
fn held_ports<'s, 'a>(
    service: &DesiredService<'s>,
    containers: &[&'a Container],
) -> impl Iterator<Item = (&'s Port, Vec<&'a Container>)> {
    service.service.ports.iter().filter_map(|port| {
        let (first, last) = port.published_range()?;
        let holders = (first..=last).map(|number| {
            containers
                .iter()
                .copied()
                .find(|container| publishes(container, &port.host_ip, number, &port.protocol))
        });
        let holders: Option<Vec<&Container>> = holders.collect();
        Some((port, holders.filter(|holders| !holders.is_empty())?))
    })
}

/// Whether the edge has a port of the service, and not its containers.
fn is_of_edge(service: &DesiredService<'_>, port: &Port) -> bool {
    service.service.http().is_some_and(|http| http.takes(port))
}

fn host_port(port: &Port) -> String {
    format!("host port {}/{}", port.published, port.protocol)
}

/// Whether a container publishes a port on an address that overlaps.
pub(super) fn publishes(container: &Container, address: &str, port: u16, protocol: &str) -> bool {
    container.ports.iter().any(|held| {
        held.published == Some(port)
            && held.protocol == protocol
            && overlap(address, held.address.as_deref().unwrap_or_default())
    })
}

/// The addresses that are written for a service and that these containers have in the same network.
fn held_addresses<'a>(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    containers: &[&'a Container],
    is_made_anew: impl Fn(&str) -> bool,
) -> Vec<Held<'a>> {
    let mut held = Vec::new();
    for (key, attachment) in service.service.networks.iter().filter(|(key, _)| !is_made_anew(key)) {
        let (Some(network), Some(attachment)) = (desired.project.networks.get(key), attachment) else {
            continue;
        };
        for wanted in [&attachment.ipv4_address, &attachment.ipv6_address] {
            let Ok(address) = wanted.parse::<IpAddr>() else { continue };
            let holder = containers.iter().copied().find(|container| {
                let there = container.networks.get(&network.name);
                let own = there.into_iter().flat_map(|there| [&there.address, &there.address6]);
                own.into_iter().any(|own| own.parse() == Ok(address))
            });
            held.extend(holder.map(|holder| Held {
                what: format!("address {address} of network {}", network.name),
                holders: vec![holder],
            }));
        }
    }
    held
}

/// Whether two host addresses share one: equal, or one of them means all.
fn overlap(one: &str, other: &str) -> bool {
    let all = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
    one == other || all(one) || all(other)
}

/// «project `app-dev` (mode dev)».
fn owner(container: &Container) -> String {
    match (container.project(), container.labels.get(sofa::MODE)) {
        (Some(project), Some(mode)) => format!("project `{project}` (mode {mode})"),
        (Some(project), None) => format!("project `{project}`"),
        (None, _) => "no project".into(),
    }
}

/// What to type to stop a container: by its mode where it was deployed from the same folder.
fn stopping(desired: &Desired<'_>, container: &Container) -> String {
    let here = desired.project.working_dir.display().to_string();
    match container.labels.get(sofa::MODE) {
        Some(mode) if container.label(compose::WORKING_DIR) == Some(here.as_str()) => {
            format!("`sofa stop {mode} {}`", container.service)
        }
        _ => format!("`docker stop {}`", container.name),
    }
}
