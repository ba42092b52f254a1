//! Undoes operations, with what the target kept of them.

use futures_util::future::join_all;

use super::failure::OperationError;
use super::{Docker, Kept, Restored, ended_is_fine};
use crate::apply::control::Control;
use crate::engine::container::Removal;
use crate::engine::{RestartPolicy, ignore_missing};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::{Gate, STABILITY_WINDOW};
use crate::plan::hook::HookPoint;
use crate::plan::labelled;
use crate::plan::observed::{Container, ContainerId, Health, State};
use crate::plan::operation::{OpId, Operation, Undo};

impl Docker<'_> {
    pub(super) async fn undo_operation(
        &self,
        operation: &Operation,
        undo: Undo,
        control: &Control<'_>,
    ) -> Result<(), OperationError> {
        // Hooks take permits of their own, and a wait needs none.
        match (undo, &operation.action) {
            (Undo::Stop, Action::StartContainer { container, replica }) if self.id(container).is_ok() => {
                self.hand_over_for_undo(replica, container).await;
                self.hooks_for_undo(replica, container, HookPoint::PreStop, control).await?;
            }
            (Undo::Start, Action::StopContainer { container, replica, .. }) => {
                return self.restore(operation.id, container, replica, control).await;
            }
            _ => {}
        }
        let _permit = control.permit().await?;
        match (undo, &operation.action) {
            (Undo::Remove, Action::CreateNetwork { name, .. }) => {
                self.leave_network(name).await?;
                self.remove_created_network(name).await?;
            }
            (Undo::Remove, Action::CreateContainer { name, .. }) => {
                self.remove_created(operation.id, name).await?
            }
            (Undo::Recreate, Action::RemoveNetwork { name, .. }) => {
                self.recreate_network(operation.id).await?;
                self.join_network(name).await?;
            }
            (Undo::Connect, Action::DisconnectContainer { container, network, .. }) => {
                self.connect_as_before(operation.id, &self.id(container)?, network).await?;
            }
            (Undo::Disconnect, Action::ConnectContainer { container, network, .. }) => {
                ignore_missing(self.engine.disconnect(network, &self.id(container)?, true).await)?;
            }
            (Undo::Stop, Action::StartContainer { container, .. }) => {
                // It is unknown where its creation failed: there is nothing to stop.
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
                let policy = self.kept.borrow().get(&operation.id).cloned();
                if let Some(Kept::Policy(policy)) = policy {
                    self.enable_restart(&self.id(container)?, policy).await?;
                }
            }
            (Undo::RestoreEdge, Action::EnsureEdge { .. }) => self.restore_edge(operation.id).await?,
            (Undo::CloseEdge, Action::OpenEdge { .. }) => self.close_edge().await?,
            (Undo::RemoveServer, Action::AddServer { replica, container }) => {
                self.undo_add_server(replica, container).await?;
            }
            (Undo::Resume, Action::Quiesce { replica, container, .. }) => {
                self.undo_quiesce(operation.id, replica, container).await?;
            }
            (undo, action) => {
                return Err(OperationError::Impossible(format!("`{action}` has no undo `{undo:?}`")));
            }
        }
        Ok(())
    }

    /// Gives a container its restart policy back. One that ended by itself in the meantime is started, as its policy would have done.
    async fn enable_restart(&self, id: &ContainerId, policy: RestartPolicy) -> Result<(), OperationError> {
        self.engine.set_restart_policy(id, policy).await?;
        let restarts = |code| match policy {
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure(_) => code != 0,
            RestartPolicy::No => false,
        };
        if self.was_up(id) && !self.stopped.borrow().contains(id) {
            let details = self.engine.inspect(id.as_str()).await?;
            if matches!(details.state, State::Exited(code) if restarts(code)) {
                self.engine.start(id).await?;
            }
        }
        Ok(())
    }

    /// Removes a container that the run created. Where the creation failed or its answer was lost, the container is searched by
    /// name. One that existed before the run, or that another run created meanwhile, stays.
    pub(super) async fn remove_created(&self, op: OpId, name: &str) -> Result<(), OperationError> {
        let known = match self.kept.borrow().get(&op) {
            Some(Kept::Container { id }) => Some(id.clone()),
            _ => None,
        };
        let id = match known {
            Some(id) => id,
            None => match self.engine.inspect(name).await {
                Err(error) if error.is_not_found() => return Ok(()),
                found => {
                    let found = found?;
                    // After a loss of the run records run numbers begin again at 1, so an older container may have this number.
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

    /// Starts an old container again and waits until it is ready. One that was not ready before the run is not waited for.
    async fn restore(
        &self,
        operation: OpId,
        container: &ContainerRef,
        replica: &Replica,
        control: &Control<'_>,
    ) -> Result<(), OperationError> {
        let id = &self.id(container)?;
        let permit = control.permit().await?;
        self.engine.start(id).await?;
        drop(permit);
        self.hooks_for_undo(replica, container, HookPoint::PostStart, control).await?;
        let before = self.observed_container(id);
        if before.is_some_and(was_broken) {
            self.warn(format!(
                "{container} was not ready before the run; it is started again without a wait"
            ));
            return Ok(());
        }
        self.wait_restored(operation, replica, id, control).await?;
        self.resume_started(replica, container).await
    }

    /// Waits until an old container that was started again is ready.
    async fn wait_restored(
        &self,
        operation: OpId,
        replica: &Replica,
        id: &ContainerId,
        control: &Control<'_>,
    ) -> Result<(), OperationError> {
        let before = self.observed_container(id);
        let gate = before.map_or(Gate::Healthy { probe: true }, gate_of);
        let waited = self.waiter(&control.waiting()).wait(replica, id, &gate, None).await;
        match waited {
            // Whether it had been ready is not known.
            Err(error) if before.is_some_and(|before| before.health == Health::Starting) => {
                self.warn(format!("{error}\n  it was still starting before the run"));
            }
            waited => drop(waited?),
        }
        if gate == Gate::Running {
            let restored = Restored { operation, replica: replica.clone(), id: id.clone() };
            self.restored.borrow_mut().push(restored);
        }
        Ok(())
    }

    /// Watches all restored containers without a gate at once. Returns those that do not stay up.
    pub(super) async fn failed_restorations(&self, control: &Control<'_>) -> Vec<(OpId, OperationError)> {
        let restored = self.restored.take();
        let waiter = &self.waiter(control);
        let watches = restored.iter().map(async |Restored { operation, replica, id }| {
            Some((*operation, waiter.watch(replica, id, STABILITY_WINDOW).await.err()?))
        });
        join_all(watches).await.into_iter().flatten().collect()
    }
}

/// Whether a container was certainly not ready before the run. One that the engine calls `starting` may have passed its gate: with
/// a long interval the engine's own first test comes late.
fn was_broken(container: &Container) -> bool {
    container.state != State::Running || container.health == Health::Unhealthy
}

/// The gate that shows whether a container which was ready is ready again.
fn gate_of(container: &Container) -> Gate {
    match labelled::gate(container) {
        Gate::Healthy { .. } if container.health == Health::None => Gate::Running,
        gate => gate,
    }
}
