//! The containers of one service: what becomes of each replica, and after what.

use super::Deploy;
use super::settle::{End, Old, Settling};
use crate::compose::model::Condition;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::desired::{DesiredService, namespace_parents, volume_keys};
use crate::plan::gate::Gate;
use crate::plan::observed::Container;
use crate::plan::operation::{Group, OpId, Undo};
use crate::plan::replica::{self, Fate, Slot};
use crate::plan::strategy::Strategy;

/// What the plan knows of a service that it has dealt with.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Operations after which its containers exist.
    created: Vec<OpId>,
    /// Operations after which it is started.
    started: Vec<OpId>,
    /// Operations after which it is ready.
    ready: Vec<OpId>,
    /// Whether a container of it is replaced.
    replaced: bool,
    /// Whether a container of it is kept and restarted, since a network of it is replaced.
    restarted: bool,
    /// How its containers are replaced.
    strategy: Strategy,
    /// The containers of the group of replicas that is planned now.
    group: Vec<(Replica, ContainerRef)>,
}

impl<'a> Deploy<'a> {
    /// Plans the containers of one service; everything it depends on has been planned before.
    pub(super) fn service(&mut self, service: &'a DesiredService<'a>) {
        let name = service.service.name.as_str();
        let forced = self.forced_by_others(service);
        let (slots, surplus) =
            replica::slots(self.desired, service, self.observed, self.policy, forced.as_deref());
        // Where it cannot be followed, that is a problem already and no plan comes of this.
        let strategy = Strategy::of(service, self.policy.rollback).unwrap_or_default();
        let mut standing = Standing { strategy, ..Standing::default() };
        let mut previous: Vec<OpId> = Vec::new();
        let mut groups = slots.chunks(strategy.parallelism.min(slots.len()).max(1)).peekable();
        while let Some(group) = groups.next() {
            let begun: Vec<OpId> =
                group.iter().flat_map(|slot| self.slot(service, slot, &previous, &mut standing)).collect();
            if groups.peek().is_some() && !begun.is_empty() {
                previous = self.between_groups(service, begun, &mut standing);
            }
        }
        let as_wanted = surplus.is_empty();
        for container in surplus {
            self.settling.push(Settling::Drop {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                end: End::of(container),
                cause: format!("scaled to {}", service.replicas),
            });
        }
        if as_wanted && standing.started.is_empty() && standing.ready.is_empty() {
            self.unchanged.push(name.to_string());
        }
        self.standings.insert(name, standing);
    }

    /// What is done between two groups of replicas: the first is watched, then nothing happens for a while.
    fn between_groups(
        &mut self,
        service: &DesiredService<'_>,
        begun: Vec<OpId>,
        standing: &mut Standing,
    ) -> Vec<OpId> {
        let Strategy { monitor, delay, .. } = standing.strategy;
        let group = Group::Service(service.service.name.to_string());
        let containers = std::mem::take(&mut standing.group);
        let mut done = begun;
        if let (Some(window), true) = (monitor, self.policy.wait) {
            done = vec![self.draft.add(group.clone(), &done, Action::Steady { containers, window }, "")];
        }
        if !delay.is_zero() {
            let action = Action::Delay { service: service.service.name.to_string(), time: delay };
            done = vec![self.draft.add(group, &done, action, "")];
        }
        done
    }

    /// Why the service's containers are replaced although nothing about themselves changed.
    fn forced_by_others(&self, service: &DesiredService<'_>) -> Option<String> {
        namespace_parents(service.service)
            .into_iter()
            .find(|parent| self.standings.get(parent).is_some_and(|standing| standing.replaced))
            .map(|parent| format!("shares namespaces or mounts with {parent}, which is replaced"))
    }

