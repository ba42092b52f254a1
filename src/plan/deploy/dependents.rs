//! Services outside the scope that the deploy must restart: they are disconnected from a network, or share the namespaces of a
//! container that is. They start in the order of their dependencies, and their dependants wait for them.

use super::state::{Deploy, ServiceSteps};
use crate::compose::model::Condition;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::gate::Tolerance;
use crate::plan::labelled;
use crate::plan::observed::{Container, Health};
use crate::plan::operation::{Group, OpId};
use crate::plan::replica::ReplicaAction;

impl<'a> Deploy<'a> {
    /// Restarts the containers that need it.
    pub(super) fn service_outside_scope(&mut self, name: &'a str) {
        let assignment = self.assignments.remove(name).unwrap_or_default();
        let mut steps = ServiceSteps::default();
        for slot in assignment.slots {
            let Some(container) = slot.current else { continue };
            steps.first.get_or_insert_with(|| ContainerRef::of(container));
            if let ReplicaAction::Restart(cause) = slot.action {
                let needs = self.needs_outside_scope(container);
                let started = self.restart(&Replica::of(container), container, needs, cause);
                steps.started.push(started);
                steps.ready.push(self.ready_outside_scope(container, started));
            }
        }
        self.steps.insert(name, steps);
    }

    /// What must be done before a container outside the scope begins: its dependencies by the files, else by its label.
    fn needs_outside_scope(&self, container: &Container) -> Vec<OpId> {
        match self.desired.project.service(&container.service) {
            Some(service) => {
                let edges = service.depends_on.iter();
                self.needs_of(edges.map(|(name, dependency)| (name.as_str(), dependency.condition)))
            }
            None => self.needs_of(labelled::edges(container).map(|edge| {
                let started = edge.condition == Condition::Started.as_str();
                (edge.service, if started { Condition::Started } else { Condition::Healthy })
            })),
        }
    }

    /// Waits for a container outside the scope if another service needs that. Returns the operations after which it counts as
    /// ready.
    fn ready_outside_scope(&mut self, container: &Container, started: OpId) -> OpId {
        let name = container.service.as_str();
        let mut edges = self.desired.services.values().flat_map(|service| service.dependencies());
        let awaited = edges.any(|(needed, edge)| needed == name && edge.condition != Condition::Started);
        if !self.policy.wait && !awaited {
            return started;
        }
        let (replica, target) = (Replica::of(container), ContainerRef::of(container));
        if container.health == Health::None {
            self.watched.push((replica.clone(), target.clone()));
        }
        let wait = Action::Await {
            replica,
            container: target,
            gate: labelled::gate(container),
            deadline: None,
            optional: false,
            tolerance: Tolerance::default(),
        };
        self.draft.add(Group::Service(name.to_string()), &[started], wait, Cause::None)
    }

    /// Connects the stopped containers that were disconnected from a network.
    pub(super) fn attach_unstarted(&mut self) {
        let rest: Vec<&'a Container> = self
            .detached
            .values()
            .filter(|detached| !detached.attached && !self.leaving.contains_key(&detached.container.id))
            .map(|detached| detached.container)
            .collect();
        for container in rest {
            self.attach_again(container);
        }
    }
}
