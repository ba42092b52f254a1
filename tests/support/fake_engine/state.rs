//! What the fake has: containers, networks, volumes, images, and what was asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{broadcast, watch};

use super::fault::Fault;
use super::request::Request;
use super::script::Script;

/// Everything the fake has.
pub struct State {
    /// The newest API version it speaks.
    pub api: String,
    /// All requests so far.
    pub requests: Vec<Request>,
    /// Faults that have not struck yet.
    pub faults: Vec<Fault>,
    /// Behaviour by service or container name.
    pub scripts: BTreeMap<String, Script>,
    /// Containers by id.
    pub containers: BTreeMap<String, Container>,
    /// Networks by id.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// Local images: id by name.
    pub images: BTreeMap<String, String>,
    /// The configuration of images by id; what is missing is empty.
    pub image_configs: BTreeMap<String, Value>,
    /// Names whose pulls succeed.
    pub registry: BTreeSet<String>,
    /// Execs by id.
    pub execs: BTreeMap<String, Exec>,
    /// What `POST /build` answers instead of success.
    pub build_error: Option<String>,
    /// The events so far.
    pub history: Vec<Value>,
    pub(super) live: broadcast::Sender<Value>,
    pub(super) epoch: watch::Sender<u64>,
    counter: u64,
}

/// A container.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, without a slash.
    pub name: String,
    /// The body it was created with.
    pub body: Value,
    /// The image's id.
    pub image_id: String,
    /// What it is doing.
    pub status: Status,
    /// Its last exit code.
    pub exit_code: i64,
    /// Its health: `starting`, `healthy`, `unhealthy`; empty without a healthcheck.
    pub health: String,
    /// How often it was restarted by its policy.
    pub restarts: u64,
    /// Whether the kernel ended it.
    pub oom: bool,
    /// How often it was started: timers of an older start do nothing.
    pub generation: u64,
    /// When it was last started.
    pub started: Option<jiff::Timestamp>,
    /// When it last ended.
    pub finished: Option<jiff::Timestamp>,
    /// The order of its creation.
    pub created: jiff::Timestamp,
    /// When it was started, for its script.
    pub since: Option<Instant>,
    /// Endpoints by network name.
    pub endpoints: BTreeMap<String, Value>,
    /// What it printed: 1 or 2, when, and the line.
    pub output: Vec<(u8, jiff::Timestamp, String)>,
    /// Files put into it.
    pub files: BTreeMap<String, File>,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never started.
    Created,
    /// Runs.
    Running,
    /// Frozen.
    Paused,
    /// About to be started again by its policy.
    Restarting,
    /// Ended.
    Exited,
}

/// A file in a container or volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it.
    pub content: Vec<u8>,
    /// Its mode bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
}

/// A network.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The body it was created with.
    pub body: Value,
}

/// A volume.
#[derive(Debug, Clone, Default)]
pub struct Volume {
    /// The body it was created with.
    pub body: Value,
    /// What is in it, by path.
    pub files: BTreeMap<String, File>,
}

/// A command in a container.
#[derive(Debug, Clone)]
pub struct Exec {
    /// The container's id.
    pub container: String,
    /// The body it was created with.
    pub body: Value,
    /// Its exit code, once it ended.
    pub code: Option<i64>,
}

impl State {
    pub(super) fn new(api: &str) -> State {
        let mut state = State {
            api: api.to_owned(),
            requests: Vec::new(),
            faults: Vec::new(),
            scripts: BTreeMap::new(),
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            image_configs: BTreeMap::new(),
            registry: BTreeSet::new(),
            execs: BTreeMap::new(),
            build_error: None,
            history: Vec::new(),
            live: broadcast::channel(4096).0,
            epoch: watch::channel(0).0,
            counter: 0,
        };
        for name in ["bridge", "host", "none"] {
            let id = state.new_id("network");
            state.networks.insert(id, Network { name: name.to_owned(), body: json!({ "Driver": name }) });
        }
        state
    }

    /// The same objects for another fake engine, without its requests.
    pub(super) fn copied(&self) -> State {
        State {
            scripts: self.scripts.clone(),
            containers: self.containers.clone(),
            networks: self.networks.clone(),
            volumes: self.volumes.clone(),
            images: self.images.clone(),
            image_configs: self.image_configs.clone(),
            registry: self.registry.clone(),
            counter: self.counter,
            ..State::new(&self.api)
        }
    }

    /// A new id, the same in every run.
    pub fn new_id(&mut self, kind: &str) -> String {
        self.counter += 1;
        let digest = Sha256::digest(format!("{kind}-{}", self.counter));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds a local image.
    pub fn add_image(&mut self, name: &str) -> String {
        let id = format!("sha256:{}", self.new_id("image"));
        self.images.insert(with_tag(name), id.clone());
        id
    }

    /// An image by name or id.
    pub fn find_image(&self, name: &str) -> Option<String> {
        let by_id =
            || self.images.values().find(|id| *id == name || id.strip_prefix("sha256:") == Some(name));
        self.images.get(&with_tag(name)).or_else(by_id).cloned()
    }

    /// A container by id, start of an id, or name.
    pub fn find(&self, reference: &str) -> Option<&Container> {
        let by_prefix = |c: &&Container| reference.len() >= 4 && c.id.starts_with(reference);
        let by_name = self.containers.values().find(|c| c.name == reference);
        by_name.or_else(|| self.containers.values().find(by_prefix))
    }

    /// A container to change.
    pub fn find_mut(&mut self, reference: &str) -> Option<&mut Container> {
        let id = self.find(reference)?.id.clone();
        self.containers.get_mut(&id)
    }

    /// A network's id by id or name.
    pub fn find_network(&self, reference: &str) -> Option<String> {
        let found = self.networks.iter().find(|(id, n)| *id == reference || n.name == reference);
        found.map(|(id, _)| id.clone())
    }

    /// The script of a container.
    pub fn script_of(&self, container: &Container) -> Script {
        let by_name = self.scripts.get(&container.name);
        let script = by_name.or_else(|| self.scripts.get(container.service())).cloned();
        // A container that only looks at GPUs ends by itself.
        let looks = container.name.starts_with("sofa.gpus.");
        script.unwrap_or_else(|| if looks { Script::default().exits(0, 1) } else { Script::default() })
    }

    /// Names of containers, sorted: what a test asks first.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.containers.values().map(|c| c.name.clone()).collect();
        names.sort();
        names
    }
}

impl Container {
    /// A label.
    pub fn label(&self, name: &str) -> &str {
        self.body["Labels"][name].as_str().unwrap_or_default()
    }

    /// Its Compose service.
    pub fn service(&self) -> &str {
        self.label("com.docker.compose.service")
    }

    /// Whether it holds ports, addresses and volumes.
    pub fn is_up(&self) -> bool {
        matches!(self.status, Status::Running | Status::Paused)
    }

    /// Its restart policy's name and maximum.
    pub fn policy(&self) -> (&str, u64) {
        let policy = &self.body["HostConfig"]["RestartPolicy"];
        (policy["Name"].as_str().unwrap_or_default(), policy["MaximumRetryCount"].as_u64().unwrap_or(0))
    }
}

/// A reference with its tag.
pub fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.contains([':', '@']) {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    }
}
