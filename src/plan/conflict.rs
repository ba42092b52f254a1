//! What others hold: host ports and container names that a plan would need.

use super::deploy::Problem;
use super::desired::Desired;
use super::observed::{Container, Observed};

/// The label that tells a container's mode.
const MODE: &str = "sofa.mode";

/// Every host port and container name of the scope that a container of another project, or of none, holds.
pub fn find(desired: &Desired<'_>, observed: &Observed) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in desired.services.values() {
        let name = &service.service.name;
        for number in 1..=service.replicas {
            let wanted = service.container_name(desired.project, number);
            if let Some(holder) = observed.foreign.iter().find(|container| container.name == wanted) {
                let message =
                    format!("service `{name}`: container name `{wanted}` is held by {}", owner(holder));
                let otherwise = match service.service.container_name.as_str() {
                    "" => "give the project another name",
                    _ => "write no `container_name`",
                };
                problems
                    .push(held(message, format!("{otherwise}, or remove that one: `docker rm {wanted}`")));
            }
        }
        // Neither a service without containers needs its port, nor a job that is done.
        let ports = service.service.ports.iter().filter(|_| service.replicas > 0 && !service.job);
        for port in ports {
            let Some((first, last)) = port.published_range() else {
                continue;
            };
            let taken = (first..=last).map(|number| holder(observed, &port.host_ip, number, &port.protocol));
            // A range is a pool: the engine takes one that is free.
            let holders: Vec<_> = taken.collect();
            if let (Some(Some(holder)), true) = (holders.first(), holders.iter().all(Option::is_some)) {
                let message = format!(
                    "service `{name}`: host port {}/{} is held by container `{}` of {}",
                    port.published,
                    port.protocol,
                    holder.name,
                    owner(holder)
                );
                problems.push(held(
                    message,
                    format!("publish another port, or free that one: {}", stopping(desired, holder)),
                ));
            }
        }
    }
    problems
}

fn held(message: String, hint: String) -> Problem {
    Problem { message, hint: Some(hint), owned: true }
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

/// «project `app-dev` (mode dev)».
fn owner(container: &Container) -> String {
    match (container.project(), container.labels.get(MODE)) {
        (Some(project), Some(mode)) => format!("project `{project}` (mode {mode})"),
        (Some(project), None) => format!("project `{project}`"),
        (None, _) => "no project".into(),
    }
}

/// What to type to stop a container: by its mode where it was deployed from the same folder.
fn stopping(desired: &Desired<'_>, container: &Container) -> String {
    let here = desired.project.working_dir.display().to_string();
    match container.labels.get(MODE) {
        Some(mode) if container.compose_label("project.working_dir") == Some(here.as_str()) => {
            format!("`sofa stop {mode} {}`", container.service)
        }
        _ => format!("`docker stop {}`", container.name),
    }
}
