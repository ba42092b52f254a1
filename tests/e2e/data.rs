//! Data and jobs: a volume survives every verb but a `down` that its mode lets remove it; a job runs when it changed; what
//! `--deps` does with what a scope depends on; the order of a restart.

use std::collections::BTreeMap;
use std::process::Command;

use crate::stack::{compose, volumes};
use crate::support::real_engine::{Run, TestProject};

const HEADER: &str = r#"
x-service: &service
  image: ${BUSYBOX}
  init: true
  command: [sleep, "600"]
  environment: { GENERATION: "${GENERATION:-1}" }
  healthcheck: { test: [CMD, "true"], interval: 10s }
"#;

/// A project with modes; local and production have the same services.
async fn stack(name: &str, rest: &str) -> Option<TestProject> {
    let test = TestProject::new(name).await?;
    test.file("sofa.yaml", &format!("project: {}\n", test.name()));
    for mode in ["local", "prod"] {
        test.file(&format!("compose/docker-compose-{mode}.yml"), &format!("{HEADER}{rest}"));
    }
    for mode in ["local", "production"] {
        test.file(&format!("envs/.{mode}.env"), "");
    }
    Some(test)
}

fn docker(test: &TestProject, arguments: &[&str]) -> Run {
    let mut command = Command::new("docker");
    command.args(arguments);
    test.run(command)
}

fn has_volume(test: &TestProject, name: &str) -> bool {
    docker(test, &["volume", "inspect", name]).code == 0
}

#[tokio::test]
async fn a_volume_survives_everything_but_a_down_that_may_remove_it() {
    let services = r#"
services:
  db:
    <<: *service
    # What it finds is what it says; the first start writes it.
    command: [sh, -c, 'test -z "$$BREAK" || exit 1; for d in /data /kept /outside; do test -e $$d/mark || echo "$$GENERATION" >$$d/mark; done; cat /*/mark; exec sleep 600']
    environment: { GENERATION: "${GENERATION:-1}", BREAK: "${BREAK:-}" }
    healthcheck: { test: [CMD, test, -e, /outside/mark], interval: 10s }
    volumes: ["data:/data", "kept:/kept", "outside:/outside"]
volumes:
  data:
  kept: { labels: { sofa.persist: "true" } }
  outside: { external: true, name: "${OUTSIDE}" }
"#;
    let Some(mut test) = stack("data", services).await else { return };
    let outside = format!("{}-outside", test.name());
    test.env("OUTSIDE", &outside);
    docker(&test, &["volume", "create", &outside]).ok();
    let marks = |test: &TestProject, mode: &str| {
        test.sofa_by_files(["logs", mode, "all", "--no-prefix", "--tail", "3"]).ok().stdout.clone()
    };

    for mode in ["local", "production"] {
        test.env("GENERATION", "1").env("BREAK", "");
        test.sofa_by_files(["deploy", mode, "all"]).ok();
        assert_eq!(marks(&test, mode), "1\n1\n1\n", "{mode}");
        test.env("GENERATION", "2");
        let steps: [&[&str]; 8] = [
            &["deploy"],
            &["restart"],
            &["stop"],
            &["start"],
            &["deploy", "--force-recreate", "--yes"],
            &["deploy", "--renew-anon-volumes", "--yes"],
            &["down", "--keep-volumes", "--yes"],
            &["deploy"],
        ];
        for step in steps {
            test.sofa_by_files(step.iter().copied().chain([mode, "all"])).ok();
            if !matches!(step[0], "stop" | "down") {
                assert_eq!(marks(&test, mode), "1\n1\n1\n", "{mode} {step:?}");
            }
        }
        // A version that fails is undone, and so is a first one: neither takes data along.
        test.env("BREAK", "yes");
        test.sofa_by_files(["deploy", mode, "all"]).assert_code(4);
        test.env("BREAK", "");
        assert_eq!(marks(&test, mode), "1\n1\n1\n", "{mode} after an undo");
    }

    let (local, production) = (format!("{}-local", test.name()), format!("{}-production", test.name()));
    test.sofa_by_files(["down", "production", "all", "--yes"])
        .ok()
        .says(&format!("volume {production}_data stays: `--volumes` removes it"));
    assert!(has_volume(&test, &format!("{production}_data")), "production keeps its volumes");
    test.sofa_by_files(["down", "local"]).ok().says(&format!("{local}_kept stays"));
    assert!(!has_volume(&test, &format!("{local}_data")), "local removes its own");
    assert!(has_volume(&test, &format!("{local}_kept")), "what is labelled stays");
    assert!(has_volume(&test, &outside), "what is external stays");
    test.sofa_by_files(["down", "production", "all", "--volumes", "--yes"]).ok();
    assert!(!has_volume(&test, &format!("{production}_data")), "--volumes removes them");
    assert!(has_volume(&test, &format!("{production}_kept")) && has_volume(&test, &outside));
}

