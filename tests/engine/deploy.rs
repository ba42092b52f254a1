//! The binary against the fake engine: which calls a deploy makes, and what is left when any one of them fails.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::stage::{Stage, fleet, on_threads};
use crate::support::fake_engine::{Fault, Script, State};

#[test]
fn a_deploy_that_changes_nothing_makes_the_same_calls_for_any_number_of_services() {
    let calls = |count: usize| {
        let stage = Stage::new(&fleet(count, "1"));
        stage.ok(&["deploy"]);
        stage.fake.forget_calls();
        stage.ok(&["deploy"]);
        assert_eq!(stage.fake.changes(), [""; 0]);
        let mut calls = stage.fake.calls();
        calls.sort();
        calls
    };
    let few = calls(2);
    assert_eq!(few, calls(20));
    assert_eq!(few.len(), 5, "{few:?}");
}

#[test]
fn the_old_release_runs_on_whichever_call_fails_or_what_is_left_is_named() {
    let stage = replacing();
    let clean = stage.copied();
    clean.ok(&["deploy"]);
    let calls = clean.fake.calls().len();
    assert!(calls > 10 * SERVICES, "{calls} calls");
    let (old, new) = (stage.standing(), clean.standing());
    each_call_fails(1..=calls, |call, way| fails_at(&stage.copied(), call, way, &old, &new));
}

#[test]
fn the_old_release_runs_on_whichever_call_of_an_undo_fails_or_what_is_left_is_named() {
    let stage = failing();
    let clean = stage.copied();
    clean.ends(&["deploy"], 4);
    let calls = clean.fake.calls();
    // The last service is started when all of version 2 is ready.
    let starts = calls.iter().enumerate().filter(|(_, call)| call.ends_with("/start"));
    let (last, _) = starts.filter(|(_, call)| call.contains("/containers/")).nth(SERVICES).unwrap();
    assert!(calls.len() - last > 6 * SERVICES, "{calls:#?}");
    let old = stage.standing();
    each_call_fails(last + 2..=calls.len(), |call, way| fails_at(&stage.copied(), call, way, &old, &old));
}

/// How many services are replaced while a call fails.
const SERVICES: usize = 6;

/// A way in which a call fails, and how long the engine may take to answer meanwhile.
#[derive(Clone, Copy)]
struct Method {
    name: &'static str,
    fault: fn(Fault) -> Fault,
    patience: &'static str,
}

const WAYS: [Method; 6] = [
    Method { name: "refused", fault: |fault| fault.status(500, "no more memory"), patience: "60s" },
    Method { name: "not done, not answered", fault: Fault::hang, patience: "500ms" },
    Method { name: "done, not answered", fault: Fault::hang_after, patience: "500ms" },
    Method { name: "cut before", fault: Fault::cut_before, patience: "60s" },
    Method { name: "cut after", fault: Fault::cut_after, patience: "60s" },
    Method { name: "cut in the answer", fault: |fault| fault.cut_stream(5), patience: "60s" },
];

/// Lets each of these calls fail in every way.
fn each_call_fails(calls: RangeInclusive<usize>, test: impl Fn(usize, Method) + Sync) {
    let cases: Vec<(usize, Method)> = calls.flat_map(|call| WAYS.map(|way| (call, way))).collect();
    on_threads(8, &cases, |(call, way)| test(*call, *way));
}

