//! Short forms become long ones. A value of a wrong kind stays as it is; the check of shapes reports it.

use std::borrow::Cow;

use crate::compose::load::check::dropped;
use crate::compose::load::session::Session;
use crate::compose::load::syntax::schema;
use crate::compose::load::syntax::shape;
use crate::compose::load::syntax::short_syntax::{self, ShortError};
use crate::compose::load::tree::path::{self, Step};
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Map, Node, Span};

/// Rewrites one document. `lenient` leaves short forms alone that cannot be read (variables are still in them).
pub(crate) fn canonicalize(root: &mut Node, lenient: bool, session: &mut Session<'_>) {
    let Some(root) = root.as_map_mut() else { return };
    for section in ["volumes", "networks", "secrets", "configs"] {
        for entry in root.get_mut(section).and_then(Node::as_map_mut).into_iter().flatten() {
            external(&mut entry.value, section, &entry.key, session);
            if let Some(labels) = entry.value.get_mut("labels") {
                if section == "volumes" {
                    let path = [Step::Key(section), Step::Key(&entry.key), Step::Key("labels")];
                    repeated(labels, &path, session);
                }
                mapping(labels);
            }
        }
    }
    for entry in root.get_mut("services").and_then(Node::as_map_mut).into_iter().flatten() {
        service(&mut entry.value, &entry.key, lenient, session);
    }
}

fn service(node: &mut Node, name: &str, lenient: bool, session: &mut Session<'_>) {
    let Some(service) = node.as_map_mut() else { return };
    for entry in service {
        let value = &mut entry.value;
        match &*entry.key {
            "annotations" | "labels" | "sysctls" => mapping(value),
            "environment" => environment(value, name, session),
            "build" => build(value, name, lenient, session),
            "deploy" => {
                if let Some(labels) = value.get_mut("labels") {
                    mapping(labels);
                }
                let devices =
                    value.get_mut("resources").and_then(|resources| resources.get_mut("reservations"));
                let devices = devices.and_then(|reservations| reservations.get_mut("devices"));
                device_options(devices, name, session);
            }
            "depends_on" => {
                repeated_in(name, &["depends_on"], value, session);
                depends_on(value);
            }
            "env_file" => env_file(value),
            "label_file" | "dns" | "dns_search" | "tmpfs" => list(value),
            "extends" => wrap(value, "service"),
            "extra_hosts" => hosts(value),
            "gpus" => gpus(value, name, session),
            key @ ("networks" | "models") => {
                repeated_in(name, &[key], value, session);
                set_to_mapping(value);
            }
            "volumes" => each(value, |mount| volume(mount, name, lenient, session)),
            "devices" => each(value, |device| device_mapping(device, name, lenient, session)),
            "secrets" | "configs" => each(value, |reference| wrap(reference, "source")),
            "ports" => ports(value, name, lenient, session),
            "develop" => each_of(value.get_mut("watch"), |trigger| {
                for key in ["ignore", "include"] {
                    if let Some(patterns) = trigger.get_mut(key) {
                        list(patterns);
                    }
                }
                if let Some(environment) =
                    trigger.get_mut("exec").and_then(|exec| exec.get_mut("environment"))
                {
                    mapping(environment);
                }
            }),
            hooks @ ("post_start" | "pre_stop" | "pre_start") => each(value, |hook| {
                if let Some(environment) = hook.get_mut("environment") {
                    repeated_in(name, &[hooks, "environment"], environment, session);
                    mapping(environment);
                }
            }),
            _ => {}
        }
    }
}

fn build(node: &mut Node, name: &str, lenient: bool, session: &mut Session<'_>) {
    wrap(node, "context");
    let Some(build) = node.as_map_mut() else { return };
    for entry in build {
        let value = &mut entry.value;
        match &*entry.key {
            "args" | "labels" => mapping(value),
            "additional_contexts" => key_values(value, name, lenient, session),
            "extra_hosts" => hosts(value),
            "no_cache_filter" => list(value),
            "secrets" => each(value, |reference| wrap(reference, "source")),
            "ssh" => {
                repeated_in(name, &["build", "ssh"], value, session);
                ssh(value, name, session);
            }
            "provenance" | "sbom" => {
                if let (Kind::Bool(_), Some(text)) = (&value.kind, value.to_text()) {
                    value.kind = Kind::String(text.into());
                }
            }
            _ => {}
        }
    }
}