/// When each service's container was last started.
async fn starts(test: &TestProject) -> BTreeMap<String, String> {
    let mut starts = BTreeMap::new();
    for container in test.engine().observe_project(test.name()).await.unwrap().containers {
        let details = test.engine().inspect(container.id.as_str()).await.unwrap();
        starts.insert(container.service, format!("{:?}", details.started));
    }
    starts
}

#[tokio::test]
async fn a_job_runs_again_when_its_image_changed_and_never_on_a_restart() {
    let Some(mut test) = TestProject::new("jobs").await else { return };
    let image = format!("{}-job:1", test.name());
    docker(&test, &["tag", test.image(), &image]).ok();
    test.env("JOB", &image);
    compose(
        &test,
        "  init: {<<: *ends, image: \"${JOB}\", x-sofa: {role: job}}\n  seed: {<<: *ends, x-sofa: {role: job, run: always}}\n  \
         web: {<<: *stay, x-sofa: {ready: {command: [\"true\"]}}, depends_on: {init: {condition: service_completed_successfully}, seed: {condition: service_completed_successfully}}}\n",
    );
    let mut before = starts(&test).await;
    let mut ran = async |arguments: &[&str]| -> Vec<String> {
        test.sofa(arguments.iter().copied()).ok();
        let after = starts(&test).await;
        let changed = after.iter().filter(|(service, start)| before.get(*service) != Some(*start));
        let changed: Vec<String> = changed.map(|(service, _)| service.clone()).collect();
        before = after;
        changed
    };
    assert_eq!(ran(&["deploy"]).await, ["init", "seed", "web"]);
    assert_eq!(ran(&["deploy"]).await, ["seed"], "`run: always` means every deploy");
    assert_eq!(ran(&["restart"]).await, ["web"]);
    assert_eq!(ran(&["stop"]).await, [""; 0]);
    assert_eq!(ran(&["start"]).await, ["web"]);
    test.file("Dockerfile", &format!("FROM {}\nLABEL v=2\n", test.image()));
    docker(&test, &["build", "--quiet", "--tag", &image, "."]).ok();
    assert_eq!(ran(&["deploy"]).await, ["init", "seed"], "another image is another job");
    // A job that a service of the scope waits for runs; a job without a relation to the scope does not.
    assert_eq!(ran(&["deploy", "SERVICES=web"]).await, ["seed"]);
    assert_eq!(ran(&["deploy", "SERVICES=init"]).await, [""; 0]);
}

#[tokio::test]
async fn deps_decide_what_happens_to_what_a_scope_depends_on() {
    let services = "
services:
  db: *service
  cache: *service
  report-worker: { <<: *service, depends_on: [db, cache] }
";
    let Some(mut test) = stack("deps", services).await else { return };
    let prefix = format!("{}-production", test.name());
    let standing = async |test: &TestProject| {
        let observed = test.engine().observe_project(&prefix).await.unwrap();
        observed.containers.into_iter().map(|c| (c.service, c.id.as_str().to_owned())).collect::<Vec<_>>()
    };
    let deploy = |test: &TestProject, deps: &[&'static str]| {
        test.sofa_by_files(["deploy", "production"].into_iter().chain(deps.iter().copied()))
    };
    // Production depends on nothing that it would start by itself.
    deploy(&test, &[]).assert_code(5).says("`db`, which is not up").says("`cache`").says("--deps=auto");
    assert!(standing(&test).await.is_empty());
    deploy(&test, &["--deps=auto"]).ok();
    let first = standing(&test).await;
    assert_eq!(
        first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["cache", "db", "report-worker"]
    );
    // What runs is not touched, changed or not.
    test.env("GENERATION", "2");
    for deps in [["--deps=auto"], ["--deps=none"]] {
        deploy(&test, &deps).ok();
        let after = standing(&test).await;
        assert_eq!(after[..2], first[..2], "{deps:?}");
        assert_ne!(after[2], first[2], "{deps:?}");
    }
    let before = standing(&test).await;
    deploy(&test, &["--deps=all"]).ok();
    let after = standing(&test).await;
    assert!(before[..2].iter().all(|old| !after.contains(old)), "all of them are of the new generation");
    assert_eq!(before[2], after[2]);
}

