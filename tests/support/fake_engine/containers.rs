//! `/containers/…`

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::life::{self, missing};
use super::reply::{self, Reply};
use super::request::Request;
use super::state::{Container, State, Status};
use super::{Shared, events, inspect, logs, objects};

pub(super) async fn answer(shared: &Shared, request: &Request, parts: &[&str]) -> Reply {
    match (request.method.as_str(), parts) {
        ("GET", ["json"]) => list(shared, request),
        ("POST", ["create"]) => create(shared, request),
        ("GET", [id, "json"]) => {
            let state = shared.lock().expect("state");
            match state.find(id) {
                Some(container) => reply::json(200, &inspect::details(&state, container)),
                None => missing(id),
            }
        }
        ("GET", [id, "logs"]) => logs::answer(shared, request, id),
        ("POST", [id, "start"]) => life::start(shared, id),
        ("POST", [id, "stop"]) => life::stop(shared, id, request.get("t").and_then(|t| t.parse().ok())).await,
        ("POST", [id, "restart"]) => {
            life::stop(shared, id, request.get("t").and_then(|t| t.parse().ok())).await;
            life::start(shared, id)
        }
        ("POST", [id, "kill"]) => life::kill(shared, id, request.get("signal").unwrap_or_default()),
        ("POST", [id, "wait"]) => wait(shared, id, request.get("condition").unwrap_or("not-running")).await,
        ("POST", [id, "rename"]) => rename(shared, id, request.get("name").unwrap_or_default()),
        ("POST", [id, "update"]) => update(shared, id, &request.json()),
        ("POST", [id, "pause"]) => freeze(shared, id, Status::Running, Status::Paused),
        ("POST", [id, "unpause"]) => freeze(shared, id, Status::Paused, Status::Running),
        ("DELETE", [id]) => remove(shared, id, request.flag("force"), request.flag("v")),
        _ => reply::refuse(404, format!("page not found: {}", request.line())),
    }
}

fn list(shared: &Shared, request: &Request) -> Reply {
    let state = shared.lock().expect("state");
    let labels = request.filters("label");
    let has = |container: &Container, filter: &String| match filter.split_once('=') {
        Some((name, value)) => container.label(name) == value,
        None => !container.body["Labels"][filter.as_str()].is_null(),
    };
    let mut containers: Vec<_> = state.containers.values().collect();
    containers.retain(|c| (request.flag("all") || c.is_up()) && labels.iter().all(|filter| has(c, filter)));
    containers.sort_by_key(|c| std::cmp::Reverse((c.created, c.id.clone())));
    reply::json(200, &containers.into_iter().map(|container| inspect::entry(&state, container)).collect())
}

fn create(shared: &Shared, request: &Request) -> Reply {
    let mut state = shared.lock().expect("state");
    let body = request.json();
    let name = request.get("name").unwrap_or_default().to_owned();
    if let Some(holder) = state.containers.values().find(|c| c.name == name) {
        let message = format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
            holder.id
        );
        return reply::refuse(409, message);
    }
    let image = body["Image"].as_str().unwrap_or_default();
    let Some(image_id) = state.find_image(image) else {
        return reply::refuse(404, format!("No such image: {image}"));
    };
    let endpoints = endpoints(&body);
    let old =
        state.api.split_once('.').and_then(|(_, minor)| minor.parse::<u16>().ok()).is_some_and(|m| m < 44);
    if old && endpoints.len() > 1 {
        return reply::refuse(400, "Container cannot be connected to network endpoints: several");
    }
    if let Some(missing) = endpoints.keys().find(|name| state.find_network(name).is_none()) {
        return reply::refuse(404, format!("network {missing} not found"));
    }
    let id = state.new_id("container");
    objects::make_volumes(&mut state, &body);
    let container = Container {
        id: id.clone(),
        name,
        body,
        image_id,
        status: Status::Created,
        exit_code: 0,
        health: String::new(),
        restarts: 0,
        oom: false,
        generation: 0,
        started: None,
        finished: None,
        created: Timestamp::now(),
        since: None,
        endpoints,
        output: Vec::new(),
        files: BTreeMap::new(),
    };
    events::tell(&mut state, &container, "create", &[]);
    state.containers.insert(id.clone(), container);
    reply::json(201, &json!({ "Id": id, "Warnings": [] }))
}

