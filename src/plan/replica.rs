//! Which container stands for which replica of a service, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Cause;
use super::deploy::{Policy, Recreate};
use super::desired::{Desired, DesiredService};
use super::diff;
use super::gate::Gate;
use super::observed::{Container, ContainerId, Health, Observed, State};
use super::sharing::Parents;

/// One replica that a service should have.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    /// Its number.
    pub(super) number: u32,
    /// The final name of its container.
    pub(super) name: String,
    /// The container that stands for it.
    pub(super) current: Option<&'a Container>,
    /// Others with its number, left by an interrupted run.
    pub(super) leftovers: Vec<&'a Container>,
    /// What becomes of it.
    pub(super) fate: Fate,
}
use crate::labels::compose;

impl<'a> Slot<'a> {
    /// The containers that stand for it or once did.
    pub(super) fn own(&self) -> impl Iterator<Item = &'a Container> {
        self.current.into_iter().chain(self.leftovers.iter().copied())
    }

    /// Those of them that are not wanted any more.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &'a Container> {
        let current = self.current.filter(|_| matches!(self.fate, Fate::Create(_)));
        current.into_iter().chain(self.leftovers.iter().copied())
    }

    /// What those who use the replica will notice.
    pub(super) fn renewal(&self) -> Renewal {
        // One that never ran was never used.
        let used = |container: &&Container| container.state != State::Created;
        let successor = |container: &Container| container.label(compose::REPLACE).is_some();
        match (&self.fate, self.current) {
            (Fate::Create(_), None) => Renewal::Started,
            (Fate::Create(_), Some(_)) => Renewal::Replaced,
            _ if self.leftovers.iter().any(used) => Renewal::Replaced,
            // A killed docker compose removes the old one before the new one runs.
            (Fate::Start(_), Some(current)) if !used(&current) && successor(current) => Renewal::Replaced,
            (Fate::Restart(_), _) => Renewal::Restarted,
            (Fate::Start(_), _) => Renewal::Started,
            (Fate::Keep | Fate::Await(_) | Fate::Unpause, _) => Renewal::None,
        }
    }
}

/// What those who use a service notice of a deploy, the strongest last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Renewal {
    /// Nothing.
    #[default]
    None,
    /// What did not run is started.
    Started,
    /// What runs is stopped and started again.
    Restarted,
    /// Another container takes over.
    Replaced,
}

impl std::fmt::Display for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Renewal::None => "kept",
            Renewal::Started => "started",
            Renewal::Restarted => "restarted",
            Renewal::Replaced => "replaced",
        })
    }
}

/// What happens around a service in the same deploy that decides about its containers.
#[derive(Debug, Default)]
pub(super) struct Around<'a> {
    /// The containers whose namespaces and mounts it will share; none for one that is yet to be created.
    pub(super) parents: Parents<'a>,
    /// Why its containers are replaced, whatever they are.
    pub(super) replaced: Option<String>,
    /// Why those of its containers that run on are restarted.
    pub(super) restarted: Option<String>,
    /// The containers that are off their networks for a while.
    pub(super) detached: BTreeSet<&'a ContainerId>,
}

/// What becomes of a replica; texts are causes for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing: it is as the files say, and ready.
    Keep,
    /// It is as the files say and not known to be ready: why not, where it is known.
    Await(String),
    /// It is as the files say and runs, and is started anew; no cause where that is told with its stop.
    Restart(String),
    /// It is as the files say and does not run.
    Start(String),
    /// It is as the files say and frozen.
    Unpause,
    /// A new container takes its place.
    Create(Cause),
}

/// The replicas of a service in order of their numbers, and the containers beyond what is wanted:
/// obsolete ones first, then the highest numbers. Gaps in the numbers stay; new replicas get the next number.
pub(super) fn slots<'a>(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    observed: &'a Observed,
    policy: Policy,
    around: &Around<'_>,
) -> (Vec<Slot<'a>>, Vec<&'a Container>) {
    let diverges = |container: &Container| match policy.recreate {
        Recreate::Never => None,
        // What a job did to data is not done again because of what was asked for other services.
        Recreate::Force if !(service.job && service.joined) => Some(Cause::from("recreation was forced")),
        Recreate::Force | Recreate::Diverged => around
            .replaced
            .as_deref()
            .map(Cause::from)
            .or_else(|| diff::divergence(desired, service, &around.parents, container, observed)),
    };
    let mut replicas = by_number(&service.service.name, observed, &diverges);
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
            let fate = restarted(fate(service, current, diverges(current)), current, around);
            Slot {
                number,
                name: service.container_name(desired.project, number),
                current: Some(current),
                leftovers: found,
                fate,
            }
        })
        .collect();
    let new = slots.is_empty();
    let mut next = slots.last().map_or(1, |slot| slot.number + 1);
    while slots.len() < wanted {
        let cause = if new { "not there yet".into() } else { format!("scaled to {wanted}").into() };
        slots.push(Slot {
            number: next,
            name: service.container_name(desired.project, next),
            current: None,
            leftovers: Vec::new(),
            fate: Fate::Create(cause),
        });
        next += 1;
    }
    (slots, surplus)
}

