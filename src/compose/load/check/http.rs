//! Rules of services behind the edge (`x-sofa.http`): they need a network of their own, and requests for two of them must be
//! distinguishable.

use std::collections::BTreeMap;

use crate::compose::load::request::Origins;
use crate::compose::load::session::Session;
use crate::compose::model::{Port, Project, Role, Service};
use crate::diag::Diagnostic;

/// Checks the services behind the edge; problems are in the session.
pub(crate) fn check(project: &Project, origins: &Origins, session: &mut Session<'_>) {
    let behind = || project.services.values().filter_map(|service| Some((service, service.http()?)));
    for (service, http) in behind() {
        let problem = |message: &str, hint: &str| {
            let path = format!("services.{}.x-sofa.http", service.name);
            let error =
                Diagnostic::error(format!("service `{}`: {message}", service.name)).path(path.as_str());
            let place = origins.of(&path).map(|origin| origin.span);
            place.into_iter().fold(error, |error, span| error.at(span, "")).hint(hint)
        };
        let mode = &service.network_mode;
        if !mode.is_empty() {
            session.error(problem(
                &format!("`x-sofa.http` beside `network_mode: {mode}`"),
                "the edge reaches a container through a network: remove one of them",
            ));
        }
        if service.sofa.as_ref().is_some_and(|sofa| sofa.role == Some(Role::Job)) {
            session.error(problem("`x-sofa.http` of a job", "a job answers no requests: remove one of them"));
        }
        let is_other = |protocol: &str| !matches!(protocol, "tcp" | "");
        let only_other = service.ports.iter().any(|port| port.target == u32::from(http.port))
            && service
                .ports
                .iter()
                .all(|port| port.target != u32::from(http.port) || is_other(&port.protocol));
        if only_other {
            session.error(problem(
                &format!("port {} is published, and not over TCP", http.port),
                "publish it over TCP, or write the port of the HTTP server",
            ));
        }
    }
    let mut seen: BTreeMap<(&str, &str, &str, &str), &Service> = BTreeMap::new();
    for (service, http) in behind() {
        let hosts: Vec<&str> = match http.host.as_slice() {
            [] => vec![""],
            hosts => hosts.iter().map(String::as_str).collect(),
        };
        let is_fixed = |port: &&Port| http.takes(port) && !matches!(port.published.as_str(), "" | "0");
        for port in service.ports.iter().filter(is_fixed) {
            for host in &hosts {
                let place =
                    (port.host_ip.as_str(), port.published.as_str(), *host, http.path.trim_end_matches('/'));
                let Some(first) = seen.insert(place, service).filter(|first| first.name != service.name)
                else {
                    continue;
                };
                let path = format!("services.{}.x-sofa.http", service.name);
                let message = format!(
                    "service `{}`: its requests at port {} cannot be distinguished from those of `{}`",
                    service.name, port.published, first.name
                );
                let error = Diagnostic::error(message).path(path.as_str());
                let places = [path, format!("services.{}.x-sofa.http", first.name)];
                let error = places
                    .iter()
                    .filter_map(|path| origins.of(path))
                    .fold(error, |error, origin| error.at(origin.span, ""));
                let error = error.hint("write another `host:` or `path:`, or publish another port");
                session.service_error(&[&first.name, &service.name], error);
            }
        }
    }
}
