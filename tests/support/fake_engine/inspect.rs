//! Containers as the list and the inspect show them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::objects;
use super::state::{Container, State, Status};

/// One entry of the list.
pub(super) fn entry(state: &State, container: &Container) -> Value {
    json!({
        "Id": container.id, "Names": [format!("/{}", container.name)], "Image": container.body["Image"],
        "ImageID": container.image_id, "Created": container.created.as_second(), "State": word(container),
        "Status": status(container), "Labels": container.body["Labels"], "Ports": ports(container),
        "Mounts": objects::mounts(&container.body), "NetworkSettings": { "Networks": networks(state, container) },
        "HostConfig": { "NetworkMode": container.body["HostConfig"]["NetworkMode"] },
    })
}

fn word(container: &Container) -> &'static str {
    match container.status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Restarting => "restarting",
        Status::Exited => "exited",
    }
}

fn status(container: &Container) -> String {
    let code = container.exit_code;
    match (container.status, container.health.as_str()) {
        (Status::Created, _) => "Created".to_owned(),
        (Status::Running, "") => "Up 1 second".to_owned(),
        (Status::Running, "starting") => "Up 1 second (health: starting)".to_owned(),
        (Status::Running, health) => format!("Up 1 second ({health})"),
        (Status::Paused, _) => "Up 1 second (Paused)".to_owned(),
        (Status::Restarting, _) => format!("Restarting ({code}) 1 second ago"),
        (Status::Exited, _) => format!("Exited ({code}) 1 second ago"),
    }
}

fn ports(container: &Container) -> Vec<Value> {
    let bindings = container.body["HostConfig"]["PortBindings"].as_object().cloned().unwrap_or_default();
    let one = |(key, places): (String, Value)| {
        let (port, protocol) = key.split_once('/').unwrap_or((&key, "tcp"));
        let (port, protocol) = (port.parse::<u16>().unwrap_or(0), protocol.to_owned());
        let places = places.as_array().cloned().unwrap_or_default();
        places.into_iter().map(move |place| {
            let published = place["HostPort"].as_str().and_then(|p| p.parse::<u16>().ok()).unwrap_or(49153);
            let address =
                place["HostIp"].as_str().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0").to_owned();
            json!({ "IP": address, "PrivatePort": port, "PublicPort": published, "Type": protocol })
        })
    };
    match container.is_up() {
        true => bindings.into_iter().flat_map(one).collect(),
        false => Vec::new(),
    }
}

/// Networks by name, with an address while the container runs.
fn networks(state: &State, container: &Container) -> Value {
    let network = |(name, endpoint): (&String, &Value)| {
        let number = u64::from_str_radix(&container.id[..2], 16).unwrap_or(2);
        let asked = endpoint["IPAMConfig"]["IPv4Address"].as_str().map(str::to_owned);
        let address = asked.unwrap_or_else(|| format!("127.0.0.{number}"));
        let value = json!({
            "NetworkID": state.find_network(name).unwrap_or_default(), "Aliases": endpoint["Aliases"],
            "IPAddress": if container.is_up() { address } else { String::new() },
        });
        (name.clone(), value)
    };
    Value::Object(container.endpoints.iter().map(network).collect::<Map<_, _>>())
}

/// One container in full.
pub(super) fn details(state: &State, container: &Container) -> Value {
    let moment =
        |time: Option<Timestamp>| time.map_or("0001-01-01T00:00:00Z".to_owned(), |time| time.to_string());
    let mut config = container.body.clone();
    let host_config = config["HostConfig"].take();
    let health = match container.health.as_str() {
        "" => Value::Null,
        status => json!({ "Status": status, "FailingStreak": 0, "Log": [
            { "Start": moment(container.started), "End": moment(container.started),
              "ExitCode": i64::from(status == "unhealthy"), "Output": format!("{status}\n") }
        ]}),
    };
    json!({
        "Id": container.id, "Name": format!("/{}", container.name), "Image": container.image_id,
        "Created": container.created.to_string(), "RestartCount": container.restarts,
        "State": {
            "Status": word(container), "Running": container.is_up(), "ExitCode": container.exit_code,
            "OOMKilled": container.oom, "Error": "", "Pid": if container.is_up() { 4242 } else { 0 },
            "StartedAt": moment(container.started), "FinishedAt": moment(container.finished), "Health": health,
        },
        "Config": config, "HostConfig": host_config, "Mounts": objects::mounts(&container.body),
        "NetworkSettings": { "Networks": networks(state, container) },
    })
}