/// A text becomes a mapping with one key.
fn wrap(node: &mut Node, key: &str) {
    if let Kind::String(_) = node.kind {
        let span = node.span;
        let value = std::mem::take(node);
        let literal = value.literal;
        let mut map = Map::default();
        map.insert(key, span, value);
        *node = Node { literal, ..Node::new(Kind::Map(map), span) };
    }
}

/// A text becomes a list with one entry.
fn list(node: &mut Node) {
    if let Kind::String(_) = node.kind {
        let span = node.span;
        let value = std::mem::take(node);
        *node = Node::new(Kind::List(vec![value]), span);
    }
}

fn each(node: &mut Node, change: impl FnMut(&mut Node)) {
    if let Some(list) = node.as_list_mut() {
        list.iter_mut().for_each(change);
    }
}

fn each_of(node: Option<&mut Node>, change: impl FnMut(&mut Node)) {
    if let Some(node) = node {
        each(node, change);
    }
}

/// Whether a node is a list of texts, the only list that may become a mapping.
fn texts(node: &Node) -> bool {
    node.as_list().is_some_and(|list| list.iter().all(|entry| entry.as_str().is_some()))
}

/// `[KEY=VALUE, KEY]` becomes `{KEY: VALUE, KEY: null}`; a later key replaces an earlier one, in its place.
pub(crate) fn mapping(node: &mut Node) {
    if !texts(node) {
        return;
    }
    let mut map = Map::default();
    for entry in std::mem::take(node.as_list_mut().unwrap_or(&mut Vec::new())) {
        let text = entry.as_str().unwrap_or_default();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Kind::String(value.into())),
            None => (text, Kind::Null),
        };
        let value = Node { kind: value, literal: entry.literal, ..Node::new(Kind::Null, entry.span) };
        map.insert(key, entry.span, value);
    }
    node.kind = Kind::Map(map);
}

