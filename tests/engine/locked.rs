//! Concurrent verbs: one runs, the others are refused with its name; `stop` does not wait.

use std::process::{Child, Output};
use std::time::{Duration, Instant};

use sofa::testing::docker::state::Lock;
use sofa::testing::state::LEASE;
use sofa::testing::state::{Holder, LockTokens, Operator};
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, fleet, signal};
use crate::support::fake_engine::{Container, ExecReply, Script};

const LOCK: &str = "sofa.lock.p";

/// A stage with a deploy under way that waits for a service which never gets healthy.
fn waiting() -> (Stage, Child) {
    let stage = Stage::new(&fleet(2, "1"));
    stage.fake.script("s0", Script::default().never_healthy());
    let deploy = stage.begin(&["deploy"]);
    stage.until(|state| state.find("p-s0-1").is_some_and(|found| found.is_up()));
    (stage, deploy)
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_deploy_is_refused_with_who_works_since_when_and_why() {
    let (stage, mut first) = waiting();
    let second = stage.sofa(&["deploy"]);
    assert_eq!(code(&second), 5, "{}", told(&second));
    assert!(told(&second).contains("project `p` is locked: `deploy` by ann on "), "{}", told(&second));
    let down = stage.sofa(&["down"]);
    assert_eq!(code(&down), 5, "{}", told(&down));
    let status = stage.sofa(&["lock", "status"]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.starts_with("p: locked: `deploy` by ann on ") && text.contains("(pid "), "{text}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn stop_cancels_a_deploy_and_then_stops_what_is_left() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.ok(&["deploy"]);
    let old = stage.ids();
    stage.compose(&fleet(2, "2"));
    stage.fake.script("s0", Script::default().never_healthy());
    let deploy = stage.begin(&["deploy"]);
    let is_new = |found: &Container| found.service() == "s0" && !old.contains(&found.id);
    stage.until(|state| state.containers.values().any(|found| is_new(found) && found.is_up()));
    // What is started from now on gets healthy; what waits already does not.
    stage.fake.script("s0", Script::default().exec(ExecReply { code: 1, ..ExecReply::default() }));
    let begun = Instant::now();
    let stop = stage.sofa(&["stop"]);
    assert_eq!(code(&stop), 0, "{}", told(&stop));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let deploy = deploy.wait_with_output().unwrap();
    assert_eq!(code(&deploy), 130, "{}", told(&deploy));
    assert!(told(&deploy).contains("p: cancelled by `stop` by ann on "), "{}", told(&deploy));
    assert_eq!(stage.ids(), old, "the old release, stopped");
    assert!(stage.containers().iter().all(|(_, runs)| !runs));
}

#[test]
fn a_deploy_whose_lock_is_released_by_force_ends_at_once_and_says_so() {
    let (stage, first) = waiting();
    let refused = stage.sofa(&["lock", "release"]);
    assert_eq!(code(&refused), 5, "{}", told(&refused));
    let released = stage.sofa(&["lock", "release", "--force"]);
    assert_eq!(code(&released), 0, "{}", told(&released));
    assert!(String::from_utf8_lossy(&released.stdout).contains("lock released: `deploy` by ann"));
    let first = first.wait_with_output().unwrap();
    assert_eq!(code(&first), 7, "{}", told(&first));
    assert!(told(&first).contains("the lock was removed during the run"), "{}", told(&first));
    let none = stage.sofa(&["lock", "status"]);
    assert_eq!(String::from_utf8_lossy(&none.stdout), "p: not locked\n");
}

#[test]
fn the_next_command_takes_over_at_once_from_one_that_was_killed() {
    let (stage, mut first) = waiting();
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(stage.fake.state().find(LOCK).is_some());
    stage.fake.script("s0", Script::default());
    let begun = Instant::now();
    stage.ok(&["down"]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(stage.ids(), [""; 0]);
}

#[test]
fn a_suspended_deploy_that_lost_its_lock_changes_nothing_more() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.fake.script("s0", Script::default().healthy_after(4000));
    let first = stage.command(&["deploy"]).env("SOFA_LEASE", "2s").spawn().unwrap();
    stage.until(|state| state.find("p-s0-1").is_some_and(|found| found.is_up()));
    signal(&first, "STOP");
    std::thread::sleep(Duration::from_secs(4));
    // Its lease is over, though the process is there.
    stage.ok(&["down"]);
    stage.fake.forget_calls();
    signal(&first, "CONT");
    let first = first.wait_with_output().unwrap();
    assert_eq!(code(&first), 7, "{}", told(&first));
    // It may still try to renew the removed lock, or be in the middle of a health test, which is two calls. It creates, starts
    // and removes nothing.
    let changes = stage.fake.changes();
    let harmless = |call: &String| call.contains("/archive") || call.contains("/exec");
    assert!(changes.iter().all(harmless), "{changes:?}");
    assert_eq!(stage.ids(), [""; 0]);
}

#[test]
fn stop_takes_the_lock_of_a_holder_that_renews_no_more_and_does_not_end() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.fake.script("s0", Script::default().never_healthy());
    let deploy = stage.command(&["deploy"]).env("SOFA_LEASE", "2s").spawn().unwrap();
    stage.until(|state| state.find("p-s0-1").is_some_and(|found| found.is_up()));
    signal(&deploy, "STOP");
    let begun = Instant::now();
    let stop = stage.sofa(&["stop"]);
    assert_eq!(code(&stop), 0, "{}", told(&stop));
    assert!(
        told(&stop).contains("p: the holder no longer renews its lock; removing the lock"),
        "{}",
        told(&stop)
    );
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    signal(&deploy, "CONT");
    let deploy = deploy.wait_with_output().unwrap();
    assert_eq!(code(&deploy), 7, "{}", told(&deploy));
    assert!(told(&deploy).contains("the lock was removed during the run"), "{}", told(&deploy));
    assert!(stage.containers().iter().all(|(_, runs)| !runs));
}

#[test]
fn stop_waits_for_a_holder_that_renews_and_an_interrupt_ends_the_waiting() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.fake.script("s0", Script::default().never_healthy().stops_after(8_000));
    // Its lease is over thrice while it tokens what it began.
    stage.compose(&fleet(1, "1").replace("stop_grace_period: 1s", "stop_grace_period: 60s"));
    let deploy = stage.command(&["deploy"]).env("SOFA_LEASE", "2s").spawn().unwrap();
    stage.until(|state| state.find("p-s0-1").is_some_and(|found| found.is_up()));
    let first = stage.begin(&["stop"]);
    stage.until(|state| state.requests.iter().any(|request| request.line().ends_with("/stop")));
    let begun = Instant::now();
    signal(&first, "INT");
    let first = first.wait_with_output().unwrap();
    assert_eq!(code(&first), 130, "{}", told(&first));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let second = stage.sofa(&["stop"]);
    assert_eq!(code(&second), 0, "{}", told(&second));
    assert!(!told(&second).contains("removing the lock"), "{}", told(&second));
    let deploy = deploy.wait_with_output().unwrap();
    assert_eq!(code(&deploy), 130, "{}", told(&deploy));
    assert!(told(&deploy).contains("undone"), "{}", told(&deploy));
}

