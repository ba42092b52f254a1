//! How a container is attached to a network.

/// Names, addresses and priorities of the attachment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint(pub(crate) bollard::models::EndpointSettings);