/// Reports duplicates in a list before it becomes a mapping, which would lose them. Elsewhere docker compose drops the first
/// duplicate before it looks.
fn repeated(node: &Node, path: &[Step<'_>], session: &mut Session<'_>) {
    shape::check_repetition(node.as_list().unwrap_or_default(), path, session);
}

/// The same below a service.
fn repeated_in(name: &str, keys: &[&str], node: &Node, session: &mut Session<'_>) {
    let path: Vec<Step<'_>> = ["services", name].iter().chain(keys).map(|key| Step::Key(key)).collect();
    repeated(node, &path, session);
}

fn environment(node: &mut Node, name: &str, session: &mut Session<'_>) {
    for entry in node.as_list().unwrap_or_default() {
        let key = entry.as_str().unwrap_or_default().split('=').next().unwrap_or_default();
        if key.ends_with(char::is_whitespace) {
            let message =
                format!("service `{name}`: variable `{}` has a space before its `=`", key.trim_end());
            session.error(Diagnostic::error(message).at(entry.span, "").hint("write `NAME=value`"));
        }
    }
    mapping(node);
}

/// `[NAME=CONTEXT]`; an entry without `=` is an error.
fn key_values(node: &mut Node, name: &str, lenient: bool, session: &mut Session<'_>) {
    if let Some(entry) = node
        .as_list()
        .into_iter()
        .flatten()
        .find(|entry| entry.as_str().is_some_and(|text| !text.contains('=')))
    {
        if !lenient {
            let message = format!("service `{name}`: `build.additional_contexts` takes `NAME=CONTEXT`");
            session.error(Diagnostic::error(message).at(entry.span, "no `=` in it"));
        }
        return;
    }
    mapping(node);
}

fn ssh(node: &mut Node, name: &str, session: &mut Session<'_>) {
    for entry in node.as_list().unwrap_or_default() {
        if entry.as_str().is_some_and(|text| !text.contains('=') && text != "default") {
            let message = format!("service `{name}`: `build.ssh` takes `default` or `ID=PATH`");
            session.error(Diagnostic::error(message).at(entry.span, ""));
        }
    }
    mapping(node);
}

/// `{host: address}` becomes `[host=address]`, since hosts of several files add up.
fn hosts(node: &mut Node) {
    let Some(map) = node.as_map() else { return };
    if map.iter().any(|entry| !matches!(entry.value.kind, Kind::String(_) | Kind::List(_))) {
        return;
    }
    let mut list = Vec::new();
    for entry in map {
        let addresses = entry.value.as_list().unwrap_or(std::slice::from_ref(&entry.value));
        for address in addresses {
            let Some(text) = address.as_str() else { return };
            list.push(Node {
                literal: address.literal,
                ..Node::string(format!("{}={text}", entry.key), address.span)
            });
        }
    }
    list.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    node.kind = Kind::List(list);
}

fn set_to_mapping(node: &mut Node) {
    if texts(node) {
        let mut map = Map::default();
        for entry in node.as_list().unwrap_or_default() {
            map.insert(entry.as_str().unwrap_or_default(), entry.span, Node::new(Kind::Null, entry.span));
        }
        node.kind = Kind::Map(map);
    }
}

/// A list means `service_started` and required for each entry. In a mapping, missing values may still come from another file.
fn depends_on(node: &mut Node) {
    if !texts(node) {
        return;
    }
    let mut map = Map::default();
    for entry in node.as_list().unwrap_or_default() {
        let mut dependency = Map::default();
        dependency.insert("condition", entry.span, Node::string("service_started", entry.span));
        dependency.insert("required", entry.span, Node::new(Kind::Bool(true), entry.span));
        let value = Node::new(Kind::Map(dependency), entry.span);
        map.insert(entry.as_str().unwrap_or_default(), entry.span, value);
    }
    node.kind = Kind::Map(map);
}

fn env_file(node: &mut Node) {
    list(node);
    each(node, |entry| {
        wrap(entry, "path");
        let span = entry.span;
        if let Some(file) = entry.as_map_mut()
            && !file.contains("required")
        {
            file.insert("required", span, Node::new(Kind::Bool(true), span));
        }
    });
}

fn gpus(node: &mut Node, name: &str, session: &mut Session<'_>) {
    if node.as_str() == Some("all") {
        let mut request = Map::default();
        request.insert("count", node.span, Node::string("all", node.span));
        node.kind = Kind::List(vec![Node::new(Kind::Map(request), node.span)]);
    }
    device_options(Some(node), name, session);
}

fn device_options(devices: Option<&mut Node>, name: &str, session: &mut Session<'_>) {
    each_of(devices, |request| {
        if let Some(options) = request.get_mut("options") {
            repeated_in(name, &["options"], options, session);
            mapping(options);
        }
    });
}

/// The old form `external: {name: NAME}` becomes `external: true` and `name: NAME`.
fn external(node: &mut Node, section: &str, key: &str, session: &mut Session<'_>) {
    let span = node.span;
    let Some(resource) = node.as_map_mut() else { return };
    let Some(external) = resource.get_mut("external") else {
        return;
    };
    // The specification closes this form for networks and volumes, and leaves it open for secrets and configs.
    if matches!(section, "networks" | "volumes") && external.as_map().is_some() {
        let path = [Step::Key(section), Step::Key(key), Step::Key("external")];
        shape::check_at(external, &schema::EXTERNAL_OBJECT, &path, session);
    }
    let Kind::Map(old) = &mut external.kind else {
        return;
    };
    let name = old.remove("name");
    external.kind = Kind::Bool(true);
    let Some(old_name) = name else { return };
    let warning =
        format!("`{section}.{key}.external.name` is the old way; write `external: true` and `name:`");
    session.warn(Diagnostic::warning(warning).at(old_name.span, ""));
    match resource.get("name") {
        Some(name) if *name != old_name => {
            let message = format!("`{section}.{key}` has two names");
            let error = Diagnostic::error(message)
                .at(old_name.span, "this one is the old way")
                .at(name.span, "keep this");
            session.error(error);
        }
        Some(_) => {}
        None => {
            resource.insert("name", span, old_name);
        }
    }
}

fn report(error: ShortError, node: &Node, path: &[Step<'_>], lenient: bool, session: &mut Session<'_>) {
    if !lenient {
        // What a variable gave may be a secret.
        let message = if node.literal { &error.message } else { "the variable's value does not fit here" };
        let hint = Some(error.hint).filter(|hint| node.literal || matches!(hint, Cow::Borrowed(_)));
        let mut error = Diagnostic::error(format!("{}: {message}", path::subject(path)))
            .at(node.span, "")
            .path(path::text(path));
        error.hints.extend(hint.map(Cow::into_owned));
        session.error(error);
    }
}

fn volume(node: &mut Node, name: &str, lenient: bool, session: &mut Session<'_>) {
    if let Some(labels) = node.get_mut("volume").and_then(|volume| volume.get_mut("labels")) {
        mapping(labels);
    }
    let Some(text) = node.as_str() else { return };
    match short_syntax::mount(text) {
        Ok(mount) => {
            let unknown: Vec<&str> = mount.unknown.iter().map(String::as_str).collect();
            dropped::mount_options(name, &unknown, node, session);
            node.kind = Kind::Map(mount.into_map(node.span, node.literal));
        }
        Err(error) => {
            let path = [Step::Key("services"), Step::Key(name), Step::Key("volumes")];
            report(error, node, &path, lenient, session);
        }
    }
}

fn device_mapping(node: &mut Node, name: &str, lenient: bool, session: &mut Session<'_>) {
    let Some(text) = node.as_str() else { return };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ if lenient => ("", "", "rwm"),
        _ => {
            let path = [Step::Key("services"), Step::Key(name), Step::Key("devices")];
            let error = ShortError {
                message: format!("`{text}` has too many colons"),
                hint: "use `source:`, `target:`, `permissions:`".into(),
            };
            return report(error, node, &path, lenient, session);
        }
    };
    let target = if target.is_empty() { source } else { target };
    let fields = [("source", source), ("target", target), ("permissions", permissions)];
    node.kind = Kind::Map(text_map(&fields, node.span, node.literal));
}

fn text_map(fields: &[(&str, &str)], span: Span, literal: bool) -> Map {
    let mut map = Map::default();
    for (key, value) in fields {
        map.insert(*key, span, Node { literal, ..Node::string(*value, span) });
    }
    map
}

/// One short port may be several long ones.
fn ports(node: &mut Node, name: &str, lenient: bool, session: &mut Session<'_>) {
    let Some(list) = node.as_list_mut() else { return };
    if list.iter().all(|entry| entry.as_map().is_some()) {
        return;
    }
    // As in docker compose: if one of them contains variables, all of them stay as they are.
    if lenient && list.iter().filter_map(Node::as_str).any(|text| short_syntax::ports(text).is_err()) {
        return;
    }
    let mut ports = Vec::with_capacity(list.len());
    for entry in list.drain(..) {
        let text = match &entry.kind {
            Kind::Int(_) | Kind::String(_) => entry.to_text().unwrap_or_default(),
            _ => {
                ports.push(entry);
                continue;
            }
        };
        match short_syntax::ports(&text) {
            Ok(found) => ports.extend(found.into_iter().map(|port| {
                let map = port.into_map(entry.span, entry.literal);
                Node { literal: entry.literal, ..Node::new(Kind::Map(map), entry.span) }
            })),
            Err(error) => {
                let path = [Step::Key("services"), Step::Key(name), Step::Key("ports")];
                report(error, &entry, &path, lenient, session);
                ports.push(entry);
            }
        }
    }
    *list = ports;
}
