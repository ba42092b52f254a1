//! `sofa history`, `rollback` and `undo`: what a release holds, and the ways back to it.

use std::process::Command;
use std::time::Duration;

use sofa::testing::engine::RestartPolicy;
use sofa::testing::engine::container::Removal;
use sofa::testing::engine::exec::ExecCommand;
use sofa::testing::plan::observed::State;

use crate::stack::{compose, container, ids, until, until_running};
use crate::support::real_engine::TestProject;

/// Deploys `web`, built from a Dockerfile that says the version, with the version in its environment too.
fn deploy(test: &mut TestProject, version: &str) {
    write(test, version);
    test.sofa(["deploy"]).ok();
}

fn write(test: &mut TestProject, version: &str) {
    let from = test.image().to_owned();
    test.file("web/Dockerfile", &format!("FROM {from}\nLABEL version={version}\n"));
    test.env("VERSION", version);
    let healthy = "healthcheck: {test: [\"CMD\", \"true\"], interval: 1s}";
    compose(
        test,
        &format!(
            "  migrate:\n    <<: *ends\n    environment: {{VERSION: \"${{VERSION}}\"}}\n  web:\n    <<: *stay\n    image: {}-web\n    build: web\n    \
             restart: unless-stopped\n    {healthy}\n    environment: {{VERSION: \"${{VERSION}}\"}}\n    volumes: [./rules:/rules:ro]\n    \
             depends_on: {{migrate: {{condition: service_completed_successfully}}}}\n",
            test.name()
        ),
    );
    test.file("rules", "");
}

/// What `web` was made from and what it was given.
async fn web(test: &TestProject) -> (String, String) {
    let web = container(test, "web").await;
    let argv = ["sh", "-c", "echo $VERSION"].map(str::to_owned).to_vec();
    let command = ExecCommand { argv, ..ExecCommand::default() };
    let printed = test.engine().exec(&web.id, &command, Duration::from_secs(10)).await.unwrap().stdout;
    (web.image_id.0, String::from_utf8(printed).unwrap().trim().to_owned())
}

#[tokio::test]
async fn a_rollback_brings_back_images_and_environment_although_tags_and_variables_have_moved() {
    let Some(mut test) = TestProject::new("back").await else {
        return;
    };
    deploy(&mut test, "1");
    let first = web(&test).await;
    deploy(&mut test, "2");
    let second = web(&test).await;
    assert!(first.0 != second.0 && first.1 != second.1, "{first:?} {second:?}");
    let migrated = container(&test, "migrate").await.id;

    test.sofa(["rollback"])
        .ok()
        .says("web: these variables differ from today's files: VERSION (`--current-env` keeps today's)")
        .says("these host paths keep their content of today, which no release holds:");
    assert_eq!(web(&test).await, first, "release 1");
    assert_eq!(container(&test, "migrate").await.id, migrated, "a job is not run again");

    test.sofa(["rollback"]).ok();
    assert_eq!(web(&test).await, second, "the release before that rollback");
    test.sofa(["rollback", "1"]).ok();
    assert_eq!(web(&test).await, first, "a release by its number");
    test.sofa(["rollback", "2", "--current-env"]).ok();
    assert_eq!(web(&test).await, second);
    test.sofa(["rollback", "77"]).assert_code(2).says("release 77 is not kept").says("1, 2, 3, 4, 5, 6");

    let history = test.sofa(["history"]).ok().stdout.clone();
    assert_eq!(history.lines().count(), 7, "{history}");
    assert!(history.lines().nth(1).unwrap().starts_with("6 "), "the newest first: {history}");
    let json = test.sofa(["history", "--format", "json"]).ok().stdout.clone();
    let newest: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((newest["Release"].as_u64(), newest["Verb"].as_str()), (Some(6), Some("rollback")), "{json}");
}

