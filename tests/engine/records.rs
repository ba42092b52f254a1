//! What a deploy leaves written: the plan before it runs, how it ended, and a release when it succeeded.

use std::time::{Duration, Instant};

use sofa::testing::docker::state::{Store, tags};
use sofa::testing::state::head::Outcome;
use sofa::testing::state::{Head, RecordFile};

use crate::stage::{Stage, fleet, signal};
use crate::support::fake_engine::{Fault, Request, Script};

/// The records of the stage's project.
async fn records(stage: &Stage) -> (Store, Head) {
    let store = Store::of(&stage.fake.connect().await, "p");
    let head = store.read().await.unwrap().or_empty().head;
    (store, head)
}

#[tokio::test]
async fn a_deploy_leaves_its_plan_its_outcome_and_a_release() {
    let stage = Stage::new(&fleet(2, "1"));
    std::fs::create_dir_all(stage.folder.path().join(".git")).unwrap();
    let revision = "0123456789012345678901234567890123456789";
    std::fs::write(stage.folder.path().join(".git/HEAD"), revision).unwrap();
    stage.ok(&["deploy"]);
    let (store, head) = records(&stage).await;
    let run = head.run.as_ref().unwrap();
    assert_eq!((run.number, run.verb.as_str(), run.outcome), (1, "deploy", Some(Outcome::Settled)));
    assert_eq!(run.operator.user, "ann");
    assert!(head.unfinished().is_none());
    let plan = String::from_utf8(store.part(RecordFile::Plan(1)).await.unwrap()).unwrap();
    assert!(plan.contains("create-container") && !plan.contains("VERSION"), "{plan}");

    let release = head.releases.last().unwrap();
    assert_eq!((release.number, release.revision.as_deref()), (1, Some(revision)));
    let image = stage.fake.state().find_image("app:1").unwrap();
    assert!(release.images.len() == 2 && release.images.values().all(|found| found.id == image));
    let model = store.release(1).await.unwrap();
    assert_eq!(model.services["s0"].environment["VERSION"].as_deref(), Some("1"));
    assert!(model.environment.is_empty(), "what interpolation saw is not kept");
    let label = |id: &String| stage.fake.state().containers[id].label("sofa.run").to_owned();
    assert!(stage.ids().iter().all(|id| label(id) == "1"));
}

#[tokio::test]
async fn images_of_ten_releases_keep_names_of_their_own() {
    let stage = Stage::new(&fleet(1, "0"));
    for version in 1..=12 {
        stage.compose(&fleet(1, &version.to_string()));
        stage.ok(&["deploy"]);
    }
    let (store, head) = records(&stage).await;
    let kept: Vec<u64> = head.releases.iter().map(|release| release.number).collect();
    assert_eq!(kept, (3..=12).collect::<Vec<_>>());
    for number in 1..=12 {
        let name = tags::name("p", "s0", number).unwrap().to_string();
        assert_eq!(stage.fake.state().find_image(&name).is_some(), kept.contains(&number), "{name}");
    }
    for number in kept {
        let model = store.release(number).await.unwrap();
        let version = number.to_string();
        assert_eq!(model.services["s0"].environment["VERSION"].as_deref(), Some(version.as_str()));
    }
}