/// The slots of a job that is left as it is; of several containers with one number one stays.
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
        fate: Fate::Keep,
    };
    replicas.into_iter().map(slot).collect()
}

/// The container in whose namespaces and mounts other services live: that of a service's first replica.
pub(super) fn standing<'a>(service: &str, observed: &'a Observed) -> Option<&'a Container> {
    by_number(service, observed, &|_| None).into_values().next()?.into_iter().next()
}

/// A service's containers by replica number; of several with one number the one to go on with stands first:
/// as the files say before not, running before not, the newest before older ones.
pub(super) fn by_number<'a>(
    service: &str,
    observed: &'a Observed,
    diverges: &impl Fn(&Container) -> Option<Cause>,
) -> BTreeMap<u32, Vec<&'a Container>> {
    let mut replicas: BTreeMap<u32, Vec<&Container>> = BTreeMap::new();
    let own = observed
        .containers
        .iter()
        .filter(|found| !found.oneoff && found.service == service && found.state != State::Removing);
    for container in own {
        replicas.entry(container.number).or_default().push(container);
    }
    for found in replicas.values_mut().filter(|found| found.len() > 1) {
        found.sort_by_key(|container| {
            (diverges(container).is_some(), !container.is_up(), std::cmp::Reverse(container.created))
        });
    }
    replicas
}

/// The name that a container has beside another until its own is free: docker compose names them so too.
pub(super) fn temporary_name(beside: &Container, name: &str) -> String {
    format!("{}_{name}", beside.id.short())
}

/// Whether a name is one of those.
pub(super) fn is_temporary(name: &str) -> bool {
    let prefix = name.split_once('_').map(|(prefix, _)| prefix);
    prefix.is_some_and(|prefix| prefix.len() == 12 && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What becomes of a container.
fn fate(service: &DesiredService<'_>, container: &Container, divergence: Option<Cause>) -> Fate {
    if let Some(cause) = divergence {
        return Fate::Create(cause);
    }
    match &container.state {
        State::Exited(0) if service.job && service.always_runs() => {
            Fate::Start("runs on every deploy".into())
        }
        State::Exited(0) if service.job => Fate::Keep,
        State::Exited(code) => Fate::Start(format!("exited with {code}")),
        State::Created => Fate::Start("created and never started".into()),
        State::Paused => Fate::Unpause,
        State::Dead | State::Removing => Fate::Create("container is dead".into()),
        State::Running => match readiness(service, container) {
            Readiness::Ready => Fate::Keep,
            Readiness::Unknown => Fate::Await(String::new()),
            Readiness::Missing(cause) => Fate::Await(cause.into()),
        },
        State::Restarting | State::Other(_) => Fate::Await(format!("it is {}", container.state)),
    }
}

/// What runs on is restarted where something around it asks for that.
fn restarted(fate: Fate, container: &Container, around: &Around<'_>) -> Fate {
    match fate {
        Fate::Keep | Fate::Await(_) | Fate::Unpause if container.is_up() => {
            if around.detached.contains(&container.id) {
                return Fate::Restart(String::new());
            }
            around.restarted.clone().map_or(fate, Fate::Restart)
        }
        fate => fate,
    }
}

/// What the list tells of a running container's gate.
enum Readiness {
    Ready,
    Missing(&'static str),
    /// Only the container itself can tell.
    Unknown,
}

fn readiness(service: &DesiredService<'_>, container: &Container) -> Readiness {
    match (&service.gate, container.health) {
        (Gate::Running, _) | (Gate::Healthy { .. }, Health::Healthy) => Readiness::Ready,
        (Gate::Healthy { .. }, Health::Unhealthy) => Readiness::Missing("it is unhealthy"),
        (Gate::Healthy { .. }, _) => Readiness::Missing("not ready yet"),
        (Gate::Completed, _) => Readiness::Missing("not ready yet"),
        (Gate::Http { .. } | Gate::Tcp { .. } | Gate::Command { .. }, _) => Readiness::Unknown,
    }
}
