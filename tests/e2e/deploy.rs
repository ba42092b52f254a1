//! `sofa deploy` where all goes well: order, what is replaced and what is left alone, replicas, jobs.

use sofa::testing::plan::observed::State;

use crate::stack::{HEALTHY, assert_nothing_is_there, compose, container, containers, ids, until};
use crate::support::real_engine::TestProject;

#[tokio::test]
async fn dependencies_come_up_in_order_and_a_second_deploy_changes_nothing() {
    let Some(test) = TestProject::new("order").await else {
        return;
    };
    compose(
        &test,
        &format!(
            "  db: {{<<: *stay, {HEALTHY}}}
  migrate: {{<<: *ends, depends_on: {{db: {{condition: service_healthy}}}}}}
  cache: {{<<: *stay}}
  web:
    <<: *stay
    depends_on:
      migrate: {{condition: service_completed_successfully}}
      cache: {{condition: service_started}}
"
        ),
    );
    let run = test.sofa(["deploy"]);
    run.ok().says("db: ready (healthy)").says("migrate: completed");
    let db = test.engine().inspect(&format!("{}-db-1", test.name())).await.unwrap();
    let migrate = test.engine().inspect(&format!("{}-migrate-1", test.name())).await.unwrap();
    let web = test.engine().inspect(&format!("{}-web-1", test.name())).await.unwrap();
    assert!(db.started < migrate.started && migrate.started < web.started);
    let before = ids(&test).await;
    let again = test.sofa(["deploy"]);
    again.ok().says("4 unchanged");
    assert_eq!(ids(&test).await, before);
    assert!(again.took.as_secs_f64() < 2.0, "{:?}", again.took);
}

#[tokio::test]
async fn a_changed_service_is_replaced_alone_and_ends_up_under_its_name() {
    let Some(mut test) = TestProject::new("change").await else {
        return;
    };
    compose(&test, "  db: {<<: *stay}\n  web: {<<: *stay, environment: {V: \"${V}\"}}\n");
    test.env("V", "one");
    test.sofa(["deploy"]).ok();
    let before = ids(&test).await;
    test.env("V", "two");
    test.sofa(["deploy"]).ok().says("1 replaced, 1 unchanged");
    let after = ids(&test).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), ["db-1", "web-1"]);
    assert_eq!(after["db-1"], before["db-1"]);
    assert_ne!(after["web-1"], before["web-1"]);
    assert!(test.engine().inspect(&before["web-1"]).await.unwrap_err().is_not_found());
    assert_eq!(container(&test, "web").await.state, State::Running);
}

#[tokio::test]
async fn force_recreate_replaces_what_did_not_change() {
    let Some(test) = TestProject::new("force").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    let before = ids(&test).await;
    test.sofa(["deploy", "--force-recreate", "--no-wait"]).ok().says("1 replaced");
    let after = ids(&test).await;
    assert!(after.len() == 1 && after["web-1"] != before["web-1"], "{after:?}");
}

#[tokio::test]
async fn plan_and_dry_run_tell_and_change_nothing() {
    let Some(test) = TestProject::new("plan").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay, environment: {PASSWORD: \"${SECRET:-hunter2}\"}}\n");
    for arguments in [&["plan"][..], &["deploy", "--dry-run"], &["plan", "--format", "json"]] {
        let run = test.sofa(arguments.iter().copied());
        run.ok();
        assert!(run.stdout.contains("web") && run.stdout.contains("create"), "{}", run.stdout);
        assert!(!run.stdout.contains("hunter2"), "{}", run.stdout);
    }
    test.sofa(["plan", "--exit-code"]).assert_code(10);
    assert_nothing_is_there(&test).await;
    test.sofa(["deploy", "--no-wait"]).ok();
    test.sofa(["plan", "--exit-code"]).ok();
    let down = test.sofa(["plan", "down"]);
    down.ok();
    assert!(down.stdout.contains("remove"), "{}", down.stdout);
    assert_eq!(ids(&test).await.len(), 1);
}

#[tokio::test]
async fn replicas_are_added_and_surplus_ones_removed() {
    let Some(mut test) = TestProject::new("scale").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay, scale: \"${N}\"}\n");
    test.env("N", "3");
    test.sofa(["deploy", "--no-wait"]).ok().says("3 created");
    let three = ids(&test).await;
    assert_eq!(three.keys().collect::<Vec<_>>(), ["web-1", "web-2", "web-3"]);
    test.env("N", "1");
    test.sofa(["deploy", "--no-wait"]).ok().says("2 removed");
    let one = ids(&test).await;
    assert_eq!(one.keys().collect::<Vec<_>>(), ["web-1"]);
    assert_eq!(one["web-1"], three["web-1"]);
}

