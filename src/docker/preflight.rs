//! What is known to fail before any change, beside what the plan knows: host ports that another program has, and containers that
//! cannot be created.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use crate::compose::model::ServiceName;
use crate::engine::Engine;
use crate::engine::convert::{self, Instance};
use crate::plan::Problem;
use crate::plan::desired::Desired;
use crate::plan::observed::{ContainerId, Observed};
use crate::plan::sharing::namespace_parents;

/// Services for which this engine cannot create containers: it is too old, a file cannot be read, or a secret would have to be
/// written into a read-only container.
pub fn unmakeable(engine: &Engine, desired: &Desired<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in desired.services.values().filter(|service| service.replicas > 0) {
        // Which containers they will be does not matter here.
        let parents = namespace_parents(service.service)
            .into_iter()
            .map(|parent| (ServiceName::from(parent), ContainerId("0".repeat(64))))
            .collect();
        let instance = Instance { parents, ..Instance::default() };
        if let Err(error) = convert::container(desired.project, service.service, &instance, engine.target()) {
            problems.push(Problem::of(&error.service, error.reason.to_string()));
        }
    }
    problems
}

/// Host ports that services of the scope publish and that another program on this machine has. They are found by binding them for
/// a moment, so only if the engine is on this machine, and only for ports that no container has.
pub fn held_ports(engine: &Engine, desired: &Desired<'_>, observed: &Observed) -> Vec<Problem> {
    if !engine.host().is_local() {
        return Vec::new();
    }
    let known: BTreeSet<(u16, &str)> = observed
        .containers
        .iter()
        .chain(&observed.foreign)
        .chain(observed.edge.iter().filter_map(|edge| edge.container.as_ref()))
        .flat_map(|container| &container.ports)
        .filter_map(|port| Some((port.published?, port.protocol.as_str())))
        .collect();
    let mut problems = Vec::new();
    // A job that is done needs its port no more.
    for service in desired.services.values().filter(|service| service.replicas > 0 && !service.job) {
        for port in &service.service.ports {
            // A range is a pool from which the engine takes a free port.
            let Some((number, last)) = port.published_range() else {
                continue;
            };
            if number != last || known.contains(&(number, port.protocol.as_str())) {
                continue;
            }
            if is_held(&port.host_ip, number, &port.protocol) {
                let message =
                    format!("host port {number}/{} is held by a program on this machine", port.protocol);
                let hint = format!("find it: ss -lptn 'sport = :{number}'; or publish another port");
                problems.push(Problem::of(&service.service.name, message).hint(hint).conflict());
            }
        }
    }
    problems
}

/// Whether binding fails because the port is in use. Other failures (a privileged port, an address of another machine) do not
/// count.
fn is_held(address: &str, port: u16, protocol: &str) -> bool {
    let address: IpAddr = address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let outcome = match protocol {
        "udp" => UdpSocket::bind((address, port)).map(drop),
        "tcp" => TcpListener::bind((address, port)).map(drop),
        _ => return false,
    };
    outcome.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_held_as_long_as_somebody_listens_on_it() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_held("127.0.0.1", port, "tcp"));
        drop(listener);
        assert!(!is_held("127.0.0.1", port, "tcp"));
    }
}
