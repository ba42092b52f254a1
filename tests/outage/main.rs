//! An engine that is restarted in the middle of a deploy, as by a host that reboots. It is an engine of this test's own, so
//! that nobody else's goes away: `dockerd` must be installed, and allowed to run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sofa::engine::{Engine, Host, PATIENCE};
use sofa::plan::observed::State;
use tempfile::TempDir;

#[allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

use support::real_engine::{TestProject, skip};

/// A Docker Engine with everything it has in one folder. It ends with its owner.
struct OwnEngine {
    folder: TempDir,
    process: Child,
}

impl OwnEngine {
    /// None (after a loud notice) where no engine can be started.
    async fn start() -> Option<OwnEngine> {
        let folder = tempfile::Builder::new().prefix("sofa-outage-").tempdir().unwrap();
        let Some(process) = run(folder.path()) else {
            skip("no `dockerd` can be started here");
            return None;
        };
        let mut own = OwnEngine { folder, process };
        match own.answers().await {
            true => Some(own),
            false => {
                let log = std::fs::read_to_string(own.folder.path().join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                skip(&format!("dockerd does not come up: {tail:?}"));
                None
            }
        }
    }

    fn host(&self) -> Host {
        Host::Unix(self.folder.path().join("docker.sock"))
    }

    async fn answers(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end && self.process.try_wait().unwrap().is_none() {
            if Engine::connect(self.host(), PATIENCE).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Ends it as a shutdown does: its containers are stopped.
    fn shut_down(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn run(folder: &Path) -> Option<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    // In a network of its own: with `--bridge none` it removes the machine's `docker0`, which is another engine's.
    Command::new("unshare")
        .args(["--net", "dockerd", "--bridge", "none", "--iptables=false", "--ip6tables=false"])
        .args(["--host", &format!("unix://{}", at("docker.sock")), "--pidfile", &at("pid")])
        .args(["--data-root", &at("data"), "--exec-root", &at("run")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .ok()
}

/// Two services of a version; each needs a moment until it is ready, also after a restart.
fn compose(version: &str) -> String {
    let service = |name: &str, more: &str| {
        format!(
            "  {name}:\n    image: ${{BUSYBOX}}\n    network_mode: none\n    restart: unless-stopped\n    stop_grace_period: 2s\n\
             \x20   environment: {{VERSION: \"{version}\"}}\n\
             \x20   command: [sh, -c, \"trap 'exit 0' TERM; rm -f /tmp/ready; sleep 2; touch /tmp/ready; sleep 1000 & wait\"]\n\
             \x20   healthcheck: {{test: [CMD, test, -f, /tmp/ready], interval: 1s, retries: 60}}\n{more}"
        )
    };
    format!(
        "services:\n{}{}",
        service("db", ""),
        service("web", "    depends_on:\n      db: {condition: service_healthy}\n")
    )
}

#[tokio::test]
async fn an_engine_that_restarts_in_mid_deploy_leaves_one_release_whole() {
    let Some(mut own) = OwnEngine::start().await else { return };
    let address = own.host().to_string();
    let engine = Engine::connect(own.host(), PATIENCE).await.unwrap();
    let Some(mut test) = TestProject::on(engine, "outage").await else { return };
    test.env("DOCKER_HOST", &address);
    test.file("compose.yaml", &compose("1"));
    test.sofa(["deploy"]).ok();
    let old = running(&test).await;
    assert_eq!(old.len(), 2);

    test.file("compose.yaml", &compose("2"));
    let child = test.sofa_command().arg("deploy").stderr(Stdio::piped()).spawn().unwrap();
    // The new database runs and is not ready: the restart comes in the middle of the wait for it.
    let end = Instant::now() + Duration::from_secs(20);
    while running(&test).await.iter().filter(|id| !old.contains(id)).count() == 0 {
        assert!(Instant::now() < end, "the new container never started");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    own.shut_down();
    own.process = run(own.folder.path()).unwrap();
    assert!(own.answers().await, "the engine does not come back");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let now = running(&test).await;
    match output.status.code() {
        Some(0) => assert!(now.len() == 2 && now.iter().all(|id| !old.contains(id)), "{now:?}\n{told}"),
        Some(4) => assert_eq!(now, old, "{told}"),
        code => panic!("exit {code:?}: {told}"),
    }
    assert!(told.contains("waiting for the engine to come back"), "{told}");
    test.sofa(["deploy"]).ok();
    assert_eq!(test.engine().observe_project(test.name()).await.unwrap().containers.len(), 2, "no debris");
}

/// The ids of the project's containers that run.
async fn running(test: &TestProject) -> Vec<String> {
    let observed = test.engine().observe_project(test.name()).await.unwrap();
    let up = observed.containers.into_iter().filter(|container| container.state == State::Running);
    let mut ids: Vec<String> = up.map(|container| container.id.0).collect();
    ids.sort();
    ids
}
