//! Calls whose answer was lost: what became of them is looked at, then they are made again.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::Docker;
use super::failure::OperationError;
use super::reconnect::{ATTEMPTS, CLOSING, Phase};
use crate::apply::executor::Stopped;
use crate::labels::compose;
use crate::plan::action::Action;
use crate::plan::operation::{Operation, Undo};

impl Docker<'_> {
    /// One call that changes something, made again where the connection broke: after looking at what became of it. What
    /// the engine takes too long for it may do yet, so that is not made again; that it is done counts.
    pub(super) async fn change_surely(
        &self,
        operation: &Operation,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<OperationError>> {
        let mut attempt = 1;
        let mut permit = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Stopped::Cancelled),
            permit = self.permit() => permit?,
        };
        self.asked.borrow_mut().insert(operation.id);
        loop {
            let Err(error) = self.change(operation).await else { return Ok(()) };
            drop(permit);
            // A signal twice is another thing than a signal.
            let repeatable = !matches!(operation.action, Action::KillContainer { .. });
            if attempt == ATTEMPTS || !repeatable {
                return Err(error.into());
            }
            if error.is_late() {
                let looked = async {
                    let _permit = self.permit().await?;
                    self.is_done(operation).await
                };
                return match looked.await {
                    Ok(true) => Ok(()),
                    _ => Err(error.into()),
                };
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(error.into()),
                again = self.reconnected(&self.forward, &error) => if !again { return Err(error.into()) },
            }
            attempt += 1;
            permit = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(error.into()),
                permit = self.permit() => permit?,
            };
            if self.is_done(operation).await? {
                return Ok(());
            }
        }
    }

    /// Takes one operation back, again where the connection broke or no answer came: every way back may be gone twice.
    pub(super) async fn take_back_surely(
        &self,
        operation: &Operation,
        undo: Undo,
    ) -> Result<(), OperationError> {
        let mut attempt = 1;
        loop {
            let Err(error) = self.take_back(operation, undo).await else { return Ok(()) };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            // An engine that shuts down refuses with odd words before it is gone.
            if !self.reconnected(&self.backward, &error).await {
                match &error {
                    late if late.is_late() && attempt == 2 => {}
                    OperationError::Engine(refused) if refused.status() >= Some(500) => {
                        tokio::time::sleep(CLOSING).await;
                    }
                    _ => return Err(error),
                }
            }
        }
    }

    /// Looks at whether an operation whose answer was lost was done; what was half done is cleared away. The caller has
    /// leave for that.
    async fn is_done(&self, operation: &Operation) -> Result<bool, OperationError> {
        match &operation.action {
            Action::CreateNetwork { name, .. } => {
                let project = self.desired()?.project.name.as_str();
                let own = |labels: &BTreeMap<String, String>| {
                    labels.get(compose::PROJECT).is_some_and(|label| label == project)
                };
                let networks = self.engine.list_networks().await?;
                Ok(networks.iter().any(|network| network.name == *name && own(&network.labels)))
            }
            Action::RemoveNetwork { id, .. } => {
                Ok(!self.engine.list_networks().await?.iter().any(|network| network.id == *id))
            }
            // Looked at once more, it would be remembered as never attached.
            Action::DisconnectContainer { container, network, .. } => {
                Ok(self.engine.attachment(network, &self.id(container)?).await?.is_none())
            }
            Action::CreateContainer { name, .. } => {
                self.remove_created(operation.id, name).await?;
                Ok(false)
            }
            Action::RemoveContainer { container, .. } => {
                match self.engine.inspect(self.id(container)?.as_str()).await {
                    Err(error) if error.is_not_found() => Ok(true),
                    found => Ok(found.map(|_| false)?),
                }
            }
            Action::RenameContainer { container, name, .. } => {
                Ok(self.engine.inspect(self.id(container)?.as_str()).await?.name == *name)
            }
            _ => Ok(false),
        }
    }

    /// Whether the engine answers again after a call that failed so.
    async fn reconnected(&self, phase: &Phase, error: &OperationError) -> bool {
        match error {
            OperationError::Engine(error) => {
                phase.reconnected(self.engine, self.announcer.events(), error).await
            }
            _ => false,
        }
    }
}