    /// Plans one replica; returns the operations after which the next group of replicas may begin.
    fn slot(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        previous: &[OpId],
        standing: &mut Standing,
    ) -> Vec<OpId> {
        let replica = Replica { service: service.service.name.to_string(), number: slot.number };
        let (new, begun) = match &slot.fate {
            Fate::Keep | Fate::Await | Fate::Unpause if self.is_detached(slot) => {
                match self.resume(service, slot, &replica, previous, standing) {
                    Some((container, started)) => (Some(container), vec![started]),
                    None => return Vec::new(),
                }
            }
            Fate::Keep => {
                self.settle_leftovers(&replica, slot, None);
                return self.restart_with_dependency(service, slot, &replica, standing);
            }
            Fate::Await => (slot.current.map(ContainerRef::of), Vec::new()),
            Fate::Start(cause) => {
                let mut needs = self.begin_needs(service, previous);
                needs.extend(slot.current.map(|found| self.attach_again(found)).unwrap_or_default());
                needs.extend(self.retire_all(&replica, &slot.leftovers, &needs));
                let container = slot.current.map(ContainerRef::of);
                let started =
                    container.clone().map(|found| self.start(service, &replica, found, &needs, cause));
                (container, started.into_iter().collect())
            }
            Fate::Unpause => {
                let container = slot.current.map(ContainerRef::of);
                let begun = container.clone().map(|container| {
                    let action = Action::UnpauseContainer { replica: replica.clone(), container };
                    self.draft.add(Group::Service(replica.service.clone()), previous, action, "it is paused")
                });
                (container, begun.into_iter().collect())
            }
            Fate::Create(cause) => {
                let (new, started) = self.replace(service, slot, &replica, previous, cause, standing);
                (Some(new), vec![started])
            }
        };
        let Some(new) = new else { return begun };
        if !matches!(slot.fate, Fate::Create(_)) {
            self.settle_leftovers(&replica, slot, Some(&new));
        }
        standing.started.extend(&begun);
        self.wait_for(service, &replica, new, begun, standing)
    }

    /// Creates a container, retires what it replaces, starts it. Stop-first: the gap is from that stop to this start.
    /// Start-first: what it replaces runs on until the plan settles.
    fn replace(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        replica: &Replica,
        previous: &[OpId],
        cause: &Cause,
        standing: &mut Standing,
    ) -> (ContainerRef, OpId) {
        let group = Group::Service(replica.service.clone());
        let old: Vec<&Container> = slot.current.into_iter().chain(slot.leftovers.iter().copied()).collect();
        let name = match slot.current {
            Some(container) => format!("{}_{}", container.id.short(), slot.name),
            None => slot.name.clone(),
        };
        let replaces = slot.current.filter(|_| !self.policy.renew_volumes).map(ContainerRef::of);
        let action = Action::CreateContainer { replica: replica.clone(), name, replaces };
        let needs = self.create_needs(service);
        let created = self.draft.add(group, &needs, action, cause.clone());
        self.draft.undo(created, Undo::Remove);
        standing.created.push(created);
        let new = ContainerRef::Created(created);
        let mut needs = self.begin_needs(service, previous);
        needs.push(created);
        let beside = |container: &Container| {
            standing.strategy.start_first && container.is_up() && !self.detached.contains_key(&container.id)
        };
        let (beside, old): (Vec<&Container>, Vec<&Container>) =
            old.into_iter().partition(|container| beside(container));
        needs.extend(self.retire_all(replica, &old, &needs));
        let started = self.start(service, replica, new.clone(), &needs, "");
        if !old.is_empty() || !beside.is_empty() {
            standing.replaced = true;
            self.settling.push(Settling::Replace {
                replica: replica.clone(),
                old: old
                    .into_iter()
                    .map(|container| Old { container: ContainerRef::of(container), end: End::Stopped })
                    .chain(
                        beside.into_iter().map(|container| Old {
                            container: ContainerRef::of(container),
                            end: End::Succeeded,
                        }),
                    )
                    .collect(),
                new: new.clone(),
                name: slot.current.is_some().then(|| slot.name.clone()),
            });
        }
        (new, started)
    }

    fn start(
        &mut self,
        service: &DesiredService<'_>,
        replica: &Replica,
        container: ContainerRef,
        needs: &[OpId],
        cause: &str,
    ) -> OpId {
        let group = Group::Service(replica.service.clone());
        let action = Action::StartContainer { replica: replica.clone(), container };
        let id = self.draft.add(group, needs, action, cause);
        self.draft.undo(id, Undo::Stop);
        if service.job {
            self.draft.one_way(id);
        }
        id
    }

    fn is_detached(&self, slot: &Slot<'_>) -> bool {
        slot.current.is_some_and(|container| self.detached.contains_key(&container.id))
    }

