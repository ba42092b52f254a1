//! The way back of each operation: what `apply::docker` did is undone, by what it kept of it.

use tokio_util::sync::CancellationToken;

use super::announce::subject;
use super::docker::{Docker, Made, ended_is_fine, gone_is_fine};
use super::executor::Stopped;
use super::failure::OperationError;
use super::ready::Candidate;
use crate::engine::container::Removal;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::Gate;
use crate::plan::hooks::HookPoint;
use crate::plan::observed::NetworkId;
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
                return self.restore(container, replica).await;
            }
            _ => {}
        }
        let _permit = self.permit().await?;
        match (undo, &operation.action) {
            (Undo::Remove, Action::CreateNetwork { name, .. }) => {
                gone_is_fine(self.engine.remove_network(&NetworkId(name.clone())).await)?;
            }
            (Undo::Remove, Action::CreateContainer { name, .. }) => {
                self.remove_created(operation.id, name).await?
            }
            (Undo::Recreate, Action::RemoveNetwork { .. }) => self.recreate_network(operation.id).await?,
            (Undo::Connect, Action::DisconnectContainer { container, network, .. }) => {
                self.connect_as_before(operation.id, &self.id(container)?, network).await?;
            }
            (Undo::Disconnect, Action::ConnectContainer { container, network, .. }) => {
                gone_is_fine(self.engine.disconnect(network, &self.id(container)?, true).await)?;
            }
            (Undo::Stop, Action::StartContainer { container, .. }) => {
                // Where its creation failed there is nothing to stop.
                if let Ok(id) = self.id(container) {
                    gone_is_fine(self.stop(&id, None).await)?;
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

    /// Removes a container that the run created. Where the answer to its creation was lost, it is looked for by name:
    /// one that was there before the run is left alone.
    pub(super) async fn remove_created(&self, op: OpId, name: &str) -> Result<(), OperationError> {
        let known = match self.made.borrow().get(&op) {
            Some(Made::Container { id }) => Some(id.clone()),
            _ => None,
        };
        let id = match known {
            Some(id) => id,
            None => match self.engine.inspect(name).await {
                Err(error) if error.is_not_found() => return Ok(()),
                found => found?.id,
            },
        };
        let before =
            self.observed.containers.iter().chain(&self.observed.foreign).any(|container| container.id == id);
        if !before {
            gone_is_fine(self.engine.remove(&id, Removal { force: true, anonymous_volumes: true }).await)?;
        }
        Ok(())
    }

    /// Starts an old container again and waits until it is as ready as it can be seen to be.
    async fn restore(&self, container: &ContainerRef, replica: &Replica) -> Result<(), OperationError> {
        let id = &self.id(container)?;
        let permit = self.permit().await?;
        self.engine.start(id).await?;
        drop(permit);
        self.run_hooks(replica, container, HookPoint::PostStart).await?;
        let details = self.engine.inspect(id.as_str()).await?;
        let gate = match details.healthcheck {
            Some(_) => Gate::Healthy { probe: !details.has_gpu },
            None => Gate::Running,
        };
        let subject = subject(replica);
        let candidate = Candidate { id, service: &replica.service, subject: &subject, gate: &gate };
        let counting = self.backward.waits.count();
        let waiter = self.waiter(&self.backward, counting.deadline);
        match waiter.wait(&candidate, &CancellationToken::new()).await {
            Err(Stopped::Failed(error)) => Err(error),
            _ => Ok(()),
        }
    }
}
