//! The engine goes away in mid-deploy: for a while, for good, or only what it was asked about.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::stage::{Stage, fleet};
use crate::support::fake_engine::{Container, Fault, Request, Script};

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
            stage.fake.script("db", Script::default().healthy_after(1000));
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
            for text in ["waiting for the engine to come back", "the engine answers again"] {
                assert!(told.contains(text), "{text}: {at}");
            }
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
        "hint: run the same command again when the engine answers; it continues from the current state",
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
    stage.fake.fault(Fault::on("POST", "/containers/*/stop").after(stage.fake.pruning()));
    let told = stage.ends(&["deploy", "--wait-timeout", "5"], 7);
    assert!(!told.contains("the lock was removed during the run"), "{told}");
    assert!(
        told.contains("the container is gone; somebody else removed it (`docker container prune`?)"),
        "{told}"
    );
    assert!(told.contains("left: db: stop p-db-1"), "{told}");
    stage.ok(&["deploy"]);
    assert_eq!(stage.containers(), [("p-db-1".to_owned(), true), ("p-web-1".to_owned(), true)]);
}

#[test]
fn a_deploy_whose_lock_is_pruned_takes_it_again_and_goes_on() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(1, "2"));
    let old = stage.ids();
    stage.fake.script("s0", Script::default().healthy_after(800));
    let deploy = stage.begin(&["deploy"]);
    let is_new = |found: &Container| found.service() == "s0" && !old.contains(&found.id) && found.is_up();
    stage.until(|state| state.containers.values().any(is_new));
    let lock = stage.fake.state().find("sofa.lock.p").unwrap().id.clone();
    stage.fake.pruning()();
    stage.until(|state| state.find("sofa.lock.p").is_some_and(|found| found.id != lock));
    let output = deploy.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(stage.fake.state().find("sofa.lock.p").is_none(), "it is released by its new id: {told}");
    assert!(stage.ids().iter().all(|id| !old.contains(id)), "{told}");
    assert_eq!(stage.containers(), [("p-s0-1".to_owned(), true)], "{told}");
    stage.ok(&["deploy"]);
}

#[test]
fn an_outage_that_outlasts_the_lease_is_gone_on_with_once_the_lock_is_renewed() {
    for done in [false, true] {
        let stage = stage();
        let outage = once_behind_the_lock(&stage, stage.fake.outage(Duration::from_secs(4)));
        let call = Fault::on("POST", "/containers/*/start").always();
        stage.fake.fault(if done { call.after(outage) } else { call.before(outage) });
        let deploy = stage.command(&["deploy"]).env("SOFA_LEASE", "2s").output().unwrap();
        let told = String::from_utf8_lossy(&deploy.stderr);
        assert_eq!(deploy.status.code(), Some(0), "{told}");
        assert!(told.contains("the engine answers again"), "{told}");
    }
}

#[test]
fn an_undo_that_meets_an_outage_that_outlasts_the_lease_is_finished() {
    let stage = stage();
    let before = stage.containers();
    let temporary = format!("{}_p-web-1", &stage.fake.state().find("p-web-1").unwrap().id[..12]);
    stage.fake.script(&temporary, Script::default().exits(3, 0));
    // The new containers are stopped as the undo begins.
    let (shared, outage) = (stage.fake.shared(), stage.fake.outage(Duration::from_secs(4)));
    let done = AtomicBool::new(false);
    let once = move || {
        let stops = shared.lock().unwrap().requests.iter().filter(|r| r.line().ends_with("/stop")).count();
        if stops == 3 && !done.swap(true, Ordering::SeqCst) {
            outage();
        }
    };
    stage.fake.fault(Fault::on("POST", "/containers/*/stop").before(once).always());
    let deploy = stage.command(&["deploy"]).env("SOFA_LEASE", "2s").output().unwrap();
    let told = String::from_utf8_lossy(&deploy.stderr);
    assert_eq!(deploy.status.code(), Some(4), "{told}");
    assert!(told.contains("the engine answers again"), "{told}");
    assert_eq!(stage.containers(), before, "{told}");
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
