//! Replaces networks under their names. Containers are disconnected and connected again as they were. The description of the old
//! network is kept, so that an undo can create it again.

use super::failure::OperationError;
use super::{Docker, Kept};
use crate::engine::ignore_missing;
use crate::plan::observed::{ContainerId, NetworkId};
use crate::plan::operation::{OpId, Operation, Undo};

impl Docker<'_> {
    /// Removes a network. One that an undo would create again is inspected first.
    pub(super) async fn remove_network(
        &self,
        operation: &Operation,
        id: &NetworkId,
    ) -> Result<(), OperationError> {
        if operation.undo == Some(Undo::Recreate) {
            let found = self.engine.network_as_found(id).await?;
            self.kept.borrow_mut().insert(operation.id, Kept::Network(found));
        }
        ignore_missing(self.engine.remove_network(id).await)?;
        Ok(())
    }

    /// Removes a network that this run created. A network of the same name that another run created stays.
    pub(super) async fn remove_created_network(&self, name: &str) -> Result<(), OperationError> {
        for network in self.engine.list_networks().await? {
            if network.name == name && self.is_of_this_run(&network.labels)? {
                ignore_missing(self.engine.remove_network(&network.id).await)?;
            }
        }
        Ok(())
    }

    /// Creates a network again that this run removed. Does nothing where it was not removed.
    pub(super) async fn recreate_network(&self, removal: OpId) -> Result<(), OperationError> {
        let kept = self.kept.borrow().get(&removal).cloned();
        let Some(Kept::Network(network)) = kept else { return Ok(()) };
        match self.engine.create_network(&network).await {
            Err(error) if error.is_conflict() => Ok(()),
            outcome => Ok(outcome.map(drop)?),
        }
    }

    /// Disconnects a container from a network, and keeps how it was connected.
    pub(super) async fn disconnect(
        &self,
        operation: OpId,
        container: &ContainerId,
        network: &str,
    ) -> Result<(), OperationError> {
        let attachment = self.engine.attachment(network, container).await?;
        let attached = attachment.is_some();
        self.kept.borrow_mut().insert(operation, Kept::Attachment(attachment));
        if attached {
            ignore_missing(self.engine.disconnect(network, container, true).await)?;
        }
        Ok(())
    }

    /// Connects a container to a network as it was before an operation of this run disconnected it. One that is still connected,
    /// because that operation did not end, stays as it is.
    pub(super) async fn connect_as_before(
        &self,
        disconnection: OpId,
        container: &ContainerId,
        network: &str,
    ) -> Result<(), OperationError> {
        let kept = self.kept.borrow().get(&disconnection).cloned();
        let Some(Kept::Attachment(Some(endpoint))) = kept else { return Ok(()) };
        if self.engine.attachment(network, container).await?.is_none() {
            self.engine.connect_container(network, container, endpoint).await?;
        }
        Ok(())
    }
}
