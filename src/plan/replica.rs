//! Which container is which replica of a service, and what is done with it.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Cause;
use super::desired::{Desired, DesiredService};
use super::diff;
use super::disruption::Disruption;
use super::gate::Gate;
use super::observed::{Container, ContainerId, Health, Observed, State};
use super::policy::{Policy, Recreate};
use super::sharing::Parents;

/// One replica that a service should have.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    /// Its number.
    pub(super) number: u32,
    /// The final name of its container.
    pub(super) name: String,
    /// Its container.
    pub(super) current: Option<&'a Container>,
    /// Others with its number, left by an interrupted run.
    pub(super) leftovers: Vec<&'a Container>,
    /// What is done with it.
    pub(super) action: ReplicaAction,
}
use crate::labels::compose;

impl<'a> Slot<'a> {
    /// Its container, and those that were its container before.
    pub(super) fn own(&self) -> impl Iterator<Item = &'a Container> {
        self.current.into_iter().chain(self.leftovers.iter().copied())
    }

    /// Those of them that are not wanted any more.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &'a Container> {
        let current = self.current.filter(|_| matches!(self.action, ReplicaAction::Create(_)));
        current.into_iter().chain(self.leftovers.iter().copied())
    }

    /// What users of the replica notice.
    pub(super) fn disruption(&self) -> Disruption {
        // One that never ran was never used.
        let used = |container: &&Container| container.state != State::Created;
        let successor = |container: &Container| container.label(compose::REPLACE).is_some();
        match (&self.action, self.current) {
            (ReplicaAction::Create(_), None) => Disruption::Started,
            (ReplicaAction::Create(_), Some(_)) => Disruption::Replaced,
            _ if self.leftovers.iter().any(used) => Disruption::Replaced,
            // A killed docker compose removes the old one before the new one runs.
            (ReplicaAction::Start(_), Some(current)) if !used(&current) && successor(current) => {
                Disruption::Replaced
            }
            (ReplicaAction::Restart(_), _) => Disruption::Restarted,
            (ReplicaAction::Start(_), _) => Disruption::Started,
            (ReplicaAction::Keep | ReplicaAction::Await(_) | ReplicaAction::Unpause, _) => Disruption::None,
        }
    }
}

/// What happens around a service in the same deploy that decides about its containers.
#[derive(Debug, Default)]
pub(super) struct ReplicaContext<'a> {
    /// The containers whose namespaces and mounts it will share; none for one that is yet to be created.
    pub(super) parents: Parents<'a>,
    /// Why its containers are replaced, whatever they are.
    pub(super) replaced: Option<Cause>,
    /// Why its containers that keep running are restarted.
    pub(super) restarted: Option<Cause>,
    /// The containers that are off their networks for a while.
    pub(super) detached: BTreeSet<&'a ContainerId>,
}

/// What becomes of a replica; texts are causes for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReplicaAction {
    /// Nothing is done: it matches the files and is ready.
    Keep,
    /// It matches the files and is not known to be ready, with the reason if it is known.
    Await(Cause),
    /// It matches the files, runs, and is restarted. Without a cause if the stop has it.
    Restart(Cause),
    /// It matches the files and does not run.
    Start(Cause),
    /// It matches the files and is paused.
    Unpause,
    /// A new container takes its place.
    Create(Cause),
}