/// Version 1 runs, version 2 is in the file; calls count from here.
fn replacing() -> Stage {
    let stage = Stage::new(&fleet(SERVICES, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(SERVICES, "2"));
    stage.fake.forget_calls();
    stage
}

/// The same, where version 2 has one more service, which fails when all the others are ready.
fn failing() -> Stage {
    let stage = replacing();
    let last = "  last: {image: \"app:1\", depends_on: {s5: {condition: service_healthy}}}\n";
    stage.compose(&format!("{}{last}", fleet(SERVICES, "2")));
    stage.fake.script("last", Script::default().exits(1, 0));
    stage
}

/// Deploys with a fault in one call. In the end one release runs whole, with nothing beside it: the old one, or the new one
/// where the fault did no harm. Else the exit code is 7, and every container that is not as it should be is named, no other.
fn fails_at(stage: &Stage, call: usize, way: Method, old: &BTreeSet<String>, new: &BTreeSet<String>) {
    let ids = stage.ids();
    stage.fake.fault((way.fault)(Fault::at_call(call)));
    let output = stage.sofa(&["deploy", "--wait-timeout", "20", "--engine-timeout", way.patience]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    // The order of calls varies a little: a run may be over before its n-th call.
    let calls = stage.fake.calls();
    let failed = calls.get(call - 1).map_or("none", String::as_str);
    let now = stage.standing();
    let code = output.status.code();
    let at = format!("call {call} {}: {failed}\nexit {code:?}\n{told}\n{now:#?}", way.name);
    let differs = |release: &BTreeSet<String>| -> Vec<String> {
        now.symmetric_difference(release).filter(|thing| !is_told(thing, &told)).cloned().collect()
    };
    match code {
        Some(0) => assert_eq!(differs(new), [""; 0], "{at}"),
        Some(1 | 4 | 6) => {
            assert_eq!(differs(old), [""; 0], "{at}");
            assert_eq!(stage.ids().iter().filter(|id| ids.contains(id)).count(), ids.len(), "{at}");
        }
        Some(7) => {
            let undoing = told.contains("the undo could not finish");
            let wrong = differs(if undoing { old } else { new });
            let containers = wrong.iter().filter_map(|thing| thing.strip_prefix("container "));
            let left: Vec<&str> = told.lines().filter(|line| line.starts_with("error: left: ")).collect();
            let names: Vec<&str> = containers.filter_map(|thing| thing.split(' ').next()).collect();
            assert!(names.iter().all(|name| left.iter().any(|line| line.contains(name))), "{at}");
            assert!(left.iter().all(|line| names.iter().any(|name| line.contains(name))), "{at}");
            let again = stage.ends(&["deploy"], if undoing { 4 } else { 0 });
            assert_eq!(stage.standing(), *if undoing { old } else { new }, "{at}\nagain:\n{again}");
        }
        _ => panic!("{at}"),
    }
}

/// A name of a release's image, or the mark of an unfinished run, that a warning is about.
fn is_told(thing: &str, told: &str) -> bool {
    if thing.starts_with("image sofa.unfinished/") {
        return told.contains("the mark of an unfinished run could not be removed");
    }
    let warnings = ["an image of the release got no tag", "an image keeps the tag of a release"];
    thing.starts_with("image sofa.release/") && warnings.iter().any(|warning| told.contains(warning))
}

#[test]
fn only_waits_count_against_the_deadline_of_waits() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(1, "2"));
    stage.fake.script("s0", Script::default().stops_after(1500).healthy_after(200));
    stage.ok(&["deploy", "--wait-timeout", "1s"]);
}

/// An engine is asked to stop few containers at once; programs that need long to end are not a reason to keep the others waiting.
#[test]
fn what_takes_long_to_stop_is_stopped_beside_the_others() {
    let services: String = (0..12).map(|n| format!("  s{n}: {{image: \"app:1\"}}\n")).collect();
    let stage = Stage::new(&format!("services:\n{services}"));
    stage.ok(&["deploy", "--no-wait"]);
    for n in 0..12 {
        stage.fake.script(&format!("s{n}"), Script::default().stops_after(60_000));
    }
    stage.fake.forget_calls();
    let mut stop = stage.begin(&["stop"]);
    let stopping = |state: &State| state.requests.iter().filter(|r| r.line().ends_with("/stop")).count();
    stage.until(|state| stopping(state) == 12);
    assert!(stage.containers().iter().all(|(_, up)| *up), "none of them has ended");
    stop.kill().unwrap();
    stop.wait().unwrap();
}