#[tokio::test]
async fn a_job_runs_once_and_again_when_it_changed() {
    let Some(mut test) = TestProject::new("job").await else {
        return;
    };
    compose(&test, "  job: {<<: *ends, command: [\"sh\", \"-c\", \"echo ran ${V}\"], x-sofa: {role: job}}\n");
    test.env("V", "one");
    test.sofa(["deploy"]).ok().says("job: completed");
    let first = ids(&test).await;
    let again = test.sofa(["deploy"]);
    again.ok().says("1 unchanged");
    assert_eq!(ids(&test).await, first);
    test.env("V", "two");
    test.sofa(["deploy"]).ok().says("job: completed");
    assert_ne!(ids(&test).await, first);
    let logs = test.sofa(["logs", "--no-prefix"]);
    assert_eq!(logs.ok().stdout, "ran two\n");
}

#[tokio::test]
async fn an_optional_dependency_that_fails_is_a_warning() {
    let Some(test) = TestProject::new("optional").await else {
        return;
    };
    compose(
        &test,
        "  seed: {<<: *ends, command: [\"sh\", \"-c\", \"echo no seeds; exit 3\"]}
  web: {<<: *stay, depends_on: {seed: {condition: service_completed_successfully, required: false}}}
",
    );
    let run = test.sofa(["deploy"]);
    run.ok().says("warning: service `seed`: exited with code 3").says("no seeds");
    assert_eq!(container(&test, "web").await.state, State::Running);
}

