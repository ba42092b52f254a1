//! `kill -9` before and after every engine call of a deploy with all kinds of changes: a new service, a removed one, a new
//! network, replicas that are replaced, a hook in a separate container. Then the same command, one that fails, or `sofa undo`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::crash::{each_call, head_of, kill_at};
use crate::stage::Stage;
use crate::support::fake_engine::{ExecReply, Script};

const DEPLOY: [&str; 2] = ["deploy", "--remove-orphans"];

/// A version of the project; `more` is for `db`.
fn shape(version: &str, more: &str) -> String {
    let common = format!(
        "image: \"app:1\", restart: unless-stopped, stop_grace_period: 1s, environment: {{VERSION: \"{version}\"}}, \
         healthcheck: {{test: [CMD, check]}}"
    );
    let db = format!("  db: {{{common}{more}}}\n");
    let web = format!(
        "  web: {{{common}, scale: 2, deploy: {{update_config: {{order: start-first}}}}, \
         pre_start: [{{image: \"tool:1\", command: [migrate]}}]}}\n"
    );
    let last = match version {
        "1" => format!("  old: {{{common}}}\n"),
        _ => format!(
            "  new: {{{common}, networks: [back], depends_on: {{db: {{condition: service_healthy}}}}}}\n"
        ),
    };
    let networks = if version == "1" { "" } else { "networks: {back: {}}\n" };
    format!("services:\n{db}{web}{last}{networks}")
}

/// Version 1 runs, version 2 is in the file. What exists before, and after a deploy without a kill.
fn prepared() -> (Stage, BTreeSet<String>, BTreeSet<String>, usize) {
    let stage = Stage::new(&shape("1", ""));
    stage.fake.image("tool:1");
    for number in 1..=2 {
        stage.fake.script(&format!("p-web-pre_start-{number}"), Script::default().exits(0, 5));
    }
    // The hook of version 3 fails.
    let fails = ExecReply { code: 1, ..ExecReply::default() };
    stage.fake.script("db", Script::default().command("fail", fails));
    stage.ok(&DEPLOY);
    stage.compose(&shape("2", ""));
    let clean = stage.copied();
    clean.ok(&DEPLOY);
    let (old, new, calls) = (stage.standing(), clean.standing(), clean.fake.calls().len());
    assert!(calls > 40 && old != new, "{calls} calls");
    (stage, old, new, calls)
}

/// Kills the deploy at every call. Passes on what it left, and what should exist after its undo: version 1, unless the deploy was
/// killed after everything was done and recorded.
fn each_killed(then: impl Fn(&Stage, &BTreeSet<String>, &BTreeSet<String>, &str) + Sync) {
    let (stage, old, new, calls) = prepared();
    each_call(calls, |call, when| {
        let stage = stage.copied();
        let at = kill_at(&stage, &DEPLOY, call, when);
        let back = if head_of(&stage).releases.len() == 2 { &new } else { &old };
        then(&stage, back, &new, &at);
    });
}

/// Panics where not exactly this stands, or something is unfinished.
fn whole(stage: &Stage, expected: &BTreeSet<String>, at: &str) {
    let now = stage.standing();
    let differs: Vec<_> = now.symmetric_difference(expected).collect();
    assert!(differs.is_empty(), "{at}\n{differs:#?}\n{now:#?}");
    let head = head_of(stage);
    assert!(head.unfinished().is_none(), "{at}: {head:?}");
}

#[test]
fn a_deploy_of_every_shape_killed_at_any_call_is_finished_by_the_next() {
    each_killed(|stage, _, new, at| {
        let told = stage.ends(&DEPLOY, 0);
        whole(stage, new, &format!("{at}\n{told}"));
    });
}

#[test]
fn a_deploy_of_every_shape_killed_at_any_call_goes_back_when_the_next_fails() {
    let back_by_itself = AtomicUsize::new(0);
    each_killed(|stage, back, _, at| {
        stage.compose(&shape("3", ", post_start: [{command: [fail]}]"));
        let told = format!("{at}\n{}", stage.ends(&DEPLOY, 4));
        back_by_itself.fetch_add(usize::from(told.contains("release 1 is restored")), Ordering::Relaxed);
        whole(stage, back, &told);
    });
    assert!(back_by_itself.into_inner() > 40);
}

#[test]
fn a_deploy_of_every_shape_killed_at_any_call_is_undone() {
    each_killed(|stage, back, _, at| {
        let told = stage.ends(&["undo"], 0);
        whole(stage, back, &format!("{at}\n{told}"));
    });
}
