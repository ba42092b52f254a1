//! The ports of a container as the docker command prints them: `0.0.0.0:8080->80/tcp, 9000-9002/tcp`. Consecutive ports that are
//! published under their own number, or not at all, are one range; ports with other numbers follow the ranges.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv6Addr;

/// A port of a container. `address` and `published` are none where it is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port<'a> {
    pub target: u16,
    pub address: Option<&'a str>,
    pub published: Option<u16>,
    pub protocol: &'a str,
}

impl Port<'_> {
    /// `0.0.0.0:`, `[::]:`; empty where the port is not published.
    fn host(&self) -> String {
        match self.address.filter(|address| !address.is_empty()) {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => format!("[{address}]:"),
            Some(address) => format!("{address}:"),
            None => String::new(),
        }
    }
}

/// All ports, in docker's order.
pub fn display(ports: &[Port<'_>]) -> String {
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(String, &str, u16, u16)> = Vec::new();
    let mut open: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut mapped = Vec::new();
    for port in sorted {
        let host = port.host();
        if let Some(published) =
            port.published.filter(|published| *published != port.target && !host.is_empty())
        {
            mapped.push(format!("{host}{published}->{}/{}", port.target, port.protocol));
            continue;
        }
        let key = (host.clone(), port.protocol);
        match open.get(&key).and_then(|at| ranges.get_mut(*at)) {
            Some((.., last)) if *last + 1 == port.target => *last = port.target,
            _ => {
                open.insert(key, ranges.len());
                ranges.push((host, port.protocol, port.target, port.target));
            }
        }
    }
    // Docker prints a range when the next one of its kind begins, so the last of each kind come after all others.
    let last: Vec<usize> = open.into_values().collect();
    let (ended, open): (Vec<_>, Vec<_>) = ranges.iter().enumerate().partition(|(at, _)| !last.contains(at));
    let ranges = ended.into_iter().chain(open).map(|(_, (host, protocol, first, last))| {
        let mut text = host.clone();
        let span = if first == last { first.to_string() } else { format!("{first}-{last}") };
        if !host.is_empty() {
            let _ = write!(text, "{span}->");
        }
        text + &span + "/" + protocol
    });
    ranges.chain(mapped).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port<'a>(address: &'a str, published: u16, target: u16, protocol: &'a str) -> Port<'a> {
        let is_published = !address.is_empty();
        Port {
            target,
            protocol,
            address: is_published.then_some(address),
            published: is_published.then_some(published),
        }
    }

    /// Expected texts are those of docker compose 2.40 for the same containers.
    #[test]
    fn ports_are_printed_as_by_docker() {
        let ports = [
            port("::", 18081, 81, "udp"),
            port("127.0.0.1", 18080, 80, "tcp"),
            port("0.0.0.0", 18081, 81, "udp"),
            port("", 0, 9000, "tcp"),
            port("", 0, 53, "udp"),
        ];
        let expected = "53/udp, 9000/tcp, 127.0.0.1:18080->80/tcp, 0.0.0.0:18081->81/udp, [::]:18081->81/udp";
        assert_eq!(display(&ports), expected);
        let range = [8000, 8001, 8002, 8005].map(|number| port("0.0.0.0", number, number, "tcp"));
        assert_eq!(display(&range), "0.0.0.0:8000-8002->8000-8002/tcp, 0.0.0.0:8005->8005/tcp");
        assert_eq!(display(&[port("", 0, 80, "tcp"), port("", 0, 81, "tcp")]), "80-81/tcp");
        assert_eq!(display(&[]), "");
    }
}
