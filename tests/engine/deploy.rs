//! The binary against the fake engine: which calls a deploy makes, and what is left when any one of them fails.

use crate::stage::{Stage, fleet};
use crate::support::fake_engine::{Fault, Script};

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
fn the_old_release_runs_on_whichever_call_fails() {
    every_call_fails_in_turn(3);
}

#[test]
#[ignore = "takes a minute; `make test-full` runs it"]
fn long_the_old_release_of_six_services_runs_on_whichever_call_fails() {
    every_call_fails_in_turn(6);
}

/// Replaces a release of so many services again and again, each time with a fault in another call: refused, broken off
/// before it is done, broken off after. What runs in the end is one release, whole.
fn every_call_fails_in_turn(services: usize) {
    type Break = fn(Fault) -> Fault;
    let faults: [(&str, Break); 3] = [
        ("refused", |fault| fault.status(500, "no more memory")),
        ("cut before", Fault::cut_before),
        ("cut after", Fault::cut_after),
    ];
    let clean = {
        let stage = Stage::new(&fleet(services, "1"));
        stage.ok(&["deploy"]);
        stage.compose(&fleet(services, "2"));
        stage.fake.forget_calls();
        stage.ok(&["deploy"]);
        stage.fake.calls().len()
    };
    assert!(clean > 10 * services, "{clean} calls");
    for (kind, fault) in faults {
        for call in 1..=clean {
            let stage = Stage::new(&fleet(services, "1"));
            stage.ok(&["deploy"]);
            let (old, names) = (stage.ids(), stage.containers());
            stage.compose(&fleet(services, "2"));
            stage.fake.forget_calls();
            stage.fake.fault(fault(Fault::at_call(call)));
            let output = stage.sofa(&["deploy", "--wait-timeout", "20"]);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            // The order of calls varies a little: a run may be over before its n-th call.
            let calls = stage.fake.calls();
            let failed = calls.get(call - 1).map_or("none", String::as_str);
            let at = format!(
                "call {call} {kind}: {failed}
{told}"
            );
            let code = output.status.code();
            match code {
                // The fault was in a call that is tried again, or that nothing hangs on.
                Some(0) => {
                    let mut now = stage.containers();
                    // A lock whose release failed is said to be there; the next command takes it.
                    now.retain(|(name, _)| {
                        !name.starts_with("sofa.lock.") || !told.contains("the lock could not be released")
                    });
                    assert_eq!(now, names, "{at}");
                    assert!(stage.ids().iter().all(|id| !old.contains(id)), "{at}");
                }
                // Settling: the new release stands, and what is left is named.
                Some(1) if told.contains("stopped; what was done before is kept") => {
                    let ids = stage.ids();
                    assert!(ids.iter().filter(|id| !old.contains(id)).count() == services, "{at}");
                }
                Some(1 | 4 | 6) => {
                    assert_eq!(stage.ids(), old, "{at}");
                    assert_eq!(stage.containers(), names, "{at}");
                }
                Some(7) => assert!(told.contains("left:"), "{at}"),
                code => panic!("exit {code:?}: {at}"),
            }
        }
    }
}

#[test]
fn only_waits_count_against_the_deadline_of_waits() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(1, "2"));
    stage.fake.script("s0", Script::default().stops_after(1500).healthy_after(200));
    stage.ok(&["deploy", "--wait-timeout", "1s"]);
}