/// Endpoints by network name; without any, the one of the network mode.
fn endpoints(body: &Value) -> BTreeMap<String, Value> {
    let given = body["NetworkingConfig"]["EndpointsConfig"].as_object().cloned().unwrap_or_default();
    if !given.is_empty() {
        return given.into_iter().collect();
    }
    match body["HostConfig"]["NetworkMode"].as_str().unwrap_or("default") {
        mode if mode.starts_with("container:") => BTreeMap::new(),
        "" | "default" => BTreeMap::from([("bridge".to_owned(), json!({}))]),
        mode => BTreeMap::from([(mode.to_owned(), json!({}))]),
    }
}

async fn wait(shared: &Shared, id: &str, condition: &str) -> Reply {
    let (id, generation, running) = match shared.lock().expect("state").find(id) {
        Some(container) => (container.id.clone(), container.generation, container.is_up()),
        None => return missing(id),
    };
    let mut last = 0;
    loop {
        if let Some(container) = shared.lock().expect("state").containers.get(&id) {
            last = container.exit_code;
            let ended = !container.is_up() && container.status != Status::Restarting;
            let done = match condition {
                "removed" => false,
                "next-exit" => ended && (container.generation > generation || running),
                _ => ended,
            };
            if done {
                break;
            }
        } else {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    reply::json(200, &json!({ "StatusCode": last, "Error": null }))
}

fn rename(shared: &Shared, id: &str, name: &str) -> Reply {
    let mut state = shared.lock().expect("state");
    if state.containers.values().any(|c| c.name == name) {
        return reply::refuse(409, format!("Conflict. The container name \"/{name}\" is already in use"));
    }
    let Some(container) = state.find_mut(id) else {
        return missing(id);
    };
    name.clone_into(&mut container.name);
    let container = container.clone();
    events::tell(&mut state, &container, "rename", &[]);
    reply::empty(204)
}

fn update(shared: &Shared, id: &str, body: &Value) -> Reply {
    let mut state = shared.lock().expect("state");
    let Some(container) = state.find_mut(id) else {
        return missing(id);
    };
    for (key, value) in body.as_object().into_iter().flatten() {
        container.body["HostConfig"][key.as_str()] = value.clone();
    }
    reply::json(200, &json!({ "Warnings": [] }))
}

fn freeze(shared: &Shared, id: &str, from: Status, to: Status) -> Reply {
    let mut state = shared.lock().expect("state");
    let Some(container) = state.find_mut(id) else {
        return missing(id);
    };
    if container.status != from {
        return reply::refuse(409, format!("Container {id} is not in the right state"));
    }
    container.status = to;
    let container = container.clone();
    events::tell(&mut state, &container, if to == Status::Paused { "pause" } else { "unpause" }, &[]);
    reply::empty(204)
}

fn remove(shared: &Shared, id: &str, force: bool, volumes: bool) -> Reply {
    let mut state: std::sync::MutexGuard<'_, State> = shared.lock().expect("state");
    let Some(container) = state.find(id).cloned() else {
        return missing(id);
    };
    if (container.is_up() || container.status == Status::Restarting) && !force {
        let message = format!(
            "You cannot remove a running container {}. Stop the container before attempting removal or force remove",
            container.id
        );
        return reply::refuse(409, message);
    }
    state.containers.remove(&container.id);
    if volumes {
        for name in objects::anonymous_volumes(&container.body) {
            state.volumes.remove(&name);
        }
    }
    if container.is_up() {
        events::tell(&mut state, &container, "die", &[("exitCode", "137")]);
    }
    events::tell(&mut state, &container, "destroy", &[]);
    reply::empty(204)
}
