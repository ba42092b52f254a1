//! What becomes of a run that did not finish: who ends it, what goes back with it, and what is said meanwhile.

use std::process::Child;
use std::time::Duration;

use serde_json::json;
use sofa::testing::docker::state::{Store, tags};
use sofa::testing::state::Head;
use sofa::testing::state::head::Outcome;

use crate::stage::{Stage, signal};
use crate::support::fake_engine::{ExecReply, Fault, Script, State};

const MARK: &str = "sofa.unfinished/p:run";
const WAIT: [&str; 2] = ["--wait-timeout", "1s"];

/// One service.
fn service(name: &str, version: &str, more: &str) -> String {
    format!(
        "  {name}:\n    image: app:1\n    restart: unless-stopped\n    stop_grace_period: 1s\n\
         \x20   environment: {{VERSION: \"{version}\"}}\n    healthcheck: {{test: [CMD, check]}}\n{more}"
    )
}

/// Two services that know nothing of each other.
fn pair(version: &str) -> String {
    format!("services:\n{}{}", service("db", version, ""), service("web", version, ""))
}

/// Version 1 of both runs, version 2 is in the file, and its `db` never gets healthy.
fn stage() -> Stage {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    db_never_gets_healthy(&stage);
    stage
}

fn db_never_gets_healthy(stage: &Stage) {
    stage.fake.script("db", Script::default().never_healthy());
    // The old container is known by its name: it is as healthy as before once it is started again.
    stage.fake.script("p-db-1", Script::default());
}

fn head(stage: &Stage) -> Head {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { Store::of(&stage.fake.connect().await, "p").read().await.unwrap().or_empty().head })
}

fn end(mut run: Child) {
    run.kill().unwrap();
    run.wait().unwrap();
}

/// Whether a container of a service that is not under its final name runs, and the old one does not.
fn took_over(state: &State, service: &str) -> bool {
    let own = || state.containers.values().filter(|found| found.service() == service);
    let name = format!("p-{service}-1");
    own().any(|found| found.name != name && found.is_up())
        && own().all(|found| found.name != name || !found.is_up())
}

/// Deploys and kills that once the new `db` runs in the place of the old one.
fn killed(stage: &Stage, arguments: &[&str]) {
    let deploy = stage.begin(arguments);
    stage.until(|state| took_over(state, "db"));
    end(deploy);
}

fn is_marked(stage: &Stage) -> bool {
    stage.fake.state().images.contains_key(MARK)
}

#[test]
fn a_deploy_that_goes_on_and_fails_goes_all_the_way_back() {
    let stage = stage();
    let (old, ids) = (stage.standing(), stage.ids());
    killed(&stage, &["deploy"]);
    let told = stage.ends(&["deploy", WAIT[0], WAIT[1]], 4);
    assert!(told.contains("undoing the rest of the earlier unfinished `deploy`"), "{told}");
    assert!(told.contains("p: release 1 is restored"), "{told}");
    assert_eq!(told.matches("did not finish (started").count(), 1, "{told}");
    assert_eq!((stage.standing(), stage.ids()), (old, ids), "{told}");
    assert!(head(&stage).unfinished().is_none(), "{told}");
    let told = stage.ends(&["undo"], 0);
    assert!(told.contains("no run is unfinished"), "{told}");
}

#[test]
fn a_deploy_that_goes_on_and_is_interrupted_goes_all_the_way_back() {
    let stage = stage();
    let old = stage.standing();
    killed(&stage, &["deploy"]);
    stage.fake.forget_calls();
    let again = stage.begin(&["deploy"]);
    stage.until(|state| state.requests.iter().any(|request| request.path.ends_with("/exec")));
    signal(&again, "INT");
    let output = again.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("p: release 1 is restored"), "{told}");
    assert_eq!(stage.standing(), old, "{told}");
}

