//! `sofa deploy` with failures: the messages, what is undone, what continues to run.

use std::collections::BTreeMap;

use sofa::testing::plan::observed::State;

use crate::stack::{HEALTHY, assert_nothing_is_there, compose, container, containers, ids, volumes};
use crate::support::real_engine::{Run, TestProject};

/// A project whose `web` runs well, then gets `broken` into its place; the failed deploy, and the ids before it.
async fn fail(test: &mut TestProject, broken: &str, arguments: &[&str]) -> (Run, String) {
    compose(test, "  db: {<<: *stay}\n  web: {<<: *stay, depends_on: [db]}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    let before = ids(test).await;
    compose(
        test,
        &format!(
            "  db: {{<<: *stay, environment: {{NEW: \"1\"}}}}\n  web:\n    <<: *stay\n    depends_on: [db]\n{broken}"
        ),
    );
    let run = test.sofa(["deploy"].into_iter().chain(arguments.iter().copied()));
    let after = ids(test).await;
    if !arguments.contains(&"--no-undo") {
        assert_eq!(after, before, "the same containers under the same names: {}", run.stderr);
        for container in containers(test).await.values() {
            assert_eq!(container.state, State::Running, "{}", container.name);
        }
    }
    (run, before["web-1"].clone())
}

/// When each of the project's containers was started, by service.
async fn starts(test: &TestProject) -> BTreeMap<String, Option<jiff::Timestamp>> {
    let mut starts = BTreeMap::new();
    for container in containers(test).await.into_values() {
        let details = test.engine().inspect(container.id.as_str()).await.unwrap();
        assert_eq!(details.state, State::Running, "{}", container.name);
        starts.insert(container.service, details.started);
    }
    starts
}

#[tokio::test]
async fn of_six_services_all_run_on_when_the_last_is_broken_whichever_way() {
    let Some(test) = TestProject::new("six").await else {
        return;
    };
    let six = |version: &str, last: &str| {
        let changing = format!("environment: {{VERSION: \"{version}\"}}");
        let services = [
            "  a: {<<: *stay}\n  b: {<<: *stay, depends_on: [a]}\n".to_owned(),
            format!("  c: {{<<: *stay, {changing}}}\n  d: {{<<: *stay, {changing}, depends_on: [c]}}\n"),
            format!(
                "  e: {{<<: *stay, {changing}}}\n  f:\n    <<: *stay\n    {changing}\n    depends_on: [e]\n{last}"
            ),
        ];
        compose(&test, &services.concat());
    };
    six("1", "");
    test.sofa(["deploy", "--no-wait"]).ok();
    let (ids_before, mut before) = (ids(&test).await, starts(&test).await);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let ways = [
        (
            "    image: no-such-image:1\n    pull_policy: never\n".to_owned(),
            1,
            "pull policy is `never`",
            false,
        ),
        (format!("    ports: [\"127.0.0.1:{port}:80\"]\n"), 5, "is held by a program", false),
        ("    command: [\"sh\", \"-c\", \"exit 3\"]\n".to_owned(), 4, "exited with code 3", true),
        (
            "    healthcheck: {test: [CMD, \"false\"], interval: 1s, retries: 1}\n".to_owned(),
            4,
            "is unhealthy",
            true,
        ),
    ];
    for (broken, code, told, stops) in ways {
        six("2", &broken);
        test.sofa(["deploy"]).assert_code(code).says("service `f`").says(told);
        assert_eq!(ids(&test).await, ids_before, "{told}");
        let after = starts(&test).await;
        for (service, started) in &after {
            // What did not change is never touched, and nothing is where the failure is known before.
            if !stops || matches!(service.as_str(), "a" | "b") {
                assert_eq!(*started, before[service], "{told}: {service} was stopped");
            }
        }
        before = after;
    }
}

#[tokio::test]
async fn a_version_that_exits_is_undone_as_a_whole() {
    let Some(mut test) = TestProject::new("undone").await else {
        return;
    };
    let (run, _) =
        fail(&mut test, "    command: [\"sh\", \"-c\", \"echo cannot read model; exit 7\"]\n", &[]).await;
    run.assert_code(4)
        .says("error: service `web`: exited with code 7")
        .says("cannot read model")
        .says("undone; the previous containers run again")
        .says("hint: `sofa deploy --no-undo`");
}

#[tokio::test]
async fn a_version_that_never_gets_healthy_ends_with_the_deadline() {
    let Some(mut test) = TestProject::new("unhealthy").await else {
        return;
    };
    let broken = "    healthcheck: {test: [\"CMD-SHELL\", \"echo no answer on 8000; exit 1\"], interval: 1s, retries: 60}\n";
    let (run, _) = fail(&mut test, broken, &["--wait-timeout", "2s"]).await;
    run.assert_code(4)
        .says("service `web`: not ready in time, still running (starting)")
        .says("no answer on 8000")
        .says("hint: `--wait-timeout` gives it more time");
}

#[tokio::test]
async fn an_unhealthy_version_gets_a_second_round_and_no_more() {
    let Some(mut test) = TestProject::new("sick").await else {
        return;
    };
    let broken =
        "    healthcheck: {test: [\"CMD-SHELL\", \"echo sick; exit 1\"], interval: 1s, retries: 1}\n";
    let (run, _) = fail(&mut test, broken, &[]).await;
    run.assert_code(4).says("service `web`: is unhealthy").says("sick");
}

/// A `web` that answers 200 from its start, with a status in its JSON that a moment later becomes `status`.
fn loads_until(status: &str) -> String {
    format!(
        r#"    command:
      - sh
      - -c
      - |
        mkdir /www; echo '{{"status": "starting"}}' >/www/ready; httpd -h /www
        sleep 1; echo loaded; echo '{{"status": "{status}"}}' >/www/ready; sleep 1000
    stop_grace_period: 0s
    x-sofa: {{ready: {{http: /ready, port: 80, json: {{status: healthy}}}}}}
"#
    )
}

#[tokio::test]
async fn a_service_that_answers_before_it_is_healthy_is_waited_for() {
    let Some(mut test) = TestProject::new("json").await else {
        return;
    };
    let (run, _) = fail(&mut test, &loads_until("degraded"), &["--wait-timeout", "4"]).await;
    run.assert_code(4)
        .says("not ready in time, still running")
        .says("http 200 on :80/ready, status \"healthy\"");
    compose(&test, &format!("  web:\n    <<: *stay\n{}", loads_until("healthy")));
    test.sofa(["deploy"]).ok();
    let logs = test.sofa(["logs", "--no-follow", "web"]);
    assert!(logs.stdout.contains("loaded"), "ready before its model was loaded: {}", logs.stdout);
}

#[tokio::test]
async fn a_crash_loop_fails_after_three_restarts() {
    let Some(mut test) = TestProject::new("loop").await else {
        return;
    };
    let broken = "    restart: always\n    command: [\"sh\", \"-c\", \"echo boom; exit 9\"]\n";
    let (run, _) = fail(&mut test, broken, &[]).await;
    run.assert_code(4).says("restarts again and again, last exit code 9").says("boom");
}

#[tokio::test]
async fn without_undo_the_failed_container_stays_to_look_at() {
    let Some(mut test) = TestProject::new("noundo").await else {
        return;
    };
    let (run, old) =
        fail(&mut test, "    command: [\"sh\", \"-c\", \"echo why; exit 7\"]\n", &["--no-undo"]).await;
    run.assert_code(4).says("exited with code 7").says("hint: `sofa logs web`");
    let containers = containers(&test).await;
    assert!(containers.values().any(|c| c.service == "web" && c.state == State::Exited(7)), "{containers:?}");
    assert!(
        containers.values().any(|c| c.id.as_str() == old),
        "the old one is removed only when a deploy settles"
    );
    compose(&test, "  db: {<<: *stay}\n  web: {<<: *stay, depends_on: [db]}\n");
    test.sofa(["deploy"]).ok();
    assert_eq!(ids(&test).await.keys().collect::<Vec<_>>(), ["db-1", "web-1"], "the next deploy tidies up");
    assert_eq!(container(&test, "web").await.state, State::Running);
}

#[tokio::test]
async fn a_first_deploy_that_fails_leaves_volumes_only_and_says_so() {
    let Some(test) = TestProject::new("first").await else {
        return;
    };
    compose(
        &test,
        &format!(
            "  db: {{<<: *stay, {HEALTHY}, volumes: [\"data:/data\"]}}
  web: {{<<: *ends, command: [\"false\"], depends_on: {{db: {{condition: service_healthy}}}}}}
volumes: {{data: {{}}}}
"
        ),
    );
    let run = test.sofa(["deploy"]);
    run.assert_code(4).says("service `web`: exited with code 1").says("printed nothing");
    assert_nothing_is_there(&test).await;
    assert_eq!(volumes(&test).await, [format!("{}_data", test.name())], "undo never removes a volume");
    run.says(&format!("volume `{}_data` stays", test.name()));
}

#[tokio::test]
async fn a_failed_job_keeps_its_dependants_from_starting() {
    let Some(test) = TestProject::new("badjob").await else {
        return;
    };
    compose(
        &test,
        "  migrate: {<<: *ends, command: [\"sh\", \"-c\", \"echo column exists; exit 2\"]}
  web: {<<: *stay, depends_on: {migrate: {condition: service_completed_successfully}}}
",
    );
    let run = test.sofa(["deploy"]);
    run.assert_code(4).says("service `migrate`: exited with code 2").says("column exists");
    assert!(!run.stderr.contains("web: started"), "{}", run.stderr);
    assert_nothing_is_there(&test).await;
}

#[tokio::test]
async fn every_way_of_progress_ends_with_the_failure() {
    let Some(test) = TestProject::new("ways").await else {
        return;
    };
    compose(&test, "  web: {<<: *ends, command: [\"sh\", \"-c\", \"echo why; exit 7\"]}\n");
    let quiet = test.sofa(["deploy", "-q"]);
    quiet.assert_code(4);
    assert!(quiet.stdout.is_empty() && quiet.stderr.starts_with("error: service `web`"), "{}", quiet.stderr);
    let json = test.sofa(["deploy", "--progress", "json"]);
    json.assert_code(4);
    let lines: Vec<serde_json::Value> =
        json.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!((&last["kind"], &last["success"]), (&"outcome".into(), &false.into()));
    assert_eq!(last["exit_code"], 4);
    assert!(last["text"].as_str().unwrap().contains("exited with code 7"), "{last}");
    assert_eq!(lines.iter().filter(|line| line["kind"] == "outcome").count(), 1);
}

#[tokio::test]
async fn secrets_are_never_printed() {
    let Some(mut test) = TestProject::new("secret").await else {
        return;
    };
    test.env("DB_PASSWORD", "hunter2");
    compose(&test, "  web: {<<: *stay, environment: {PASSWORD: \"${DB_PASSWORD}\", V: \"${V:-one}\"}}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    test.env("DB_PASSWORD", "hunter3").env("V", "two");
    for arguments in [
        &["plan"][..],
        &["plan", "--format", "json"],
        &["deploy", "--verbose", "--verbose", "--progress", "json"],
    ] {
        let run = test.sofa(arguments.iter().copied());
        run.ok();
        assert!(!run.stdout.contains("hunter") && !run.stderr.contains("hunter"), "{arguments:?}: {run:?}");
    }
}

#[tokio::test]
async fn what_a_failing_service_prints_is_shown_without_its_secrets() {
    let Some(mut test) = TestProject::new("scrubbed").await else {
        return;
    };
    test.env("API_TOKEN", "hunter2hunter2").env("GITHUB_ACTIONS", "true");
    test.file("secret.env", "DATABASE_URL=postgres://app:hunter4@db/app\n");
    compose(
        &test,
        "  web:
    <<: *stay
    env_file: secret.env
    environment: {TOKEN: \"${API_TOKEN}\", LEVEL: debugging}
    command: [sh, -c, 'echo debugging $$TOKEN at $$DATABASE_URL as hunter4; exit 3']
",
    );
    for progress in ["plain", "json", "github"] {
        let told = test.sofa(["deploy", "--progress", progress]);
        told.assert_code(4).says("debugging ${TOKEN} at ${DATABASE_URL} as ${DATABASE_URL}");
        assert!(!told.stdout.contains("hunter") && !told.stderr.contains("hunter"), "{progress}: {told:?}");
    }
    // Verbs that read no files know what the container's environment is called.
    compose(
        &test,
        "  web:
    <<: *stay
    environment: {TOKEN: \"${API_TOKEN}\"}
    command: [sh, -c, 'test -e /tmp/ran && echo no $$TOKEN && exit 3; touch /tmp/ran; sleep 1000']
",
    );
    test.sofa(["deploy"]).ok();
    let told = test.sofa(["restart", "-t", "0"]);
    told.assert_code(4).says("no ${TOKEN}");
    assert!(!told.stderr.contains("hunter"), "{told:?}");
}
