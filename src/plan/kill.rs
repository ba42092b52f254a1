//! The plan of `kill`: a signal to every container that runs, all at once. Works from labels alone.

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::draft::Draft;
use super::labelled::Scope;
use super::observed::{Container, Observed};
use super::operation::{Group, OnFailure, Plan};

/// Plans a `kill`. It has no order and no grace period.
pub fn kill(project: &str, observed: &Observed, scope: &Scope, signal: &str) -> Plan {
    let mut draft = Draft::default();
    let mut running: Vec<&Container> = scope.pick(&observed.containers);
    running.retain(|container| container.is_up());
    for container in running {
        let action = Action::KillContainer {
            replica: Replica::of(container),
            container: ContainerRef::of(container),
            signal: signal.to_string(),
        };
        let killed = draft.add(Group::Service(container.service.clone()), &[], action, Cause::Verb("kill"));
        draft.disruptive(killed);
    }
    Plan {
        project: project.to_string(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::GoOn,
        unchanged: Vec::new(),
        notes: Vec::new(),
    }
}