#[test]
fn a_deploy_that_goes_on_and_is_to_be_looked_at_leaves_everything_as_it_is() {
    let stage = stage();
    killed(&stage, &["deploy"]);
    stage.ends(&["deploy", "--no-undo", WAIT[0], WAIT[1]], 4);
    assert!(took_over(&stage.fake.state(), "db"));
    assert!(head(&stage).unfinished().is_some() && is_marked(&stage));
}

#[test]
fn without_a_release_to_go_back_to_the_killed_run_stays_unfinished_and_is_told() {
    let stage = Stage::new(&pair("1"));
    stage.fake.script("db", Script::default().never_healthy());
    let deploy = stage.begin(&["deploy"]);
    stage.until(|state| state.find("p-db-1").is_some_and(|found| found.is_up()));
    end(deploy);
    let told = stage.ends(&["deploy", WAIT[0], WAIT[1]], 7);
    assert!(told.contains("no release exists from before this deploy"), "{told}");
    assert!(told.contains("changes of the earlier unfinished `deploy` are left"), "{told}");
    assert!(told.contains("`sofa down --keep-volumes` removes what it created"), "{told}");
    assert!(!told.contains("`sofa undo`"), "there is nothing that it could go back to: {told}");
    assert!(head(&stage).unfinished().is_some() && is_marked(&stage));
    stage.fake.script("db", Script::default());
    stage.ok(&["deploy"]);
    assert!(head(&stage).unfinished().is_none() && !is_marked(&stage));
}

#[test]
fn a_way_back_that_fails_leaves_the_run_unfinished_and_names_undo() {
    let stage = stage();
    killed(&stage, &["deploy"]);
    stage.fake.script("p-db-1", Script::default().start_fails("no memory"));
    let told = stage.ends(&["deploy", WAIT[0], WAIT[1]], 7);
    assert!(
        told.contains("no memory") && told.contains("hint: `sofa undo` restores the last release"),
        "{told}"
    );
    assert!(head(&stage).unfinished().is_some() && is_marked(&stage), "{told}");
    stage.fake.script("p-db-1", Script::default());
    let told = stage.ends(&["undo"], 0);
    assert_eq!(stage.containers(), ["p-db-1", "p-web-1"].map(|name| (name.to_owned(), true)), "{told}");
}

#[test]
fn a_deploy_of_less_leaves_what_it_does_not_touch_unfinished() {
    let stage = stage();
    killed(&stage, &["deploy"]);
    let told = stage.ends(&["deploy", "web"], 0);
    assert!(told.contains("did not finish") && told.contains("it leaves db unchanged"), "{told}");
    let left = head(&stage);
    assert_eq!((left.releases.len(), left.run.as_ref().unwrap().outcome), (2, Some(Outcome::Settled)));
    let open = left.unfinished().unwrap();
    assert_eq!(open.reach.as_ref().unwrap().services, ["db".to_owned()].into());
    let ids = stage.ids();
    stage.ok(&["deploy", "web"]);
    assert_eq!((stage.ids(), head(&stage)), (ids, left), "it settles nothing more");
    assert!(is_marked(&stage));

    stage.ok(&["undo"]);
    assert!(head(&stage).unfinished().is_none() && !is_marked(&stage));
    let standing = stage.standing();
    let is_there = |name: &str, version: &str| {
        standing.contains(&format!("container {name} up unless-stopped [\"VERSION={version}\"]"))
    };
    assert!(is_there("p-db-1", "1") && is_there("p-web-1", "2"), "{standing:#?}");
}

#[test]
fn an_undo_takes_back_all_that_the_run_touched_whatever_the_mode_stands_for() {
    let stage = stage();
    let settings = "modes: {live: {files: [compose.yaml], services: [web]}}\n";
    std::fs::write(stage.folder.path().join("sofa.yaml"), settings).unwrap();
    let old = stage.standing();
    killed(&stage, &["deploy", "live", "all"]);
    let told = stage.ends(&["undo", "live"], 0);
    assert_eq!(stage.standing(), old, "{told}");
}

