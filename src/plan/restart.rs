//! The plan of `restart`: one container after the other, dependants first, each ready before the next. From labels alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::draft::Draft;
use super::graph;
use super::labelled::{self, Scope};
use super::observed::{Container, Observed, State};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::passes;
use super::{start, stop};
use crate::settings::Backend;

/// Plans a `restart`, which ends with the first failure. Services without a dependency between them restart in the reverse order
/// of `backend`, so that the most important one comes last. Jobs are not restarted.
pub fn restart(
    project: &str,
    observed: &Observed,
    scope: &Scope,
    backend: &Backend,
    grace: Option<Duration>,
) -> Plan {
    let jobs = labelled::jobs(&observed.containers);
    let scope = with_restarted(scope, &observed.containers);
    let mut containers = scope.pick(&observed.containers);
    containers.retain(|container| {
        !container.oneoff
            && !jobs.contains(container.service.as_str())
            && !matches!(container.state, State::Removing | State::Dead)
    });
    let (containers, notes) = labelled::one_of_each(containers);
    let mut draft = Draft::default();
    let mut previous = Vec::new();
    let order = order(&labelled::dependencies(containers.iter().copied()), backend);
    for service in parents_first(order, &restarted_with(&containers)) {
        for container in containers.iter().copied().filter(|found| found.service == service) {
            previous = vec![one(&mut draft, container, &previous, grace)];
        }
    }
    let plan = Plan {
        project: project.to_string(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::Halt,
        unchanged: Vec::new(),
        notes,
    };
    passes::run(plan, None, observed)
}

/// Dependants before their dependencies; the backend in reverse order, after the other services.
fn order<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>, backend: &Backend) -> Vec<&'a str> {
    let ranked = backend.names().iter().filter_map(|name| needs.keys().copied().find(|known| known == name));
    let mut order = graph::dependencies_first_from(ranked, needs);
    order.reverse();
    order
}

/// The scope with the services that restart with one of it, directly or not (`depends_on`, `restart: true`).
fn with_restarted(scope: &Scope, containers: &[Container]) -> Scope {
    let Scope::Services(names) = scope else { return Scope::Everything };
    let mut names = names.clone();
    let parents = restarted_with(&containers.iter().collect::<Vec<_>>());
    while let Some((service, _)) = parents.iter().find(|(service, parents)| {
        !names.contains(**service) && parents.iter().any(|parent| names.contains(*parent))
    }) {
        names.insert((*service).to_string());
    }
    Scope::Services(names)
}

/// Which services each one is restarted with.
fn restarted_with<'a>(containers: &[&'a Container]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in containers {
        for edge in labelled::edges(container).filter(|edge| edge.restarts) {
            parents.entry(container.service.as_str()).or_default().insert(edge.service);
        }
    }
    parents
}

/// The order with each service after those that it restarts with. Restarted before them, it would stay in a namespace that ended.
fn parents_first<'a>(order: Vec<&'a str>, parents: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    let known: BTreeSet<&str> = order.iter().copied().collect();
    let mut placed: Vec<&str> = Vec::with_capacity(order.len());
    let mut waiting = order;
    while !waiting.is_empty() {
        let is_free = |service: &&str| {
            let parents = parents.get(service).into_iter().flatten();
            parents.filter(|parent| known.contains(*parent)).all(|parent| placed.contains(parent))
        };
        let next = waiting.iter().position(is_free).unwrap_or_default();
        placed.push(waiting.remove(next));
    }
    placed
}

/// Restarts one container; returns the operation after which it is ready.
fn one(draft: &mut Draft, container: &Container, previous: &[OpId], grace: Option<Duration>) -> OpId {
    let stopped =
        container.is_up().then(|| stop::stop_one(draft, container, previous, grace, &Cause::Verb("restart")));
    let needs: Vec<OpId> = stopped.map_or_else(|| previous.to_vec(), |id| vec![id]);
    let action =
        Action::StartContainer { replica: Replica::of(container), container: ContainerRef::of(container) };
    let group = Group::Service(container.service.clone());
    let started = draft.add(group, &needs, action, Cause::Verb("restart"));
    start::ready(draft, container, Some(started))
}
