//! The plan of `start`: each stopped container starts when its dependencies are ready. It works from labels alone.

use std::collections::BTreeMap;

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::draft::Draft;
use super::gate::{Gate, STABILITY_WINDOW, Tolerance};
use super::labelled::{self, Scope};
use super::observed::{Container, Health, Observed, State};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::passes;
use super::stop;
use crate::compose::model::Condition;

/// Plans a `start`. Stopped dependencies of the scope start first, and running services that share a namespace with a started
/// container are restarted after it. One-shots stay as they are: they run on deploy. A failed service stops only what needs it.
pub fn start(project: &str, observed: &Observed, scope: &Scope) -> Plan {
    let mut draft = Draft::default();
    let jobs = labelled::jobs(&observed.containers);
    let mut notes = Vec::new();
    let scope = with_dependencies(scope, &observed.containers);
    let mut containers: Vec<&Container> = observed.containers.iter().filter(|found| !found.oneoff).collect();
    notes.extend(
        containers
            .iter()
            .filter(|container| scope.holds(&container.service))
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
            let needs = needs(container, &steps);
            match started_parent(container, &steps) {
                Some(parent) if container.is_up() || was_killed(container) => {
                    restart_with(&mut draft, container, parent, &needs, &mut own)
                }
                _ if scope.holds(service) => one(&mut draft, observed, container, &needs, &mut own),
                _ => {}
            }
        }
        if scope.holds(service) && own.begun.is_empty() && own.ready.is_empty() {
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

/// The scope with everything that its services depend on.
fn with_dependencies(scope: &Scope, containers: &[Container]) -> Scope {
    let Scope::Services(names) = scope else { return Scope::Everything };
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    let needed = super::graph::closure(&asked, &labelled::dependencies(containers));
    Scope::Services(names.iter().cloned().chain(needed.into_iter().map(String::from)).collect())
}

/// The service that a container is restarted with and that this plan starts.
fn started_parent<'a>(container: &'a Container, steps: &BTreeMap<&str, Steps>) -> Option<&'a str> {
    let mut parents = labelled::edges(container).filter(|edge| edge.restarts).map(|edge| edge.service);
    parents.find(|parent| steps.get(parent).is_some_and(|steps| !steps.begun.is_empty()))
}

/// Whether the kernel may have ended a container together with the process namespace that it shared.
fn was_killed(container: &Container) -> bool {
    container.state == State::Exited(128 + 9)
}

/// Restarts a container that runs in namespaces which ended, or that ended with them.
fn restart_with(draft: &mut Draft, container: &Container, parent: &str, needs: &[OpId], steps: &mut Steps) {
    let cause = Cause::RestartsWith { service: parent.to_string() };
    let stopped = container.is_up().then(|| stop::stop_one(draft, container, needs, None, &cause));
    let needs = stopped.map_or_else(|| needs.to_vec(), |stopped| vec![stopped]);
    let action =
        Action::StartContainer { replica: Replica::of(container), container: ContainerRef::of(container) };
    let started = draft.add(Group::Service(container.service.clone()), &needs, action, cause);
    steps.begun.push(started);
    steps.ready.push(ready(draft, container, Some(started)));
}

/// The operations of a service that others wait for.
#[derive(Default)]
struct Steps {
    begun: Vec<OpId>,
    ready: Vec<OpId>,
}

/// What must be done before a container starts: its dependencies are started, or ready if it waits for their health.
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
fn one(draft: &mut Draft, observed: &Observed, container: &Container, needs: &[OpId], steps: &mut Steps) {
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
    let mut needs = needs.to_vec();
    if begun.is_some() {
        needs.extend(connect_again(draft, observed, container));
    }
    let begun = begun.map(|action| draft.add(group, &needs, action, cause));
    steps.begun.extend(begun);
    steps.ready.push(ready(draft, container, begun));
}

/// Connects a container to the networks that have the names of removed ones. The engine could not start it otherwise.
fn connect_again(draft: &mut Draft, observed: &Observed, container: &Container) -> Vec<OpId> {
    let removed = container.networks.keys().filter(|name| container.is_on_removed_network(name, observed));
    let known = removed.filter(|name| observed.all_networks().any(|network| network.name == **name));
    let mut connected = Vec::new();
    for network in known {
        let group = Group::Service(container.service.clone());
        let (replica, container) = (Replica::of(container), ContainerRef::of(container));
        let cause = Cause::NetworkGone { network: network.clone() };
        let disconnect = Action::DisconnectContainer {
            replica: replica.clone(),
            container: container.clone(),
            network: network.clone(),
        };
        let off = draft.add(group.clone(), &[], disconnect, cause);
        let connect =
            Action::ConnectContainer { replica, container, network: network.clone(), as_before: off };
        connected.push(draft.add(group, &[off], connect, Cause::None));
    }
    connected
}

/// Waits for a container: its healthcheck, and where none is known to be there, that it stays up.
pub(super) fn ready(draft: &mut Draft, container: &Container, begun: Option<OpId>) -> OpId {
    let (replica, target, gate) = (Replica::of(container), ContainerRef::of(container), gate_of(container));
    let group = Group::Service(container.service.clone());
    let needs: Vec<OpId> = begun.into_iter().collect();
    let wait = Action::Await {
        replica: replica.clone(),
        container: target.clone(),
        gate: gate.clone(),
        deadline: None,
        optional: false,
        tolerance: Tolerance::default(),
    };
    let cause = if begun.is_some() { Cause::None } else { Cause::NotReady };
    let waited = draft.add(group.clone(), &needs, wait, cause);
    if container.health != Health::None
        || !matches!(gate, Gate::Healthy { .. } | Gate::Unknown | Gate::Running)
    {
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

/// The gate that labels and the engine's list tell of: they show a healthcheck only of a running container.
fn gate_of(container: &Container) -> Gate {
    match labelled::gate(container) {
        Gate::Healthy { .. } if container.health == Health::None => match container.state {
            State::Running => Gate::Running,
            _ => Gate::Unknown,
        },
        gate => gate,
    }
}