    /// Attaches a kept container to its new networks and starts it, where it was up.
    fn resume(
        &mut self,
        service: &DesiredService<'_>,
        slot: &Slot<'_>,
        replica: &Replica,
        previous: &[OpId],
        standing: &mut Standing,
    ) -> Option<(ContainerRef, OpId)> {
        let container = slot.current?;
        let mut needs = self.attach_again(container);
        if !container.is_up() {
            return None;
        }
        needs.extend(self.begin_needs(service, previous));
        let container = ContainerRef::of(container);
        let started = self.start(service, replica, container.clone(), &needs, "");
        standing.restarted = true;
        Some((container, started))
    }

    /// A container that is kept is restarted when a dependency with `restart: true` is replaced.
    fn restart_with_dependency(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        replica: &Replica,
        standing: &mut Standing,
    ) -> Vec<OpId> {
        let replaced = service.dependencies().find(|(name, dependency)| {
            let renewed = |standing: &Standing| standing.replaced || standing.restarted;
            dependency.restart && self.standings.get(name).is_some_and(renewed)
        });
        let (Some((dependency, _)), Some(container)) = (replaced, slot.current) else {
            return Vec::new();
        };
        if !container.is_up() {
            return Vec::new();
        }
        let replaced = self.standings.get(dependency).is_some_and(|standing| standing.replaced);
        let happens = if replaced { "replaced" } else { "restarted" };
        let cause = format!("{dependency} is {happens}, and `restart: true` is set");
        let needs = self.begin_needs(service, &[]);
        let group = Group::Service(replica.service.clone());
        let action = Action::StopContainer {
            replica: replica.clone(),
            container: ContainerRef::of(container),
            grace: None,
        };
        let stopped = self.draft.add(group, &needs, action, cause);
        self.draft.undo(stopped, Undo::Start);
        self.draft.disruptive(stopped);
        let started = self.start(service, replica, ContainerRef::of(container), &[stopped], "");
        standing.started.push(started);
        self.wait_for(service, replica, ContainerRef::of(container), vec![started], standing)
    }

    /// Adds the wait for a replica's gate where anybody wants it; returns what must be done for it to count as ready.
    fn wait_for(
        &mut self,
        service: &'a DesiredService<'a>,
        replica: &Replica,
        container: ContainerRef,
        begun: Vec<OpId>,
        standing: &mut Standing,
    ) -> Vec<OpId> {
        if !self.policy.wait && !service.awaited {
            standing.ready.extend(&begun);
            return begun;
        }
        if service.gate == Gate::Running {
            self.watched.push((replica.clone(), container.clone()));
        }
        standing.group.push((replica.clone(), container.clone()));
        let action = Action::Await {
            replica: replica.clone(),
            container,
            gate: service.gate.clone(),
            optional: service.optional,
            tolerance: standing.strategy.tolerance,
        };
        let id = self.draft.add(Group::Service(replica.service.clone()), &begun, action, "");
        standing.ready.push(id);
        vec![id]
    }

    /// What must be done before a container of the service can be created: its networks, volumes, namespaces.
    fn create_needs(&self, service: &DesiredService<'_>) -> Vec<OpId> {
        let networks = service.service.networks.keys().filter_map(|key| self.networks.get(key.as_str()));
        let volumes = volume_keys(service.service).filter_map(|key| self.volumes.get(key));
        let parents =
            namespace_parents(service.service).into_iter().filter_map(|name| self.standings.get(name));
        networks.chain(volumes).chain(parents.flat_map(|standing| &standing.created)).copied().collect()
    }

    /// What must be done before a container of the service may begin: its dependencies, and replicas before it.
    fn begin_needs(&self, service: &DesiredService<'_>, previous: &[OpId]) -> Vec<OpId> {
        let mut needs = previous.to_vec();
        for (name, dependency) in service.dependencies() {
            let Some(standing) = self.standings.get(name) else {
                continue;
            };
            needs.extend(match dependency.condition {
                Condition::Started => &standing.started,
                Condition::Healthy | Condition::CompletedSuccessfully => &standing.ready,
            });
        }
        needs
    }

    /// Ends what runs of these; returns the stops.
    fn retire_all(&mut self, replica: &Replica, old: &[&Container], needs: &[OpId]) -> Vec<OpId> {
        let up = old.iter().filter(|container| container.is_up());
        up.map(|container| {
            let target = ContainerRef::of(container);
            // One that is off its networks is stopped already.
            match self.detached.get(&container.id).and_then(|detached| detached.stopped) {
                Some(stopped) => self.draft.disable_restart(replica, &target, &[stopped], "replaced"),
                None => self.draft.retire(replica, &target, needs, "replaced"),
            }
        })
        .collect()
    }
}