#[tokio::test]
async fn a_rollback_shows_its_plan_and_changes_nothing_when_asked_to() {
    let Some(mut test) = TestProject::new("shown").await else {
        return;
    };
    test.sofa(["rollback"]).assert_code(2).says("has no kept releases");
    deploy(&mut test, "1");
    test.sofa(["rollback"]).assert_code(2).says("no release before the last one");
    deploy(&mut test, "2");
    let before = ids(&test).await;
    let plan = test.sofa(["rollback", "--dry-run"]).ok().stdout.clone();
    assert!(plan.contains("image digest changed") || plan.contains("configuration changed"), "{plan}");
    assert_eq!(test.sofa(["plan", "rollback", "1", "--exit-code"]).assert_code(10).stdout, plan);
    assert_eq!(ids(&test).await, before);
}

/// A project whose `web` is prepared by a hook with another image. Both images, and images derived from them, have labels.
fn prepared(test: &mut TestProject, version: &str) {
    let (from, name) = (test.image().to_owned(), test.name().to_owned());
    for part in ["web", "tool"] {
        test.file(
            &format!("{part}/Dockerfile"),
            &format!("FROM {from}\nLABEL sofa.test.prune={name} version={version} part={part}\n"),
        );
    }
    compose(
        test,
        &format!(
            "  tool: {{<<: *ends, image: {name}-tool, build: tool, profiles: [build]}}\n\
             \x20 web:\n    <<: *stay\n    image: {name}-web\n    build: web\n    labels: {{version: \"{version}\"}}\n\
             \x20   pre_start: [{{image: {name}-tool, command: [\"true\"]}}]\n"
        ),
    );
    test.sofa(["build", "tool", "web"]).ok();
}

#[tokio::test]
async fn images_of_kept_releases_survive_a_prune_those_of_hooks_too() {
    let Some(mut test) = TestProject::new("kept").await else {
        return;
    };
    prepared(&mut test, "1");
    test.sofa(["deploy", "--no-wait"]).ok();
    let first = container(&test, "web").await.image_id;
    prepared(&mut test, "2");
    test.sofa(["deploy", "--no-wait"]).ok();
    let own = async || {
        let images = test.engine().list_images().await.unwrap();
        let names = images.into_iter().flat_map(|image| image.names);
        names.filter(|name| name.starts_with(&format!("sofa.release/{}/", test.name()))).count()
    };
    assert_eq!(own().await, 4, "two images of two releases");
    // Nothing runs, and the second images have the names of the first ones, which are kept only by the names of their release.
    test.sofa(["down"]).ok();
    let mut prune = Command::new("docker");
    let filter = format!("label=sofa.test.prune={}", test.name());
    prune.args(["image", "prune", "--force", "--filter", &filter]);
    test.run(prune).ok();
    assert_eq!(own().await, 4);
    test.sofa(["rollback", "1"]).ok();
    assert_eq!(container(&test, "web").await.image_id, first);
}

#[tokio::test]
async fn releases_are_there_although_stopped_containers_were_pruned() {
    let Some(mut test) = TestProject::new("pruned").await else {
        return;
    };
    deploy(&mut test, "1");
    let first = web(&test).await;
    deploy(&mut test, "2");
    let store = test.engine().inspect(&format!("sofa.state.{}", test.name())).await.unwrap().id;
    let prune = async || test.engine().remove(&store, Removal { force: true, anonymous_volumes: true }).await;
    prune().await.unwrap();
    assert_eq!(test.sofa(["history"]).ok().stdout.lines().count(), 3);
    test.sofa(["rollback"]).ok();
    assert_eq!(web(&test).await, first);
}

