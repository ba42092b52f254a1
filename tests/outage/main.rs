//! A deploy whose engine is restarted, loses its socket, is pruned or runs out of disk. Each test has a separate engine, so that
//! no other test is affected: `dockerd` must be installed, and allowed to run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sofa::testing::engine::{Engine, PATIENCE};
use sofa::testing::plan::observed::State;

#[allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod own_engine;
mod registry;

use own_engine::OwnEngine;
use support::real_engine::TestProject;

/// Two services, each of its version; each needs a moment until it is ready, also after a restart.
fn compose(db: &str, web: &str) -> String {
    let service = |name: &str, version: &str, more: &str| {
        format!(
            "  {name}:\n    image: ${{BUSYBOX}}\n    network_mode: none\n    restart: unless-stopped\n    stop_grace_period: 2s\n\
             \x20   environment: {{VERSION: \"{version}\"}}\n\
             \x20   command: [sh, -c, \"trap 'exit 0' TERM; rm -f /tmp/ready; sleep 2; touch /tmp/ready; sleep 1000 & wait\"]\n\
             \x20   healthcheck: {{test: [CMD, test, -f, /tmp/ready], interval: 1s, retries: 60}}\n{more}"
        )
    };
    format!(
        "services:\n{}{}",
        service("db", db, ""),
        service("web", web, "    depends_on:\n      db: {condition: service_healthy}\n")
    )
}

#[tokio::test]
async fn an_engine_that_restarts_in_mid_deploy_leaves_one_release_whole() {
    let Some(mut own) = OwnEngine::start(None).await else { return };
    let Some(test) = deployed(&own, "restart").await else { return };
    let old = running(&test).await;
    test.file("compose.yaml", &compose("2", "2"));
    let child = mid_deploy(&test, &old, &[]).await;
    own.restart().await;
    let (code, told) = ended(child);
    let now = running(&test).await;
    match code {
        Some(0) => assert!(now.len() == 2 && now.iter().all(|id| !old.contains(id)), "{now:?}\n{told}"),
        Some(4) => assert_eq!(now, old, "{told}"),
        code => panic!("exit {code:?}: {told}"),
    }
    assert!(told.contains("waiting for the engine to come back"), "{told}");
    whole(&test).await;
}

#[tokio::test]
async fn a_prune_in_mid_deploy_ends_nothing() {
    let Some(own) = OwnEngine::start(None).await else { return };
    let Some(test) = deployed(&own, "prune").await else { return };
    let old = running(&test).await;
    test.file("compose.yaml", &compose("2", "1"));
    let child = mid_deploy(&test, &old, &[]).await;
    // The old database, the lock and the store's container do not run.
    let mut prune = Command::new("docker");
    prune.args(["container", "prune", "-f"]);
    let pruned = test.run(prune);
    pruned.ok();
    assert!(pruned.stdout.lines().filter(|line| line.len() == 64).count() >= 3, "{}", pruned.stdout);
    let (code, told) = ended(child);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("removed during the run"), "{told}");
    let now = running(&test).await;
    assert!(now.len() == 2 && now.iter().filter(|id| old.contains(id)).count() == 1, "{now:?}\n{told}");
    whole(&test).await;
    assert_eq!(running(&test).await, now);
}

#[tokio::test]
async fn a_socket_that_goes_in_mid_deploy_is_a_defined_end() {
    let Some(mut own) = OwnEngine::start(None).await else { return };
    let Some(test) = deployed(&own, "socket").await else { return };
    let old = running(&test).await;
    test.file("compose.yaml", &compose("2", "2"));
    let child = mid_deploy(&test, &old, &["--wait-timeout", "10s"]).await;
    std::fs::remove_file(own.socket()).unwrap();
    let (code, told) = ended(child);
    // Open connections continue, and the deploy may end through them.
    match code {
        Some(0) => {}
        Some(7) => assert!(
            told.contains("the socket does not exist") && told.contains("left: service `"),
            "what is left, and why: {told}"
        ),
        code => panic!("exit {code:?}: {told}"),
    }
    own.restart().await;
    whole(&test).await;
    assert!(running(&test).await.iter().all(|id| !old.contains(id)));
}

#[tokio::test]
async fn a_disk_that_fills_up_during_a_pull_leaves_the_old_release_alone() {
    let Some(own) = OwnEngine::start(Some(DISK_MIB)).await else { return };
    let Some(test) = deployed(&own, "disk").await else { return };
    let (old, begun) = (running(&test).await, starts(&test).await);
    let image = registry::serve(own.pid(), u64::from(DISK_MIB) * 2 * 1024 * 1024);
    test.file("compose.yaml", &compose("2", "2").replace("${BUSYBOX}", &image));
    let run = test.sofa(["deploy"]);
    run.assert_code(1).says("no space left on device").says("hint: ").says("docker system df");
    assert_eq!((running(&test).await, starts(&test).await), (old, begun), "{}", run.stderr);
}

/// What an engine gets whose disk fills up; its own files and the tests' image take a part of it.
const DISK_MIB: u32 = 96;

/// A project on an engine, its first version deployed.
async fn deployed(own: &OwnEngine, name: &str) -> Option<TestProject> {
    let engine = Engine::connect(own.host(), PATIENCE).await.unwrap();
    let mut test = TestProject::on(engine, name).await?;
    test.env("DOCKER_HOST", &own.host().to_string());
    test.file("compose.yaml", &compose("1", "1"));
    test.sofa(["deploy"]).ok();
    assert_eq!(running(&test).await.len(), 2);
    Some(test)
}

/// A deploy that waits until what it started is ready.
async fn mid_deploy(test: &TestProject, old: &[String], arguments: &[&str]) -> Child {
    let mut deploy = test.sofa_command();
    let child = deploy.arg("deploy").args(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while running(test).await.iter().all(|id| old.contains(id)) {
        assert!(Instant::now() < end, "the new container never started");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The same deploy again ends well, and leaves two containers, no lock and nothing else.
async fn whole(test: &TestProject) {
    test.sofa(["deploy"]).ok();
    let observed = test.engine().observe_project(test.name()).await.unwrap();
    assert_eq!(observed.containers.len(), 2, "no debris");
    let all = test.engine().list_containers().await.unwrap();
    assert!(!all.iter().any(|container| container.name.starts_with("sofa.lock")), "no lock");
}

/// When each of the project's containers was started.
async fn starts(test: &TestProject) -> Vec<Option<jiff::Timestamp>> {
    let mut starts = Vec::new();
    for id in running(test).await {
        starts.push(test.engine().inspect(&id).await.unwrap().started);
    }
    starts
}

/// The ids of the project's containers that run.
async fn running(test: &TestProject) -> Vec<String> {
    let observed = test.engine().observe_project(test.name()).await.unwrap();
    let up = observed.containers.into_iter().filter(|container| container.state == State::Running);
    let mut ids: Vec<String> = up.map(|container| container.id.0).collect();
    ids.sort();
    ids
}
