//! Projects with a `sofa.yaml`: additional modes, written names, and verbs that work although something is broken.

use crate::support::real_engine::TestProject;

const STACK: &str = "
x-service: &service
  image: ${BUSYBOX}
  command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']
services:
  store: { <<: *service, x-sofa: { role: infra } }
  api: { <<: *service, depends_on: [store] }
  front: { <<: *service, depends_on: [api] }
";

/// A project whose modes are `<name>-<mode>`, with an additional mode `staging`.
async fn stack(name: &str) -> Option<TestProject> {
    let mut test = TestProject::new(name).await?;
    let project = test.name().to_owned();
    for suffix in ["local", "staging", "live"] {
        test.also_clean(&format!("{project}-{suffix}"));
    }
    test.file("stack.yml", STACK);
    test.file("envs/.staging.env", "");
    test.file(
        "sofa.yaml",
        &format!(
            "project: {project}
backend: [api, front]
modes:
  staging: {{ files: [stack.yml], env_files: [envs/.staging.env], services: backend, deps: none, protected: false }}
  local: {{ files: [stack.yml], env_files: [] }}
"
        ),
    );
    Some(test)
}

/// The services of a project that run.
async fn running(test: &TestProject, suffix: &str) -> Vec<String> {
    let project = format!("{}-{suffix}", test.name());
    let observed = test.engine().observe_project(&project).await.expect("engine");
    observed
        .containers
        .into_iter()
        .filter(|container| container.is_up())
        .map(|container| container.service)
        .collect()
}

#[tokio::test]
async fn a_mode_of_the_file_has_its_own_services_project_and_restart_order() {
    let Some(test) = stack("settings").await else { return };
    test.sofa_by_files(["deploy", "staging"]).assert_code(5).says("service `api` depends on `store`");
    test.sofa_by_files(["deploy", "staging", "--deps=auto"]).ok();
    assert_eq!(running(&test, "staging").await, ["api", "front", "store"]);
    let restart = test.sofa_by_files(["staging", "restart", "--progress", "plain"]);
    let started: Vec<&str> =
        restart.ok().stderr.lines().filter(|line| line.ends_with(": started")).map(str::trim).collect();
    assert_eq!(started, ["front: started", "api: started"], "{}", restart.stderr);
    test.sofa_by_files(["stop", "staging"]).ok();
    assert_eq!(running(&test, "staging").await, ["store"]);
    assert!(running(&test, "local").await.is_empty());
    test.sofa_by_files(["down", "staging", "all"]).ok();
    assert!(running(&test, "staging").await.is_empty());
}

#[tokio::test]
async fn the_name_in_the_env_file_counts_for_every_verb_even_when_that_file_is_broken_or_gone() {
    let Some(test) = stack("settings-name").await else { return };
    let line = format!("COMPOSE_PROJECT_NAME={}-live\n", test.name());
    let env = test.file("envs/.staging.env", &line);
    test.sofa_by_files(["deploy", "staging", "all"]).ok();
    assert_eq!(running(&test, "live").await, ["api", "front", "store"]);
    assert!(running(&test, "staging").await.is_empty());
    // Broken: the one line is still read.
    test.file("envs/.staging.env", &format!("{line}'\n"));
    test.sofa_by_files(["deploy", "staging"]).assert_code(3);
    test.sofa_by_files(["stop", "staging", "front"]).ok();
    assert_eq!(running(&test, "live").await, ["api", "store"]);
    // The file is removed: only the containers' labels have the information.
    std::fs::remove_file(env).expect("removed");
    test.sofa_by_files(["stop", "staging", "api"]).ok().says("cannot be read");
    assert_eq!(running(&test, "live").await, ["store"]);
    let ps = test.sofa_by_files(["ps", "staging", "all", "--all"]);
    assert_eq!(ps.ok().stdout.lines().count(), 4, "{}", ps.stdout);
    test.sofa_by_files(["down", "staging", "all"]).ok();
    assert!(running(&test, "live").await.is_empty());
}

#[tokio::test]
async fn a_broken_settings_file_stops_deploys_and_nothing_else() {
    let Some(test) = stack("settings-broken").await else { return };
    test.sofa_by_files(["deploy"]).ok();
    let text = std::fs::read_to_string(test.folder().join("sofa.yaml")).expect("file");
    test.file("sofa.yaml", &format!("{text}  dev: {{ protectd: true }}\n"));
    test.sofa_by_files(["deploy"]).assert_code(3).says("sofa.yaml:6:10").says("did you mean `protected`?");
    for verb in ["ps", "logs", "stop", "start", "restart"] {
        test.sofa_by_files([verb, "front"])
            .ok()
            .says("did you mean `protected`?")
            .says("warning: `modes.dev`");
    }
    assert_eq!(running(&test, "local").await, ["api", "front", "store"]);
    test.sofa_by_files(["stop"]).ok();
    assert!(running(&test, "local").await.is_empty());
}
