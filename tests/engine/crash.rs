//! `kill -9` before and after every engine call of a deploy. Then the same command leads to the same end as without the kill, and
//! `sofa undo` to the release before.

use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use sofa::testing::docker::state::Store;
use sofa::testing::state::Head;

use crate::stage::{Stage, fleet, on_threads};
use crate::support::fake_engine::{Fault, State};
use crate::support::kill::{When, kill};

#[test]
fn a_first_deploy_killed_at_any_call_is_finished_by_the_next() {
    killed_at_every_call(2, None);
}

#[test]
fn a_deploy_that_replaces_killed_at_any_call_is_finished_by_the_next() {
    killed_at_every_call(2, Some("1"));
}

#[test]
#[ignore = "takes minutes; `make test-full` runs it"]
fn long_a_deploy_of_six_services_killed_at_any_call_is_finished_by_the_next() {
    killed_at_every_call(6, None);
    killed_at_every_call(6, Some("1"));
}

#[test]
fn a_deploy_killed_at_any_call_goes_back_with_the_files_of_before() {
    killed_and_taken_back(2);
}

#[test]
fn a_deploy_killed_at_any_call_is_followed_by_a_third_version_or_a_forced_recreation() {
    let stage = prepared(1, Some("1"));
    each_call(calls_of(&stage), |call, when| {
        let (third, forced) = (stage.copied(), stage.copied());
        let at = kill_at(&third, &["deploy"], call, when);
        third.compose(&fleet(1, "3"));
        whole(&third, 1, "3", &at);
        let at = kill_at(&forced, &["deploy"], call, when);
        forced.ends(&["deploy", "--force-recreate"], 0);
        whole(&forced, 1, "2", &at);
    });
}

#[test]
#[ignore = "takes minutes; `make test-full` runs it"]
fn long_a_deploy_of_six_services_killed_at_any_call_goes_back_with_the_files_of_before() {
    killed_and_taken_back(6);
}

#[test]
fn a_deploy_killed_at_any_call_is_undone_to_the_release_of_before() {
    killed_and_undone(2);
}

#[test]
#[ignore = "takes minutes; `make test-full` runs it"]
fn long_a_deploy_of_six_services_killed_at_any_call_is_undone_to_the_release_of_before() {
    killed_and_undone(6);
}

/// Kills a deploy of version 2 at every call in turn, and undoes it.
fn killed_and_undone(services: usize) {
    let stage = prepared(services, Some("1"));
    let old = stage.standing();
    let (unwritten, undone) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each_call(calls_of(&stage), |call, when| {
        let stage = stage.copied();
        let before = stage.ids();
        let at = kill_at(&stage, &["deploy"], call, when);
        let (releases, left) = (head_of(&stage).releases.len(), stage.ids());
        let told = stage.ends(&["undo", "--wait-timeout", "20"], 0);
        let at = format!("{at}\n{told}");
        match (releases, told.contains("no run is unfinished")) {
            // All was done and written down, but the lock not released.
            (2, true) => return assert_eq!(stage.containers().len(), services, "{at}"),
            (1, true) => unwritten.fetch_add(1, Ordering::Relaxed),
            (1, false) => undone.fetch_add(1, Ordering::Relaxed),
            _ => panic!("{at}"),
        };
        assert_eq!(stage.standing(), old, "{at}");
        let now = stage.ids();
        let mut kept = left.iter().filter(|id| before.contains(id));
        assert!(kept.all(|id| now.contains(id)), "{at}: {left:?}");
        let head = head_of(&stage);
        assert!(head.unfinished().is_none() && head.releases.len() == 1, "{at}: {head:?}");
    });
    assert!(undone.into_inner() > unwritten.into_inner());
}

/// Kills a deploy of version 2 at every call in turn, and deploys version 1 again.
fn killed_and_taken_back(services: usize) {
    let stage = prepared(services, Some("1"));
    each_call(calls_of(&stage), |call, when| {
        let stage = stage.copied();
        let at = kill_at(&stage, &["deploy"], call, when);
        stage.compose(&fleet(services, "1"));
        whole(&stage, services, "1", &at);
    });
}

