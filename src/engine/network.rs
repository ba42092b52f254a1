//! Creates and removes networks, and attaches containers to them. `convert` builds the body of a creation.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    EndpointIpamConfig, EndpointSettings, NetworkConnectRequest, NetworkDisconnectRequest,
};
use http::Method;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::convert::NewNetwork;
use super::endpoint::Endpoint;
use super::error::EngineError;
use super::json::{null_as_default, to_json};
use super::wire::query::segment;
use crate::plan::observed::{ContainerId, NetworkId};

impl Engine {
    /// Creates a network.
    ///
    /// # Errors
    /// `is_conflict` where the name is in use; refused where no address pool is free.
    pub async fn create_network(&self, network: &NewNetwork) -> Result<NetworkId, EngineError> {
        let call = Call::new(format!("creation of network `{}`", network.name())).slow();
        let mut body = to_json(&call, &network.body)?;
        // Without this, an engine before API 1.44 creates a second network with the same name.
        body["CheckDuplicate"] = true.into();
        let created: Created = self.wire().json(&call, Method::POST, "/networks/create", Some(&body)).await?;
        Ok(NetworkId(created.id))
    }

    /// Removes a network.
    ///
    /// # Errors
    /// Refused (403 or 409) while running containers use it. Stopped containers do not prevent it: check the
    /// containers first.
    pub async fn remove_network(&self, id: &NetworkId) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of network `{id}`"));
        self.wire().bounded(&call, self.docker().remove_network(id.as_str())).await
    }

    /// Reads the settings, addresses and labels of a network, so that it can be created again.
    ///
    /// # Errors
    /// `is_not_found` where the network does not exist.
    pub async fn network_as_found(&self, id: &NetworkId) -> Result<NewNetwork, EngineError> {
        let call = Call::new(format!("inspect of network `{id}`"));
        let path = format!("/networks/{}", segment(id.as_str()));
        let found: serde_json::Value = self.wire().json(&call, Method::GET, &path, None).await?;
        NewNetwork::of_inspect(&found)
            .map_err(|error| EngineError::Answer { call: call.to_string(), reason: error.to_string() })
    }

    /// Reads how a container is attached to a network, so that `connect_container` can attach it again in the same way.
    /// None where it is not attached.
    ///
    /// # Errors
    /// `is_not_found` where the container does not exist.
    pub async fn attachment(&self, network: &str, id: &ContainerId) -> Result<Option<Endpoint>, EngineError> {
        let call = Call::new(format!("inspect of container `{id}`"));
        let path = format!("/containers/{}/json", segment(id.as_str()));
        let found: Attached = self.wire().json(&call, Method::GET, &path, None).await?;
        let endpoint = found.network_settings.networks.into_iter().find(|(name, _)| name == network);
        Ok(endpoint.map(|(_, endpoint)| endpoint.asked_for(id)))
    }

    /// Detaches a container from a network. `force`: also where the network is missing or the container does not run.
    ///
    /// # Errors
    /// `is_not_found` where the network or container does not exist.
    pub async fn disconnect(&self, network: &str, id: &ContainerId, force: bool) -> Result<(), EngineError> {
        let call = Call::new(format!("disconnecting container `{id}` from network `{network}`"));
        let body = NetworkDisconnectRequest { container: id.as_str().to_owned(), force: Some(force) };
        self.wire().bounded(&call, self.docker().disconnect_network(network, body)).await
    }

    /// Attaches a container to a network.
    ///
    /// # Errors
    /// The engine's: an address is in use, or the container is attached already.
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    network_settings: Networks,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    #[serde(default, deserialize_with = "null_as_default")]
    networks: BTreeMap<String, EndpointReply>,
}

/// The part of an attachment that was requested. What the engine assigned (an address, a gateway, on new engines the MAC
/// address) is left out: the engine assigns it again.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EndpointReply {
    #[serde(default, rename = "IPAMConfig")]
    ipam_config: Option<EndpointIpamConfig>,
    #[serde(default, deserialize_with = "null_as_default")]
    links: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    driver_opts: HashMap<String, String>,
    #[serde(default)]
    gw_priority: i64,
}

impl EndpointReply {
    fn asked_for(self, id: &ContainerId) -> Endpoint {
        // Engines before 26 add the container's short id to the requested aliases, and add it again.
        let aliases: Vec<String> = self.aliases.into_iter().filter(|alias| alias != id.short()).collect();
        Endpoint(EndpointSettings {
            ipam_config: self.ipam_config,
            links: (!self.links.is_empty()).then_some(self.links),
            aliases: (!aliases.is_empty()).then_some(aliases),
            driver_opts: (!self.driver_opts.is_empty()).then_some(self.driver_opts),
            gw_priority: (self.gw_priority != 0).then_some(self.gw_priority),
            ..EndpointSettings::default()
        })
    }
}
