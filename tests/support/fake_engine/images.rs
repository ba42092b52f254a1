//! Images: local ones, pulls, imports, builds.

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::Shared;
use super::reply::{self, Reply};
use super::request::Request;
use super::state::{State, with_tag};

pub(super) fn answer(shared: &Shared, request: &Request, parts: &[&str]) -> Reply {
    let mut state = shared.lock().expect("state");
    match (request.method.as_str(), parts) {
        ("GET", ["json"]) => {
            let ids: std::collections::BTreeSet<_> = state.images.values().cloned().collect();
            reply::json(200, &ids.iter().map(|id| image_json(&state, id)).collect())
        }
        ("POST", ["create"]) if request.get("fromSrc").is_some() => {
            let id = state.add_image(&name_in(request, "repo"));
            lines(vec![json!({ "status": id })])
        }
        ("POST", ["create"]) => pull(&mut state, request),
        ("GET", [name @ .., "json"]) => match state.find_image(&name.join("/")) {
            Some(id) => reply::json(200, &image_json(&state, &id)),
            None => missing(&name.join("/")),
        },
        ("POST", [name @ .., "push"]) => match state.find_image(&name_pushed(name, request)) {
            Some(_) if name.contains(&"forbidden") => {
                lines(vec![json!({ "errorDetail": { "message": "denied: requested access" } })])
            }
            Some(_) => lines(vec![json!({ "status": "Pushed" })]),
            None => missing(&name_pushed(name, request)),
        },
        ("POST", [name @ .., "tag"]) => match state.find_image(&name.join("/")) {
            Some(id) => {
                let name = name_in(request, "repo");
                state.images.insert(with_tag(&name), id);
                reply::empty(201)
            }
            None => missing(&name.join("/")),
        },
        ("DELETE", name) => remove(&mut state, &name.join("/"), request.flag("force")),
        _ => reply::refuse(404, format!("page not found: {}", request.line())),
    }
}

/// What the registry knows of an image; names are whole there.
pub(super) fn distribution(shared: &Shared, name: &str) -> Reply {
    let state = shared.lock().expect("state");
    match state.registry.iter().any(|known| with_tag(known) == name) {
        true => {
            reply::json(200, &json!({ "Descriptor": { "digest": format!("sha256:{}", "d".repeat(64)) } }))
        }
        false => reply::refuse(404, format!("manifest unknown: {name}")),
    }
}

fn name_pushed(name: &[&str], request: &Request) -> String {
    format!("{}:{}", name.join("/"), request.get("tag").unwrap_or_default())
}

fn name_in(request: &Request, key: &str) -> String {
    let (name, tag) = (request.get(key).unwrap_or_default(), request.get("tag").unwrap_or_default());
    match tag {
        "" => name.to_owned(),
        digest if digest.contains(':') => format!("{name}@{digest}"),
        tag => format!("{name}:{tag}"),
    }
}

fn missing(name: &str) -> Reply {
    reply::refuse(404, format!("No such image: {name}"))
}

fn image_json(state: &State, id: &str) -> Value {
    let names: Vec<_> =
        state.images.iter().filter(|(_, own)| *own == id).map(|(name, _)| name.clone()).collect();
    let config = state.image_configs.get(id).cloned().unwrap_or_else(|| json!({}));
    json!({
        "Id": id, "RepoTags": names, "RepoDigests": [], "Os": "linux", "Architecture": "amd64", "Size": 1000,
        "Labels": config["Labels"], "Config": config,
    })
}

/// Succeeds for what the registry has.
fn pull(state: &mut State, request: &Request) -> Reply {
    let name = name_in(request, "fromImage");
    let known = state.registry.iter().any(|known| with_tag(known) == with_tag(&name));
    if !known {
        return reply::refuse(
            404,
            format!("manifest for {name} not found: manifest unknown: manifest unknown"),
        );
    }
    state.add_image(&name);
    lines(vec![
        json!({ "status": format!("Pulling from {name}"), "id": request.get("tag") }),
        json!({ "status": "Downloading", "id": "layer1", "progressDetail": { "current": 10, "total": 20 } }),
        json!({ "status": "Pull complete", "id": "layer1", "progressDetail": {} }),
        json!({ "status": format!("Status: Downloaded newer image for {name}") }),
    ])
}

/// Messages as the engine frames them.
fn lines(values: Vec<Value>) -> Reply {
    let chunks: Vec<_> = values.into_iter().map(|value| Bytes::from(format!("{value}\r\n"))).collect();
    reply::stream_of("application/json", stream::iter(chunks))
}

fn remove(state: &mut State, name: &str, force: bool) -> Reply {
    let Some(id) = state.find_image(name) else {
        return missing(name);
    };
    // A name of several is taken away though a container uses the image.
    let last = state.images.values().filter(|own| **own == id).count() == 1;
    if !force && last && state.containers.values().any(|c| c.image_id == id) {
        return reply::refuse(
            409,
            format!("conflict: unable to remove repository reference \"{name}\" (must force)"),
        );
    }
    state
        .images
        .retain(|own, own_id| *own != with_tag(name) && !(*own_id == id && name.starts_with("sha256:")));
    reply::json(200, &json!([{ "Untagged": name }]))
}

/// Builds whatever is sent: the image gets the names and labels of the query.
pub(super) fn build(shared: &Shared, request: &Request) -> Reply {
    let mut state = shared.lock().expect("state");
    let mut messages = vec![json!({ "stream": "Step 1/1 : FROM scratch" }), json!({ "stream": "\n" })];
    if let Some(error) = state.build_error.clone() {
        messages.push(json!({ "errorDetail": { "message": error }, "error": error }));
        return lines(messages);
    }
    let names = request.raw_query.split('&').filter_map(|pair| pair.strip_prefix("t="));
    let names: Vec<String> = names.map(|name| name.replace("%3A", ":").replace("%2F", "/")).collect();
    let id = format!("sha256:{}", state.new_id("image"));
    let labels: Value = request.get("labels").and_then(|l| serde_json::from_str(l).ok()).unwrap_or_default();
    state.image_configs.insert(id.clone(), json!({ "Labels": labels }));
    for name in &names {
        state.images.insert(with_tag(name), id.clone());
    }
    messages.push(json!({ "aux": { "ID": id } }));
    messages.push(json!({ "stream": "Successfully built\n" }));
    lines(messages)
}
