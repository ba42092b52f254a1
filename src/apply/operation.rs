//! One operation of a run: what it waits for before it begins, what its failure means, and its events.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::control::{Control, Permit};
use super::executor::Run;
use super::failure::{Stopped, TargetError};
use super::options::is_recorded;
use super::target::Target;
use super::tolerance::FailureEffect;
use crate::plan::action::Replica;
use crate::plan::kind::{Change, Wait};
use crate::plan::operation::{OpId, Operation, Undo};

impl<T: Target> Run<'_, T> {
    /// Does one operation. When `cancel` fires, waits end at once; a change is finished first.
    pub(super) async fn perform(
        &self,
        operation: &Operation,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<T::Error>> {
        self.record(operation).await?;
        let control = self.control(&self.forward, cancel);
        if !self.tolerance.borrow_mut().begins(operation) {
            return self.leave_out(operation, &control).await;
        }
        self.announcer.begin(operation);
        let outcome = match operation.action.wait() {
            Wait::No => self.change(operation, &control).await,
            Wait::Gate(_) => self.wait(operation, &control).await,
            Wait::Steady(window) => self.watch(operation, window, &control).await,
            Wait::Delay(time) => tokio::select! {
                () = control.cancelled() => Err(Stopped::Cancelled),
                () = tokio::time::sleep(time) => Ok(()),
            },
            Wait::Drain => tokio::select! {
                biased;
                () = control.cancelled() => Err(Stopped::Cancelled),
                outcome = self.target.drain(operation) => outcome.map_err(Stopped::Failed),
            },
            Wait::Hook { bounded } => self.run_hook(operation, bounded, &control).await,
            Wait::Barrier => Ok(()),
        };
        match outcome {
            Ok(()) => {
                self.announcer.done(operation);
                Ok(())
            }
            Err(Stopped::Failed(error)) => Ok(self.accept(operation, error)?),
            Err(Stopped::Cancelled) => Err(Stopped::Cancelled),
        }
    }

    /// Undoes one operation that was begun.
    pub(super) async fn undo(&self, operation: &Operation) -> Result<(), T::Error> {
        let Some(undo) = operation.undo else { return Ok(()) };
        let left_out = |replica| self.tolerance.borrow().leaves_out(replica);
        if undo != Undo::Remove && operation.action.replica().is_some_and(left_out) {
            return Ok(());
        }
        if !self.attempted.borrow().contains(&operation.id) {
            self.announcer.undone(operation);
            return Ok(());
        }
        self.announcer.undoing(operation);
        let control = self.control(&self.backward, &CancellationToken::new());
        let outcome = self.undo_repeatedly(operation, undo, &control).await;
        match &outcome {
            Ok(()) => self.announcer.undone(operation),
            Err(error) => self.announcer.failed(operation, &error.to_string()),
        }
        outcome
    }

    /// Waits until the start of the run is recorded. Creations do not wait, since no user notices them: that hides the time
    /// that the record takes.
    async fn record(&self, operation: &Operation) -> Result<(), Stopped<T::Error>> {
        match &self.options.record {
            Some(record) if operation.action.change() != Some(Change::Create) => {
                if is_recorded(record).await { Ok(()) } else { Err(Stopped::Cancelled) }
            }
            _ => Ok(()),
        }
    }

    /// A permit for a change that is to begin; cancelled until then.
    pub(super) async fn permit<'c>(&self, control: &Control<'c>) -> Result<Permit<'c>, Stopped<T::Error>> {
        tokio::select! {
            biased;
            () = control.cancelled() => Err(Stopped::Cancelled),
            permit = control.permit() => Ok(permit.map_err(T::Error::from)?),
        }
    }

    /// An operation on a replica that a paused update leaves as it was: its new container must not stay.
    async fn leave_out(&self, operation: &Operation, control: &Control<'_>) -> Result<(), Stopped<T::Error>> {
        if operation.action.change() != Some(Change::Start) {
            return Ok(());
        }
        let _permit = control.permit().await.map_err(T::Error::from)?;
        Ok(self.target.leave_out(operation).await?)
    }

    async fn wait(&self, operation: &Operation, control: &Control<'_>) -> Result<(), Stopped<T::Error>> {
        let control = control.waiting();
        tokio::select! {
            biased;
            () = control.cancelled() => Err(Stopped::Cancelled),
            outcome = self.target.wait(operation, &control) => Ok(outcome?),
        }
    }

    /// Watches all replicas of a stability window at once. The failure of each is judged by itself.
    async fn watch(
        &self,
        operation: &Operation,
        window: Duration,
        control: &Control<'_>,
    ) -> Result<(), Stopped<T::Error>> {
        let control = control.waiting();
        let left_out = |replica: &Replica| self.tolerance.borrow().leaves_out(replica);
        let watched = operation.action.watched().filter(|replica| !left_out(replica));
        let watches = watched.map(async |replica| {
            match self.target.watch(operation, replica, window, &control).await {
                Err(error) if error.unready_service().is_some() => self.judge(operation.id, replica, error),
                outcome => outcome,
            }
        });
        tokio::select! {
            biased;
            () = control.cancelled() => Err(Stopped::Cancelled),
            outcome = try_join_all(watches) => Ok(outcome.map(drop)?),
        }
    }

    async fn run_hook(
        &self,
        operation: &Operation,
        bounded: bool,
        control: &Control<'_>,
    ) -> Result<(), Stopped<T::Error>> {
        let _permit = self.permit(control).await?;
        self.attempted.borrow_mut().insert(operation.id);
        if bounded {
            self.target.run_hook(operation, &control.waiting()).await
        } else {
            self.target.run_hook(operation, control).await
        }
    }

    /// What the failure of an operation means. It is only a warning where nothing requires the operation, or where
    /// `update_config` tolerates it. Behind a closed fence every failure is final, since another run may change the project.
    fn accept(&self, operation: &Operation, error: T::Error) -> Result<(), T::Error> {
        if self.options.fence.is_some_and(|fence| fence.check().is_err()) {
            self.announcer.failed(operation, &error.to_string());
            return Err(error);
        }
        if let Some(why) = operation.action.why_failure_is_ignored() {
            self.announcer.warn(format!("{error}\n  {why}"));
            self.announcer.done(operation);
            return Ok(());
        }
        let judged = match operation.action.judged_replica() {
            Some(replica) => self.judge(operation.id, replica, error),
            None => Err(error),
        };
        judged.inspect_err(|error| self.announcer.failed(operation, &error.to_string()))
    }

    /// What the failure of a replica means under `update_config`.
    fn judge(&self, id: OpId, replica: &Replica, error: T::Error) -> Result<(), T::Error> {
        match self.tolerance.borrow_mut().judge(replica) {
            FailureEffect::Fails => return Err(error),
            FailureEffect::Warns => {
                self.announcer
                    .warn(format!("{error}\n  `update_config` allows this failure, so the run continues"));
            }
            FailureEffect::Pauses => self.paused.borrow_mut().push((id, error)),
            FailureEffect::Known => {}
        }
        Ok(())
    }
}
