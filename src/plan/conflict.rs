//! What others hold: host ports and container names that a plan would need.

use super::deploy::Problem;
use super::desired::Desired;
use super::observed::{Container, Observed};

/// Every host port and `container_name` of the scope that a container of another project, or of none, holds.
pub(super) fn find(desired: &Desired<'_>, observed: &Observed) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in desired.services.values() {
        let name = &service.service.name;
        if let Some(holder) = named(observed, &service.service.container_name) {
            problems.push(Problem {
                message: format!(
                    "service `{name}`: container name `{}` is held by {}",
                    service.service.container_name,
                    owner(holder)
                ),
                hint: Some("remove `container_name`, or remove the other container".into()),
                owned: true,
            });
        }
        for port in &service.service.ports {
            let Some((first, last)) = port.published_range() else {
                continue;
            };
            let taken = (first..=last).map(|number| holder(observed, &port.host_ip, number, &port.protocol));
            // A range is a pool: the engine takes one that is free.
            let holders: Vec<_> = taken.collect();
            if let (Some(Some(holder)), true) = (holders.first(), holders.iter().all(Option::is_some)) {
                problems.push(Problem {
                    message: format!(
                        "service `{name}`: host port {}/{} is held by container `{}` of {}",
                        port.published,
                        port.protocol,
                        holder.name,
                        owner(holder)
                    ),
                    hint: Some("publish another port, or stop that container".into()),
                    owned: true,
                });
            }
        }
    }
    problems
}

fn named<'a>(observed: &'a Observed, name: &str) -> Option<&'a Container> {
    if name.is_empty() {
        return None;
    }
    observed.foreign.iter().find(|container| container.name == name)
}

/// The foreign container that publishes a port on an address that overlaps.
fn holder<'a>(observed: &'a Observed, address: &str, port: u16, protocol: &str) -> Option<&'a Container> {
    observed.foreign.iter().filter(|container| container.is_up()).find(|container| {
        container.ports.iter().any(|held| {
            held.published == Some(port)
                && held.protocol == protocol
                && overlap(address, held.address.as_deref().unwrap_or_default())
        })
    })
}

/// Whether two host addresses share one: equal, or one of them means all.
fn overlap(one: &str, other: &str) -> bool {
    let all = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
    one == other || all(one) || all(other)
}

fn owner(container: &Container) -> String {
    match container.project() {
        Some(project) => format!("project `{project}`"),
        None => "no project".into(),
    }
}
