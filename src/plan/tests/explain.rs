//! What a person reads of a plan: one line for each thing, with the verb that it deserves and every cause.

use super::objects::{attached, changed_network, on_network};
use super::*;
use crate::plan::explain::explain;

/// A line each: sign, subject, change, cause; marks at the end.
fn lines(plan: &Plan) -> Vec<String> {
    let mark = |holds: bool, mark: &str| if holds { format!(" [{mark}]") } else { String::new() };
    let told = explain(plan).lines.into_iter().map(|line| {
        let marks = mark(line.disruptive, "disruptive") + &mark(line.one_way, "one-way");
        format!("{} {} {}: {}{marks}", line.change.sign(), line.subject, line.change, line.cause)
    });
    told.collect()
}

fn deployed(case: &Case) -> Vec<String> {
    lines(&case.try_deploy(Policy::default()).unwrap())
}

const LEFTOVER: &str = "000000000000_p-web-1";

#[test]
fn a_leftover_beside_a_container_that_stays_is_a_line_of_its_own() {
    let case = case()
        .service("web")
        .found(running("web"))
        .found(running("web").named(LEFTOVER).stale().state(State::Created));
    assert_eq!(
        deployed(&case),
        ["- container 000000000000_p-web-1 remove: left by an interrupted run", "= web unchanged: "]
    );
}

#[test]
fn a_container_of_an_interrupted_run_replaces_the_running_one() {
    let case = case()
        .service("web")
        .found(running("web").stale())
        .found(running("web").named(LEFTOVER).state(State::Created));
    let lines = deployed(&case);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("~ web replace: created and never started"), "{lines:?}");
}

#[test]
fn a_container_that_gives_its_anonymous_volumes_up_is_replaced_all_the_same() {
    let case = case().service("web").found(running("web").stale());
    let policy = Policy { renew_volumes: true, ..Policy::default() };
    let lines = lines(&case.try_deploy(policy).unwrap());
    assert!(lines[0].starts_with("~ web replace: configuration changed"), "{lines:?}");
}

#[test]
fn every_cause_is_told_and_the_change_of_a_network_is_marked() {
    let case = changed_network(case()).with("web", on_network).found(running("web").stale()).but(attached);
    let lines = deployed(&case);
    assert!(
        lines[0].starts_with("~ network p_net replace: configuration changed: internal [disruptive]"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("~ web replace: configuration changed; network p_net is replaced"),
        "{lines:?}"
    );
}

#[test]
fn a_one_off_is_not_taken_for_a_replica() {
    let case = case().service("web").found(running("web")).found(Found {
        service: "old",
        number: 0,
        state: State::Exited(0),
        health: Health::None,
        name: "p-old-run-1".into(),
        stale: false,
    });
    let case = case.but(|container| container.oneoff = true);
    let policy = Policy { remove_orphans: true, ..Policy::default() };
    let lines = lines(&case.try_deploy(policy).unwrap());
    assert!(lines[0].starts_with("- container p-old-run-1 remove"), "{lines:?}");
    assert_eq!(lines[1], "= web unchanged: ");
}
