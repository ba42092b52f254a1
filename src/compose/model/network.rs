//! Networks of a project and how a service is attached to them (Compose spec, “networks”).

use super::record::{never_omitted, record};
use super::{Extensions, Given, Labels, Mapping, Options};

record! {
    /// A network of the project.
    pub struct Network {
        /// Its name on the engine.
        pub name: String,
        /// Its driver; empty means the engine's default.
        pub driver: String,
        /// Options of the driver.
        pub driver_opts: Options,
        /// Addresses.
        pub ipam: Ipam,
        /// Whether it must exist already and is never created or removed.
        pub external: bool,
        /// Whether it has no way out.
        pub internal: bool,
        /// Whether containers outside the project may join.
        pub attachable: bool,
        /// Its labels, without docker compose's own.
        pub labels: Labels,
        /// Whether it has IPv4.
        pub enable_ipv4: Option<bool>,
        /// Whether it has IPv6.
        pub enable_ipv6: Option<bool>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
        /// Its parts that no Compose file has as they are.
        #[serde(rename = "#given")]
        pub given: Given,
    }
}

record! {
    /// How addresses are given out.
    pub struct Ipam {
        /// The driver; empty means the engine's default.
        pub driver: String,
        /// Address pools.
        pub config: Vec<IpamPool>,
        /// Options of the driver (docker compose 5).
        pub options: Options,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// One address pool.
    pub struct IpamPool {
        /// The subnet in CIDR form.
        pub subnet: String,
        /// The gateway.
        pub gateway: String,
        /// The part of the subnet that containers get.
        pub ip_range: String,
        /// Addresses kept for others, by host name.
        pub aux_addresses: Mapping,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// How a service is attached to a network.
    pub struct Attachment {
        /// Further names in that network.
        pub aliases: Vec<String>,
        /// Options of the driver for this endpoint.
        pub driver_opts: Options,
        /// Which network gives the default gateway: the highest (API 1.48).
        pub gw_priority: i64,
        /// Name of the interface (API 1.49).
        pub interface_name: String,
        /// Fixed IPv4 address.
        pub ipv4_address: String,
        /// Fixed IPv6 address.
        pub ipv6_address: String,
        /// Link-local addresses.
        pub link_local_ips: Vec<String>,
        /// Fixed MAC address.
        pub mac_address: String,
        /// Which network is connected first: the highest.
        pub priority: i64,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

never_omitted!(Ipam);
