//! Assigns containers to replicas for every service, before the first operation is planned. Dependencies come first, since a
//! service may have to follow what happens to its dependencies.

use std::collections::BTreeSet;

use super::state::{Assignment, Deploy};
use crate::plan::cause::Cause;
use crate::plan::desired::DesiredService;
use crate::plan::disruption::Disruption;
use crate::plan::labelled;
use crate::plan::observed::Container;
use crate::plan::replica::{self, ReplicaAction, ReplicaContext, Slot};
use crate::plan::sharing::{creation_parents, namespaces};
use crate::plan::{graph, scope};

impl<'a> Deploy<'a> {
    /// The services of the scope, and services outside it that have containers; dependencies first.
    pub(super) fn order(&self) -> Vec<&'a str> {
        let mut needs = scope::needs(self.desired.project);
        for (name, needed) in labelled::dependencies(&self.observed.containers) {
            needs.entry(name).or_insert(needed);
        }
        graph::dependencies_first(&needs)
    }

    /// Decides about every service.
    pub(super) fn assign(&mut self, order: &[&'a str]) {
        for name in order {
            let assignment = match self.desired.service(name) {
                Some(service) => self.inside(service),
                None => self.outside(name),
            };
            self.assignments.insert(name, assignment);
        }
        for (name, assignment) in &self.assignments {
            let replaced = assignment.slots.iter().flat_map(Slot::replaced);
            self.leaving.extend(replaced.map(|container| (&container.id, Cause::Replaced)));
            let wanted = self.desired.service(name).map_or(0, |service| service.replicas);
            let surplus = assignment.surplus.iter();
            self.leaving.extend(surplus.map(|container| (&container.id, Cause::Scaled { to: wanted })));
        }
    }

    /// The containers of a service of the scope.
    fn inside(&self, service: &'a DesiredService<'a>) -> Assignment<'a> {
        let context = ReplicaContext {
            parents: creation_parents(service.service)
                .into_iter()
                .filter_map(|parent| Some((parent, &self.assignments.get(parent)?.parent()?.id)))
                .collect(),
            replaced: self.replaced_with_others(service),
            restarted: self.restarted_with_others(service),
            detached: self.detached.keys().copied().collect(),
        };
        let (slots, surplus) = replica::slots(self.desired, service, self.observed, self.policy, &context);
        Assignment::new(slots, surplus)
    }

    /// Why the service's containers are replaced although their own configuration did not change: they share something with a
    /// container that is replaced by one that does not exist yet.
    fn replaced_with_others(&self, service: &DesiredService<'_>) -> Option<Cause> {
        let replaced = |parent: &&str| {
            let assignment = self.assignments.get(parent);
            assignment.is_some_and(|assignment| {
                assignment.first == Disruption::Replaced && assignment.parent().is_none()
            })
        };
        let parent = creation_parents(service.service).into_iter().find(replaced)?;
        Some(Cause::SharesWith { parent: parent.to_string() })
    }

    /// Why kept containers of the service are restarted: their namespaces end, or `restart: true` says so.
    fn restarted_with_others(&self, service: &DesiredService<'_>) -> Option<Cause> {
        let shared = namespaces(service.service);
        if let Some(parent) = self.ended_parent(service, &shared) {
            return Some(Cause::RestartsWith { service: parent.to_string() });
        }
        service.dependencies().find_map(|(name, dependency)| {
            let assignment = self.assignments.get(name)?;
            if shared.contains(name) && assignment.first > Disruption::None {
                let parent = name.to_string();
                return Some(Cause::SharesNamespaces { parent, disruption: assignment.first });
            }
            let asked = dependency.restart && assignment.disruption >= Disruption::Restarted;
            let service = name.to_string();
            asked.then_some(Cause::Dependency { service, disruption: assignment.disruption })
        })
    }

    /// A service whose container was started after one that shares its namespaces. Those namespaces ended with its earlier run.
    fn ended_parent<'p>(&self, service: &DesiredService<'_>, shared: &BTreeSet<&'p str>) -> Option<&'p str> {
        let own = self.observed.containers.iter().filter(|found| found.service == *service.service.name);
        let earliest = own.filter_map(|found| found.started).min()?;
        let started = |parent: &str| self.observed.first_container(parent)?.started;
        shared.iter().copied().find(|parent| started(parent).is_some_and(|started| started > earliest))
    }

    /// The containers of a service outside the scope, which stay as they are. Only those that this deploy would break are
    /// restarted: they are disconnected from a network, or share the namespaces of a container that is.
    fn outside(&mut self, name: &'a str) -> Assignment<'a> {
        let shared = self.desired.project.service(name).map(namespaces).unwrap_or_default();
        let parent = shared.into_iter().find_map(|parent| {
            let disruption = self.assignments.get(parent)?.first;
            (disruption > Disruption::None).then_some((parent, disruption))
        });
        let replicas = self.observed.by_number(name, |_| false);
        let mut slots = Vec::new();
        for container in replicas.into_values().flatten() {
            let action = match parent {
                _ if !container.is_up() || self.leaving.contains_key(&container.id) => ReplicaAction::Keep,
                _ if self.detached.contains_key(&container.id) => ReplicaAction::Restart(Cause::None),
                Some((parent, disruption @ Disruption::Restarted)) => {
                    let parent = parent.to_string();
                    ReplicaAction::Restart(Cause::SharesNamespaces { parent, disruption })
                }
                Some((parent, disruption)) => {
                    self.note_stranded(container, parent, disruption);
                    ReplicaAction::Keep
                }
                None => ReplicaAction::Keep,
            };
            slots.push(Slot {
                number: container.number,
                name: container.name.clone(),
                current: Some(container),
                leftovers: Vec::new(),
                action,
            });
        }
        Assignment::new(slots, Vec::new())
    }

    /// Notes a container that the deploy does not change and whose shared namespaces end.
    fn note_stranded(&mut self, container: &Container, parent: &str, disruption: Disruption) {
        let same = self.assignments.get(parent).is_some_and(|assignment| assignment.parent().is_some());
        let verb = if same && disruption == Disruption::Started { "restart" } else { "deploy" };
        let mode = self.desired.mode.map(|mode| format!("{mode} ")).unwrap_or_default();
        let (name, service) = (&container.name, &container.service);
        self.notes.push(format!(
            "{name} shares namespaces with {parent}, which is {disruption}, and is cut off from it: `sofa {verb} {mode}{service}` \
             mends that"
        ));
    }
}
