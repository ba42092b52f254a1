//! The configuration of the proxy, HAProxy 2.6 or later. Its first line has the edge as JSON, so that it can be read back.

use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Edge, Published, Route, Server};

/// Where the file is in the edge's container.
pub const FILE: &str = "/edge/haproxy.cfg";
/// Where the proxy takes commands: on the loopback interface of the edge, so that nothing else reaches it. The address is not that of
/// `localhost`, so a service may have the same port.
pub const COMMANDS: (&str, u16) = ("127.0.0.9", 9901);
/// The variable with the digest of the configuration that a proxy runs.
pub const DIGEST: &str = "SOFA_CONFIG";

const MARK: &str = "# sofa.edge ";

/// The file of an edge, in the same bytes for the same edge.
pub fn render(edge: &Edge) -> String {
    let json = serde_json::to_string(edge).unwrap_or_default();
    let mut text = format!("{MARK}{json}\n");
    let _ = global(&mut text, edge);
    for port in edge.published() {
        let _ = published(&mut text, edge, &port);
    }
    let _ = inside(&mut text, edge);
    for (name, route) in &edge.routes {
        let _ = backends(&mut text, edge, name, route);
    }
    text
}

/// The edge that a file is for; `None` where `sofa` did not write it.
pub fn parse(text: &str) -> Option<Edge> {
    serde_json::from_str(text.lines().next()?.strip_prefix(MARK)?).ok()
}

