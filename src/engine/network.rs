//! Networks: making and removing them, and attaching containers. What one is made of comes from `convert`.

use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use http::Method;
use serde::Deserialize;

use super::Engine;
use super::call::Call;
use super::convert::NewNetwork;
use super::error::EngineError;
use crate::plan::observed::{ContainerId, NetworkId};

impl Engine {
    /// Creates a network.
    ///
    /// # Errors
    /// `is_conflict` where there is one of that name; the engine's refusal where no address pool is left.
    pub async fn create_network(&self, network: &NewNetwork) -> Result<NetworkId, EngineError> {
        let call = Call::new(format!("creation of network `{}`", network.name())).slow();
        let mut body = super::to_json(&call, &network.body)?;
        // Before API 1.44 the engine makes a second network of the same name unless it is told not to.
        body["CheckDuplicate"] = true.into();
        let created: Created = self.wire().json(&call, Method::POST, "/networks/create", Some(&body)).await?;
        Ok(NetworkId(created.id))
    }

    /// Removes a network.
    ///
    /// # Errors
    /// The engine's refusal (403 or 409) while running containers use it. Stopped ones do not hold it: look at the
    /// containers first.
    pub async fn remove_network(&self, id: &NetworkId) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of network `{id}`"));
        self.wire().bounded(&call, self.docker().remove_network(id.as_str())).await
    }

    /// Takes a container off a network; with `force` also where the network is gone or the container does not run.
    ///
    /// # Errors
    /// `is_not_found` where there is no such network or container.
    pub async fn disconnect(&self, network: &str, id: &ContainerId, force: bool) -> Result<(), EngineError> {
        let call = Call::new(format!("disconnecting container `{id}` from network `{network}`"));
        let body = NetworkDisconnectRequest { container: id.as_str().to_owned(), force: Some(force) };
        self.wire().bounded(&call, self.docker().disconnect_network(network, body)).await
    }

    /// Attaches a container to a network under further DNS names.
    ///
    /// # Errors
    /// The engine's refusal: an address that is taken, a container that is attached already.
    pub async fn connect_container(
        &self,
        network: &str,
        id: &ContainerId,
        endpoint: Endpoint,
    ) -> Result<(), EngineError> {
        let call = Call::new(format!("connecting container `{id}` to network `{network}`"));
        let body =
            NetworkConnectRequest { container: id.as_str().to_owned(), endpoint_config: Some(endpoint.0) };
        self.wire().bounded(&call, self.docker().connect_network(network, body)).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

/// How a container is attached to a network: names, addresses, priorities. Made by `convert`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint(pub(crate) bollard::models::EndpointSettings);
