//! The way back of each operation: what `apply::docker` did is undone, by what it kept of it.

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::failure::OperationError;
use super::ready::Candidate;
use super::{Docker, Made, Restored, ended_is_fine};
use crate::apply::announce::subject;
use crate::apply::executor::Stopped;
use crate::engine::container::Removal;
use crate::engine::ignore_missing;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::{Gate, STABILITY_WINDOW};
use crate::plan::hooks::HookPoint;
use crate::plan::labelled;
use crate::plan::observed::{Container, Health, State};
use crate::plan::operation::{OpId, Operation, Undo};

impl Docker<'_> {
    /// Takes one operation back.
    pub(super) async fn take_back(&self, operation: &Operation, undo: Undo) -> Result<(), OperationError> {
        // Hooks, and the wait for what runs again, have their own leave.
        match (undo, &operation.action) {
            (Undo::Stop, Action::StartContainer { container, replica }) if self.id(container).is_ok() => {
                self.run_hooks(replica, container, HookPoint::PreStop).await?;
            }
            (Undo::Start, Action::StopContainer { container, replica, .. }) => {
                return self.restore(operation.id, container, replica).await;
            }
            _ => {}
        }
        let _permit = self.permit().await?;
        match (undo, &operation.action) {
            (Undo::Remove, Action::CreateNetwork { name, .. }) => self.remove_created_network(name).await?,
            (Undo::Remove, Action::CreateContainer { name, .. }) => {
                self.remove_created(operation.id, name).await?
            }
            (Undo::Recreate, Action::RemoveNetwork { .. }) => self.recreate_network(operation.id).await?,
            (Undo::Connect, Action::DisconnectContainer { container, network, .. }) => {
                self.connect_as_before(operation.id, &self.id(container)?, network).await?;
            }
            (Undo::Disconnect, Action::ConnectContainer { container, network, .. }) => {
                ignore_missing(self.engine.disconnect(network, &self.id(container)?, true).await)?;
            }
            (Undo::Stop, Action::StartContainer { container, .. }) => {
                // Where its creation failed there is nothing to stop.
                if let Ok(id) = self.id(container) {
                    ignore_missing(self.stop(&id, None).await)?;
                }
            }
            (Undo::Remove, Action::RunHook { replica, hook, .. }) => {
                self.remove_hook_container(replica, *hook).await?;
            }
            (Undo::Pause, Action::UnpauseContainer { container, .. }) => {
                ended_is_fine(self.engine.pause(&self.id(container)?).await)?;
            }
            (Undo::EnableRestart, Action::DisableRestart { container, .. }) => {
                let policy = self.made.borrow().get(&operation.id).cloned();
                if let Some(Made::Policy(policy)) = policy {
                    self.engine.set_restart_policy(&self.id(container)?, policy).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Removes a container that the run created. Where the answer to its creation was lost, or it was refused, it is looked for
    /// by name: one that was there before the run, or that somebody else gave the name meanwhile, is let be.
    pub(super) async fn remove_created(&self, op: OpId, name: &str) -> Result<(), OperationError> {
        let known = match self.made.borrow().get(&op) {
            Some(Made::Container { id }) => Some(id.clone()),
            _ => None,
        };
        let id = match known {
            Some(id) => id,
            None => match self.engine.inspect(name).await {
                Err(error) if error.is_not_found() => return Ok(()),
                found => {
                    let found = found?;
                    // Where records were lost, numbers of runs begin anew: an older container may have this one's.
                    let before = self.observed_container(&found.id).is_some();
                    if before || !self.is_of_this_run(&found.labels)? {
                        return Ok(());
                    }
                    found.id
                }
            },
        };
        let all = Removal { force: true, anonymous_volumes: true };
        Ok(ignore_missing(self.engine.remove(&id, all).await)?)
    }

    /// Starts an old container again and waits until it is as ready as it can be seen to be. One that was not ready before
    /// the run is not waited for: as it was is all that it has to be.
    async fn restore(
        &self,
        operation: OpId,
        container: &ContainerRef,
        replica: &Replica,
    ) -> Result<(), OperationError> {
        let id = &self.id(container)?;
        let permit = self.permit().await?;
        self.engine.start(id).await?;
        drop(permit);
        self.run_hooks(replica, container, HookPoint::PostStart).await?;
        let before = self.observed_container(id);
        if !before.is_none_or(was_ready) {
            let text = format!("{container} was not ready before; it is started again and not waited for");
            self.announcer.warn(text);
            return Ok(());
        }
        let gate = before.map_or(Gate::Healthy { probe: true }, gate_of);
        let subject = subject(replica);
        let candidate = Candidate { id, service: &replica.service, subject: &subject, gate: &gate };
        let counting = self.backward.waits.count();
        let waiter = self.waiter(&self.backward, counting.deadline);
        if let Err(Stopped::Failed(error)) = waiter.wait(&candidate, &CancellationToken::new()).await {
            return Err(error);
        }
        if gate == Gate::Running {
            let restored = Restored { operation, replica: replica.clone(), id: id.clone() };
            self.restored.borrow_mut().push(restored);
        }
        Ok(())
    }

    /// Watches what was started again and has no gate, all of it at once. Returns what does not stay up.
    pub(super) async fn fallen(&self) -> Vec<(OpId, OperationError)> {
        let counting = self.backward.waits.count();
        let waiter = self.waiter(&self.backward, counting.deadline + STABILITY_WINDOW);
        let restored = self.restored.take();
        let watches = restored.iter().map(|Restored { operation, replica, id }| {
            let waiter = &waiter;
            async move {
                let stayed = waiter.steady(replica, id, STABILITY_WINDOW).await.flatten();
                stayed.err().map(|error| (*operation, error))
            }
        });
        join_all(watches).await.into_iter().flatten().collect()
    }
}

/// Whether a container was ready before the run, as far as the engine told.
fn was_ready(container: &Container) -> bool {
    container.state == State::Running && matches!(container.health, Health::None | Health::Healthy)
}

/// How a container that was ready is known to be ready again.
fn gate_of(container: &Container) -> Gate {
    match labelled::gate(container) {
        Gate::Healthy { .. } if container.health == Health::None => Gate::Running,
        gate => gate,
    }
}