#[tokio::test]
async fn a_restart_goes_from_report_over_score_to_predict_and_waits_for_each() {
    let services = r#"
services:
  predict-worker: &worker
    <<: *service
    command: [sh, -c, "sleep 0.5; touch /up/ready; exec sleep 600"]
    tmpfs: [/up]
    healthcheck: { test: [CMD, test, -e, /up/ready], interval: 10s }
  score-worker: *worker
  report-worker: *worker
"#;
    let Some(test) = stack("order", services).await else { return };
    test.sofa_by_files(["deploy", "production"]).ok();
    let project = format!("{}-production", test.name());
    let started = async |service: &str| {
        let observed = test.engine().observe_project(&project).await.unwrap();
        let container = observed.containers.into_iter().find(|c| c.service == service).unwrap();
        test.engine().inspect(container.id.as_str()).await.unwrap().started.unwrap()
    };
    test.sofa_by_files(["restart", "production"]).ok();
    let [report, score, predict] =
        [started("report-worker").await, started("score-worker").await, started("predict-worker").await];
    for (first, second) in [(report, score), (score, predict)] {
        let gap = second.duration_since(first).as_millis();
        assert!(gap >= 500, "the next one began {gap} ms after the one before it, which was not ready yet");
    }
}

#[tokio::test]
async fn a_container_that_was_run_by_hand_from_a_built_image_is_left_alone() {
    let Some(test) = TestProject::new("leaked").await else { return };
    compose(&test, "  web: {<<: *stay, build: ., image: \"\"}\n");
    test.file("Dockerfile", &format!("FROM {}\n", test.image()));
    test.sofa(["deploy", "--no-wait"]).ok();
    // The image has a label with its service, and passes it on to everything that is created from it.
    let (image, name) = (format!("{}-web", test.name()), format!("{}-by-hand", test.name()));
    docker(
        &test,
        &["run", "--detach", "--init", "--network", "none", "--name", &name, &image, "sleep", "600"],
    )
    .ok();
    let ps = test.sofa(["ps"]);
    assert!(!ps.ok().stdout.contains("by-hand"), "{}", ps.stdout);
    test.sofa(["deploy", "--no-wait"]).ok().says("1 unchanged");
    test.sofa(["down"]).ok();
    assert_eq!(docker(&test, &["inspect", "--format", "{{.State.Running}}", &name]).ok().stdout, "true\n");
}

#[tokio::test]
async fn volumes_are_removed_by_name_unless_a_container_uses_them() {
    let Some(test) = TestProject::new("volrm").await else {
        return;
    };
    compose(
        &test,
        "  db: {<<: *stay, volumes: [\"data:/data\", \"cache:/cache\"]}\nvolumes:\n  data: {}\n  cache: {labels: {sofa.persist: \"true\"}}\n",
    );
    test.sofa(["deploy", "--no-wait"]).ok();
    let name = |key: &str| format!("{}_{key}", test.name());
    test.sofa(["volume", "rm", "cache"]).assert_code(1).says(&format!("volume {} is used by", name("cache")));
    test.sofa(["down"]).ok().says("`sofa volume rm` removes it");
    test.sofa(["volume", "rm", "cahce"]).assert_code(2).says("has no volume `cahce`");
    test.sofa(["volume", "rm"]).assert_code(2).says("needs the names of volumes").says(&name("data"));
    let plan = test.sofa(["plan", "volume", "rm", "cache"]);
    assert!(plan.ok().stdout.contains(&format!("remove volume {}", name("cache"))), "{}", plan.stdout);
    test.sofa(["volume", "rm", "cache"]).ok().says(&format!("volume {} (", name("cache")));
    assert_eq!(volumes(&test).await, [name("data")]);
    test.sofa(["volume", "rm", &name("data"), "data"]).ok().says("1 volume removed");
    assert_eq!(volumes(&test).await, [""; 0]);
}
