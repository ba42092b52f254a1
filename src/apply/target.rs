//! What a plan is run on: the Docker Engine, or a fake in the executor's tests. A target does operations. When they begin, how
//! often they are tried and what a failure means is the executor's policy.

use std::future::Future;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::connection::Reach;
use super::control::Control;
use super::failure::{Stopped, TargetError};
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

    /// Waits until a worker has no work left, at most for the time that the operation says. It is dropped when the run is cancelled.
    fn drain(&self, operation: &Operation) -> impl Future<Output = Result<(), Self::Error>>;

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

impl<T: Target> Reach for T {
    fn reach(&self) -> LocalBoxFuture<'_, bool> {
        Box::pin(self.is_reachable())
    }
}
