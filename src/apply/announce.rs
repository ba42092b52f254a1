//! The events of a run: the phase of each subject, as the plan defines it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::plan::action::{Action, Replica};
use crate::plan::cause::Cause;
use crate::plan::gate::Gate;
use crate::plan::kind::{Change, Object, Wait};
use crate::plan::operation::{OpId, Operation, Plan};
use crate::ui::event::{Event, EventSender, Phase, Subject};

/// Turns operations into events.
#[derive(Debug)]
pub(super) struct Announcer {
    events: EventSender,
    /// The replicas that run at the end of the plan. What is stopped and removed under their name is their predecessor.
    kept: BTreeSet<Replica>,
    /// The creations of containers that replace others.
    replacing: BTreeSet<OpId>,
    /// The number of begun operations of each subject that can be undone. The subject is undone with the last of them.
    undoable: RefCell<BTreeMap<Subject, usize>>,
}

impl Announcer {
    pub(super) fn new(plan: &Plan, events: EventSender) -> Announcer {
        let actions = || plan.operations.iter().map(|operation| &operation.action);
        let keeps = |action: &&Action| {
            action.change() == Some(Change::Start) || matches!(action.wait(), Wait::Gate(_))
        };
        Announcer {
            events,
            kept: actions().filter(keeps).filter_map(|action| action.replica().cloned()).collect(),
            replacing: actions().filter_map(Action::renamed_creation).collect(),
            undoable: RefCell::default(),
        }
    }

    /// An operation begins.
    pub(super) fn begin(&self, operation: &Operation) {
        let action = &operation.action;
        if let Some(subject) = subject_of(action).filter(|_| operation.undo.is_some()) {
            *self.undoable.borrow_mut().entry(subject).or_default() += 1;
        }
        let (phase, detail) = match action.wait() {
            Wait::Gate(Gate::Running) | Wait::Delay(_) | Wait::Barrier => return,
            Wait::Gate(_) | Wait::Hook { .. } => (Phase::Waiting, action.bounded_condition()),
            Wait::Drain => return,
            Wait::Steady(_) => {
                let waiting = |replica| self.send(subject(replica), Phase::Waiting, Some("stays up".into()));
                return action.watched().for_each(waiting);
            }
            Wait::No => match self.phase_of_begin(operation) {
                Some(phase) => (phase, Some(operation.cause.to_string()).filter(|cause| !cause.is_empty())),
                None => return,
            },
        };
        self.send_about(operation, phase, detail);
    }

    fn phase_of_begin(&self, operation: &Operation) -> Option<Phase> {
        Some(match operation.action.change()? {
            Change::Create if self.replacing.contains(&operation.id) => Phase::Replacing,
            Change::Create => Phase::Creating,
            Change::Start | Change::Resume => Phase::Starting,
            Change::Stop => Phase::Stopping,
            Change::Remove if self.is_of_predecessor(&operation.action) => return None,
            Change::Remove => Phase::Removing,
            Change::Quiesce => Phase::Draining,
            Change::Configure if operation.cause == Cause::Missing => Phase::Creating,
            Change::Configure => Phase::Configuring,
            Change::Signal | Change::Adjust | Change::Hook | Change::Consume => return None,
        })
    }

    /// An operation is done.
    pub(super) fn done(&self, operation: &Operation) {
        let action = &operation.action;
        let (phase, detail) = match action.wait() {
            // The stability window decides about a replica without a gate of its own.
            Wait::Gate(Gate::Running) | Wait::Hook { .. } | Wait::Delay(_) | Wait::Drain | Wait::Barrier => {
                return;
            }
            Wait::Gate(Gate::Completed) => (Phase::Completed, None),
            Wait::Gate(_) => (Phase::Ready, action.condition()),
            Wait::Steady(_) => {
                return action.watched().for_each(|replica| self.send(subject(replica), Phase::Ready, None));
            }
            Wait::No => match self.phase_of_end(action) {
                Some(phase) => phase,
                None => return,
            },
        };
        self.send_about(operation, phase, detail);
    }

    fn phase_of_end(&self, action: &Action) -> Option<(Phase, Option<String>)> {
        Some(match action.change()? {
            Change::Create if action.replica().is_some() => {
                (Phase::Created, Some("waits for its dependencies".into()))
            }
            Change::Create => (Phase::Done, Some("created".into())),
            Change::Configure => (Phase::Done, action.edge_state()),
            Change::Start | Change::Resume => (Phase::Started, None),
            Change::Stop | Change::Remove if self.is_of_predecessor(action) => return None,
            Change::Stop => (Phase::Stopped, None),
            Change::Signal => (Phase::Killed, action.signal().map(String::from)),
            Change::Remove => (Phase::Removed, None),
            Change::Consume => (Phase::Done, Some("consumes again".into())),
            Change::Adjust | Change::Hook | Change::Quiesce => return None,
        })
    }

    /// Whether an action removes or stops the predecessor of a replica that runs at the end of the plan.
    fn is_of_predecessor(&self, action: &Action) -> bool {
        action.replica().is_some_and(|replica| self.kept.contains(replica))
    }

    /// An operation failed; the event has the first line of the error.
    pub(super) fn failed(&self, operation: &Operation, error: &str) {
        self.send_about(operation, Phase::Failed, error.lines().next().map(String::from));
    }

    /// An undo begins.
    pub(super) fn undoing(&self, operation: &Operation) {
        self.send_about(operation, Phase::Undoing, None);
    }

    /// An undo is done.
    pub(super) fn undone(&self, operation: &Operation) {
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

    pub(super) fn warn(&self, text: String) {
        let _ = self.events.send(Event::Warning(text));
    }

    pub(super) fn note(&self, text: String) {
        let _ = self.events.send(Event::Note(text));
    }

    fn send_about(&self, operation: &Operation, phase: Phase, detail: Option<String>) {
        if let Some(subject) = subject_of(&operation.action) {
            self.send(subject, phase, detail);
        }
    }

    fn send(&self, subject: Subject, phase: Phase, detail: Option<String>) {
        // A run continues when nobody watches it.
        let _ = self.events.send(Event::Phase { subject, phase, detail });
    }
}

/// The name of a replica in events.
pub(crate) fn subject(replica: &Replica) -> Subject {
    Subject::Container { service: replica.service.clone(), number: replica.number }
}

fn subject_of(action: &Action) -> Option<Subject> {
    action.object().map(|object| match object {
        Object::Network(name) => Subject::Network(name.into()),
        Object::Volume(name) => Subject::Volume(name.into()),
        Object::Image(name) => Subject::Image(name.into()),
        Object::Edge(name) => Subject::Edge(name.into()),
        Object::Replica(replica) => subject(replica),
    })
}
