//! What a plan is run on: the Docker Engine, or a fake in the executor's tests. A target does operations. When they begin, how
//! often they are tried and what a failure means is the executor's policy.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::control::Control;
use super::fence::Closed;
use crate::plan::action::Replica;
use crate::plan::operation::{OpId, Operation, Undo};

/// Does the operations of one plan.
pub trait Target {
    type Error: TargetError;

    /// Makes one change. It is never cancelled. The executor holds a permit for it.
    fn apply(&self, operation: &Operation) -> impl Future<Output = Result<(), Self::Error>>;

    /// Whether a change whose answer was lost was made. A change that was half made is cleaned up first. The executor holds a
    /// permit for it.
    fn was_applied(&self, operation: &Operation) -> impl Future<Output = Result<bool, Self::Error>>;

    /// Waits for an operation's gate. It ends with a failure when [`Control::expired`] does, and is dropped when the run is
    /// cancelled.
    fn wait(
        &self,
        operation: &Operation,
        control: &Control<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// Watches a replica for the whole stability window of an operation. It is dropped when the run is cancelled.
    fn watch(
        &self,
        operation: &Operation,
        replica: &Replica,
        window: Duration,
        control: &Control<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// Runs a hook to its end, at most until [`Control::deadline`]. It ends with [`Stopped::Cancelled`] when the run is
    /// cancelled, and cleans up before. The executor holds a permit for it.
    fn run_hook(
        &self,
        operation: &Operation,
        control: &Control<'_>,
    ) -> impl Future<Output = Result<(), Stopped<Self::Error>>>;

    /// Removes the started replica's new container, if the plan created one: a paused update leaves that replica as it was. The
    /// executor holds a permit for it.
    fn leave_out(&self, operation: &Operation) -> impl Future<Output = Result<(), Self::Error>>;

    /// Undoes an operation that was begun, done or not. Nothing to undo is success. It must be repeatable, and takes a permit of
    /// `control` for each call. [`Undo::Start`] also waits for the gate of what it starts, where it has one.
    fn undo(
        &self,
        operation: &Operation,
        undo: Undo,
        control: &Control<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// Watches what undos started again and what has no gate, once everything is undone. Returns what does not stay up, by the
    /// operation whose undo started it.
    fn watch_restored(&self, control: &Control<'_>) -> impl Future<Output = Vec<(OpId, Self::Error)>>;

    /// Whether the target answers.
    fn is_reachable(&self) -> impl Future<Output = bool>;
}

/// Why a target could not do an operation: what the executor and its report must know of it.
pub trait TargetError: fmt::Display + From<Closed> {
    fn retry(&self) -> Retry;

    /// The service that did not get ready, where that is the failure. A service of an operation may have failed in another way.
    fn unready_service(&self) -> Option<&str>;

    /// The failure for people. `attempt` is what was tried (``service `web`: start web-1``); a failure that says so itself
    /// leaves it out.
    fn explain(&self, attempt: &Attempt) -> String;

    /// What a person may do about it.
    fn hints(&self) -> Vec<String>;

    /// The whole log of what failed, for the run's record.
    fn log(&self) -> Option<String>;

    /// A command that shows what is left of a project on the target.
    fn inspection(project: &str) -> String;
}

/// What was tried, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub group: String,
    /// The service, where the operation acts on one of its containers.
    pub service: Option<String>,
    pub action: String,
    pub acts_on_container: bool,
}

/// ``service `web`: start web-1``
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "service `{service}`: {}", self.action),
            None => f.write_str(&self.action),
        }
    }
}

/// Whether another try may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The failure is final.
    No,
    /// The connection broke. Once the target answers again, it shows whether the change was made.
    Reconnect,
    /// No answer came in time. The change may still happen, so it must not be made a second time.
    Late,
    /// The target refused, and may be shutting down: an undo tries again after this time.
    After(Duration),
}

impl Retry {
    /// Whether the target did not answer.
    pub fn is_unanswered(self) -> bool {
        matches!(self, Retry::Reconnect | Retry::Late)
    }
}

/// Why an operation did not get done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped<E> {
    Cancelled,
    Failed(E),
}

impl<E> From<E> for Stopped<E> {
    fn from(error: E) -> Stopped<E> {
        Stopped::Failed(error)
    }
}
