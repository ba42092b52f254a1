//! Tells whoever watches what an operation does: the phases of a subject, from the plan's point of view.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::Gate;
use crate::plan::operation::{OpId, Operation, Plan};
use crate::ui::event::{Event, EventSender, Phase, Subject};

/// Turns operations into events.
#[derive(Debug)]
pub(crate) struct Announcer {
    events: EventSender,
    /// Replicas that run when the plan is done: what is stopped and removed under their name is their predecessor.
    renewed: BTreeSet<Replica>,
    /// The creations of containers that take the place of others.
    replacing: BTreeSet<OpId>,
    /// How many begun operations of each subject can be taken back: it counts as undone with the last of them.
    undoable: RefCell<BTreeMap<Subject, usize>>,
}

impl Announcer {
    pub(crate) fn new(plan: &Plan, events: EventSender) -> Announcer {
        let renewed = plan
            .operations
            .iter()
            .filter(|operation| {
                matches!(operation.action, Action::StartContainer { .. } | Action::Await { .. })
            })
            .filter_map(|operation| operation.action.replica().cloned())
            .collect();
        let replacing = plan.operations.iter().filter_map(|operation| match operation.action {
            // A successor is created under a temporary name.
            Action::RenameContainer { container: ContainerRef::Created(created), .. } => Some(created),
            _ => None,
        });
        Announcer { events, renewed, replacing: replacing.collect(), undoable: RefCell::default() }
    }

    /// An operation begins.
    pub(crate) fn begin(&self, operation: &Operation) {
        if let Some(subject) = subject_of(&operation.action).filter(|_| operation.undo.is_some()) {
            *self.undoable.borrow_mut().entry(subject).or_default() += 1;
        }
        let phase = match &operation.action {
            Action::CreateContainer { .. } if self.replacing.contains(&operation.id) => Phase::Replacing,
            Action::CreateNetwork { .. } | Action::CreateVolume { .. } | Action::CreateContainer { .. } => {
                Phase::Creating
            }
            Action::StartContainer { .. } | Action::UnpauseContainer { .. } => Phase::Starting,
            Action::StopContainer { .. } => Phase::Stopping,
            Action::KillContainer { .. } => return,
            Action::RemoveContainer { replica, .. } if self.renewed.contains(replica) => return,
            Action::RemoveContainer { .. }
            | Action::RemoveNetwork { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. } => Phase::Removing,
            Action::Await { gate: Gate::Running, .. } | Action::Delay { .. } => return,
            Action::Await { .. } => Phase::Waiting,
            Action::RunHook { .. } => Phase::Waiting,
            Action::Steady { containers, .. } => {
                for (replica, _) in containers {
                    self.send(subject(replica), Phase::Waiting, Some("stays up".into()));
                }
                return;
            }
            Action::RenameContainer { .. }
            | Action::DisableRestart { .. }
            | Action::DisconnectContainer { .. }
            | Action::ConnectContainer { .. } => return,
        };
        let detail = match &operation.action {
            Action::Await { gate, .. } => Some(gate.to_string()),
            Action::RunHook { hook, .. } => Some(hook.to_string()),
            _ => Some(operation.cause.clone()).filter(|cause| !cause.is_empty()),
        };
        self.about(operation, phase, detail);
    }

    /// An operation is done.
    pub(crate) fn done(&self, operation: &Operation) {
        let phase = match &operation.action {
            Action::CreateNetwork { .. } | Action::CreateVolume { .. } => Phase::Done,
            Action::CreateContainer { .. } => Phase::Created,
            Action::StartContainer { .. } | Action::UnpauseContainer { .. } => Phase::Started,
            Action::StopContainer { replica, .. } | Action::RemoveContainer { replica, .. }
                if self.renewed.contains(replica) =>
            {
                return;
            }
            Action::StopContainer { .. } => Phase::Stopped,
            Action::KillContainer { .. } => Phase::Killed,
            Action::RemoveContainer { .. }
            | Action::RemoveNetwork { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. } => Phase::Removed,
            Action::Await { gate: Gate::Completed, .. } => Phase::Completed,
            // The stability window has the last word on what has no gate of its own.
            Action::Await { gate: Gate::Running, .. } | Action::Delay { .. } => return,
            Action::Await { .. } => Phase::Ready,
            Action::Steady { containers, .. } => {
                for (replica, _) in containers {
                    self.send(subject(replica), Phase::Ready, None);
                }
                return;
            }
            Action::RenameContainer { .. }
            | Action::DisableRestart { .. }
            | Action::RunHook { .. }
            | Action::DisconnectContainer { .. }
            | Action::ConnectContainer { .. } => return,
        };
        let detail = match &operation.action {
            Action::CreateContainer { .. } => Some("waits for its dependencies".into()),
            Action::CreateNetwork { .. } | Action::CreateVolume { .. } => Some("created".into()),
            Action::Await { gate: Gate::Completed, .. } => None,
            Action::KillContainer { signal, .. } => Some(signal.clone()),
            Action::Await { gate, .. } => Some(gate.to_string()),
            _ => None,
        };
        self.about(operation, phase, detail);
    }

    /// An operation failed, with the first line of why.
    pub(crate) fn failed(&self, operation: &Operation, error: &str) {
        self.about(operation, Phase::Failed, error.lines().next().map(String::from));
    }

    /// An operation is being taken back.
    pub(crate) fn undoing(&self, operation: &Operation) {
        self.about(operation, Phase::Undoing, None);
    }

    /// An operation was taken back.
    pub(crate) fn undone(&self, operation: &Operation) {
        let Some(subject) = subject_of(&operation.action) else {
            return;
        };
        let left = self.undoable.borrow_mut().get_mut(&subject).map(|left| {
            *left = left.saturating_sub(1);
            *left
        });
        if left == Some(0) {
            self.send(subject, Phase::Undone, None);
        }
    }

    /// Something about the run as a whole that a person should know.
    pub(crate) fn warn(&self, text: String) {
        let _ = self.events.send(Event::Warning(text));
    }

    pub(crate) fn events(&self) -> &EventSender {
        &self.events
    }

    fn about(&self, operation: &Operation, phase: Phase, detail: Option<String>) {
        if let Some(subject) = subject_of(&operation.action) {
            self.send(subject, phase, detail);
        }
    }

    fn send(&self, subject: Subject, phase: Phase, detail: Option<String>) {
        // Nobody watching is no reason to stop.
        let _ = self.events.send(Event::Phase { subject, phase, detail });
    }
}

/// What a replica is called in events.
pub(crate) fn subject(replica: &Replica) -> Subject {
    Subject::Container { service: replica.service.clone(), number: replica.number }
}

fn subject_of(action: &Action) -> Option<Subject> {
    match action {
        Action::CreateNetwork { name, .. } | Action::RemoveNetwork { name, .. } => {
            Some(Subject::Network(name.clone()))
        }
        Action::CreateVolume { name, .. } | Action::RemoveVolume { name } => {
            Some(Subject::Volume(name.clone()))
        }
        Action::RemoveImage { name } => Some(Subject::Image(name.clone())),
        action => action.replica().map(subject),
    }
}