#[test]
fn an_undo_takes_back_services_and_networks_that_were_new() {
    let stage = stage();
    let old = stage.standing();
    let new = service("new", "2", "    networks: [back]\n    depends_on: [web]\n");
    let db = service("db", "2", "    depends_on: {new: {condition: service_healthy}}\n");
    stage.compose(&format!("services:\n{db}{}{new}networks: {{back: {{}}}}\n", service("web", "2", "")));
    killed(&stage, &["deploy"]);
    assert!(stage.standing().contains("network p_back"));
    let plan = String::from_utf8(stage.sofa(&["undo", "--dry-run"]).stdout).unwrap();
    assert!(plan.contains("created by the run that is undone"), "{plan}");
    let told = stage.ends(&["undo"], 0);
    assert!(!told.contains("--remove-orphans"), "{told}");
    assert_eq!(stage.standing(), old, "{told}");
}

#[test]
fn a_restart_policy_that_an_ended_run_took_away_is_given_back_by_a_run_that_fails() {
    let hooked = |version: &str| {
        format!("services:\n{}", service("db", version, "    pre_stop: [{command: [drain]}]\n"))
    };
    let stage = Stage::new(&hooked("1"));
    let drains = |code| Script::default().command("drain", ExecReply { code, ..ExecReply::default() });
    stage.fake.script("db", drains(1));
    stage.ok(&["deploy"]);
    stage.compose(&hooked("2"));
    let policy = || stage.fake.state().find("p-db-1").unwrap().policy().0.to_owned();
    stage.sofa(&["deploy", "--no-undo"]);
    assert_eq!(policy(), "no", "it was to be stopped");
    let told = stage.ends(&["deploy"], 4);
    assert_eq!(policy(), "unless-stopped", "{told}");
    assert!(told.contains("the earlier unfinished `deploy` is unchanged"), "{told}");
    assert!(told.contains("`sofa undo`") && is_marked(&stage), "{told}");
}

#[test]
fn releases_are_read_although_the_container_of_the_store_was_pruned() {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    stage.ok(&["deploy"]);
    let prune = || stage.fake.state().containers.retain(|_, found| found.name != "sofa.state.p");
    prune();
    let history = String::from_utf8(stage.sofa(&["history"]).stdout).unwrap();
    assert_eq!(history.lines().count(), 3, "{history}");
    prune();
    stage.ok(&["rollback"]);
    assert!(stage.standing().contains("container p-db-1 up unless-stopped [\"VERSION=1\"]"));
    stage.compose(&pair("4"));
    db_never_gets_healthy(&stage);
    killed(&stage, &["deploy"]);
    prune();
    stage.ok(&["undo"]);
    assert!(stage.standing().contains("container p-db-1 up unless-stopped [\"VERSION=1\"]"));
}

#[test]
fn a_rollback_goes_to_the_last_release_where_something_else_runs() {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("3"));
    stage.fake.fault(Fault::on("DELETE", "/containers/*").status(500, "device busy"));
    stage.ends(&["deploy"], 7);
    stage.ok(&["rollback"]);
    assert!(
        stage.standing().contains("container p-web-1 up unless-stopped [\"VERSION=2\"]"),
        "{:#?}",
        stage.standing()
    );
    stage.ok(&["rollback", "1"]);
}

/// A service that is prepared by a container of another image.
fn prepared(version: &str) -> String {
    let hook = "    pre_start: [{image: \"tool:1\", command: [migrate]}]\n";
    format!("services:\n{}", service("web", version, hook))
}