#[tokio::test]
async fn without_waiting_a_deploy_ends_when_everything_is_started() {
    let Some(test) = TestProject::new("nowait").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay, healthcheck: {test: [\"CMD\", \"false\"], interval: 1s}}\n");
    let run = test.sofa(["deploy", "--no-wait"]);
    run.ok();
    assert_eq!(container(&test, "web").await.state, State::Running);
    assert!(!run.stderr.contains("ready"), "{}", run.stderr);
}

#[tokio::test]
async fn a_health_test_is_run_at_once_not_after_its_interval() {
    let Some(test) = TestProject::new("probe").await else {
        return;
    };
    compose(
        &test,
        "  web:
    <<: *stay
    command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 1; touch /tmp/ok; sleep 1000 & wait\"]
    healthcheck: {test: [\"CMD-SHELL\", \"test -e /tmp/ok\"], interval: 60s}
",
    );
    let run = test.sofa(["deploy"]);
    run.ok().says("web: ready (healthy)");
    assert!(run.took.as_secs_f64() < 6.0, "{:?}", run.took);
}

#[tokio::test]
async fn orphans_go_when_asked() {
    let Some(test) = TestProject::new("orphan").await else {
        return;
    };
    compose(&test, "  a: {<<: *stay}\n  b: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    compose(&test, "  a: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok().says("b");
    assert_eq!(containers(&test).await.len(), 2);
    test.sofa(["deploy", "--no-wait", "--remove-orphans"]).ok().says("1 removed");
    assert_eq!(ids(&test).await.keys().collect::<Vec<_>>(), ["a-1"]);
}

#[tokio::test]
async fn a_crashing_container_is_given_its_policy_and_may_come_up() {
    let Some(test) = TestProject::new("flaky").await else {
        return;
    };
    compose(
        &test,
        "  web:
    <<: *stay
    restart: always
    volumes: [\"state:/state\"]
    command: [\"sh\", \"-c\", \"test -e /state/x || { touch /state/x; exit 1; }; trap 'exit 0' TERM; sleep 1000 & wait\"]
volumes: {state: {}}
",
    );
    test.sofa(["deploy"]).ok().says("web: ready");
    until(async || container(&test, "web").await.state == State::Running).await;
}

#[tokio::test]
async fn a_tag_that_is_typed_beats_env_files_and_the_environment() {
    let Some(mut test) = TestProject::new("tag").await else {
        return;
    };
    let image = format!("{}-web", test.name());
    let mut command = std::process::Command::new("docker");
    command.args(["tag", test.image(), &format!("{image}:v2")]);
    test.run(command).ok();
    test.env("WEB", &image).env("SOFA_TAG", "v1");
    test.file(".env", "IMAGE_TAG=v1\n");
    compose(
        &test,
        "  web: {<<: *stay, image: \"${WEB}:${IMAGE_TAG}\", environment: [\"RELEASE=${SOFA_TAG}\"]}\n",
    );
    test.sofa(["deploy", "--tag", "v2", "--no-wait"]).ok();
    assert_eq!(container(&test, "web").await.image, format!("{image}:v2"));
    let plan = test.sofa(["plan", "deploy", "--tag=v2"]);
    assert!(plan.ok().stdout.contains("1 unchanged"), "{}", plan.stdout);
    for wrong in ["", "v 2", "a/b", "-x", "v2:x"] {
        test.sofa(["deploy", &format!("--tag={wrong}")]).assert_code(2);
    }
}

#[tokio::test]
async fn start_first_never_stops_the_old_container_before_the_new_one_is_ready() {
    let Some(test) = TestProject::new("startfirst").await else {
        return;
    };
    let with = |command: &str| {
        let order = "deploy: {update_config: {order: start-first}}";
        compose(&test, &format!("  web: {{<<: *stay, {order}, command: [sh, -c, \"{command}\"]}}\n"));
    };
    with("trap 'exit 0' TERM; sleep 600 & wait");
    test.sofa(["deploy"]).ok();
    let old = container(&test, "web").await;
    let started = test.engine().inspect(old.id.as_str()).await.unwrap().started;
    with("exit 7");
    test.sofa(["deploy"]).assert_code(4).says("exited with code 7");
    let kept = test.engine().inspect(old.id.as_str()).await.unwrap();
    assert_eq!((kept.state, kept.started), (State::Running, started), "it ran on all the while");
    with("trap 'exit 0' TERM; sleep 700 & wait");
    test.sofa(["deploy"]).ok().says("1 replaced");
    assert_ne!(container(&test, "web").await.id, old.id);
    assert_eq!(ids(&test).await.len(), 1);
}

#[tokio::test]
async fn a_failure_that_update_config_tolerates_is_a_warning() {
    let Some(test) = TestProject::new("tolerate").await else {
        return;
    };
    let update = "deploy: {replicas: 2, update_config: {max_failure_ratio: 0.5}}";
    // Whoever comes second finds the file of the first.
    let command = "mkdir /shared/first || exit 7; trap 'exit 0' TERM; sleep 600 & wait";
    let web = format!(
        "  web: {{<<: *stay, {update}, volumes: [\"shared:/shared\"], command: [sh, -c, \"{command}\"]}}\n"
    );
    compose(&test, &format!("{web}volumes: {{shared: }}\n"));
    test.sofa(["deploy"]).ok().says("exited with code 7").says("`update_config` allows this failure");
}

#[tokio::test]
async fn an_edited_config_replaces_the_container_that_has_it_and_says_so() {
    let Some(test) = TestProject::new("content").await else {
        return;
    };
    test.file("app.conf", "setting = 1\n");
    compose(
        &test,
        "  db: {<<: *stay}\n  web: {<<: *stay, configs: [app]}\nconfigs: {app: {file: ./app.conf}}\n",
    );
    test.sofa(["deploy", "--no-wait"]).ok();
    let before = ids(&test).await;
    let label = container(&test, "web").await.labels["sofa.content"].clone();
    assert!(label.starts_with("configs.app=") && !label.contains("setting"), "{label}");
    test.sofa(["deploy", "--no-wait"]).ok();
    assert_eq!(ids(&test).await, before, "nothing changed");
    test.file("app.conf", "setting = 2\n");
    let plan = test.sofa(["plan"]);
    assert!(plan.ok().stdout.contains("content of configs.app changed"), "{}", plan.stdout);
    test.sofa(["deploy", "--no-wait"]).ok();
    let after = ids(&test).await;
    assert_eq!(after["db-1"], before["db-1"]);
    assert_ne!(after["web-1"], before["web-1"]);
    test.sofa(["plan", "--exit-code"]).ok();
}

/// Three replicas that are replaced one after the other, and a service beside them.
fn paused(version: &str, command: &str) -> String {
    // Watched, since a container without a gate may fail after the next one began.
    let update = "deploy: {replicas: 3, update_config: {parallelism: 1, monitor: 2s, failure_action: pause}}";
    let version = format!("environment: {{V: \"{version}\"}}");
    format!(
        "  web: {{<<: *stay, {update}, {version}, volumes: [\"shared:/shared\"], command: [sh, -c, \"{command}\"]}}\n\
         \x20 db: {{<<: *stay, {version}}}\nvolumes: {{shared: }}\n"
    )
}

#[tokio::test]
async fn a_paused_update_leaves_the_replicas_that_were_not_begun_and_the_rest_goes_on() {
    let Some(test) = TestProject::new("pause").await else {
        return;
    };
    let stays = "trap 'exit 0' TERM; sleep 600 & wait";
    compose(&test, &paused("1", stays));
    test.sofa(["deploy"]).ok();
    let before = ids(&test).await;

    // The first of the new ones runs, the second finds its trace and ends.
    compose(&test, &paused("2", &format!("mkdir /shared/first || exit 7; {stays}")));
    let run = test.sofa(["deploy"]);
    run.assert_code(4)
        .says("exited with code 7")
        .says("the update of web is paused")
        .says("`sofa deploy` continues");
    let after = ids(&test).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "no debris");
    let kept: Vec<&str> =
        before.iter().filter(|(name, id)| after[*name] == **id).map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["web-3"], "{}", run.stderr);
    assert!(containers(&test).await[&format!("{}-web-3", test.name())].is_up());
    let history = test.sofa(["history"]);
    assert_eq!(
        history.ok().stdout.lines().filter(|line| line.contains("deploy")).count(),
        1,
        "no release of it"
    );

    test.sofa(["undo"]).ok().says("did not finish");
    let environment = async |name: &str| {
        let id = containers(&test).await[&format!("{}-{name}", test.name())].id.clone();
        test.engine().inspect(id.as_str()).await.unwrap()
    };
    assert_eq!(ids(&test).await["web-3"], before["web-3"]);
    assert!(environment("web-2").await.state == State::Running);
    test.sofa(["plan", "--exit-code"]).assert_code(10);
    compose(&test, &paused("1", stays));
    test.sofa(["plan", "--exit-code"]).ok();
}