/// Kills a deploy of version 2 at every call in turn, and does it again.
fn killed_at_every_call(services: usize, before: Option<&'static str>) {
    let stage = prepared(services, before);
    let calls = calls_of(&stage);
    assert!(calls > 8 * services, "{calls} calls");
    each_call(calls, |call, when| {
        let stage = stage.copied();
        let at = kill_at(&stage, &["deploy"], call, when);
        whole(&stage, services, "2", &at);
    });
}

/// A project with a version that runs, or without, and the files of version 2.
fn prepared(services: usize, before: Option<&str>) -> Stage {
    let stage = Stage::new(&fleet(services, before.unwrap_or("2")));
    if before.is_some() {
        stage.ok(&["deploy"]);
        stage.compose(&fleet(services, "2"));
    }
    stage
}

/// How many calls the deploy makes that is to be killed.
fn calls_of(stage: &Stage) -> usize {
    let stage = stage.copied();
    stage.ok(&["deploy"]);
    stage.fake.calls().len()
}

/// Does something for every call, before and after it.
pub fn each_call(calls: usize, test: impl Fn(usize, When) + Sync) {
    let all: Vec<_> = (1..=calls).flat_map(|call| [(call, When::Before), (call, When::After)]).collect();
    on_threads(4, &all, |(call, when)| test(*call, *when));
}

/// Kills a deploy at its n-th call. Returns which call that was.
pub fn kill_at(stage: &Stage, arguments: &[&str], call: usize, when: When) -> String {
    stage.fake.forget_calls();
    let pid: Arc<OnceLock<u32>> = Arc::default();
    let kill = {
        let pid = pid.clone();
        move || kill(*pid.wait())
    };
    let fault = Fault::at_call(call);
    stage.fake.fault(match when {
        When::Before => fault.instead(kill),
        When::After => fault.after(kill),
    });
    let mut deploy: Child = stage.begin(arguments);
    pid.set(deploy.id()).unwrap();
    deploy.wait().unwrap();
    stage.fake.state().faults.clear();
    let calls = stage.fake.calls();
    format!("killed {when:?} call {call}: {}", calls.get(call - 1).map_or("none", String::as_str))
}

/// Deploys again and panics unless everything is as after a deploy without a kill.
#[track_caller]
fn whole(stage: &Stage, services: usize, version: &str, at: &str) {
    let output = stage.sofa(&["deploy", "--wait-timeout", "20"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{at}\n{told}");
    let names: Vec<(String, bool)> = (0..services).map(|n| (format!("p-s{n}-1"), true)).collect();
    assert_eq!(stage.containers(), names, "{at}\n{told}");
    {
        let state: &State = &stage.fake.state();
        for container in state.containers.values().filter(|found| found.service() != "") {
            assert_eq!(container.body["Env"], json!([format!("VERSION={version}")]), "{at}\n{told}");
            assert_eq!(container.policy().0, "unless-stopped", "{at}: {}\n{told}", container.name);
        }
        let networks: Vec<_> = state.networks.values().map(|network| network.name.as_str()).collect();
        assert_eq!(networks.iter().filter(|name| **name == "p_default").count(), 1, "{at}: {networks:?}");
        assert_eq!(networks.len(), 4, "{at}: {networks:?}");
    }
    let head = head_of(stage);
    assert!(head.unfinished().is_none() && !head.releases.is_empty(), "{at}: {head:?}\n{told}");
    stage.fake.forget_calls();
    stage.ok(&["deploy"]);
    assert_eq!(stage.fake.changes(), [""; 0], "{at}: a further deploy changes nothing");
}

/// What the store says.
pub fn head_of(stage: &Stage) -> Head {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { Store::of(&stage.fake.connect().await, "p").read().await.unwrap().or_empty().head })
}