#[test]
fn images_of_hooks_are_kept_with_the_release_and_run_again_by_a_rollback() {
    let stage = Stage::new(&prepared("1"));
    stage.fake.script("p-web-pre_start-1", Script::default().exits(0, 5));
    let tool = stage.fake.image("tool:1");
    stage.ok(&["deploy"]);
    let kept = tags::name("p", "web/tool:1", 1).unwrap().to_string();
    assert_eq!(stage.fake.state().find_image(&kept), Some(tool.clone()));
    stage.fake.image("tool:1");
    stage.compose(&prepared("2"));
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    stage.ok(&["rollback"]);
    let hook = stage.fake.request("POST /containers/create?name=p-web-pre_start-1").json();
    assert_eq!(hook["Image"], json!(tool), "the tag has moved");
    let last = head(&stage).releases.pop().unwrap();
    assert_eq!(last.images["web/tool:1"].id, tool, "what ran is in the release");

    stage.ok(&["deploy"]);
    stage.fake.state().images.retain(|_, id| *id != tool);
    let (old, ids) = (stage.standing(), stage.ids());
    let told = stage.ends(&["rollback", "1"], 1);
    assert!(told.contains("image `tool:1` of release 1 was removed"), "{told}");
    assert_eq!((stage.standing(), stage.ids()), (old, ids));
}

#[test]
fn a_release_that_cannot_be_made_whole_is_told_and_made_by_the_next_deploy() {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    let files = |state: &mut State| std::mem::take(&mut state.volumes.get_mut("sofa.state.p").unwrap().files);
    let mut whole = files(&mut stage.fake.state());
    let release = whole.remove("/release/1").unwrap();
    stage.fake.state().volumes.get_mut("sofa.state.p").unwrap().files = whole;
    let told = stage.ends(&["deploy", "web"], 0);
    assert!(told.contains("no release was made, because the last one cannot be read"), "{told}");
    assert_eq!(head(&stage).releases.len(), 1);
    stage.fake.state().volumes.get_mut("sofa.state.p").unwrap().files.insert("/release/1".into(), release);
    stage.ok(&["deploy", "web"]);
    let now = head(&stage);
    assert_eq!((now.releases.len(), now.releases[1].images.len()), (2, 2), "{now:?}");
    assert!(now.unfinished().is_none());
}

#[test]
fn an_end_that_is_not_written_down_since_the_lock_is_lost_is_told() {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    let renewals = Fault::on("PUT", "/containers/*/archive").status(500, "no space left on device").always();
    let shared = stage.fake.shared();
    let last = Fault::on("POST", "/containers/*/rename").before(move || {
        shared.lock().unwrap().faults.push(renewals.clone());
        std::thread::sleep(Duration::from_millis(2500));
    });
    stage.fake.fault(last);
    let output = stage.command(&["deploy"]).env("SOFA_LEASE", "3s").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{told}");
    assert!(told.contains("the lock was lost before the end of the run was recorded"), "{told}");
    stage.fake.state().faults.clear();
    stage.ok(&["deploy"]);
    assert_eq!(head(&stage).releases.len(), 2);
}

#[test]
fn a_host_port_that_a_program_holds_is_found_before_a_rollback_changes_anything() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let published = format!("    ports: [\"127.0.0.1:{port}:80\"]\n");
    let stage = Stage::new(&format!("services:\n{}", service("web", "1", &published)));
    stage.ok(&["deploy"]);
    stage.compose(&format!("services:\n{}", service("web", "2", "")));
    stage.ok(&["deploy"]);
    let _held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    stage.fake.forget_calls();
    let told = stage.ends(&["rollback"], 5);
    assert!(told.contains("is held by a program on this machine"), "{told}");
    assert_eq!(stage.fake.changes(), [""; 0]);
}

#[test]
fn numbers_of_runs_never_return_although_the_records_are_lost() {
    let stage = Stage::new(&pair("1"));
    stage.ok(&["deploy"]);
    stage.compose(&pair("2"));
    stage.ok(&["deploy"]);
    {
        let mut state = stage.fake.state();
        state.containers.retain(|_, container| container.name != "sofa.state.p");
        state.volumes.clear();
    }
    stage.ok(&["deploy", "web"]);
    assert_eq!(head(&stage).run.unwrap().number, 3);
}
