//! Two deploys at once: exactly one proceeds, the other says who works there.

use std::process::{Child, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stage::{Stage, fleet, on_threads};

/// How often two deploys race, on how many engines beside each other.
const ROUNDS: usize = 1000;
const ENGINES: usize = 4;

#[test]
fn of_two_deploys_raced_a_thousand_times_one_proceeds() {
    let refused = AtomicUsize::new(0);
    let stages: Vec<Stage> = (0..ENGINES).map(|_| Stage::new(&fleet(1, "0"))).collect();
    on_threads(ENGINES, &stages, |stage| {
        refused.fetch_add(raced(stage, ROUNDS / ENGINES), Ordering::Relaxed);
    });
    let refused = refused.into_inner();
    assert!(refused > ROUNDS / 4, "the race was hardly one: {refused} of {ROUNDS} were refused");
}

/// Lets two deploys of another version begin together, so many times. Returns how often one was refused.
fn raced(stage: &Stage, times: usize) -> usize {
    stage.ok(&["deploy"]);
    let (mut refused, mut nothing) = (0, 0);
    for round in 1..=times {
        stage.compose(&fleet(1, &round.to_string()));
        let before = stage.ids();
        let both: Vec<Child> = (0..2).map(|_| stage.begin(&["deploy"])).collect();
        let both: Vec<Output> = both.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let told: Vec<String> =
            both.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect();
        let replaced = told.iter().filter(|text| text.contains("1 replaced")).count();
        assert_eq!(replaced, 1, "round {round}: {told:?}");
        for (output, text) in both.iter().zip(&told) {
            match output.status.code() {
                Some(5) => {
                    refused += 1;
                    assert!(text.contains("project `p` is locked: `deploy` by ann on "), "{text}");
                }
                // It came when the other was done.
                Some(0) if text.contains("1 unchanged") => nothing += 1,
                Some(0) => assert!(text.contains("1 replaced"), "{text}"),
                code => panic!("round {round}: exit {code:?}: {text}"),
            }
        }
        assert_eq!(stage.containers(), [("p-s0-1".to_owned(), true)], "round {round}: {told:?}");
        assert!(stage.ids() != before, "round {round}");
    }
    assert_eq!(refused + nothing, times);
    refused
}
