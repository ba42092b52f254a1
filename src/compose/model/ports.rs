//! Published ports (Compose spec, “ports”), always in the long form.

use super::Extensions;
use super::record::record;

record! {
    /// One published port of a service.
    pub struct Port {
        /// A name for people.
        pub name: String,
        /// `ingress` or `host`.
        pub mode: String,
        /// Address of the host; empty means all.
        pub host_ip: String,
        /// Port in the container.
        pub target: u32,
        /// Port of the host: a number or a range `8000-8010`; empty means any free one.
        pub published: String,
        /// `tcp`, `udp` or `sctp`.
        pub protocol: String,
        /// What is spoken on it, for people and proxies.
        pub app_protocol: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

impl Port {
    /// First and last port of the host, where one is given.
    pub fn published_range(&self) -> Option<(u16, u16)> {
        let (first, last) = self.published.split_once('-').unwrap_or((&self.published, &self.published));
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}
