//! The containers of one service: what is done for each replica, and in which order.

use std::collections::BTreeMap;

use super::state::{Assignment, Deploy, ServiceSteps, Settling};
use crate::compose::model::{Condition, ServiceName};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::desired::{DesiredService, volume_keys};
use crate::plan::gate::Gate;
use crate::plan::observed::Container;
use crate::plan::operation::{Group, OpId, Undo};
use crate::plan::replica::{ReplicaAction, Slot};
use crate::plan::sharing::creation_parents;
use crate::plan::strategy::Strategy;

impl<'a> Deploy<'a> {
    /// Plans the containers of one service; everything it depends on has been planned before.
    pub(super) fn service(&mut self, service: &'a DesiredService<'a>) {
        let name = service.service.name.as_str();
        let Assignment { slots, surplus, .. } = self.assignments.remove(name).unwrap_or_default();
        let strategy = Strategy::of(service, self.policy.rollback);
        let mut steps = ServiceSteps { strategy, ..ServiceSteps::default() };
        let mut previous: Vec<OpId> = Vec::new();
        let mut groups = slots.chunks(strategy.parallelism.min(slots.len()).max(1)).peekable();
        while let Some(group) = groups.next() {
            let begun: Vec<OpId> =
                group.iter().flat_map(|slot| self.slot(service, slot, &previous, &mut steps)).collect();
            if groups.peek().is_some() && !begun.is_empty() {
                previous = self.between_groups(service, begun, &mut steps);
            }
        }
        if surplus.is_empty() && steps.started.is_empty() && steps.ready.is_empty() {
            self.unchanged.push(name.to_string());
        }
        self.settling.extend(surplus.into_iter().map(Settling::Drop));
        self.steps.insert(name, steps);
    }

    /// What is done between two groups of replicas: the first is watched, then nothing happens for a while.
    fn between_groups(
        &mut self,
        service: &DesiredService<'_>,
        begun: Vec<OpId>,
        steps: &mut ServiceSteps,
    ) -> Vec<OpId> {
        let Strategy { monitor, delay, .. } = steps.strategy;
        let group = Group::Service(service.service.name.to_string());
        let containers = std::mem::take(&mut steps.group);
        let mut done = begun;
        if let (Some(window), true) = (monitor, self.policy.wait) {
            done = vec![self.draft.add(
                group.clone(),
                &done,
                Action::Steady { containers, window },
                Cause::None,
            )];
        }
        if !delay.is_zero() {
            let action = Action::Delay { service: service.service.name.to_string(), time: delay };
            done = vec![self.draft.add(group, &done, action, Cause::None)];
        }
        done
    }

    /// Plans one replica; returns the operations after which the next group of replicas may begin.
    fn slot(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        previous: &[OpId],
        steps: &mut ServiceSteps,
    ) -> Vec<OpId> {
        self.refuse_held_name(service, slot);
        let replica = Replica { service: service.service.name.to_string(), number: slot.number };
        let (container, begun) = match (&slot.action, slot.current) {
            (ReplicaAction::Create(cause), _) => self.create(service, slot, &replica, previous, cause, steps),
            (_, Some(current)) => {
                (ContainerRef::of(current), self.keep(service, slot, current, &replica, previous))
            }
            (_, None) => return Vec::new(),
        };
        steps.first.get_or_insert_with(|| container.clone());
        self.settle_slot(slot, &replica, &container);
        if matches!(slot.action, ReplicaAction::Keep) {
            return Vec::new();
        }
        steps.started.extend(begun);
        let cause = if let ReplicaAction::Await(cause) = &slot.action { cause.clone() } else { Cause::None };
        self.wait_for(service, &replica, container, begun, cause, steps)
    }