/// What a proxy must read its file again for. Servers are not part of it: commands add and remove them.
pub fn digest(edge: &Edge) -> String {
    let digest = Sha256::digest(serde_json::to_string(&edge.routes).unwrap_or_default());
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn global(text: &mut String, edge: &Edge) -> std::fmt::Result {
    let (address, port) = COMMANDS;
    // After a reload the connections of the earlier process may take as long as a tunnel.
    let drain = edge.longest_drain().as_secs().max(3600);
    writeln!(
        text,
        "global
  stats socket ipv4@{address}:{port} level admin
  uid 65534
  gid 65534
  maxconn 4000
  hard-stop-after {drain}s
  setenv {DIGEST} {}
defaults
  mode http
  option redispatch 1
  option idle-close-on-response
  option forwardfor if-none
  option dontlognull
  http-reuse safe
  retries 3
  retry-on conn-failure
  timeout connect 2s
  timeout queue 5s
  timeout client 60s
  timeout server 60s
  timeout http-request 30s
  timeout http-keep-alive 60s
  timeout tunnel 1h
  default-server check inter 1s fall 2 rise 1",
        digest(edge)
    )
}

fn published(text: &mut String, edge: &Edge, port: &Published) -> std::fmt::Result {
    let inside = port.inside;
    writeln!(text, "frontend published-{inside}")?;
    bind(text, inside)?;
    writeln!(
        text,
        "  http-request set-header X-Forwarded-Proto http unless {{ req.hdr(X-Forwarded-Proto) -m found }}"
    )?;
    let mut routes: Vec<(&String, &Route)> =
        port.services.iter().filter_map(|name| Some((name, edge.routes.get(name)?))).collect();
    // A host before none, then the longest path.
    routes.sort_by_key(|(name, route)| {
        (route.hosts.is_empty(), std::cmp::Reverse(route.path.len()), name.as_str())
    });
    for (name, route) in routes {
        let host = match route.hosts.is_empty() {
            true => String::new(),
            false => format!(" {{ req.hdr(host),field(1,:) -i {} }}", route.hosts.join(" ")),
        };
        match (route.path.trim_end_matches('/'), host.is_empty()) {
            ("", true) => writeln!(text, "  default_backend {name}")?,
            ("", false) => writeln!(text, "  use_backend {name} if{host}")?,
            (path, _) => {
                writeln!(text, "  use_backend {name} if{host} {{ path {path} }}")?;
                writeln!(text, "  use_backend {name} if{host} {{ path_beg {path}/ }}")?;
            }
        }
    }
    Ok(())
}

/// One socket for each family: with one for both, servers would see the IPv4 addresses of callers as `::ffff:…`.
fn bind(text: &mut String, port: u16) -> std::fmt::Result {
    writeln!(text, "  bind :{port}\n  bind :::{port} v6only")
}

/// The ports under which the edge stands for its services in their networks. Services with the same port are distinguished by the
/// `Host` header, which has the name that was asked for.
fn inside(text: &mut String, edge: &Edge) -> std::fmt::Result {
    let named = || edge.routes.iter().filter(|(_, route)| !route.names.is_empty());
    let mut ports: Vec<u16> = named().map(|(_, route)| route.port).collect();
    ports.sort_unstable();
    ports.dedup();
    for port in ports {
        writeln!(text, "frontend inside-{port}")?;
        bind(text, port)?;
        let services: Vec<_> = named().filter(|(_, route)| route.port == port).collect();
        if let [(name, _)] = services.as_slice() {
            writeln!(text, "  default_backend {name}")?;
            continue;
        }
        for (name, route) in services {
            let names: Vec<&str> = route.all_names().into_iter().collect();
            writeln!(text, "  use_backend {name} if {{ req.hdr(host),field(1,:) -i {} }}", names.join(" "))?;
        }
    }
    for (name, port) in passed_on(edge) {
        writeln!(text, "frontend passed-on-{port}\n  mode tcp")?;
        bind(text, port)?;
        writeln!(text, "  default_backend {name}:{port}")?;
    }
    Ok(())
}

/// The other TCP ports that one service alone has: nothing distinguishes those of several.
fn passed_on(edge: &Edge) -> Vec<(&str, u16)> {
    let named = || edge.routes.iter().filter(|(_, route)| !route.names.is_empty());
    let has = |route: &Route, port: u16| route.ports().any(|own| own == port);
    let all = named().flat_map(|(name, route)| route.others.iter().map(|port| (name.as_str(), *port)));
    all.filter(|(_, port)| named().filter(|(_, route)| has(route, *port)).count() == 1).collect()
}

/// The names of the backends in which a service's servers stand, with the port that they have there.
pub fn backends_of(edge: &Edge, service: &str) -> Vec<(String, Option<u16>)> {
    let others = passed_on(edge).into_iter().filter(|(name, _)| *name == service);
    let others = others.map(|(name, port)| (format!("{name}:{port}"), Some(port)));
    std::iter::once((service.to_owned(), None)).chain(others).collect()
}

fn backends(text: &mut String, edge: &Edge, name: &str, route: &Route) -> std::fmt::Result {
    for (backend, port) in backends_of(edge, name) {
        writeln!(text, "backend {backend}\n  balance leastconn")?;
        match port {
            Some(_) => writeln!(text, "  mode tcp")?,
            None => {
                writeln!(text, "  timeout server {}ms", millis(route.timeout))?;
                if let Some(path) = &route.check {
                    writeln!(text, "  option httpchk GET {path}")?;
                }
            }
        }
        for (server, Server { address, port: own, .. }) in edge.servers_of(name) {
            writeln!(text, "  server {server} {address}:{}", port.unwrap_or(*own))?;
        }
    }
    Ok(())
}

fn millis(time: Duration) -> u128 {
    time.as_millis().max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::edge::HostPort;

    fn route(port: u16, published: &[(&str, &str)]) -> Route {
        let host =
            |(address, port): &(&str, &str)| HostPort { address: (*address).into(), port: (*port).into() };
        Route {
            port,
            published: published.iter().map(host).collect(),
            path: "/".into(),
            timeout: Duration::from_secs(60),
            drain: Duration::from_secs(60),
            names: BTreeMap::from([("app_default".into(), vec!["x".into()])]),
            ..Route::default()
        }
    }

    fn edge(routes: &[(&str, Route)]) -> Edge {
        let routes = routes.iter().map(|(name, route)| ((*name).to_owned(), route.clone())).collect();
        let server = Server { service: "api".into(), address: [10, 0, 0, 3].into(), port: 8000 };
        Edge { routes, servers: BTreeMap::from([("0123456789ab".into(), server)]) }
    }

    #[test]
    fn a_file_is_read_back() {
        let edge = edge(&[("api", route(8000, &[("", "80")]))]);
        assert_eq!(parse(&render(&edge)), Some(edge.clone()));
        assert_eq!(parse("global\n"), None);
        let without = Edge { servers: BTreeMap::new(), ..edge.clone() };
        assert_eq!(digest(&edge), digest(&without), "servers need no reload");
        assert_ne!(digest(&edge), digest(&Edge::default()));
    }

    #[test]
    fn one_service_has_its_host_port_its_names_and_its_servers() {
        let api = Route {
            others: vec![9090],
            check: Some("/healthz".into()),
            ..route(8000, &[("127.0.0.1", "80")])
        };
        let text = render(&edge(&[("api", api)]));
        let parts = text.split_once("frontend").unwrap().1;
        insta::assert_snapshot!(format!("frontend{parts}"), @"
        frontend published-30000
          bind :30000
          bind :::30000 v6only
          http-request set-header X-Forwarded-Proto http unless { req.hdr(X-Forwarded-Proto) -m found }
          default_backend api
        frontend inside-8000
          bind :8000
          bind :::8000 v6only
          default_backend api
        frontend passed-on-9090
          mode tcp
          bind :9090
          bind :::9090 v6only
          default_backend api:9090
        backend api
          balance leastconn
          timeout server 60000ms
          option httpchk GET /healthz
          server 0123456789ab 10.0.0.3:8000
        backend api:9090
          balance leastconn
          mode tcp
          server 0123456789ab 10.0.0.3:9090
        ");
    }

    #[test]
    fn services_share_a_host_port_by_host_and_path() {
        let hosted = Route { hosts: vec!["a.example".into()], ..route(8000, &[("", "80")]) };
        let docs = Route { path: "/docs/".into(), ..route(8000, &[("", "80")]) };
        let free = route(30_000, &[("", "")]);
        let rest = route(8001, &[("", "80"), ("", "")]);
        let edge = edge(&[("hosted", hosted), ("docs", docs), ("free", free), ("rest", rest)]);
        let ports = edge.published();
        let inside: Vec<_> = ports
            .iter()
            .map(|port| (port.host.port.as_str(), port.inside, port.services.join(" ")))
            .collect();
        assert_eq!(
            inside,
            [
                ("", 30_001, "free".into()),
                ("", 30_002, "rest".into()),
                ("80", 30_003, "docs hosted rest".to_owned())
            ]
        );
        let text = render(&edge);
        let frontend = text.split("frontend ").find(|part| part.starts_with("published-30003")).unwrap();
        insta::assert_snapshot!(frontend, @"
        published-30003
          bind :30003
          bind :::30003 v6only
          http-request set-header X-Forwarded-Proto http unless { req.hdr(X-Forwarded-Proto) -m found }
          use_backend hosted if { req.hdr(host),field(1,:) -i a.example }
          use_backend docs if { path /docs }
          use_backend docs if { path_beg /docs/ }
          default_backend rest
        ");
        let frontend = text.split("frontend ").find(|part| part.starts_with("inside-8000")).unwrap();
        insta::assert_snapshot!(frontend.split("backend docs\n").next().unwrap(), @"
        inside-8000
          bind :8000
          bind :::8000 v6only
          use_backend docs if { req.hdr(host),field(1,:) -i x }
          use_backend hosted if { req.hdr(host),field(1,:) -i x }
        ");
    }
}
