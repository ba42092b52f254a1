//! A plan in the making: numbers operations and keeps what strategies must find again.

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::operation::{Group, OpId, Operation, Undo};

/// The operations so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    operations: Vec<Operation>,
}

impl Draft {
    /// Adds an operation and returns its number. Needs are sorted and each is kept once, so that plans print stably.
    pub(super) fn add(&mut self, group: Group, needs: &[OpId], action: Action, cause: Cause) -> OpId {
        let id = OpId(self.operations.len() + 1);
        let mut needs = needs.to_vec();
        needs.sort_unstable();
        needs.dedup();
        self.operations.push(Operation { id, ..Operation::new(group, needs, action, cause) });
        id
    }

    /// Sets how an operation is undone.
    pub(super) fn undo(&mut self, id: OpId, undo: Undo) {
        if let Some(operation) = self.operations.get_mut(id.0 - 1) {
            operation.undo = Some(undo);
        }
    }

    /// Marks an operation that users of the service notice.
    pub(super) fn disruptive(&mut self, id: OpId) {
        if let Some(operation) = self.operations.get_mut(id.0 - 1) {
            operation.disruptive = true;
        }
    }

    /// Marks an operation that cannot be undone.
    pub(super) fn one_way(&mut self, id: OpId) {
        if let Some(operation) = self.operations.get_mut(id.0 - 1) {
            operation.one_way = true;
        }
    }

    /// Ends an old container before its successor is ready. Its restart policy is switched off first, since a restart of the
    /// engine would start it beside the successor. Returns the stop.
    pub(super) fn retire(
        &mut self,
        replica: &Replica,
        container: &ContainerRef,
        needs: &[OpId],
        cause: Cause,
    ) -> OpId {
        let disabled = self.disable_restart(replica, container, needs, cause.clone());
        let group = Group::Service(replica.service.clone());
        let (replica, container) = (replica.clone(), container.clone());
        let stop = Action::StopContainer { replica, container, grace: None };
        let stopped = self.add(group, &[disabled], stop, cause);
        self.undo(stopped, Undo::Start);
        self.disruptive(stopped);
        stopped
    }

    /// Adds the end of a container's restart policy.
    pub(super) fn disable_restart(
        &mut self,
        replica: &Replica,
        container: &ContainerRef,
        needs: &[OpId],
        cause: Cause,
    ) -> OpId {
        let action = Action::DisableRestart { replica: replica.clone(), container: container.clone() };
        let disabled = self.add(Group::Service(replica.service.clone()), needs, action, cause);
        self.undo(disabled, Undo::EnableRestart);
        disabled
    }

    /// All operations: the barrier needs them.
    pub(super) fn ids(&self) -> Vec<OpId> {
        self.operations.iter().map(|operation| operation.id).collect()
    }

    /// The operations that no other one needs.
    pub(super) fn ends(&self) -> Vec<OpId> {
        let needed: std::collections::BTreeSet<OpId> =
            self.operations.iter().flat_map(|operation| operation.needs.iter().copied()).collect();
        self.ids().into_iter().filter(|id| !needed.contains(id)).collect()
    }

    /// The finished list.
    pub(super) fn finish(self) -> Vec<Operation> {
        self.operations
    }
}
