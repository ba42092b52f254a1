//! Networks that are replaced under their names: containers are taken off and attached again as they were, and the old
//! network is remembered until nothing is undone any more.

use super::failure::OperationError;
use super::{Docker, Made};
use crate::engine::ignore_missing;
use crate::plan::observed::{ContainerId, NetworkId};
use crate::plan::operation::{OpId, Operation, Undo};

impl Docker<'_> {
    /// Removes a network; one that an undo must make again is looked at first.
    pub(super) async fn remove_network(
        &self,
        operation: &Operation,
        id: &NetworkId,
    ) -> Result<(), OperationError> {
        if operation.undo == Some(Undo::Recreate) {
            let found = self.engine.network_as_found(id).await?;
            self.made.borrow_mut().insert(operation.id, Made::Network(found));
        }
        ignore_missing(self.engine.remove_network(id).await)?;
        Ok(())
    }

    /// Removes a network that this run created. One of the name that it did not make, a colleague's made in the same moment,
    /// is let be.
    pub(super) async fn remove_created_network(&self, name: &str) -> Result<(), OperationError> {
        for network in self.engine.list_networks().await? {
            if network.name == name && self.is_of_this_run(&network.labels)? {
                ignore_missing(self.engine.remove_network(&network.id).await)?;
            }
        }
        Ok(())
    }

    /// Makes a network again that this run removed. Where it was not removed after all, there is nothing to make.
    pub(super) async fn recreate_network(&self, removal: OpId) -> Result<(), OperationError> {
        let made = self.made.borrow().get(&removal).cloned();
        let Some(Made::Network(network)) = made else { return Ok(()) };
        match self.engine.create_network(&network).await {
            Err(error) if error.is_conflict() => Ok(()),
            outcome => Ok(outcome.map(drop)?),
        }
    }

    /// Takes a container off a network, remembering how it was attached.
    pub(super) async fn disconnect(
        &self,
        operation: OpId,
        container: &ContainerId,
        network: &str,
    ) -> Result<(), OperationError> {
        let attachment = self.engine.attachment(network, container).await?;
        let attached = attachment.is_some();
        self.made.borrow_mut().insert(operation, Made::Attachment(attachment));
        if attached {
            ignore_missing(self.engine.disconnect(network, container, true).await)?;
        }
        Ok(())
    }

    /// Attaches a container to a network as it was before an operation of this run took it off. One that still is attached
    /// (the operation was broken off) is left as it is.
    pub(super) async fn connect_as_before(
        &self,
        taken_off: OpId,
        container: &ContainerId,
        network: &str,
    ) -> Result<(), OperationError> {
        let made = self.made.borrow().get(&taken_off).cloned();
        let Some(Made::Attachment(Some(endpoint))) = made else { return Ok(()) };
        if self.engine.attachment(network, container).await?.is_none() {
            self.engine.connect_container(network, container, endpoint).await?;
        }
        Ok(())
    }
}