/// Kills a deploy of version 2, which never gets ready and has a new service and a new network, once the old `web` is stopped.
async fn kill_second(test: &mut TestProject) {
    write(test, "2");
    let text = std::fs::read_to_string(test.folder().join("compose.yaml")).unwrap();
    let text = text
        .replace("[\"CMD\", \"true\"]", "[\"CMD\", \"false\"]")
        .replace("interval: 1s", "interval: 1s, retries: 600")
        .replace("  web:\n", "  extra: {<<: *stay, networks: [back]}\n  web:\n")
        .replace("    depends_on: {", "    depends_on: {extra: {condition: service_started}, ");
    test.file("compose.yaml", &format!("{text}networks: {{back: {{}}}}\n"));
    let old = ids(test).await["web-1"].clone();
    let mut running = test.sofa_command().arg("deploy").spawn().unwrap();
    until(async || {
        let engine = test.engine().inspect(&old).await.unwrap();
        !matches!(engine.state, State::Running) && ids(test).await.contains_key("extra-1")
    })
    .await;
    running.kill().unwrap();
    running.wait().unwrap();
}

async fn networks(test: &TestProject) -> Vec<String> {
    let networks = test.engine().list_networks().await.unwrap();
    networks.into_iter().map(|network| network.name).filter(|name| name.starts_with(test.name())).collect()
}

#[tokio::test]
async fn an_undo_takes_back_a_service_and_a_network_that_were_new() {
    let Some(mut test) = TestProject::new("anew").await else {
        return;
    };
    deploy(&mut test, "1");
    let (before, attached) = (ids(&test).await, networks(&test).await);
    kill_second(&mut test).await;
    test.sofa(["undo"]).ok();
    assert_eq!((ids(&test).await, networks(&test).await), (before, attached));
}

#[tokio::test]
async fn a_deploy_that_goes_on_from_a_killed_one_and_fails_brings_the_last_release_back() {
    let Some(mut test) = TestProject::new("again").await else {
        return;
    };
    deploy(&mut test, "1");
    let (before, release, attached) = (ids(&test).await, web(&test).await, networks(&test).await);
    kill_second(&mut test).await;
    let again = test.sofa(["deploy", "--wait-timeout", "3s"]);
    again.assert_code(4).says("release 1 is restored");
    assert_eq!((ids(&test).await, web(&test).await, networks(&test).await), (before, release, attached));
    let policy =
        test.engine().inspect(container(&test, "web").await.id.as_str()).await.unwrap().restart_policy;
    assert_eq!(policy, RestartPolicy::UnlessStopped);
    test.sofa(["undo"]).ok().says("no run is unfinished");
}

#[tokio::test]
async fn an_undo_takes_a_killed_run_back_to_the_last_release() {
    let Some(mut test) = TestProject::new("killed").await else {
        return;
    };
    deploy(&mut test, "1");
    let (before, release) = (ids(&test).await, web(&test).await);
    test.sofa(["undo"]).ok().says("no run is unfinished");

    write(&mut test, "2");
    let text = std::fs::read_to_string(test.folder().join("compose.yaml")).unwrap();
    let never_ready = text
        .replace("[\"CMD\", \"true\"]", "[\"CMD\", \"false\"]")
        .replace("interval: 1s", "interval: 1s, retries: 600");
    test.file("compose.yaml", &never_ready);
    let mut running = test.sofa_command().arg("deploy").spawn().unwrap();
    let old = before["web-1"].clone();
    until(async || {
        let engine = test.engine().inspect(&old).await.unwrap();
        !matches!(engine.state, State::Running) && ids(&test).await.len() > before.len()
    })
    .await;
    running.kill().unwrap();
    running.wait().unwrap();

    test.sofa(["undo"]).ok();
    let after = ids(&test).await;
    assert_eq!(after["web-1"], before["web-1"], "the container of the release runs again");
    assert_eq!(after.len(), before.len(), "nothing else is left: {after:?}");
    assert_eq!(web(&test).await, release);
    let details = test.engine().inspect(&old).await.unwrap();
    assert_eq!(details.restart_policy, RestartPolicy::UnlessStopped);
    until_running(&test, "web").await;
    test.sofa(["undo"]).ok().says("no run is unfinished");
    assert_eq!(test.sofa(["history"]).ok().stdout.lines().count(), 2, "an undo makes no release");
}