/// The replicas of a service by number, and the surplus containers: obsolete ones first, then the highest numbers. Gaps in the
/// numbers stay; new replicas get the next numbers.
pub(super) fn slots<'a>(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    observed: &'a Observed,
    policy: Policy,
    context: &ReplicaContext<'_>,
) -> (Vec<Slot<'a>>, Vec<&'a Container>) {
    let diverges = |container: &Container| match policy.recreate {
        Recreate::Never => None,
        // A job that is in the scope only because of other services does not run again.
        Recreate::Force if !(service.job && service.joined) => Some(Cause::Forced),
        Recreate::Force | Recreate::Diverged => context
            .replaced
            .clone()
            .or_else(|| diff::divergence(desired, service, &context.parents, container, observed)),
    };
    let mut replicas = observed.by_number(&service.service.name, |container| diverges(container).is_some());
    if service.job && policy.leave_jobs {
        return (as_they_are(desired, service, replicas), Vec::new());
    }
    let wanted = usize::try_from(service.replicas).unwrap_or(usize::MAX);
    let mut surplus = Vec::new();
    while replicas.len() > wanted {
        let obsolete = replicas.iter().rev().find(|(_, found)| diverges(found[0]).is_some());
        let Some(number) = obsolete.or_else(|| replicas.iter().next_back()).map(|(number, _)| *number) else {
            break;
        };
        surplus.extend(replicas.remove(&number).unwrap_or_default());
    }
    let mut slots: Vec<Slot<'a>> = replicas
        .into_iter()
        .map(|(number, mut found)| {
            let current = found.remove(0);
            let action = restarted(action(service, current, diverges(current)), current, context);
            Slot {
                number,
                name: service.container_name(desired.project, number),
                current: Some(current),
                leftovers: found,
                action,
            }
        })
        .collect();
    let new = slots.is_empty();
    let mut next = slots.last().map_or(1, |slot| slot.number + 1);
    while slots.len() < wanted {
        let cause = if new { Cause::Missing } else { Cause::Scaled { to: service.replicas } };
        slots.push(Slot {
            number: next,
            name: service.container_name(desired.project, next),
            current: None,
            leftovers: Vec::new(),
            action: ReplicaAction::Create(cause),
        });
        next += 1;
    }
    (slots, surplus)
}

/// The slots of a job that stays as it is. Of several containers with one number one stays.
fn as_they_are<'a>(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    replicas: BTreeMap<u32, Vec<&'a Container>>,
) -> Vec<Slot<'a>> {
    let slot = |(number, mut found): (u32, Vec<&'a Container>)| Slot {
        number,
        name: service.container_name(desired.project, number),
        current: Some(found.remove(0)),
        leftovers: found,
        action: ReplicaAction::Keep,
    };
    replicas.into_iter().map(slot).collect()
}

/// What becomes of a container.
fn action(service: &DesiredService<'_>, container: &Container, divergence: Option<Cause>) -> ReplicaAction {
    if let Some(cause) = divergence {
        return ReplicaAction::Create(cause);
    }
    match &container.state {
        State::Exited(0) if service.job && service.always_runs() => ReplicaAction::Start(Cause::RunsAlways),
        State::Exited(0) if service.job => ReplicaAction::Keep,
        State::Exited(code) => ReplicaAction::Start(Cause::Exited { code: *code }),
        State::Created => ReplicaAction::Start(Cause::NeverStarted),
        State::Paused => ReplicaAction::Unpause,
        State::Dead | State::Removing => ReplicaAction::Create(Cause::Dead),
        State::Running => match readiness(service, container) {
            Readiness::Ready => ReplicaAction::Keep,
            Readiness::Unknown => ReplicaAction::Await(Cause::None),
            Readiness::Missing(cause) => ReplicaAction::Await(cause),
        },
        State::Restarting | State::Other(_) => ReplicaAction::Await(Cause::InState(container.state.clone())),
    }
}

/// What runs on is restarted where something around it asks for that.
fn restarted(action: ReplicaAction, container: &Container, context: &ReplicaContext<'_>) -> ReplicaAction {
    match action {
        ReplicaAction::Keep | ReplicaAction::Await(_) | ReplicaAction::Unpause if container.is_up() => {
            if context.detached.contains(&container.id) {
                return ReplicaAction::Restart(Cause::None);
            }
            context.restarted.clone().map_or(action, ReplicaAction::Restart)
        }
        action => action,
    }
}

/// What the engine's list says about a running container's gate.
enum Readiness {
    Ready,
    Missing(Cause),
    /// Only a test of the container can show that.
    Unknown,
}

fn readiness(service: &DesiredService<'_>, container: &Container) -> Readiness {
    match (&service.gate, container.health) {
        (Gate::Running, _) | (Gate::Healthy { .. }, Health::Healthy) => Readiness::Ready,
        (Gate::Healthy { .. }, Health::Unhealthy) => Readiness::Missing(Cause::Unhealthy),
        (Gate::Healthy { .. }, _) => Readiness::Missing(Cause::NotReady),
        (Gate::Completed, _) => Readiness::Missing(Cause::NotReady),
        (Gate::Http { .. } | Gate::Tcp { .. } | Gate::Command { .. } | Gate::Unknown, _) => {
            Readiness::Unknown
        }
    }
}
