//! `scale`, `kill` and `rm`: the number of containers, and containers that do not run.

use sofa::testing::plan::observed::State;

use crate::stack::{compose, containers, ids, until};
use crate::support::real_engine::TestProject;

fn names(ids: &std::collections::BTreeMap<String, String>) -> Vec<&str> {
    ids.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn scale_adds_the_next_numbers_and_takes_the_highest_away() {
    let Some(test) = TestProject::new("scale").await else {
        return;
    };
    compose(&test, "  db: {<<: *stay}\n  web: {<<: *stay, depends_on: [db]}\n");
    test.sofa(["deploy", "--no-wait", "--scale", "web=2"]).ok();
    let two = ids(&test).await;
    assert_eq!(names(&two), ["db-1", "web-1", "web-2"]);
    test.sofa(["scale", "web=3", "--no-wait"]).ok().says("1 created in");
    test.sofa(["scale", "web=1", "--no-wait"]).ok().says("2 removed");
    let one = ids(&test).await;
    assert_eq!(names(&one), ["db-1", "web-1"]);
    assert_eq!((&one["web-1"], &one["db-1"]), (&two["web-1"], &two["db-1"]), "what stays is not touched");
    test.sofa(["scale", "web=0", "--no-wait"]).ok();
    assert_eq!(names(&ids(&test).await), ["db-1"]);
    test.sofa(["scale", "wob=2"]).assert_code(2).says("did you mean `web`?");
    test.sofa(["scale"]).assert_code(2).says("no number of containers given");
}

#[tokio::test]
async fn kill_sends_any_signal_and_rm_takes_away_what_does_not_run() {
    let Some(test) = TestProject::new("kill").await else {
        return;
    };
    compose(&test, "  db: {<<: *stay}\n  web: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    test.sofa(["kill", "web"]).ok().says("1 killed");
    // The engine answers before the process has ended.
    until(async || {
        let states = containers(&test).await.into_values().map(|container| container.state);
        states.collect::<Vec<_>>() == [State::Running, State::Exited(137)]
    })
    .await;
    test.sofa(["plan", "rm"]).ok();
    test.sofa(["rm"]).ok().says("1 removed").says("1 running stays");
    assert_eq!(names(&ids(&test).await), ["db-1"]);
    test.sofa(["kill", "--signal", "CONT"]).ok();
    assert_eq!(containers(&test).await.into_values().next().unwrap().state, State::Running);
    test.sofa(["rm", "--stop"]).ok();
    assert_eq!(names(&ids(&test).await), [""; 0]);
}
