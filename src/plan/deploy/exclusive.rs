//! Names, host ports and fixed addresses that another container of this project has. A container that is removed anyway is
//! stopped in time; one that stays is a problem, reported before any change.

use super::state::Deploy;
use crate::plan::action::{ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::conflict;
use crate::plan::desired::DesiredService;
use crate::plan::labelled::orphans;
use crate::plan::observed::{Container, State};
use crate::plan::operation::OpId;
use crate::plan::policy::Recreate;
use crate::plan::problem::Problem;
use crate::plan::replica::{ReplicaAction, Slot};

impl<'a> Deploy<'a> {
    /// The name under which a replica's container is created: its own, else a temporary one until the plan settles. There are
    /// as many of these as there are containers of the replica, so that one is free whatever killed runs have left.
    pub(super) fn free_name(&self, slot: &Slot<'a>) -> String {
        let beside = slot.own().chain(self.holder(&slot.name));
        let temporary = beside.map(|container| container.temporary_name(&slot.name));
        let mut names = [slot.name.clone()].into_iter().chain(temporary);
        names.find(|name| !self.names.contains_key(name.as_str())).unwrap_or_else(|| slot.name.clone())
    }

    /// The container of the project that has a name.
    pub(super) fn holder(&self, name: &str) -> Option<&'a Container> {
        self.names.get(name).copied().flatten()
    }

    /// Ends the containers that are removed and have something that the replica's container needs. Returns the ends. Two services
    /// that swap ports are both ended before either begins.
    pub(super) fn end_holders(
        &mut self,
        service: &DesiredService<'_>,
        slot: &Slot<'a>,
        needs: &[OpId],
    ) -> Vec<OpId> {
        // A container that is kept although the files changed does not need what the files say.
        if matches!(slot.action, ReplicaAction::Start(_)) && self.policy.recreate == Recreate::Never {
            return Vec::new();
        }
        if !conflict::needs_something_alone(service) {
            return Vec::new();
        }
        let own: Vec<_> = slot.own().map(|container| &container.id).collect();
        let observed = self.observed;
        let others: Vec<&'a Container> = observed
            .containers
            .iter()
            .chain(&observed.foreign)
            .filter(|container| container.is_up() && !own.contains(&&container.id))
            .collect();
        let held = conflict::held(self.desired, service, &others, |key| self.networks.contains_key(key));
        let mut ends = Vec::new();
        for conflict::Held { what, holders } in held {
            let (leaving, staying): (Vec<_>, Vec<_>) =
                holders.into_iter().partition(|holder| self.leaving.contains_key(&holder.id));
            if leaving.is_empty() {
                let known = staying.into_iter().find(|holder| !observed.foreign.contains(holder));
                known.into_iter().for_each(|holder| self.refuse(service, &what, holder));
            }
            for holder in leaving {
                let cause = self.leaving.get(&holder.id).cloned().unwrap_or_default();
                ends.push(self.end(&Replica::of(holder), holder, needs, cause));
            }
        }
        ends
    }

    /// A name of a replica's container that something has which stays.
    pub(super) fn refuse_held_name(&mut self, service: &DesiredService<'_>, slot: &Slot<'a>) {
        let kept = slot.current.filter(|_| !matches!(slot.action, ReplicaAction::Create(_)));
        if kept.is_some_and(|container| container.name == slot.name) {
            return;
        }
        let Some(holder) = self.holder(&slot.name) else { return };
        if !self.leaving.contains_key(&holder.id) && holder.state != State::Removing {
            self.refuse(service, &format!("container name `{}`", slot.name), holder);
        }
    }

    pub(super) fn refuse(&mut self, service: &DesiredService<'_>, what: &str, holder: &Container) {
        let other = &holder.service;
        let project = self.desired.project;
        let orphan = orphans(project, &self.observed.containers).any(|orphan| orphan.id == holder.id);
        let end = format!("`docker rm -f {}`", holder.name);
        let hint = match project.services.contains_key(other.as_str()) {
            _ if orphan => format!("remove it: `--remove-orphans`, or {end}"),
            true => format!("deploy `{other}` too, or remove that one: {end}"),
            false => format!("remove that one: {end}"),
        };
        let message = format!(
            "{what} is held by container `{}` of service `{other}`, which this deploy does not change",
            holder.name
        );
        self.problems.push(Problem::of(&service.service.name, message).hint(hint));
    }

    /// Ends a container that is to go, once; returns the operation after which it has ended.
    pub(super) fn end(
        &mut self,
        replica: &Replica,
        container: &'a Container,
        needs: &[OpId],
        cause: Cause,
    ) -> OpId {
        if let Some(ended) = self.ended.get(&container.id) {
            return *ended;
        }
        let target = ContainerRef::of(container);
        let ended = match self.is_ended(container) {
            // One that is off its networks is stopped already.
            Some(stopped) => self.draft.disable_restart(replica, &target, &[stopped], cause),
            None => self.draft.retire(replica, &target, needs, cause),
        };
        self.ended.insert(&container.id, ended);
        ended
    }

    /// The operation that has stopped a container before the plan settles, where one has.
    pub(super) fn is_ended(&self, container: &Container) -> Option<OpId> {
        let detached = self.detached.get(&container.id).and_then(|detached| detached.stopped);
        self.ended.get(&container.id).copied().or(detached)
    }
}
