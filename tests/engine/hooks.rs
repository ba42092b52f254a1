//! Hooks around starts and stops: the calls, the messages, and runs whose hook fails.

use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Stage, signal};
use crate::support::fake_engine::{ExecReply, Fault, Request, Script};

/// A service with a hook after its start and one before its stop, and more keys.
fn hooked(more: &str) -> String {
    format!(
        "services:\n  web:\n    image: app:1\n    stop_grace_period: 1s\n    healthcheck: {{test: [CMD, check]}}\n\
         \x20   post_start:\n      - command: [warm, up]\n        user: app\n        working_dir: /srv\n        privileged: true\n\
         \x20       environment: {{MODE: fast}}\n    pre_stop:\n      - command: [drain]\n{more}"
    )
}

fn reply(code: i64, stdout: &str) -> ExecReply {
    ExecReply { code, stdout: stdout.into(), ..ExecReply::default() }
}

/// The commands that were run in containers, health tests left out, as the engine was asked for them.
fn commands(stage: &Stage) -> Vec<Value> {
    let asked = stage.fake.state().requests.clone();
    let execs = asked.iter().filter(|request| request.path.ends_with("/exec"));
    execs.map(|request| request.json()).filter(|body| body["Cmd"][0] != "check").collect()
}

fn words(stage: &Stage) -> Vec<String> {
    commands(stage).iter().map(|body| body["Cmd"][0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn hooks_run_as_the_file_says_and_what_they_print_is_shown() {
    let stage = Stage::new(&hooked(""));
    stage.fake.script(
        "web",
        Script::default().command("warm", reply(0, "cache is warm\n")).command("drain", reply(0, "")),
    );
    let told = stage.ends(&["deploy"], 0);
    assert!(told.contains("web: post_start: cache is warm"), "{told}");
    let asked = commands(&stage).remove(0);
    assert_eq!(asked["Cmd"], json!(["warm", "up"]));
    assert_eq!((&asked["User"], &asked["WorkingDir"]), (&json!("app"), &json!("/srv")));
    assert_eq!((&asked["Privileged"], &asked["Env"]), (&json!(true), &json!(["MODE=fast"])));
}

#[test]
fn the_container_of_a_hook_is_not_started_by_one_that_may_have_lost_the_lock() {
    let stage = Stage::new(
        "services:\n  web:\n    image: app:1\n    pre_start:\n      - {image: \"app:1\", command: [migrate]}\n",
    );
    let pid: Arc<OnceLock<u32>> = Arc::default();
    let suspend = {
        let (pid, shared) = (pid.clone(), stage.fake.shared());
        move || {
            let asked = shared.lock().unwrap().requests.last().map(Request::line).unwrap_or_default();
            if asked.contains("pre_start") {
                let pid = pid.wait().to_string();
                assert!(Command::new("kill").args(["-s", "STOP", &pid]).status().unwrap().success());
            }
        }
    };
    stage.fake.fault(Fault::on("POST", "/containers/create").before(suspend).always());
    let deploy = stage.command(&["deploy"]).env("SOFA_LEASE", "2s").spawn().unwrap();
    pid.set(deploy.id()).unwrap();
    stage.until(|state| state.containers.values().any(|found| found.name.contains("pre_start")));
    std::thread::sleep(Duration::from_secs(4));
    stage.fake.state().faults.clear();
    // Its lease is over, though the process is there.
    stage.ok(&["down"]);
    stage.fake.forget_calls();
    signal(&deploy, "CONT");
    let output = deploy.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let changes = stage.fake.changes();
    assert!(changes.iter().all(|call| call.contains("/archive")), "{changes:?}");
}

#[test]
fn verbs_that_read_no_files_run_the_hooks_too() {
    let stage = Stage::new(&hooked(""));
    stage.ok(&["deploy"]);
    stage.compose("services: {broken");
    for (verb, expected) in [
        ("restart", &["drain", "warm"][..]),
        ("stop", &["drain"]),
        ("start", &["warm"]),
        ("down", &["drain"]),
    ] {
        stage.fake.forget_calls();
        stage.ok(&[verb]);
        assert_eq!(words(&stage), expected, "{verb}");
    }
}

#[test]
fn a_hook_that_fails_after_the_start_undoes_the_deploy_and_shows_why() {
    let stage = Stage::new(&hooked(""));
    stage.fake.script("web", Script::default().command("warm", reply(3, "no cache\n")));
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("service `web`: hook `post_start` exited with code 3"), "{told}");
    assert!(told.contains("no cache") && told.contains("undone"), "{told}");
    assert_eq!(stage.containers(), []);
}

#[test]
fn a_hook_that_fails_before_the_stop_keeps_the_old_container_running() {
    let stage = Stage::new(&hooked(""));
    stage.ok(&["deploy"]);
    let (ids, names) = (stage.ids(), stage.containers());
    stage.compose(&hooked("    environment: {NEW: \"1\"}\n"));
    stage.fake.script("web", Script::default().command("drain", reply(1, "still busy\n")));
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("hook `pre_stop` exited with code 1") && told.contains("still busy"), "{told}");
    assert_eq!((stage.ids(), stage.containers()), (ids, names));
    let stops = stage.fake.changes().into_iter().filter(|call| call.ends_with("/stop")).count();
    assert_eq!(stops, 0, "it was never stopped");
}

#[test]
fn what_is_to_go_goes_though_its_hook_fails() {
    let stage = Stage::new(&hooked(""));
    stage.ok(&["deploy"]);
    stage.fake.script("web", Script::default().command("drain", reply(1, "still busy\n")));
    let told = stage.ends(&["down"], 0);
    assert!(told.contains("warning: service `web`: hook `pre_stop` exited with code 1"), "{told}");
    assert!(told.contains("the container is stopped anyway"), "{told}");
    assert_eq!(stage.containers(), []);
}

#[test]
fn a_hook_that_hangs_before_a_stop_has_the_grace_period_and_no_longer() {
    let stage = Stage::new(&hooked(""));
    stage.ok(&["deploy"]);
    let hangs = ExecReply { takes: Duration::from_secs(60), ..reply(0, "") };
    stage.fake.script("web", Script::default().command("drain", hangs));
    let begun = Instant::now();
    let told = stage.ends(&["stop"], 0);
    assert!(told.contains("hook `pre_stop` did not end within 1.0s"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(stage.containers(), [("p-web-1".to_owned(), false)]);
}

#[test]
fn a_hook_that_hangs_after_the_start_ends_with_the_deadline_and_with_an_interrupt() {
    let stage = Stage::new(&hooked(""));
    let hangs = ExecReply { takes: Duration::from_secs(60), ..reply(0, "") };
    stage.fake.script("web", Script::default().command("warm", hangs));
    let told = stage.ends(&["deploy", "--wait-timeout", "1s"], 4);
    assert!(told.contains("hook `post_start` did not end within"), "{told}");
    assert_eq!(stage.containers(), []);
    stage.fake.forget_calls();
    let child = stage.command(&["deploy"]).spawn().unwrap();
    let begun = Instant::now();
    while words(&stage).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the hook never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(stage.containers(), []);
}

#[test]
fn an_undo_runs_the_hooks_of_what_it_stops_and_starts() {
    let stage = Stage::new(&hooked(""));
    let works = || Script::default().command("drain", reply(0, "")).command("warm", reply(0, ""));
    stage.fake.script("web", works());
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    stage.compose(&hooked("    environment: {NEW: \"1\"}\n"));
    stage.fake.script(&format!("{}_p-web-1", &stage.ids()[0][..12]), works().never_healthy());
    stage.ends(&["deploy", "--wait-timeout", "1s"], 4);
    assert_eq!(words(&stage), ["drain", "warm", "drain", "warm"], "old out, new in, new out, old in");
    assert_eq!(stage.containers(), [("p-web-1".to_owned(), true)]);
}

/// A service with a container that prepares it.
const PREPARED: &str = "services:\n  web:\n    image: app:1\n    volumes: [data:/data]\n    ports: [\"8080:80\"]\n\
    \x20   pre_start:\n      - {command: [migrate], user: root, environment: {STEP: \"1\"}}\nvolumes: {data: {}}\n";

#[test]
fn pre_start_runs_in_a_container_of_its_own_before_the_service_starts() {
    let stage = Stage::new(PREPARED);
    stage.fake.script("p-web-pre_start-1", Script::default().exits(0, 5).logs(["migrated"]));
    let told = stage.ends(&["deploy", "--no-wait"], 0);
    assert!(told.contains("web: pre_start: migrated"), "{told}");
    let asked = stage.fake.request("POST /containers/create?name=p-web-pre_start-1").json();
    assert_eq!((&asked["Cmd"], &asked["User"]), (&json!(["migrate"]), &json!("root")));
    assert_eq!(asked["Labels"]["com.docker.compose.hook"], "pre_start");
    assert_eq!(asked["Labels"]["com.docker.compose.config-hash"], Value::Null);
    let web = stage.ids().remove(0);
    assert_eq!(asked["HostConfig"]["VolumesFrom"], json!([web]));
    assert_eq!(asked["HostConfig"]["PortBindings"], json!({}));
    assert!(asked["NetworkingConfig"]["EndpointsConfig"]["p_default"].is_object());
    assert_eq!(stage.containers(), [("p-web-1".to_owned(), true)], "it is gone");
    stage.fake.forget_calls();
    stage.ok(&["deploy", "--no-wait"]);
    assert_eq!(stage.fake.changes(), [""; 0]);
}

#[test]
fn a_pre_start_that_fails_keeps_the_service_from_starting() {
    let stage = Stage::new(PREPARED);
    stage.fake.script("p-web-pre_start-1", Script::default().exits(2, 5).logs(["!no such table"]));
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("hook `pre_start` exited with code 2") && told.contains("no such table"), "{told}");
    assert_eq!(stage.containers(), []);
}

#[test]
fn secrets_in_hooks_reach_no_label_and_the_way_out_is_told() {
    let stage = Stage::new(
        "services:\n  web:\n    image: app:1\n    post_start:\n      - command: [notify]\n        environment: {URL: \"https://${WHO}\"}\n",
    );
    std::fs::write(stage.folder.path().join(".env"), "WHO=hunter2\n").unwrap();
    let told = stage.ends(&["deploy"], 3);
    assert!(told.contains("`post_start[0].environment.URL` comes from a variable"), "{told}");
    assert!(
        told.contains("give `URL` to the service's `environment`") && !told.contains("hunter2"),
        "{told}"
    );
    stage.compose(
        "services:\n  web:\n    image: app:1\n    environment: {URL: \"https://${WHO}\"}\n    post_start:\n      - command: [notify]\n        environment: {URL: \"https://${WHO}\"}\n",
    );
    stage.ok(&["deploy", "--no-wait"]);
    let labels = stage.fake.request("POST /containers/create").json()["Labels"].to_string();
    assert!(labels.contains("notify") && !labels.contains("hunter2"), "{labels}");
}