#[tokio::test]
async fn a_deploy_of_some_services_keeps_the_others_as_they_were_released() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(2, "2"));
    stage.ok(&["deploy", "s1"]);
    let (store, head) = records(&stage).await;
    let last = head.releases.last().unwrap();
    assert_eq!(
        (last.number, &last.images["s0"]),
        (2, &head.releases[0].images["s0"]),
        "a rollback needs it too"
    );
    assert!(last.images.contains_key("s1"), "{last:?}");
    let model = store.release(2).await.unwrap();
    let version = |name: &str| model.services[name].environment["VERSION"].clone().unwrap();
    assert_eq!((version("s0"), version("s1")), ("1".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn a_deploy_that_is_undone_says_so_and_keeps_the_log_of_what_failed() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(1, "2"));
    let lines: Vec<String> = (0..200).map(|n| format!("line {n}")).collect();
    let script = Script::default().logs(lines.iter().map(String::as_str)).never_healthy();
    stage.fake.script("s0", script);
    // The old container is started again by the same script: it is not ready either.
    let output = stage.sofa(&["deploy", "--wait-timeout", "1"]);
    let (store, head) = records(&stage).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{told}");
    assert!(!told.contains("line 0\n"), "people are shown the end of the log: {told}");
    assert_eq!(head.run.as_ref().unwrap().outcome, Some(Outcome::UndoIncomplete));
    assert_eq!(head.releases.len(), 1);
    let logs = store.run_logs(2).await.unwrap();
    let [new, old] = logs.containers.as_slice() else { panic!("{logs:?}") };
    assert_eq!((new.service.as_str(), old.service.as_str()), ("s0", "s0"));
    assert_eq!((&new.lines, &old.lines), (&lines, &lines));
    assert!(told.contains("    line 170\n") && !told.contains("    line 169\n"), "the last 30: {told}");
    assert!(told.contains("`sofa logs --run 2 s0` shows all of its output"), "{told}");
    let shown = text(&stage.sofa(&["logs", "--run", "2", "s0", "--no-prefix"]).stdout);
    assert_eq!(shown.lines().take(200).collect::<Vec<_>>(), lines);
    let last = text(&stage.sofa(&["logs", "--run", "2", "--tail", "1"]).stdout);
    assert!(last.lines().count() == 2 && last.lines().all(|line| line.ends_with("| line 199")), "{last}");
    let told = stage.ends(&["logs", "--run", "2", "nobody"], 2);
    assert!(told.contains("run 2 kept no log of `nobody`") && told.contains("those of: s0"), "{told}");
    let told = stage.ends(&["logs", "--run", "1"], 2);
    assert!(told.contains("no logs of run 1"), "{told}");
}

#[test]
fn in_ci_the_last_200_lines_of_what_failed_are_shown() {
    let stage = Stage::new(&fleet(1, "1"));
    let lines: Vec<String> = (0..250).map(|n| format!("line {n}")).collect();
    stage.fake.script("s0", Script::default().logs(lines.iter().map(String::as_str)).never_healthy());
    let told =
        text(&stage.command(&["deploy", "--wait-timeout", "1"]).env("CI", "true").output().unwrap().stderr);
    assert!(told.contains("    line 50\n") && !told.contains("    line 49\n"), "{told}");
}

#[test]
fn a_killed_deploy_is_told_of_first_and_finished_by_the_next() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.fake.script("s1", Script::default().never_healthy());
    let mut deploy = stage.begin(&["deploy"]);
    stage.until(|state| state.find("p-s1-1").is_some_and(|found| found.is_up()));
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    stage.fake.script("s1", Script::default());
    let told = stage.ends(&["deploy"], 0);
    let first = told.lines().position(|line| line.contains("did not finish (started")).unwrap();
    let s1 = told.lines().position(|line| line.contains("s1:")).unwrap();
    assert!(first < s1 && told.contains("the last `deploy` by ann on "), "{told}");
    let told = stage.ends(&["deploy"], 0);
    assert!(!told.contains("did not finish"), "{told}");
}

#[tokio::test]
async fn a_second_interrupt_ends_at_once_and_leaves_the_record_that_the_next_deploy_goes_on_from() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(1, "2"));
    // The new one never gets ready, and takes its time to stop.
    stage.fake.script("s0", Script::default().never_healthy().stops_after(20_000));
    let deploy = stage.begin(&["deploy"]);
    stage.until(|state| state.containers.values().filter(|found| found.is_up()).count() == 1);
    stage.until(|state| {
        state.containers.values().any(|found| found.name.contains("_p-s0-1") && found.is_up())
    });
    signal(&deploy, "INT");
    stage.until(|state| state.requests.last().is_some_and(|request| request.line().ends_with("/stop")));
    let begun = Instant::now();
    signal(&deploy, "INT");
    let output = deploy.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped at once; unfinished changes are left as they are"), "{told}");
    assert!(
        told.contains("p: left as they are: s0") && told.contains("hint: `sofa undo` restores"),
        "{told}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10), "{told}");
    let (_, head) = records(&stage).await;
    assert_eq!(head.unfinished().map(|run| run.outcome), Some(Some(Outcome::Interrupted)), "{told}");

    stage.fake.script("s0", Script::default());
    let told = stage.ends(&["deploy"], 0);
    assert!(told.contains("did not finish"), "{told}");
    assert_eq!(stage.containers(), [("p-s0-1".to_owned(), true)], "{told}");
    assert!(records(&stage).await.1.unfinished().is_none());
}

