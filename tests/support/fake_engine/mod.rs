//! A Docker Engine that is a fake: containers live and die by script, every request is recorded, every call may fail.
//!
//! It runs on a separate thread behind a unix socket, so that both the `sofa` binary and the library can use it.
//!
//! ```ignore
//! let fake = FakeEngine::start();
//! fake.image("app:1");
//! fake.script("web", Script::default().healthy_after(50).logs(["up"]));
//! fake.fault(Fault::on("POST", "/containers/*/start").status(500, "no more memory"));
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sofa::testing::engine::{Engine, Host, PATIENCE};
use tempfile::TempDir;
use tokio::sync::oneshot;

mod archive;
mod containers;
mod events;
mod exec;
mod fault;
mod images;
mod inspect;
mod life;
mod logs;
mod objects;
mod reply;
mod request;
mod script;
mod server;
mod state;

pub use fault::Fault;
pub use request::Request;
pub use script::{ExecReply, Script};
pub use state::{Container, State, Status};

/// The state that requests and timers share.
pub type Shared = Arc<Mutex<State>>;

/// A running fake. Dropping it closes its socket and every connection.
pub struct FakeEngine {
    shared: Shared,
    socket: PathBuf,
    folder: Option<TempDir>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl FakeEngine {
    /// A fake of Engine 20.10 (API 1.41).
    pub fn start() -> FakeEngine {
        FakeEngine::speaking("1.41")
    }

    /// A fake whose newest API version is `api`.
    pub fn speaking(api: &str) -> FakeEngine {
        FakeEngine::in_folder(State::new(api))
    }

    /// Another fake that has what this one has; what its containers were about to do by themselves they do not.
    pub fn copied(&self) -> FakeEngine {
        FakeEngine::in_folder(self.state().copied())
    }

    fn in_folder(state: State) -> FakeEngine {
        let folder = tempfile::Builder::new().prefix("fake-engine-").tempdir().expect("folder");
        let mut fake = FakeEngine::with(&folder.path().join("docker.sock"), state);
        fake.folder = Some(folder);
        fake
    }

    /// A fake behind a socket of the caller's choice.
    pub fn at(socket: &Path, api: &str) -> FakeEngine {
        FakeEngine::with(socket, State::new(api))
    }

    fn with(socket: &Path, state: State) -> FakeEngine {
        let shared: Shared = Arc::new(Mutex::new(state));
        let (stop, stopped) = oneshot::channel();
        let listener = std::os::unix::net::UnixListener::bind(socket).expect("socket");
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || server::run(listener, shared, stopped)
        });
        FakeEngine { shared, socket: socket.to_owned(), folder: None, stop: Some(stop), thread: Some(thread) }
    }

    /// Its address, as `DOCKER_HOST` takes it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Connects the library to it.
    pub async fn connect(&self) -> Engine {
        Engine::connect(Host::Unix(self.socket.clone()), PATIENCE).await.expect("connection")
    }

    /// Looks at or changes its state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().expect("state")
    }

    /// Its state for hooks, which outlive a borrow.
    pub fn shared(&self) -> Shared {
        self.shared.clone()
    }

    /// Gives it a local image and returns its id.
    pub fn image(&self, name: &str) -> String {
        self.state().add_image(name)
    }

    /// Lets pulls of an image succeed.
    pub fn registry(&self, name: &str) {
        self.state().registry.insert(name.to_owned());
    }

    /// How containers of a service (or of a container's name) behave from now on.
    pub fn script(&self, service: &str, script: Script) {
        self.state().scripts.insert(service.to_owned(), script);
    }

    /// Lets a call fail.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// All requests so far, pings left out: `POST /containers/create?name=web`.
    pub fn calls(&self) -> Vec<String> {
        self.state().requests.iter().filter(|r| r.path != "/_ping").map(Request::line).collect()
    }

    /// The requests that changed something.
    pub fn changes(&self) -> Vec<String> {
        self.calls()
            .into_iter()
            .filter(|call| !call.starts_with("GET ") && !call.starts_with("HEAD "))
            .collect()
    }

    /// The last request whose line begins so.
    pub fn request(&self, line: &str) -> Request {
        let state = self.state();
        let found = state.requests.iter().rev().find(|request| request.line().starts_with(line));
        found.cloned().unwrap_or_else(|| panic!("no request begins with {line}"))
    }

    /// Forgets the requests so far; `Fault::at_call` counts from here.
    pub fn forget_calls(&self) {
        self.state().requests.clear();
    }

    /// Tells everybody who listens of an event of the test's making.
    pub fn tell(&self, event: serde_json::Value) {
        events::publish(&mut self.state(), event);
    }

    /// Makes the engine unreachable when it is called: every connection breaks, and the socket is missing for a time.
    pub fn outage(&self, time: Duration) -> impl Fn() + Send + Sync + use<> {
        let (shared, socket) = (self.shared.clone(), self.socket.clone());
        move || {
            let away = socket.with_extension("away");
            std::fs::rename(&socket, &away).expect("socket");
            shared.lock().expect("state").epoch.send_modify(|epoch| *epoch += 1);
            let socket = socket.clone();
            std::thread::spawn(move || {
                std::thread::sleep(time);
                // The folder may have been removed with its test.
                drop(std::fs::rename(away, socket));
            });
        }
    }

    /// Something that removes every container that does not run when it is called, as `docker container prune` does.
    pub fn pruning(&self) -> impl Fn() + Send + Sync + use<> {
        let shared = self.shared.clone();
        move || {
            let mut state = shared.lock().expect("state");
            let idle = |container: &&Container| !container.is_up() && container.status != Status::Restarting;
            let pruned: Vec<Container> = state.containers.values().filter(idle).cloned().collect();
            for container in pruned {
                state.containers.remove(&container.id);
                events::tell(&mut state, &container, "destroy", &[]);
            }
        }
    }

    /// Breaks every connection, as an engine that restarts does. The socket still listens.
    pub fn break_connections(&self) {
        self.state().epoch.send_modify(|epoch| *epoch += 1);
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
