//! The plan of `start`: what is stopped, each once what it needs is ready, until all of it is. Works from labels alone.

use std::collections::BTreeMap;

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::draft::Draft;
use super::gate::{Gate, STABILITY_WINDOW, Tolerance};
use super::labelled::{self, Scope};
use super::observed::{Container, Health, Observed, State};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::passes;
use crate::compose::model::Condition;

/// Plans a `start`. One-shots are left alone: they run on deploy. What does not need a failed service goes on.
pub fn start(project: &str, observed: &Observed, scope: &Scope) -> Plan {
    let mut draft = Draft::default();
    let jobs = labelled::jobs(&observed.containers);
    let mut notes = Vec::new();
    let mut containers = scope.pick(&observed.containers);
    containers.retain(|container| !container.oneoff);
    notes.extend(
        containers
            .iter()
            .filter_map(|container| failed_job(container, jobs.contains(container.service.as_str()))),
    );
    containers.retain(|container| !jobs.contains(container.service.as_str()));
    let (containers, left) = labelled::one_of_each(containers);
    notes.extend(left);
    let mut steps: BTreeMap<&str, Steps> = BTreeMap::new();
    let mut unchanged = Vec::new();
    for service in super::graph::dependencies_first(&labelled::dependencies(containers.iter().copied())) {
        let mut own = Steps::default();
        for container in containers.iter().copied().filter(|found| found.service == service) {
            one(&mut draft, container, &needs(container, &steps), &mut own);
        }
        if own.begun.is_empty() && own.ready.is_empty() {
            unchanged.push(service.to_string());
        }
        steps.insert(service, own);
    }
    let plan = Plan {
        project: project.to_string(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::GoOn,
        unchanged,
        notes,
    };
    passes::run(plan, None, observed)
}

/// The operations of a service that others wait for.
#[derive(Default)]
struct Steps {
    begun: Vec<OpId>,
    ready: Vec<OpId>,
}

/// What must be done before a container starts: its dependencies begun, or ready where it waits for their health.
fn needs(container: &Container, steps: &BTreeMap<&str, Steps>) -> Vec<OpId> {
    labelled::edges(container)
        .filter_map(|edge| Some((steps.get(edge.service)?, edge.condition)))
        .flat_map(|(steps, condition)| match condition == Condition::Healthy.as_str() {
            true => &steps.ready,
            false => &steps.begun,
        })
        .copied()
        .collect()
}

/// Starts one container and waits for it, as far as either is needed.
fn one(draft: &mut Draft, container: &Container, needs: &[OpId], steps: &mut Steps) {
    let replica = Replica::of(container);
    let target = ContainerRef::of(container);
    let group = Group::Service(container.service.clone());
    let begun = match &container.state {
        State::Running if matches!(container.health, Health::Healthy | Health::None) => return,
        State::Running | State::Restarting => None,
        State::Removing | State::Dead => return,
        State::Paused => Some(Action::UnpauseContainer { replica, container: target }),
        State::Created | State::Exited(_) | State::Other(_) => {
            Some(Action::StartContainer { replica, container: target })
        }
    };
    let cause = Cause::InState(container.state.clone());
    let begun = begun.map(|action| draft.add(group, needs, action, cause));
    steps.begun.extend(begun);
    steps.ready.push(ready(draft, container, begun));
}

/// Waits for a container: its healthcheck, and where none is known to be there, that it stays up.
pub(super) fn ready(draft: &mut Draft, container: &Container, begun: Option<OpId>) -> OpId {
    let (replica, target, gate) =
        (Replica::of(container), ContainerRef::of(container), labelled::gate(container));
    let group = Group::Service(container.service.clone());
    let needs: Vec<OpId> = begun.into_iter().collect();
    let wait = Action::Await {
        replica: replica.clone(),
        container: target.clone(),
        gate: gate.clone(),
        optional: false,
        tolerance: Tolerance::default(),
    };
    let cause = if begun.is_some() { Cause::None } else { Cause::NotReady };
    let waited = draft.add(group.clone(), &needs, wait, cause);
    if container.health != Health::None || !matches!(gate, Gate::Healthy { .. }) {
        return waited;
    }
    let watch = Action::Steady { containers: vec![(replica, target)], window: STABILITY_WINDOW };
    draft.add(group, &[waited], watch, Cause::None)
}

/// What a person should know of a one-shot that did not succeed: nothing starts it here.
fn failed_job(container: &Container, job: bool) -> Option<String> {
    (job && !container.is_up() && container.state != State::Exited(0))
        .then(|| format!("job {} is {}: `sofa deploy` runs it", container.service, container.state))
}
