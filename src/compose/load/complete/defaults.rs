//! The defaults that docker compose adds after all files are merged, and rules about values that belong together.

use crate::compose::load::session::Session;
use crate::compose::load::tree::path::{self, Step};
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Map, Node};

/// Adds defaults that belong to the files, not to the project: an included file gets them too.
pub(crate) fn set(root: &mut Node) {
    for entry in section(root, "services") {
        let Some(service) = entry.value.as_map_mut() else {
            continue;
        };
        if let Some(build) = service.get_mut("build") {
            put(build, "context", |_| Some(Kind::String(".".into())));
        }
        for secret in list(service.get_mut("secrets")) {
            put(secret, "target", |secret| {
                Some(Kind::String(format!("/run/secrets/{}", secret.get("source")?.as_str()?).into()))
            });
        }
        for port in list(service.get_mut("ports")) {
            put(port, "protocol", |_| Some(Kind::String("tcp".into())));
            put(port, "mode", |_| Some(Kind::String("ingress".into())));
        }
        for request in list(service.get_mut("gpus")) {
            all_devices(request);
        }
        let reservations = service.get_mut("deploy").and_then(|deploy| deploy.get_mut("resources"));
        let devices = reservations.and_then(|resources| resources.get_mut("reservations"));
        for request in list(devices.and_then(|reservations| reservations.get_mut("devices"))) {
            all_devices(request);
        }
        for entry in service.get_mut("depends_on").and_then(Node::as_map_mut).into_iter().flatten() {
            put(&mut entry.value, "condition", |_| Some(Kind::String("service_started".into())));
            put(&mut entry.value, "required", |_| Some(Kind::Bool(true)));
        }
    }
}

fn section<'n>(root: &'n mut Node, name: &str) -> impl Iterator<Item = &'n mut crate::yaml::Entry> {
    root.get_mut(name).and_then(Node::as_map_mut).into_iter().flatten()
}

fn list(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::as_list_mut).into_iter().flatten()
}

/// Puts a value under a key that is not there.
fn put(node: &mut Node, key: &str, kind: impl FnOnce(&Map) -> Option<Kind>) {
    let span = node.span;
    let Some(map) = node.as_map_mut() else { return };
    if map.contains(key) {
        return;
    }
    if let Some(kind) = kind(map) {
        map.insert(key, span, Node::new(kind, span));
    }
}

fn all_devices(request: &mut Node) {
    put(request, "count", |request| (!request.contains("device_ids")).then(|| Kind::String("all".into())));
}

/// Rules about values that belong together.
pub(crate) fn check(root: &Node, session: &mut Session<'_>) {
    let entries = |name: &str| root.get(name).and_then(Node::as_map).into_iter().flatten();
    for entry in entries("volumes") {
        check_external(&entry.key, &entry.value, session);
    }
    for (section, keys) in
        [("configs", &["file", "environment", "content"][..]), ("secrets", &["file", "environment"])]
    {
        for entry in entries(section) {
            check_file_object(section, &entry.key, &entry.value, keys, session);
        }
    }
    for entry in entries("services") {
        check_service(&entry.key, &entry.value, session);
    }
}

fn check_external(name: &str, volume: &Node, session: &mut Session<'_>) {
    let Some(map) = volume.as_map() else { return };
    let is_external = map.get("external").is_some_and(|node| matches!(node.kind, Kind::Bool(true)));
    for entry in map.iter().filter(|_| is_external) {
        if !matches!(&*entry.key, "name" | "external") && !entry.key.starts_with("x-") {
            let message = format!("volume `{name}` is external and has `{}`", entry.key);
            let error = Diagnostic::error(message).at(entry.key_span, "its creator decides this");
            session.error(error.path(format!("volumes.{name}.{}", entry.key)).hint("remove one of the two"));
        }
    }
}

fn check_file_object(section: &str, name: &str, object: &Node, keys: &[&str], session: &mut Session<'_>) {
    let Some(map) = object.as_map() else { return };
    let mut written = keys.iter().filter_map(|key| map.entry(key));
    let path = [Step::Key(section), Step::Key(name)];
    let subject = path::subject(&path);
    let alternatives = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match (written.next(), written.next()) {
        (Some(first), Some(second)) => {
            let error = Diagnostic::error(format!("{subject} has both `{}` and `{}`", first.key, second.key));
            let error = error.at(second.key_span, "").at(first.key_span, "");
            session.error(error.path(path::text(&path)).hint("keep one of them"));
        }
        (None, _) if !map.contains("driver") && !map.contains("external") => {
            let error = Diagnostic::error(format!("{subject} has no source")).at(object.span, "");
            session.error(error.path(path::text(&path)).hint(format!("write one of {alternatives}")));
        }
        _ => {}
    }
}

fn check_service(name: &str, service: &Node, session: &mut Session<'_>) {
    for (section, what) in [("ports", "port"), ("volumes", "mount"), ("devices", "device")] {
        let list = service.get(section).and_then(Node::as_list).unwrap_or_default();
        for (index, entry) in list.iter().enumerate().filter(|(_, entry)| entry.as_map().is_some()) {
            if entry.get("target").is_none() {
                let message = format!("service `{name}`: a {what} has no target");
                let error = Diagnostic::error(message).at(entry.span, "");
                session
                    .error(error.path(format!("services.{name}.{section}[{index}]")).hint("write `target:`"));
            }
        }
    }
    for (index, mount) in
        service.get("volumes").and_then(Node::as_list).unwrap_or_default().iter().enumerate()
    {
        if mount.get("type").and_then(Node::as_str) == Some("bind") && mount.get("source").is_none() {
            let path = format!("services.{name}.volumes[{index}]");
            let error =
                Diagnostic::error(format!("service `{name}`: a bind mount has no source")).at(mount.span, "");
            session.error(error.path(path).hint("write `source:`, or `type: volume`"));
        }
    }
    let list = |node: Option<&Node>| node.and_then(Node::as_list).unwrap_or_default().to_vec();
    for (index, port) in service.get("ports").and_then(Node::as_list).unwrap_or_default().iter().enumerate() {
        if let Some(ip) = port
            .get("host_ip")
            .filter(|ip| ip.as_str().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()))
        {
            let message = format!("service `{name}`: `ports[{index}].host_ip` is no IP address");
            session.error(
                Diagnostic::error(message).at(ip.span, "").path(format!("services.{name}.ports[{index}]")),
            );
        }
    }
    for trigger in service
        .get("develop")
        .and_then(|develop| develop.get("watch"))
        .and_then(Node::as_list)
        .unwrap_or_default()
    {
        if let Some(path) = trigger.get("path").filter(|path| path.as_str() == Some("")) {
            let message = format!("service `{name}`: a watched path is empty");
            session.error(Diagnostic::error(message).at(path.span, ""));
        }
    }
    let reservations = service.get("deploy").and_then(|deploy| deploy.get("resources")?.get("reservations"));
    let devices = list(reservations.and_then(|reservations| reservations.get("devices")));
    for request in devices.iter().chain(&list(service.get("gpus"))) {
        if let (Some(count), Some(ids)) = (request.get("count"), request.get("device_ids")) {
            let message = format!("service `{name}` asks for devices by `count` and by `device_ids`");
            session.error(
                Diagnostic::error(message)
                    .at(ids.span, "these ones")
                    .at(count.span, "so many")
                    .hint("keep one of them"),
            );
        }
    }
}
