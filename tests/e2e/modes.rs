//! Modes: what broken files, unknown names and a service that does not come back do to verbs, and the services of the reference stack.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::real_engine::TestProject;

const LOCAL: &str = "
x-service: &service
  image: ${BUSYBOX}
  command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']
services:
  postgres: { <<: *service, x-sofa: { role: infra } }
  model-orchestrator: { <<: *service, x-sofa: { role: infra } }
  init-db:
    image: ${BUSYBOX}
    command: ['true']
    depends_on: [postgres]
    x-sofa: { role: job }
  predict-worker: &worker
    <<: *service
    depends_on:
      postgres: { condition: service_started }
      init-db: { condition: service_completed_successfully }
    x-sofa: { role: backend }
  score-worker: *worker
  report-worker: *worker
";

const WORKERS: [&str; 3] = ["predict-worker", "report-worker", "score-worker"];

/// Id and start time of every container, by service.
async fn standing(test: &TestProject) -> BTreeMap<String, (String, String)> {
    let observed = test.engine().observe_project(test.name()).await.expect("engine");
    let mut standing = BTreeMap::new();
    for container in observed.containers {
        let details = test.engine().inspect(container.id.as_str()).await.expect("inspect");
        let state = format!("{} {:?}", details.state, details.started);
        standing.insert(container.service, (details.id.as_str().to_owned(), state));
    }
    standing
}

/// The services that are not as they were.
fn changed(
    before: &BTreeMap<String, (String, String)>,
    after: &BTreeMap<String, (String, String)>,
) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<String> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}

async fn stack(name: &str) -> Option<TestProject> {
    let test = TestProject::new(name).await?;
    test.file("compose/docker-compose-local.yml", LOCAL);
    test.file("compose/docker-compose-prod.yml", LOCAL);
    test.file("envs/.local.env", "");
    test.file("envs/.dev.env", "");
    test.file("envs/.production.env", "");
    Some(test)
}

#[tokio::test]
async fn broken_files_keep_nobody_from_stopping_what_runs() {
    let Some(test) = stack("modes-broken").await else {
        return;
    };
    test.sofa(["deploy"]).ok();
    test.file("envs/.local.env", "A=${B\n'\n");
    test.file("compose/docker-compose-local.yml", "services: [\n");
    test.sofa(["deploy"]).assert_code(3);
    for verb in ["ps", "logs", "stop", "start", "restart"] {
        test.sofa([verb, "report-worker"]).ok();
    }
    let ps = test.sofa(["ps", "production"]);
    ps.ok();
    let lines: Vec<&str> = ps.stdout.lines().skip(1).collect();
    assert_eq!(lines.len(), 3, "{}", ps.stdout);
    test.sofa(["down"]).ok();
    assert!(standing(&test).await.is_empty());
}

#[tokio::test]
async fn a_service_that_nobody_knows_is_refused_before_anything_changes() {
    let Some(test) = stack("modes-unknown").await else {
        return;
    };
    test.sofa(["deploy"]).ok();
    let before = standing(&test).await;
    for verb in ["stop", "restart", "down", "ps", "logs"] {
        let run = test.sofa([verb, "SERVICES=report-worker,score-wroker"]);
        run.assert_code(2).says("did you mean `score-worker`?");
        test.sofa([verb, "prod"]).assert_code(2);
    }
    assert!(changed(&before, &standing(&test).await).is_empty());
}