#[tokio::test]
async fn an_interrupt_ends_the_waiting_for_a_lock() {
    let stage = Stage::new(&fleet(1, "1"));
    let engine = stage.fake.connect().await;
    let operator = Operator { user: "bob".to_owned(), host: "desk".to_owned() };
    let holder = Holder::of_this_process(operator, "deploy".to_owned(), LEASE);
    let elsewhere = Holder { process: None, ..holder };
    let tokens = LockTokens { cancel: CancellationToken::new(), lost: CancellationToken::new() };
    // It is held, and renewed no more.
    drop(Lock::take(&engine, "p", &elsewhere, tokens, |_| {}).await.unwrap());
    stage.fake.forget_calls();
    let deploy = stage.begin(&["deploy"]);
    stage.until(|state| state.requests.iter().any(|request| request.path == "/events"));
    let begun = Instant::now();
    signal(&deploy, "INT");
    let deploy = deploy.wait_with_output().unwrap();
    assert_eq!(code(&deploy), 130, "{}", told(&deploy));
    assert!(told(&deploy).contains("p: interrupted; nothing was changed"), "{}", told(&deploy));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(stage.fake.state().find(LOCK).is_some(), "it is still bob's");
}

#[test]
fn a_command_that_changes_nothing_takes_no_lock() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    stage.ok(&["deploy"]);
    stage.ok(&["start"]);
    assert_eq!(stage.fake.changes(), [""; 0]);
}
