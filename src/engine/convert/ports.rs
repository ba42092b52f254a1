//! `ports` and `expose` for the engine.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::PortBinding;

use super::error::ConvertError;
use super::instance::Instance;
use crate::compose::model::Service;

/// All ports of the container, as `80/tcp`.
pub(super) fn exposed(service: &Service) -> Result<Vec<String>, ConvertError> {
    let mut ports = BTreeSet::new();
    for entry in &service.expose {
        let (range, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            return Err(ConvertError::invalid(service, "expose", format!("`{entry}` is not a port")));
        };
        ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    ports.extend(service.ports.iter().map(|port| key(port.target, &port.protocol)));
    Ok(ports.into_iter().collect())
}

/// The published ports with their host addresses.
pub(super) fn bindings(service: &Service, instance: &Instance) -> bollard::models::PortMap {
    let mut bindings: BTreeMap<String, Option<Vec<PortBinding>>> = BTreeMap::new();
    if instance.publish {
        for port in &service.ports {
            let binding =
                PortBinding { host_ip: Some(port.host_ip.clone()), host_port: Some(port.published.clone()) };
            let places = bindings.entry(key(port.target, &port.protocol)).or_default();
            places.get_or_insert_with(Vec::new).push(binding);
        }
    }
    bindings.into_iter().collect()
}

fn key(target: u32, protocol: &str) -> String {
    let protocol = if protocol.is_empty() { "tcp" } else { protocol };
    format!("{target}/{protocol}")
}

#[cfg(test)]
mod tests {
    use super::exposed;
    use crate::compose::model::{Port, Service};

    #[test]
    fn exposed_ports_have_a_protocol_and_ranges_are_expanded() {
        let expose = ["90", "91/udp", "92-94"].map(str::to_owned).to_vec();
        let port = Port { target: 80, protocol: "tcp".to_owned(), ..Port::default() };
        let service = Service { expose, ports: vec![port], ..Service::default() };
        assert_eq!(exposed(&service).unwrap(), ["80/tcp", "90/tcp", "91/udp", "92/tcp", "93/tcp", "94/tcp"]);
        let service = Service { expose: vec!["http".to_owned()], ..Service::default() };
        assert!(exposed(&service).is_err());
    }
}
