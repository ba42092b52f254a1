//! The plan of `restart`: one container after the other, dependants first, each ready before the next. From labels alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::action::{Action, ContainerRef, Replica};
use super::draft::Draft;
use super::graph;
use super::hooks;
use super::labelled::{self, Scope};
use super::observed::{Container, Observed, State};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::{start, stop};
use crate::settings::Backend;

/// Plans a `restart`; it ends with the first failure. Where labels say nothing about the order of two services it is
/// the reverse of `backend`, so that the one that matters most comes last. One-shots are left alone.
pub fn restart(
    project: &str,
    observed: &Observed,
    scope: &Scope,
    backend: &Backend,
    grace: Option<Duration>,
) -> Plan {
    let jobs = labelled::jobs(&observed.containers);
    let mut containers = scope.pick(&observed.containers);
    containers.retain(|container| {
        !container.oneoff
            && !jobs.contains(container.service.as_str())
            && !matches!(container.state, State::Removing | State::Dead)
    });
    let mut draft = Draft::default();
    let mut previous = Vec::new();
    for service in order(&labelled::dependencies(containers.iter().copied()), backend) {
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
        notes: Vec::new(),
    };
    hooks::weave(plan, None, observed)
}

/// Dependants before what they need; the backend in reverse, behind what nothing is said about.
fn order<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>, backend: &Backend) -> Vec<&'a str> {
    let ranked = backend.names().iter().filter_map(|name| needs.keys().copied().find(|known| known == name));
    let mut order = graph::dependencies_first_from(ranked, needs);
    order.reverse();
    order
}

/// Restarts one container; returns the operation after which it is ready.
fn one(draft: &mut Draft, container: &Container, previous: &[OpId], grace: Option<Duration>) -> OpId {
    let stopped = container.is_up().then(|| stop::stop_one(draft, container, previous, grace, "restart"));
    let needs: Vec<OpId> = stopped.map_or_else(|| previous.to_vec(), |id| vec![id]);
    let action =
        Action::StartContainer { replica: Replica::of(container), container: ContainerRef::of(container) };
    let group = Group::Service(container.service.clone());
    let started = draft.add(group, &needs, action, "restart");
    start::ready(draft, container, Some(started))
}
