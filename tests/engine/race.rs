//! Two deploys at once: exactly one proceeds, the other says who works there.

use std::process::{Child, Output};

use crate::stage::{Stage, fleet};

#[test]
fn of_two_deploys_at_once_one_proceeds() {
    raced(40);
}

#[test]
#[ignore = "takes minutes; `make test-full` runs it"]
fn long_of_two_deploys_raced_a_thousand_times_one_proceeds() {
    raced(1000);
}

/// Lets two deploys of another version begin together, so many times.
fn raced(times: usize) {
    let stage = Stage::new(&fleet(1, "0"));
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
    assert!(refused > times / 4, "the race was hardly one: {refused} of {times} were refused");
}
