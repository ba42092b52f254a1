//! The plan of `stop`: each container once everything that depends on it is stopped. Works from labels alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::draft::Draft;
use super::labelled::{self, Scope};
use super::observed::{Container, Observed};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::passes;

/// Plans a `stop`. It undoes nothing. `grace` overrides the grace periods of the containers.
pub fn stop(project: &str, observed: &Observed, scope: &Scope, grace: Option<Duration>) -> Plan {
    let mut draft = Draft::default();
    let mut containers = scope.pick(&observed.containers);
    // `run` ends its containers itself.
    containers.retain(|container| !container.oneoff);
    dependants_first(&mut draft, &containers, grace, &Cause::Verb("stop"));
    let plan = Plan {
        project: project.to_string(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::GoOn,
        unchanged: Vec::new(),
        notes: Vec::new(),
    };
    passes::run(plan, None, observed)
}

/// Stops the containers that are up; returns each container's stop by its id, in the order of the plan, dependants first.
pub(super) fn dependants_first<'a>(
    draft: &mut Draft,
    containers: &[&'a Container],
    grace: Option<Duration>,
    cause: &Cause,
) -> Vec<(&'a Container, Option<OpId>)> {
    let depends = labelled::dependencies(containers.iter().copied());
    let mut dependants: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, needs) in &depends {
        needs.iter().for_each(|need| dependants.entry(need).or_default().push(name));
    }
    let mut stops: BTreeMap<&str, Vec<OpId>> = BTreeMap::new();
    let mut ordered = Vec::new();
    for service in super::graph::dependencies_first(&depends).into_iter().rev() {
        let above = dependants.get(service).into_iter().flatten();
        let needs: Vec<OpId> = above.filter_map(|name| stops.get(name)).flatten().copied().collect();
        // If no container of a service is up, its dependencies still wait for its dependants.
        let mut own = Vec::new();
        for container in containers.iter().copied().filter(|found| found.service == service) {
            let stopped = container.is_up().then(|| stop_one(draft, container, &needs, grace, cause));
            own.extend(stopped);
            ordered.push((container, stopped));
        }
        stops.insert(service, if own.is_empty() { needs } else { own });
    }
    ordered
}

/// Stops one container.
pub(super) fn stop_one(
    draft: &mut Draft,
    container: &Container,
    needs: &[OpId],
    grace: Option<Duration>,
    cause: &Cause,
) -> OpId {
    let action = Action::StopContainer {
        replica: Replica::of(container),
        container: ContainerRef::of(container),
        grace,
    };
    let id = draft.add(Group::Service(container.service.clone()), needs, action, cause.clone());
    draft.disruptive(id);
    id
}
