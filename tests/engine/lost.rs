//! The engine goes away in mid-deploy: for a while, for good, or only what it was asked about.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::stage::Stage;
use crate::support::fake_engine::{Fault, Request, Script, Status};

const AWHILE: Duration = Duration::from_millis(600);
const FOR_GOOD: Duration = Duration::from_secs(600);

/// Two services, the second behind the first.
fn pair(version: &str) -> String {
    let service = |name: &str, more: &str| {
        format!(
            "  {name}:\n    image: app:1\n    environment: {{VERSION: \"{version}\"}}\n\
             \x20   healthcheck: {{test: [CMD, \"true\"]}}\n{more}"
        )
    };
    format!(
        "services:\n{}{}",
        service("db", ""),
        service("web", "    depends_on:\n      db: {condition: service_healthy}\n")
    )
}

/// The first version runs; the second is in the file.
fn stage() -> Stage {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    stage.fake.forget_calls();
    stage
}

/// Does something at the first call that is about a container of the project, not about the lock.
fn once_behind_the_lock<T: Fn() + Send + Sync>(stage: &Stage, act: T) -> impl Fn() + Send + Sync + use<T> {
    let (shared, done) = (stage.fake.shared(), AtomicBool::new(false));
    move || {
        let call = shared.lock().unwrap().requests.last().map(Request::line).unwrap_or_default();
        if !call.contains("sofa.") && !done.swap(true, Ordering::SeqCst) {
            act();
        }
    }
}

#[test]
fn an_engine_that_comes_back_is_gone_on_with_whatever_it_was_asked_for() {
    let calls = [
        ("POST", "/containers/create"),
        ("POST", "/containers/*/update"),
        ("POST", "/containers/*/stop"),
        ("POST", "/containers/*/start"),
        ("GET", "/containers/*/json"),
        ("POST", "/containers/*/exec"),
        ("DELETE", "/containers/*"),
        ("POST", "/containers/*/rename"),
    ];
    for (method, path) in calls {
        for done in [false, true] {
            let stage = stage();
            stage.fake.script("db", Script::default().healthy_after(300));
            let (old, names) = (stage.ids(), stage.containers());
            let outage = once_behind_the_lock(&stage, stage.fake.outage(AWHILE));
            let call = Fault::on(method, path).always();
            stage.fake.fault(if done { call.after(outage) } else { call.before(outage) });
            let told = stage.ends(&["deploy", "--wait-timeout", "20"], 0);
            let at = format!("{method} {path} {done}: {told}");
            // The lock, where the engine was away when it was to be released, is the next command's to clear away.
            let own = stage.containers().into_iter().filter(|(name, _)| name.starts_with("p-"));
            assert_eq!(own.collect::<Vec<_>>(), names, "{at}");
            assert!(stage.ids().iter().all(|id| !old.contains(id)), "{at}");
            // The last call's answer may have come through; then only the end of the run met the outage.
            assert!(told.contains("the engine answers again") || told.contains("is not reachable"), "{at}");
        }
    }
}

#[test]
fn an_engine_that_stays_away_ends_the_run_with_what_is_left_and_what_to_do() {
    let stage = stage();
    stage.fake.fault(Fault::on("POST", "/containers/*/start").before(stage.fake.outage(FOR_GOOD)));
    let begun = Instant::now();
    let told = stage.ends(&["deploy", "--wait-timeout", "2"], 7);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    for text in [
        "waiting for the engine to come back",
        "the socket does not exist",
        "the undo could not finish",
        "left: service `db`",
        "hint: once the engine answers again, the same command goes on from what it finds",
    ] {
        assert!(told.contains(text), "{text}\n{told}");
    }
}

#[test]
fn an_engine_that_is_not_there_is_another_failure_than_one_that_refuses() {
    let stage = stage();
    stage.fake.fault(Fault::on("GET", "/networks").before(stage.fake.outage(FOR_GOOD)));
    stage.ends(&["deploy"], 6);
    let stage = self::stage();
    stage.fake.fault(Fault::on("POST", "/containers/*/stop").before(stage.fake.outage(FOR_GOOD)));
    let child = stage.command(&["stop"]).spawn().unwrap();
    let begun = Instant::now();
    while !stage.fake.calls().iter().any(|call| call.ends_with("/stop")) {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never stopped anything");
        std::thread::sleep(Duration::from_millis(5));
    }
    crate::stage::signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(20), "an interrupt ends the waiting");
}

#[test]
fn containers_that_somebody_prunes_in_mid_deploy_are_told_by_name() {
    let stage = stage();
    let shared = stage.fake.shared();
    let prune = move || {
        shared.lock().unwrap().containers.retain(|_, container| container.status == Status::Running);
    };
    stage.fake.fault(Fault::on("POST", "/containers/*/stop").after(prune));
    let told = stage.ends(&["deploy", "--wait-timeout", "5"], 7);
    assert!(
        told.contains("the container is gone; somebody else removed it (`docker container prune`?)"),
        "{told}"
    );
    assert!(told.contains("left: db: stop p-db-1"), "{told}");
    stage.ok(&["deploy"]);
    assert_eq!(stage.containers(), [("p-db-1".to_owned(), true), ("p-web-1".to_owned(), true)]);
}

#[test]
fn a_full_disk_is_told_and_changes_nothing() {
    let stage = stage();
    let before = stage.containers();
    stage.compose("services: {db: {image: \"app:2\"}}");
    let full = "write /var/lib/docker/tmp/x: no space left on device";
    stage.fake.fault(Fault::on("POST", "/images/create").status(500, full));
    let told = stage.ends(&["deploy"], 1);
    assert!(told.contains("no space left on device") && told.contains("docker system df"), "{told}");
    stage.compose(&pair("2"));
    stage.fake.fault(Fault::on("POST", "/containers/*/start").status(500, full));
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("no space left on device") && told.contains("docker system df"), "{told}");
    assert_eq!(stage.containers(), before);
}
