//! The fixed addresses of servers in the network between an edge and its servers: they survive a stop and a start of a container.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The first free address of an IPv4 subnet (`172.30.0.0/16`) after those of its gateway and its edge; `None` where all are taken,
/// or where the text is no such subnet.
pub fn free(subnet: &str, taken: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let hosts = hosts(subnet)?;
    hosts.skip(2).map(Ipv4Addr::from).find(|address| !taken.contains(address))
}

/// The address of the edge itself.
pub fn of_edge(subnet: &str) -> Option<Ipv4Addr> {
    hosts(subnet)?.nth(1).map(Ipv4Addr::from)
}

/// The addresses that hosts may have: neither the first of the subnet nor the last.
fn hosts(subnet: &str) -> Option<impl Iterator<Item = u32>> {
    let (base, bits) = subnet.split_once('/')?;
    let (base, bits) = (u32::from(base.parse::<Ipv4Addr>().ok()?), bits.parse::<u32>().ok()?);
    let size = 1_u32.checked_shl(32_u32.checked_sub(bits)?)?;
    Some((1..size.saturating_sub(1)).map(move |host| base + host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_begin_after_the_gateway_and_the_edge() {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        assert_eq!(of_edge("172.30.0.0/16"), Some(address("172.30.0.2")));
        assert_eq!(free("172.30.0.0/16", &BTreeSet::new()), Some(address("172.30.0.3")));
        let taken = BTreeSet::from([address("10.0.0.3"), address("10.0.0.4")]);
        assert_eq!(free("10.0.0.0/29", &taken), Some(address("10.0.0.5")));
        let all = (3..=6).map(|host| Ipv4Addr::new(10, 0, 0, host)).collect();
        assert_eq!(free("10.0.0.0/29", &all), None);
        for text in ["", "10.0.0.0", "fd00::/64", "10.0.0.0/33", "10.0.0.0/32"] {
            assert_eq!(free(text, &BTreeSet::new()), None, "{text}");
        }
    }
}
