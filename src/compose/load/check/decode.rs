//! From the final tree to the typed model. The tree has passed the check of shapes; what can still be wrong are the values
//! themselves: durations, sizes, command lines, numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::compose::load::check::x_sofa;
use crate::compose::load::session::Session;
use crate::compose::model::{Project, Service, Value};
use crate::diag::Diagnostic;
use crate::yaml::{DecodeError, Kind, Map, Node};

/// Decodes a model; what does not fit is in the session, and left out.
pub(crate) fn decode(root: &Node, session: &mut Session<'_>) -> Project {
    let mut project = Project {
        services: services(root, session),
        networks: section(root, "networks", "network", session),
        volumes: section(root, "volumes", "volume", session),
        secrets: section(root, "secrets", "secret", session),
        configs: section(root, "configs", "config", session),
        models: section(root, "models", "model", session),
        extensions: extensions(root),
        ..Project::default()
    };
    for ((section, name), content) in std::mem::take(&mut session.contents) {
        let object = match section {
            "secrets" => project.secrets.get_mut(name.as_str()),
            _ => project.configs.get_mut(name.as_str()),
        };
        if let Some(object) = object {
            object.resolved = Some(content);
        }
    }
    project
}

fn section<N: Ord + From<String>, T: DeserializeOwned>(
    root: &Node,
    name: &str,
    what: &str,
    session: &mut Session<'_>,
) -> BTreeMap<N, T> {
    let mut decoded = BTreeMap::new();
    for entry in root.get(name).and_then(Node::as_map).into_iter().flatten() {
        // An extension of a free section is not a resource; the specification allows it.
        if entry.key.starts_with("x-") && entry.value.as_map().is_none() {
            continue;
        }
        match entry.value.decode::<T>() {
            Ok(value) => {
                decoded.insert(N::from(entry.key.to_string()), value);
            }
            Err(error) => {
                report(error, &format!("{what} `{}`", entry.key), &format!("{name}.{}", entry.key), session)
            }
        }
    }
    decoded
}

fn services<N: Ord + From<String>>(root: &Node, session: &mut Session<'_>) -> BTreeMap<N, Service> {
    let mut decoded = BTreeMap::new();
    for entry in root.get("services").and_then(Node::as_map).into_iter().flatten() {
        if let Some(service) = service(&entry.key, &entry.value, session) {
            decoded.insert(N::from(entry.key.to_string()), service);
        }
    }
    decoded
}

fn service(name: &str, node: &Node, session: &mut Session<'_>) -> Option<Service> {
    match node.decode::<Service>() {
        Ok(mut service) => {
            service.name = name.into();
            service.sofa = node.get("x-sofa").and_then(|block| x_sofa::read(name, block, session));
            Some(service)
        }
        Err(_) => {
            each_field(name, node, session);
            None
        }
    }
}

/// Decodes a service key by key, so that every wrong one is reported and not the first alone.
fn each_field(name: &str, node: &Node, session: &mut Session<'_>) {
    for entry in node.as_map().into_iter().flatten() {
        let mut single = Map::default();
        single.insert(entry.key.clone(), entry.key_span, entry.value.clone());
        let single = Node::new(Kind::Map(single), node.span);
        if let Err(error) = single.decode::<Service>() {
            let subject = format!("service `{name}`: `{}`", entry.key);
            report(error, &subject, &format!("services.{name}.{}", entry.key), session);
        }
    }
}

fn report(error: DecodeError, subject: &str, path: &str, session: &mut Session<'_>) {
    // What a variable gave may be a secret, and most messages quote the value.
    let message =
        if error.literal { plain(&error.message) } else { "the variable's value does not fit here".into() };
    let diagnostic = Diagnostic::error(format!("{subject}: {message}")).path(path);
    session.error(match error.span {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    });
}

/// A message of serde without the names of types.
fn plain(message: &str) -> Cow<'_, str> {
    match message.split_once(", expected struct ") {
        Some((found, _)) => Cow::Owned(format!(
            "{}; a mapping or a short form fits here",
            found.replace("invalid type", "wrong value")
        )),
        None => Cow::Borrowed(message),
    }
}

fn extensions(root: &Node) -> BTreeMap<String, Value> {
    let entries = root.as_map().into_iter().flatten().filter(|entry| entry.key.starts_with("x-"));
    entries.filter_map(|entry| Some((entry.key.to_string(), entry.value.decode().ok()?))).collect()
}