    /// Has the replica's container begin that is there already, as far as it needs that.
    fn keep(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        current: &'a Container,
        replica: &Replica,
        previous: &[OpId],
    ) -> Option<OpId> {
        let mut needs = self.begin_needs(service, previous);
        match &slot.action {
            ReplicaAction::Start(cause) => {
                needs.extend(self.attach_again(current));
                let container = ContainerRef::of(current);
                Some(self.start(service, slot, replica, container, needs, cause.clone()))
            }
            ReplicaAction::Restart(cause) => {
                let started = self.restart(replica, current, needs, cause.clone());
                if service.job {
                    self.draft.one_way(started);
                }
                Some(started)
            }
            ReplicaAction::Unpause => {
                let (replica, container) = (replica.clone(), ContainerRef::of(current));
                let group = Group::Service(replica.service.clone());
                let action = Action::UnpauseContainer { replica, container };
                let begun = self.draft.add(group, &needs, action, Cause::Paused);
                self.draft.undo(begun, Undo::Pause);
                Some(begun)
            }
            ReplicaAction::Keep | ReplicaAction::Await(_) | ReplicaAction::Create(_) => {
                self.attach_again(current);
                None
            }
        }
    }

    /// Creates a container, ends the one that it replaces, and starts it. Stop-first: the gap is from that stop to this start.
    /// Start-first: the old container runs until the plan settles.
    fn create(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        replica: &Replica,
        previous: &[OpId],
        cause: &Cause,
        steps: &mut ServiceSteps,
    ) -> (ContainerRef, Option<OpId>) {
        let replaces = slot.current.filter(|_| !self.policy.renew_volumes).map(ContainerRef::of);
        let action = Action::CreateContainer {
            replica: replica.clone(),
            name: self.free_name(slot),
            replaces,
            parents: self.parents(service),
        };
        let needs = self.create_needs(service);
        let created = self.draft.add(Group::Service(replica.service.clone()), &needs, action, cause.clone());
        self.draft.undo(created, Undo::Remove);
        steps.created.push(created);
        let mut needs = self.begin_needs(service, previous);
        needs.push(created);
        let new = ContainerRef::Created(created);
        let started = self.start(service, slot, replica, new.clone(), needs, Cause::None);
        (new, Some(started))
    }

    /// Starts the replica's container after the end of the container that it replaces, and of others that have something it
    /// needs.
    fn start(
        &mut self,
        service: &DesiredService<'_>,
        slot: &Slot<'a>,
        replica: &Replica,
        container: ContainerRef,
        mut needs: Vec<OpId>,
        cause: Cause,
    ) -> OpId {
        let beside = matches!(slot.action, ReplicaAction::Create(_))
            && Strategy::of(service, self.policy.rollback).start_first;
        let old = slot.replaced().filter(|old| old.is_up());
        let old: Vec<_> = old.filter(|old| !beside || self.is_ended(old).is_some()).collect();
        let ends: Vec<OpId> =
            old.into_iter().map(|old| self.end(replica, old, &needs, Cause::Replaced)).collect();
        let freed = self.end_holders(service, slot, &needs);
        needs.extend(ends.into_iter().chain(freed));
        let group = Group::Service(replica.service.clone());
        let action = Action::StartContainer { replica: replica.clone(), container };
        let id = self.draft.add(group, &needs, action, cause);
        self.draft.undo(id, Undo::Stop);
        if service.job {
            self.draft.one_way(id);
        }
        id
    }

    /// Stops a container that is kept, where the plan has not done that yet, attaches it again where it is off a network, and
    /// starts it.
    pub(super) fn restart(
        &mut self,
        replica: &Replica,
        container: &'a Container,
        mut needs: Vec<OpId>,
        cause: Cause,
    ) -> OpId {
        let group = Group::Service(replica.service.clone());
        let target = ContainerRef::of(container);
        if self.is_ended(container).is_some() {
            needs.extend(self.attach_again(container));
        } else {
            let (replica, container) = (replica.clone(), target.clone());
            let action = Action::StopContainer { replica, container, grace: None };
            let stopped = self.draft.add(group.clone(), &needs, action, cause);
            self.draft.undo(stopped, Undo::Start);
            self.draft.disruptive(stopped);
            needs = vec![stopped];
        }
        let action = Action::StartContainer { replica: replica.clone(), container: target };
        let started = self.draft.add(group, &needs, action, Cause::None);
        self.draft.undo(started, Undo::Stop);
        started
    }

