//! Whether a change was made whose answer was lost.

use std::collections::BTreeMap;

use super::Docker;
use super::failure::OperationError;
use crate::labels::compose;
use crate::plan::action::Action;
use crate::plan::operation::Operation;

impl Docker<'_> {
    /// Whether a change was made. One that was half made is cleaned up, so that it can be made again.
    pub(super) async fn is_applied(&self, operation: &Operation) -> Result<bool, OperationError> {
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
            // A second attempt would find it disconnected, and forget how it was connected.
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
            // A signal is never sent twice, and the others may be made twice without harm.
            Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::ConnectContainer { .. }
            | Action::StartContainer { .. }
            | Action::UnpauseContainer { .. }
            | Action::StopContainer { .. }
            | Action::KillContainer { .. }
            | Action::Quiesce { .. }
            | Action::VerifyEnd { .. }
            | Action::Resume { .. }
            | Action::EnsureEdge { .. }
            | Action::OpenEdge { .. }
            | Action::RemoveEdge { .. }
            | Action::AddServer { .. }
            | Action::RemoveServer { .. }
            | Action::DisableRestart { .. } => Ok(false),
            Action::RunHook { .. }
            | Action::Await { .. }
            | Action::Drain { .. }
            | Action::Steady { .. }
            | Action::Delay { .. }
            | Action::Barrier => Ok(false),
        }
    }
}
