//! Networks and volumes, and the mounts of containers.

use serde_json::{Value, json};

use super::Shared;
use super::reply::{self, Reply};
use super::request::Request;
use super::state::{Network, State, Volume};

pub(super) fn networks(shared: &Shared, request: &Request, parts: &[&str]) -> Reply {
    let mut state = shared.lock().expect("state");
    let body = request.json();
    match (request.method.as_str(), parts) {
        ("GET", []) => {
            let all: Vec<Value> =
                state.networks.iter().map(|(id, network)| network_json(id, network)).collect();
            reply::json(200, &all.into())
        }
        ("POST", ["create"]) => {
            let name = body["Name"].as_str().unwrap_or_default().to_owned();
            if state.find_network(&name).is_some() {
                return reply::refuse(409, format!("network with name {name} already exists"));
            }
            let id = state.new_id("network");
            state.networks.insert(id.clone(), Network { name, body });
            reply::json(201, &json!({ "Id": id, "Warning": "" }))
        }
        ("GET", [id]) => match state.find_network(id) {
            Some(id) => reply::json(200, &network_json(&id, &state.networks[&id])),
            None => reply::refuse(404, format!("network {id} not found")),
        },
        ("DELETE", [id]) => remove_network(&mut state, id),
        ("POST", [id, change @ ("connect" | "disconnect")]) => connect(&mut state, id, change, &body),
        _ => reply::refuse(404, format!("page not found: {}", request.line())),
    }
}

fn network_json(id: &str, network: &Network) -> Value {
    let driver = network.body["Driver"].as_str().unwrap_or("bridge");
    json!({ "Id": id, "Name": network.name, "Driver": driver, "Labels": network.body["Labels"], "Scope": "local" })
}

fn remove_network(state: &mut State, reference: &str) -> Reply {
    let Some(id) = state.find_network(reference) else {
        return reply::refuse(404, format!("network {reference} not found"));
    };
    let name = state.networks[&id].name.clone();
    if state.containers.values().any(|c| c.is_up() && c.endpoints.contains_key(&name)) {
        return reply::refuse(
            403,
            format!("error while removing network: network {name} id {id} has active endpoints"),
        );
    }
    state.networks.remove(&id);
    reply::empty(204)
}

fn connect(state: &mut State, network: &str, change: &str, body: &Value) -> Reply {
    let name = match state.find_network(network) {
        Some(id) => state.networks[&id].name.clone(),
        None => return reply::refuse(404, format!("network {network} not found")),
    };
    let reference = body["Container"].as_str().unwrap_or_default();
    let Some(container) = state.find_mut(reference) else {
        return reply::refuse(404, format!("No such container: {reference}"));
    };
    match change {
        "connect" if container.endpoints.contains_key(&name) => {
            return reply::refuse(403, format!("endpoint already exists in network {name}"));
        }
        "connect" => drop(container.endpoints.insert(name, body["EndpointConfig"].clone())),
        _ => drop(container.endpoints.remove(&name)),
    }
    reply::empty(200)
}

pub(super) fn volumes(shared: &Shared, request: &Request, parts: &[&str]) -> Reply {
    let mut state = shared.lock().expect("state");
    let body = request.json();
    match (request.method.as_str(), parts) {
        ("GET", []) => {
            let all: Vec<Value> =
                state.volumes.iter().map(|(name, volume)| volume_json(name, volume)).collect();
            reply::json(200, &json!({ "Volumes": all, "Warnings": null }))
        }
        ("POST", ["create"]) => {
            let name = body["Name"].as_str().unwrap_or_default().to_owned();
            let volume = state.volumes.entry(name.clone()).or_insert(Volume { body, ..Volume::default() });
            reply::json(201, &volume_json(&name, volume))
        }
        ("GET", [name]) => match state.volumes.get(*name) {
            Some(volume) => reply::json(200, &volume_json(name, volume)),
            None => reply::refuse(404, format!("get {name}: no such volume")),
        },
        ("DELETE", [name]) => remove_volume(&mut state, name),
        _ => reply::refuse(404, format!("page not found: {}", request.line())),
    }
}

fn volume_json(name: &str, volume: &Volume) -> Value {
    let driver = volume.body["Driver"].as_str().unwrap_or("local");
    json!({ "Name": name, "Driver": driver, "Labels": volume.body["Labels"], "Scope": "local" })
}

fn remove_volume(state: &mut State, name: &str) -> Reply {
    let uses = |body: &Value| mounts(body).iter().any(|mount| mount["Name"] == name);
    if let Some(container) = state.containers.values().find(|c| uses(&c.body)) {
        return reply::refuse(409, format!("remove {name}: volume is in use - [{}]", container.id));
    }
    match state.volumes.remove(name) {
        Some(_) => reply::empty(204),
        None => reply::refuse(404, format!("get {name}: no such volume")),
    }
}

/// The volumes that a new container brings into being.
pub(super) fn make_volumes(state: &mut State, body: &Value) {
    let own = body["HostConfig"]["Mounts"].as_array().cloned().unwrap_or_default();
    for mount in mounts(body) {
        if let (Some("volume"), Some(name)) = (mount["Type"].as_str(), mount["Name"].as_str()) {
            let options = own.iter().find(|own| own["Source"] == name).map(|own| &own["VolumeOptions"]);
            let body = json!({ "Name": name, "Labels": options.map(|options| &options["Labels"]) });
            state.volumes.entry(name.to_owned()).or_insert(Volume { body, ..Volume::default() });
        }
    }
}

/// The volumes of a container that no one named.
pub(super) fn anonymous_volumes(body: &Value) -> Vec<String> {
    let names = mounts(body).into_iter().filter_map(|mount| mount["Name"].as_str().map(str::to_owned));
    names.filter(|name| name.starts_with("anonymous-")).collect()
}

/// A container's mounts, from both forms in its body. Anonymous volumes are named after where they are mounted.
pub(super) fn mounts(body: &Value) -> Vec<Value> {
    let binds = body["HostConfig"]["Binds"].as_array().cloned().unwrap_or_default();
    let binds = binds.iter().filter_map(Value::as_str).filter_map(|bind| {
        let mut parts = bind.splitn(3, ':');
        let (source, target) = (parts.next()?, parts.next()?);
        Some(match source.starts_with('/') {
            true => json!({ "Type": "bind", "Source": source, "Destination": target }),
            false => json!({ "Type": "volume", "Name": source, "Source": "", "Destination": target }),
        })
    });
    let own = body["HostConfig"]["Mounts"].as_array().cloned().unwrap_or_default();
    let own = own.into_iter().map(|mount| {
        let target = mount["Target"].as_str().unwrap_or_default();
        let name = match (mount["Type"].as_str(), mount["Source"].as_str()) {
            (Some("volume"), None | Some("")) => json!(format!("anonymous-{}", target.replace('/', "-"))),
            (Some("volume"), Some(name)) => json!(name),
            _ => Value::Null,
        };
        json!({ "Type": mount["Type"], "Name": name, "Source": mount["Source"], "Destination": target })
    });
    binds.chain(own).collect()
}
