//! What docker compose writes into every project: names, the default network, the Dockerfile's name, and the dependencies that
//! links and shared namespaces imply.

use crate::compose::load::complete::resolve::inherit;
use crate::compose::load::inputs::variables::Environment;
use crate::compose::load::syntax::short_syntax::clean;
use crate::compose::model::ProjectName;
use crate::yaml::{Kind, Map, Node, Span};

/// Normalizes a model.
pub(crate) fn normalize(root: &mut Node, name: &ProjectName, environment: &Environment) {
    let mut uses_default = false;
    for entry in root.get_mut("services").and_then(Node::as_map_mut).into_iter().flatten() {
        uses_default |= service(&mut entry.value, environment);
    }
    let Some(root) = root.as_map_mut() else { return };
    if uses_default {
        let networks = root.get_mut("networks").and_then(Node::as_map_mut);
        match networks {
            Some(networks) if networks.contains("default") => {}
            Some(networks) => {
                networks.insert("default", Span::default(), Node::default());
            }
            None => {
                let mut networks = Map::default();
                networks.insert("default", Span::default(), Node::default());
                root.insert("networks", Span::default(), Node::new(Kind::Map(networks), Span::default()));
            }
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        for entry in root.get_mut(section).and_then(Node::as_map_mut).into_iter().flatten() {
            name_resource(&entry.key, &mut entry.value, name);
        }
    }
}

/// Normalizes a service. Returns whether it uses the default network.
fn service(node: &mut Node, environment: &Environment) -> bool {
    let span = node.span;
    let Some(service) = node.as_map_mut() else {
        return false;
    };
    if service.get("pull_policy").and_then(Node::as_str) == Some("if_not_present") {
        service.insert("pull_policy", span, Node::string("missing", span));
    }
    if let Some(build) = service.get_mut("build") {
        normalize_build(build, environment);
    }
    if let Some(variables) = service.get_mut("environment") {
        inherit(variables, environment);
    }
    for mount in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(Node { kind: Kind::String(target), .. }) = mount.get_mut("target") {
            *target = clean_target(target).into();
        }
    }
    inherit_hook_image(service);
    add_implied_dependencies(service, span);
    attach_to_default(service, span)
}

/// An empty target is the root, as docker compose has it.
fn clean_target(target: &str) -> String {
    if target.is_empty() { ".".to_owned() } else { clean(target) }
}

fn normalize_build(node: &mut Node, environment: &Environment) {
    let span = node.span;
    let Some(build) = node.as_map_mut() else { return };
    if build.get("context").is_none_or(Node::is_null) {
        build.insert("context", span, Node::string(".", span));
    }
    if !build.contains("dockerfile") && !build.contains("dockerfile_inline") {
        build.insert("dockerfile", span, Node::string("Dockerfile", span));
    }
    if let Some(args) = build.get_mut("args") {
        inherit(args, environment);
        if let Some(args) = args.as_map_mut() {
            args.retain(|entry| !entry.value.is_null());
        }
    }
}

/// A `pre_start` hook without an image runs the service's image.
fn inherit_hook_image(service: &mut Map) {
    let Some(image) =
        service.get("image").filter(|image| image.as_str().is_some_and(|text| !text.is_empty())).cloned()
    else {
        return;
    };
    for hook in service.get_mut("pre_start").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(hook) = hook.as_map_mut()
            && !hook.contains("image")
        {
            hook.insert("image", image.span, image.clone());
        }
    }
}

fn add_implied_dependencies(service: &mut Map, span: Span) {
    let mut implied: Vec<(Box<str>, Span, bool)> = Vec::new();
    let texts = |key: &str| {
        let list = service.get(key).and_then(Node::as_list).unwrap_or_default();
        list.iter().filter_map(|node| Some((node.as_str()?, node.span)))
    };
    for (link, span) in texts("links") {
        let name = match link.split(':').collect::<Vec<_>>().as_slice() {
            [service, _] => service,
            _ => link,
        };
        implied.push((name.into(), span, true));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let mode =
            service.get(key).and_then(|node| Some((node.as_str()?.strip_prefix("service:")?, node.span)));
        implied.extend(mode.map(|(name, span)| (name.into(), span, true)));
    }
    for (volume, span) in texts("volumes_from").filter(|(volume, _)| !volume.starts_with("container:")) {
        implied.push((volume.split(':').next().unwrap_or(volume).into(), span, false));
    }
    if implied.is_empty() {
        return;
    }
    if service.get("depends_on").is_none_or(|node| node.as_map().is_none()) {
        service.insert("depends_on", span, Node::new(Kind::Map(Map::default()), span));
    }
    let Some(dependencies) = service.get_mut("depends_on").and_then(Node::as_map_mut) else {
        return;
    };
    for (name, span, restart) in implied {
        if !dependencies.contains(&name) {
            let mut dependency = Map::default();
            dependency.insert("condition", span, Node::string("service_started", span));
            dependency.insert("restart", span, Node::new(Kind::Bool(restart), span));
            dependency.insert("required", span, Node::new(Kind::Bool(true), span));
            dependencies.insert(name, span, Node::new(Kind::Map(dependency), span));
        }
    }
}

fn attach_to_default(service: &mut Map, span: Span) -> bool {
    if service.contains("provider") || service.contains("network_mode") {
        return false;
    }
    match service.get("networks").and_then(Node::as_map) {
        Some(networks) if !networks.is_empty() => networks.contains("default"),
        _ => {
            let mut networks = Map::default();
            networks.insert("default", span, Node::new(Kind::Null, span));
            service.insert("networks", span, Node::new(Kind::Map(networks), span));
            true
        }
    }
}

fn name_resource(key: &str, node: &mut Node, project: &ProjectName) {
    if node.is_null() {
        node.kind = Kind::Map(Map::default());
    }
    let span = node.span;
    let Some(resource) = node.as_map_mut() else { return };
    if resource.get("name").is_some_and(|name| !name.is_null()) {
        return;
    }
    let is_external = resource.get("external").is_some_and(|node| match &node.kind {
        Kind::Bool(value) => *value,
        Kind::String(text) => matches!(&**text, "1" | "t" | "T" | "true" | "TRUE" | "True"),
        _ => false,
    });
    let name = if is_external { key.to_owned() } else { format!("{project}_{key}") };
    resource.insert("name", span, Node::string(name, span));
}
