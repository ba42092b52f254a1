//! Which container stands for which replica of a service, and what becomes of it.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::deploy::{Policy, Recreate};
use super::desired::{Desired, DesiredService};
use super::diff;
use super::gate::Gate;
use super::observed::{Container, Health, Observed, State};

/// One replica that the service should have.
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

/// What becomes of a replica; texts are causes for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing: it is as the files say, and ready.
    Keep,
    /// It is as the files say and not ready yet.
    Await,
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
    forced: Option<&str>,
) -> (Vec<Slot<'a>>, Vec<&'a Container>) {
    let diverges = |container: &Container| match policy.recreate {
        Recreate::Never => None,
        Recreate::Force => Some(Cause::from("recreation was forced")),
        Recreate::Diverged => {
            forced.map(Cause::from).or_else(|| diff::divergence(desired, service, container, observed))
        }
    };
    let mut replicas = by_number(service, observed, &diverges);
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
            let fate = fate(service, current, diverges(current));
            Slot {
                number,
                name: service.container_name(desired.project, number),
                current: Some(current),
                leftovers: found,
                fate,
            }
        })
        .collect();
    let mut next = slots.last().map_or(1, |slot| slot.number + 1);
    while slots.len() < wanted {
        let cause = if next == 1 { "not there yet".into() } else { format!("scaled to {wanted}").into() };
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

/// The service's containers by replica number; of several with one number the one to go on with stands first:
/// as the files say before not, running before not, the newest before older ones.
fn by_number<'a>(
    service: &DesiredService<'_>,
    observed: &'a Observed,
    diverges: &impl Fn(&Container) -> Option<Cause>,
) -> BTreeMap<u32, Vec<&'a Container>> {
    let mut replicas: BTreeMap<u32, Vec<&Container>> = BTreeMap::new();
    let own = observed.containers.iter().filter(|found| {
        !found.oneoff && found.service == *service.service.name && found.state != State::Removing
    });
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
        State::Running if is_ready(service, container) => Fate::Keep,
        State::Dead | State::Removing => Fate::Create("container is dead".into()),
        State::Running | State::Restarting | State::Other(_) => Fate::Await,
    }
}

/// Whether the list alone tells that a running container has passed its gate.
fn is_ready(service: &DesiredService<'_>, container: &Container) -> bool {
    match service.gate {
        Gate::Running => true,
        Gate::Healthy { .. } => container.health == Health::Healthy,
        _ => false,
    }
}
