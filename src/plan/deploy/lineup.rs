//! Who stands for what once the deploy is done, decided for every service before the first operation: dependencies first, since
//! what becomes of a service hangs on what becomes of those that it needs.

use super::Deploy;
use crate::plan::desired::DesiredService;
use crate::plan::labelled;
use crate::plan::observed::Container;
use crate::plan::replica::{self, Around, Fate, Renewal, Slot};
use crate::plan::sharing::{namespace_parents, namespaces};
use crate::plan::{graph, scope};

/// The containers of one service.
#[derive(Debug, Default)]
pub(super) struct Lineup<'a> {
    /// Its replicas, in order of their numbers.
    pub(super) slots: Vec<Slot<'a>>,
    /// What is beyond the wanted number.
    pub(super) surplus: Vec<&'a Container>,
    /// What those who depend on it notice.
    renewal: Renewal,
    /// What those notice who live in the namespaces of its first container.
    first: Renewal,
}

impl<'a> Lineup<'a> {
    fn new(slots: Vec<Slot<'a>>, surplus: Vec<&'a Container>) -> Lineup<'a> {
        let renewal = slots.iter().map(Slot::renewal).max().unwrap_or_default();
        let first = slots.first().map(Slot::renewal).unwrap_or_default();
        Lineup { slots, surplus, renewal, first }
    }

    /// The container in whose namespaces and mounts others will live, where it is there already.
    fn parent(&self) -> Option<&'a Container> {
        self.slots.first().filter(|slot| !matches!(slot.fate, Fate::Create(_)))?.current
    }
}

impl<'a> Deploy<'a> {
    /// The services of the scope, and those outside of which the engine has containers; dependencies first.
    pub(super) fn order(&self) -> Vec<&'a str> {
        let mut needs = scope::needs(self.desired.project);
        for (name, needed) in labelled::dependencies(&self.observed.containers) {
            needs.entry(name).or_insert(needed);
        }
        graph::dependencies_first(&needs)
    }

    /// Decides about every service.
    pub(super) fn line_up(&mut self, order: &[&'a str]) {
        for name in order {
            let lineup = match self.desired.service(name) {
                Some(service) => self.inside(service),
                None => self.outside(name),
            };
            self.lineups.insert(name, lineup);
        }
        for (name, lineup) in &self.lineups {
            let replaced = lineup.slots.iter().flat_map(Slot::replaced);
            self.leaving.extend(replaced.map(|container| (&container.id, "replaced".to_string())));
            let wanted = self.desired.service(name).map_or(0, |service| service.replicas);
            let surplus = lineup.surplus.iter();
            self.leaving.extend(surplus.map(|container| (&container.id, format!("scaled to {wanted}"))));
        }
    }

    /// The containers of a service of the scope.
    fn inside(&self, service: &'a DesiredService<'a>) -> Lineup<'a> {
        let around = Around {
            parents: namespace_parents(service.service)
                .into_iter()
                .filter_map(|parent| Some((parent, &self.lineups.get(parent)?.parent()?.id)))
                .collect(),
            replaced: self.replaced_with_others(service),
            restarted: self.restarted_with_others(service),
            detached: self.detached.keys().copied().collect(),
        };
        let (slots, surplus) = replica::slots(self.desired, service, self.observed, self.policy, &around);
        Lineup::new(slots, surplus)
    }

    /// Why the service's containers are replaced although nothing about themselves changed: what they share is with a container
    /// that makes way for one that is not there yet.
    fn replaced_with_others(&self, service: &DesiredService<'_>) -> Option<String> {
        let replaced = |parent: &&str| {
            let lineup = self.lineups.get(parent);
            lineup.is_some_and(|lineup| lineup.first == Renewal::Replaced && lineup.parent().is_none())
        };
        let parent = namespace_parents(service.service).into_iter().find(replaced)?;
        Some(format!("shares namespaces or mounts with {parent}, which is replaced"))
    }

    /// Why containers of the service that are kept are restarted: they would be left in namespaces that ended, or
    /// `restart: true` asks for it.
    fn restarted_with_others(&self, service: &DesiredService<'_>) -> Option<String> {
        let shared = namespaces(service.service);
        service.dependencies().find_map(|(name, dependency)| {
            let lineup = self.lineups.get(name)?;
            if shared.contains(name) && lineup.first > Renewal::None {
                return Some(format!("shares namespaces with {name}, which is {}", lineup.first));
            }
            let asked = dependency.restart && lineup.renewal >= Renewal::Restarted;
            asked.then(|| format!("{name} is {}, and `restart: true` is set", lineup.renewal))
        })
    }

    /// The containers of a service outside the scope, which stay as they are. Only what this deploy would break is mended: those
    /// that it takes off their networks, and those in whose namespaces they live, are started anew.
    fn outside(&mut self, name: &'a str) -> Lineup<'a> {
        let shared = self.desired.project.service(name).map(namespaces).unwrap_or_default();
        let parent = shared.into_iter().find_map(|parent| {
            let renewal = self.lineups.get(parent)?.first;
            (renewal > Renewal::None).then_some((parent, renewal))
        });
        let replicas = replica::by_number(name, self.observed, &|_| None);
        let mut slots = Vec::new();
        for container in replicas.into_values().flatten() {
            let fate = match parent {
                _ if !container.is_up() || self.leaving.contains_key(&container.id) => Fate::Keep,
                _ if self.detached.contains_key(&container.id) => Fate::Restart(String::new()),
                Some((parent, Renewal::Restarted)) => {
                    Fate::Restart(format!("shares namespaces with {parent}, which is restarted"))
                }
                Some((parent, renewal)) => {
                    self.note_stranded(container, parent, renewal);
                    Fate::Keep
                }
                None => Fate::Keep,
            };
            slots.push(Slot {
                number: container.number,
                name: container.name.clone(),
                current: Some(container),
                leftovers: Vec::new(),
                fate,
            });
        }
        Lineup::new(slots, Vec::new())
    }

    /// What the deploy does not touch and leaves in namespaces of a container that is gone, or of a process that ended.
    fn note_stranded(&mut self, container: &Container, parent: &str, renewal: Renewal) {
        let same = self.lineups.get(parent).is_some_and(|lineup| lineup.parent().is_some());
        let verb = if same && renewal == Renewal::Started { "restart" } else { "deploy" };
        let mode = self.desired.mode.map(|mode| format!("{mode} ")).unwrap_or_default();
        let (name, service) = (&container.name, &container.service);
        self.notes.push(format!(
            "{name} shares namespaces with {parent}, which is {renewal}, and is cut off from it: `sofa {verb} {mode}{service}` \
             mends that"
        ));
    }
}