#[test]
fn an_undo_is_not_broken_off_by_what_make_and_ci_runners_send() {
    for signals in [["TERM", "TERM"], ["INT", "TERM"], ["TERM", "INT"]] {
        let stage = Stage::new(&fleet(1, "1"));
        stage.ok(&["deploy"]);
        let old = stage.ids();
        stage.compose(&fleet(1, "2"));
        let temporary = format!("{}_p-s0-1", &old[0][..12]);
        stage.fake.script(&temporary, Script::default().never_healthy().stops_after(700));
        let deploy = stage.begin(&["deploy"]);
        stage.until(|state| state.find(&temporary).is_some_and(|found| found.is_up()));
        signal(&deploy, signals[0]);
        let undoing = |request: &Request| request.line().ends_with("/stop");
        stage.until(|state| state.requests.last().is_some_and(undoing));
        signal(&deploy, signals[1]);
        let output = deploy.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{signals:?}: {told}");
        assert!(told.contains("undone; the previous containers run again"), "{signals:?}: {told}");
        assert_eq!((stage.ids(), stage.containers()), (old, vec![("p-s0-1".to_owned(), true)]));
    }
}

#[test]
fn at_once_is_at_once_where_the_engine_does_not_answer() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.compose(&fleet(1, "2"));
    stage.fake.script("s0", Script::default().never_healthy());
    let deploy = stage.begin(&["deploy"]);
    stage.until(|state| {
        state.containers.values().any(|found| found.name.contains("_p-s0-1") && found.is_up())
    });
    for method in ["GET", "PUT", "POST", "DELETE"] {
        for path in
            ["/containers/*/archive", "/containers/*/stop", "/containers/*", "/images/json", "/images/*"]
        {
            stage.fake.fault(Fault::on(method, path).hang().always());
        }
    }
    signal(&deploy, "INT");
    stage.until(|state| state.requests.last().is_some_and(|request| request.line().ends_with("/stop")));
    let begun = Instant::now();
    signal(&deploy, "INT");
    let output = deploy.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped at once") && told.contains("the lock could not be released"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}: {told}", begun.elapsed());
}

#[test]
fn lost_records_are_told_of_and_begin_anew_from_what_runs() {
    let stage = Stage::new(&fleet(2, "1"));
    stage.ok(&["deploy"]);
    let ids = stage.ids();
    {
        let mut state = stage.fake.state();
        state.containers.retain(|_, container| container.name != "sofa.state.p");
        state.volumes.clear();
    }
    let told = stage.ends(&["deploy"], 0);
    assert!(told.contains("the records of releases and runs are gone from the engine (pruned?)"), "{told}");
    assert_eq!(stage.ids(), ids, "what runs is left alone");
    assert!(stage.fake.state().volumes.contains_key("sofa.state.p"));
    stage.fake.forget_calls();
    let told = stage.ends(&["deploy"], 0);
    assert!(!told.contains("gone") && stage.fake.changes().is_empty(), "{told}");
}

#[test]
fn down_keeps_the_records_and_a_record_that_cannot_be_written_changes_nothing() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.ok(&["deploy"]);
    stage.ok(&["down", "--volumes"]);
    assert_eq!(stage.fake.state().names(), ["sofa.state.p"]);
    stage.fake.fault(Fault::on("PUT", "/containers/*/archive").status(500, "no space left on device"));
    let told = stage.ends(&["deploy"], 1);
    assert!(told.contains("no space left on device"), "{told}");
    assert_eq!(stage.ids(), [""; 0]);
    stage.ok(&["deploy"]);
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}
