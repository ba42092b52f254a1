//! The `sofa` binary in a separate project, deployed to a fake engine.

use std::collections::BTreeSet;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::fake_engine::{Container, FakeEngine, State, Status};

/// A project in a folder, and the fake engine that it is deployed to.
pub struct Stage {
    pub fake: FakeEngine,
    pub folder: TempDir,
}

impl Stage {
    /// A project with an image `app:1`.
    pub fn new(compose: &str) -> Stage {
        let stage = Stage { fake: FakeEngine::start(), folder: tempfile::tempdir().unwrap() };
        stage.fake.image("app:1");
        stage.compose(compose);
        stage
    }

    /// A copy of the project as it is now, on a separate engine.
    pub fn copied(&self) -> Stage {
        let copy = Stage { fake: self.fake.copied(), folder: tempfile::tempdir().unwrap() };
        copy.compose(&std::fs::read_to_string(self.folder.path().join("compose.yaml")).unwrap());
        copy
    }

    /// Writes its Compose file.
    pub fn compose(&self, text: &str) {
        std::fs::write(self.folder.path().join("compose.yaml"), text).unwrap();
    }

    /// Runs `sofa`.
    pub fn sofa(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `sofa` as a command, for tests that signal it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sofa"));
        command.args(["-p", "p"]).args(arguments);
        command.current_dir(self.folder.path()).env("DOCKER_HOST", self.fake.address());
        command
            .env_remove("CI")
            .env("USER", "ann")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `sofa`, begun and not waited for.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Waits until something holds of the fake, ten seconds at most.
    #[track_caller]
    pub fn until(&self, holds: impl Fn(&State) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !holds(&self.fake.state()) {
            assert!(Instant::now() < end, "it never came to hold");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs `sofa`, panics unless it ends with `code`, and returns what it said.
    #[track_caller]
    pub fn ends(&self, arguments: &[&str], code: i32) -> String {
        let output = self.sofa(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        told
    }

    /// Runs `sofa` and panics unless it succeeds.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) {
        let output = self.sofa(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The names of the containers, each with whether it runs.
    pub fn containers(&self) -> Vec<(String, bool)> {
        let state = self.fake.state();
        let mut found: Vec<(String, bool)> =
            own(&state).map(|c| (c.name.clone(), c.status == Status::Running)).collect();
        found.sort();
        found
    }

    /// Everything that there is, a line each; the store is left out.
    pub fn standing(&self) -> BTreeSet<String> {
        let state = self.fake.state();
        let containers = own(&state).map(|c| {
            let up = if c.status == Status::Running { "up" } else { "down" };
            format!("container {} {up} {} {}", c.name, c.policy().0, c.body["Env"])
        });
        let networks = state.networks.values().map(|network| format!("network {}", network.name));
        let volumes = state.volumes.keys().map(|name| format!("volume {name}"));
        let images = state.images.keys().map(|name| format!("image {name}"));
        containers.chain(networks).chain(volumes).chain(images).collect()
    }

    /// The ids of the containers, in order.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = own(&self.fake.state()).map(|c| c.id.clone()).collect();
        ids.sort();
        ids
    }
}

/// `count` services of one image, each behind the one before it.
pub fn fleet(count: usize, version: &str) -> String {
    let services = (0..count).map(|index| {
        let depends = match index {
            0 => String::new(),
            _ => format!("    depends_on:\n      s{}: {{condition: service_healthy}}\n", index - 1),
        };
        format!(
            "  s{index}:\n    image: app:1\n    restart: unless-stopped\n    stop_grace_period: 1s\n\
             \x20   environment: {{VERSION: \"{version}\"}}\n\
             \x20   healthcheck: {{test: [CMD, \"true\"]}}\n{depends}"
        )
    });
    format!("services:\n{}", services.collect::<String>())
}

/// Every container but the store, which stays.
fn own(state: &State) -> impl Iterator<Item = &Container> {
    state.containers.values().filter(|c| c.name != "sofa.state.p")
}

/// Does something for each of these, on so many threads.
pub fn on_threads<T: Sync>(threads: usize, items: &[T], test: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    test(item);
                }
            });
        }
    });
}

/// Sends a signal to a program.
pub fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}