    /// Replaced containers are removed when the plan settles. A container with a temporary name then gets its own.
    fn settle_slot(&mut self, slot: &Slot<'a>, replica: &Replica, container: &ContainerRef) {
        let old: Vec<&'a Container> = slot.replaced().collect();
        let temporary = match (&slot.action, slot.current) {
            (ReplicaAction::Create(_), _) | (_, None) => self.free_name(slot) != slot.name,
            (_, Some(current)) => current.name != slot.name,
        };
        if old.is_empty() && !temporary {
            return;
        }
        let (replica, new) = (replica.clone(), container.clone());
        let name = temporary.then(|| slot.name.clone());
        self.settling.push(Settling::Replace { replica, old, new, name });
    }

    /// Adds the wait for a replica's gate if it is needed. Returns the operations after which the replica counts as ready.
    fn wait_for(
        &mut self,
        service: &'a DesiredService<'a>,
        replica: &Replica,
        container: ContainerRef,
        begun: Option<OpId>,
        cause: Cause,
        steps: &mut ServiceSteps,
    ) -> Vec<OpId> {
        if !self.policy.wait && !service.awaited {
            steps.ready.extend(begun);
            return begun.into_iter().collect();
        }
        // A monitor time in the files also applies to services with a healthcheck, but not to jobs.
        let monitored = steps.strategy.monitor.is_some() && service.gate != Gate::Completed;
        if service.gate == Gate::Running || monitored {
            self.watched.push((replica.clone(), container.clone()));
        }
        steps.group.push((replica.clone(), container.clone()));
        let action = Action::Await {
            replica: replica.clone(),
            container,
            gate: service.gate.clone(),
            deadline: service.deadline,
            optional: service.optional,
            tolerance: steps.strategy.tolerance,
        };
        let id = self.draft.add(Group::Service(replica.service.clone()), begun.as_slice(), action, cause);
        steps.ready.push(id);
        vec![id]
    }

    /// What must be done before a container of the service can be created: its networks, volumes, namespaces.
    fn create_needs(&self, service: &DesiredService<'_>) -> Vec<OpId> {
        let networks = service.service.networks.keys().filter_map(|key| self.networks.get(key.as_str()));
        let volumes = volume_keys(service.service).filter_map(|key| self.volumes.get(key));
        let parents = creation_parents(service.service).into_iter().filter_map(|name| self.steps.get(name));
        let edge = self.edge.ready.iter().filter(|_| service.service.http().is_some());
        networks.chain(volumes).chain(parents.flat_map(|steps| &steps.created)).chain(edge).copied().collect()
    }

    /// The containers whose namespaces and mounts a new container of the service shares.
    fn parents(&self, service: &DesiredService<'_>) -> BTreeMap<ServiceName, ContainerRef> {
        let steps = |parent: &str| Some((parent.into(), self.steps.get(parent)?.first.clone()?));
        creation_parents(service.service).into_iter().filter_map(steps).collect()
    }

    /// What must be done before a container of the service may begin: its dependencies, and replicas before it.
    fn begin_needs(&self, service: &DesiredService<'_>, previous: &[OpId]) -> Vec<OpId> {
        let edges = service.dependencies().map(|(name, dependency)| (name, dependency.condition));
        let mut needs = self.needs_of(edges);
        needs.extend(previous);
        // An edge that it leaves may have its host port.
        needs.extend(self.edge.ready);
        needs
    }

    /// The operations after which these dependencies fulfil their conditions.
    pub(super) fn needs_of<'n>(&self, edges: impl Iterator<Item = (&'n str, Condition)>) -> Vec<OpId> {
        let steps = edges.filter_map(|(name, condition)| {
            let steps = self.steps.get(name)?;
            Some(match condition {
                Condition::Started => &steps.started,
                Condition::Healthy | Condition::CompletedSuccessfully => &steps.ready,
            })
        });
        steps.flatten().copied().collect()
    }
}
