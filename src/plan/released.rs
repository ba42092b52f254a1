//! What containers and networks were made from: what the last release says of them, where that has their very config hash.

use super::desired::{Desired, service_hashes};
use super::observed::{Container, Network, Observed, label_of};
use super::pins::Pins;
use super::sharing::Parents;
use crate::compat::Dialect;
use crate::compose::hash;
use crate::compose::model::{self, Service};

impl Observed {
    /// The service of the last release that a container was made from, beside these containers.
    pub fn released_service(&self, container: &Container, beside: &Parents<'_>) -> Option<&Service> {
        let released = self.released.as_ref()?;
        let service = released.service(&container.service)?;
        let recorded = container.label(compose::CONFIG_HASH)?;
        let hashes = service_hashes(released, service, beside, self, &Pins::new(), Dialect::default());
        hashes.iter().any(|hash| hash == recorded).then_some(service)
    }

    /// The network of the model that a network was made from.
    pub(super) fn released_network(&self, key: &str, found: &Network) -> Option<&model::Network> {
        let network = self.released.as_ref()?.networks.get(key)?;
        let recorded = label_of(&found.labels, compose::CONFIG_HASH)?;
        Dialect::ALL.iter().any(|dialect| hash::network(network, *dialect) == *recorded).then_some(network)
    }
}
use crate::labels::compose;

impl Desired<'_> {
    /// Whether the engine has a container or network that was made from something else than what the files say: the last
    /// release tells then what that was.
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
