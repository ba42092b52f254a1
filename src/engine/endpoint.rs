//! How a container is attached to a network.

/// How a container is attached to a network: names, addresses, priorities. Made by `convert`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint(pub(crate) bollard::models::EndpointSettings);