#[tokio::test]
async fn restart_ends_with_the_first_service_that_does_not_come_back() {
    let Some(test) = stack("modes-halt").await else {
        return;
    };
    test.sofa(["deploy"]).ok();
    let before = standing(&test).await;
    // Report comes first; its next start finds a file that makes it fail.
    let command = "test -e /once && exit 3; touch /once; trap 'exit 0' TERM; sleep 600 & wait";
    let failing = format!(
        "{LOCAL}\n",
        LOCAL = LOCAL.replace(
            "report-worker: *worker",
            &format!("report-worker: {{ <<: *worker, command: [sh, -c, \"{command}\"] }}")
        )
    );
    test.file("compose/docker-compose-local.yml", &failing);
    test.sofa(["deploy", "report-worker"]).ok();
    let deployed = standing(&test).await;
    assert_eq!(changed(&before, &deployed), ["report-worker"]);
    test.sofa(["restart", "production"]).assert_code(4).says("report-worker");
    assert_eq!(changed(&deployed, &standing(&test).await), ["report-worker"]);
}

/// A file of the reference stack.
fn reference(test: &TestProject, path: &str, into: &str) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("file");
    test.file(into, &text);
}

#[tokio::test]
async fn the_reference_stack_has_the_services_of_each_mode() {
    let Some(test) = TestProject::new("modes-reference").await else {
        return;
    };
    for path in [
        "compose/docker-compose.yml",
        "compose/docker-compose-local.yml",
        "compose/docker-compose-prod.yml",
        "envs/.dev.env",
    ] {
        reference(&test, path, path);
    }
    // A plan looks at what images are built from.
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose/images");
    std::os::unix::fs::symlink(images, test.folder().join("compose/images")).unwrap();
    test.file(
        "envs/.production.env",
        "DATABASE_URL=postgresql://db.example/x\nMODEL_ORCHESTRATOR_URL=https://models.example\nREPORT_PORT=38123\n",
    );
    let planned = |words: &[&str]| -> Vec<String> {
        let run = test.sofa(words.iter().copied());
        let lines = run.ok().stdout.lines();
        let subjects = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let subject = line.strip_prefix("  + ")?.split("  ").next()?;
            (!subject.contains(' ')).then(|| subject.to_owned())
        });
        subjects.collect()
    };
    assert_eq!(planned(&["plan", "dev"]), ["model-orchestrator", "postgres"]);
    assert_eq!(planned(&["plan", "production"]), WORKERS);
    let all = ["db-backup", "init-db", "predict-worker", "report-worker", "score-worker"];
    assert_eq!(planned(&["plan", "production", "all"]), all);
    assert_eq!(planned(&["plan", "production", "SERVICES=report-worker"]), ["report-worker"]);
    assert_eq!(planned(&["plan", "production", "SERVICES=init-db"]), ["init-db"]);
    // Only programs on this machine reach the services of `dev`.
    let config = test.sofa(["config", "dev", "--format", "json"]);
    let model: serde_json::Value = serde_json::from_str(&config.ok().stdout).expect("json");
    for (name, port) in [("postgres", "15432"), ("model-orchestrator", "19091")] {
        let ports = model["services"][name]["ports"].as_array().expect("ports");
        assert_eq!(
            (ports.len(), &ports[0]["host_ip"], &ports[0]["published"]),
            (1, &"127.0.0.1".into(), &port.into())
        );
    }

    let config = test.sofa(["config", "production", "--format", "json"]);
    let model: serde_json::Value = serde_json::from_str(&config.ok().stdout).expect("json");
    for (name, ports) in [("predict-worker", 0), ("score-worker", 0), ("report-worker", 1)] {
        let service = &model["services"][name];
        assert_eq!(service["ports"].as_array().map_or(0, Vec::len), ports, "{name}");
        assert!(service["deploy"]["resources"]["limits"]["memory"].is_string(), "{name}");
        assert_eq!(service["restart"], "always", "{name}");
        assert_eq!(service["logging"]["options"]["max-size"], "10m", "{name}");
    }
    assert_eq!(model["services"]["report-worker"]["ports"][0]["host_ip"], "127.0.0.1");

    test.file("envs/.production.env", "REPORT_PORT=8000\n");
    let run = test.sofa(["deploy", "production"]);
    run.assert_code(3).says("DATABASE_URL").says("MODEL_ORCHESTRATOR_URL");
}
