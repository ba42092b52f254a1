//! What containers and networks were created from: the last release, if it has the same config hash.

use super::desired::{Desired, service_hashes};
use super::observed::{Container, Network, Observed, label_of};
use super::pins::Pins;
use super::sharing::Parents;
use crate::compat::Dialect;
use crate::compose::hash;
use crate::compose::model::{self, Service};

impl Observed {
    /// The service of the last release that a container was created from, with these containers as parents.
    pub fn released_service(&self, container: &Container, beside: &Parents<'_>) -> Option<&Service> {
        let released = self.released.as_ref()?;
        let service = released.service(&container.service)?;
        let recorded = container.label(compose::CONFIG_HASH)?;
        let hashes = service_hashes(released, service, beside, self, &Pins::new(), Dialect::default());
        hashes.iter().any(|hash| hash == recorded).then_some(service)
    }

    /// The network of the last release's model that a network was created from.
    pub(super) fn released_network(&self, key: &str, found: &Network) -> Option<&model::Network> {
        let network = self.released.as_ref()?.networks.get(key)?;
        let recorded = label_of(&found.labels, compose::CONFIG_HASH)?;
        Dialect::ALL.iter().any(|dialect| hash::network(network, *dialect) == *recorded).then_some(network)
    }
}
use crate::labels::compose;

impl Desired<'_> {
    /// Whether a container or network was created from another configuration than the files have now. The last release then shows
    /// the difference.
    pub fn was_configured_otherwise(&self, observed: &Observed) -> bool {
        let containers = observed.containers.iter().any(|container| {
            let recorded = container.label(compose::CONFIG_HASH);
            self.service(&container.service).is_some_and(|service| {
                recorded.is_some_and(|hash| service.hashes.iter().all(|known| known != hash))
            })
        });
        containers
            || self.networks.iter().any(|desired| {
                let found = observed.networks.iter().find(|found| found.name == desired.network.name);
                let recorded = found.and_then(|found| label_of(&found.labels, compose::CONFIG_HASH));
                recorded.is_some_and(|hash| desired.hashes.iter().all(|known| known != hash))
            })
    }
}
