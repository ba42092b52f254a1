//! `sofa check`, and the findings that refuse a deploy to a protected mode, each with place, fix and exit code.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::support::real_engine::{Run, TestProject};

/// A worker without findings.
const GOOD: &str = r#"
services:
  report-worker:
    image: ${BUSYBOX}
    command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]
    environment: { DATABASE_URL: "${DATABASE_URL:?}" }
    healthcheck: { test: [CMD, "true"], interval: 10s }
"#;

const SECRET: &str = "DATABASE_URL=postgresql://app:d9c1f0aa73b14c55@db.example/x\n";

/// A project in a git repository whose production mode has this Compose file and env file.
async fn production(name: &str, compose: &str, env: &str) -> Option<TestProject> {
    let test = TestProject::new(name).await?;
    test.file("compose/docker-compose-prod.yml", compose);
    test.file("envs/.production.env", env);
    git(&test, &["init", "-q"]);
    Some(test)
}

/// The findings of `check`, as `severity rule place`.
fn findings(run: &Run) -> Vec<String> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = report["findings"].as_array().expect("findings");
    let place = |place: &Value| match (&place["line"], &place["column"]) {
        (Value::Null, _) => text(&place["at"]),
        (line, column) => format!("{}:{line}:{column}", text(&place["at"])),
    };
    list.iter()
        .map(|found| {
            assert!(!text(&found["fix"]).is_empty(), "{found}");
            format!("{} {} {}", text(&found["severity"]), text(&found["rule"]), place(&found["place"]))
        })
        .collect()
}

fn check<'a>(test: &TestProject, words: impl IntoIterator<Item = &'a str>) -> Run {
    test.sofa(["check", "--format", "json"].into_iter().chain(words))
}

async fn assert_nothing_was_made(test: &TestProject) {
    let observed = test.engine().observe_project(test.name()).await.unwrap();
    assert!(observed.containers.is_empty() && observed.networks.is_empty() && observed.volumes.is_empty());
}

fn git(test: &TestProject, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
    test.run(command).ok();
}

#[tokio::test]
async fn a_good_project_has_no_findings() {
    let Some(test) = production("check-good", GOOD, SECRET).await else { return };
    let run = check(&test, ["production", "--strict"]);
    assert_eq!(findings(run.ok()), [""; 0]);
    let run = test.sofa(["check", "production"]);
    assert_eq!(
        run.ok().stdout,
        format!(
            "check {}: no problems found\na deploy waits at most 4m00s for its services: report-worker 4m00s\n",
            test.name()
        )
    );
    assert_nothing_was_made(&test).await;
}

#[tokio::test]
async fn an_env_file_that_others_can_read_or_git_tracks_is_refused_with_the_command_that_fixes_it() {
    let Some(test) = production("check-env", GOOD, SECRET).await else { return };
    let file = test.folder().join("envs/.production.env");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    git(&test, &["add", "-f", "envs/.production.env"]);
    let run = test.sofa(["deploy", "production"]);
    run.assert_code(5).says("chmod 600 envs/.production.env").says("git rm --cached envs/.production.env");
    assert!(!run.stderr.contains("d9c1f0aa73b14c55"), "{}", run.stderr);
    assert_nothing_was_made(&test).await;
    let run = check(&test, ["production"]);
    let expected =
        ["error env-file-mode envs/.production.env", "error env-file-tracked envs/.production.env"];
    assert_eq!(findings(run.assert_code(5)), expected);

    // The named commands fix it.
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    git(&test, &["rm", "-q", "--cached", "envs/.production.env"]);
    test.sofa(["deploy", "production"]).ok();
}

#[tokio::test]
async fn without_git_or_a_repository_tracking_is_unchecked() {
    let Some(mut test) = production("check-git", GOOD, SECRET).await else { return };
    let unchecked = ["unchecked env-file-tracked envs/.production.env"];
    fs::remove_dir_all(test.folder().join(".git")).unwrap();
    assert_eq!(findings(check(&test, ["production", "--strict"]).ok()), unchecked);
    let run = test.sofa(["check", "production"]);
    assert!(run.ok().stdout.contains("it is in no git repository"), "{}", run.stdout);
    git(&test, &["init", "-q"]);
    test.env("PATH", "/nowhere");
    assert_eq!(findings(check(&test, ["production", "--strict"]).ok()), unchecked);
    test.sofa(["deploy", "production"]).ok().says("`git` is not installed");
}

#[tokio::test]
async fn env_files_of_an_unprotected_mode_may_be_open_to_others() {
    let Some(test) = production("check-local", GOOD, SECRET).await else { return };
    test.file("compose/docker-compose-local.yml", GOOD);
    let file = test.file("envs/.local.env", "DATABASE_URL=postgresql://postgres:postgres@db/x\n");
    fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(findings(check(&test, ["local"]).ok()), [""; 0]);
    test.sofa(["deploy"]).ok();
}

#[tokio::test]
async fn default_passwords_and_placeholders_are_refused_and_not_shown() {
    let compose = GOOD.replace(
        "\"${DATABASE_URL:?}\" }",
        "\"${DATABASE_URL:?}\", REDIS_PASSWORD: hunter1, API_SECRET: changeme, SMTP_PASSWORD: \"${SMTP_PASSWORD-}\", DB_PASSWORD: \"\" }",
    );
    let env = "# The database.\nDATABASE_URL=postgresql://app:postgres@db.example/x\n";
    let Some(test) = production("check-password", &compose, env).await else { return };
    let run = test.sofa(["deploy", "production"]);
    run.assert_code(5).says("variable `DATABASE_URL`").says("envs/.production.env:2:1");
    run.says("service `report-worker`: `API_SECRET`").says("compose/docker-compose-prod.yml:6:");
    run.says("service `report-worker`: `DB_PASSWORD` contains an empty password");
    assert!(!run.stderr.contains("SMTP_PASSWORD"), "the file allows it to be empty: {}", run.stderr);
    for value in ["postgres@", "app:", "changeme", "hunter1"] {
        assert!(!run.stderr.contains(value), "{value}: {}", run.stderr);
    }
    assert_nothing_was_made(&test).await;
    test.file("envs/.production.env", "DATABASE_URL=<postgresql://USER:PASSWORD@HOST/x>\n");
    test.sofa(["deploy", "production"]).assert_code(5).says("variable `DATABASE_URL` is still a placeholder");
}

#[tokio::test]
async fn a_missing_bind_source_is_refused_in_production_and_a_warning_elsewhere() {
    let compose = format!("{GOOD}    volumes: [\"./missing/folder:/data\"]\n");
    let Some(test) = production("check-bind", &compose, SECRET).await else { return };
    let run = test.sofa(["deploy", "production"]);
    run.assert_code(5).says("bind source `compose/missing/folder` does not exist");
    assert_nothing_was_made(&test).await;
    assert!(!test.folder().join("compose/missing").exists());

    test.file("compose/docker-compose-local.yml", &compose);
    test.file("envs/.local.env", SECRET);
    let warned = ["warning bind-source compose/docker-compose-local.yml:8:15"];
    assert_eq!(findings(check(&test, []).ok()), warned);
    assert_eq!(findings(check(&test, ["--strict"]).assert_code(3)), warned);
    test.sofa(["deploy"]).ok().says("a deploy creates an empty folder");
    assert!(test.folder().join("compose/missing/folder").is_dir());
}

#[tokio::test]
async fn all_problems_are_found_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let compose = format!(
        "services:\n  report-worker:\n    image: sofatest-nowhere.invalid/web\n    command: run; rm x\n    ports: [\"127.0.0.1:{port}:80\"]\n    \
         environment: {{ TOKEN: \"${{TOKEN}}\" }}\n  score-worker:\n    image: ${{BUSYBOX}}\n    depends_on: [postgres]\n  postgres:\n    image: ${{BUSYBOX}}\n"
    );
    let Some(test) = production("check-all", &compose, "").await else { return };
    let run = check(&test, ["production"]);
    let expected = [
        "error plan compose/docker-compose-prod.yml:3:5",
        "error empty-secret compose/docker-compose-prod.yml:6:27",
        "error dependency compose/docker-compose-prod.yml:9:18",
        "warning image-unpinned compose/docker-compose-prod.yml:3:12",
        "warning lost compose/docker-compose-prod.yml:4:14",
        "warning files compose/docker-compose-prod.yml:6:28",
        "warning no-healthcheck compose/docker-compose-prod.yml:8:5",
        "unchecked no-healthcheck compose/docker-compose-prod.yml:3:5",
    ];
    assert_eq!(findings(run.assert_code(5)), expected);
    assert_nothing_was_made(&test).await;
}

#[tokio::test]
async fn errors_of_the_loader_are_findings() {
    let Some(test) = production("check-files", "services:\n  web: { imag: x }\n", "").await else { return };
    let run = check(&test, ["production"]);
    let expected = ["error files compose/docker-compose-prod.yml:2:10"];
    assert_eq!(findings(run.assert_code(3)), expected);
    let run = test.sofa(["check", "production"]);
    assert!(run.assert_code(3).stdout.contains("did you mean `image`?"), "{}", run.stdout);
}

#[tokio::test]
async fn without_an_engine_its_rules_are_unchecked_and_all_others_run() {
    let Some(mut test) = production("check-engine", GOOD, SECRET).await else { return };
    test.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let run = check(&test, ["production", "--strict"]);
    assert_eq!(findings(run.ok()), ["unchecked engine unix:///nowhere/docker.sock"]);
    let file = test.folder().join("envs/.production.env");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(
        findings(check(&test, ["production"]).assert_code(5))[0],
        "error env-file-mode envs/.production.env"
    );
}

#[tokio::test]
async fn a_healthcheck_that_is_more_patient_than_the_deploy_is_a_warning_and_the_longest_wait_is_told() {
    let Some(test) = TestProject::new("patient").await else {
        return;
    };
    test.file(
        "compose.yaml",
        "services:\n  backend:\n    image: ${BUSYBOX}\n    restart: always\n    healthcheck:\n      test: [CMD, 'true']\n      \
         interval: 30s\n      retries: 4\n      start_period: 300s\n    x-sofa: {ready: {deadline: 4m}}\n",
    );
    let run = test.sofa(["check"]);
    run.ok();
    for text in [
        "service `backend`: its healthcheck takes 420 s to give up, but a deploy waits for it 240 s at most",
        "compose.yaml:6:7",
        "or raise `x-sofa.ready.deadline`",
        "a deploy waits at most 4m00s for its services: backend 4m00s",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    let json: Value = serde_json::from_str(&check(&test, []).stdout).unwrap();
    assert_eq!(json["longest_wait_seconds"], 240);
    let plan = test.sofa(["plan"]);
    assert!(plan.stdout.contains("note: the deploy waits at most 4m00s"), "{}", plan.stdout);
}

#[tokio::test]
async fn an_empty_secret_is_refused_in_a_protected_mode_and_a_warning_elsewhere() {
    let compose = r#"
services:
  backend:
    image: ${BUSYBOX}
    command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]
    env_file: ../envs/service.env
    environment:
      JWT_SECRET_KEY: "${JWT_SECRET_KEY}"
      SIGNING_KEY: "${NOT_GIVEN}"
      OPTIONAL_TOKEN: "${NOT_GIVEN_EITHER:-}"
      PLAIN_TOKEN: ""
    healthcheck: { test: [CMD, "true"], interval: 10s }
"#;
    let env =
        "DATABASE_URL=x\nJWT_SECRET_KEY=${FROM_VAULT}\nCACHE=redis://${CACHE_HOST}/0\nUNUSED=${MAY_MISS:-}\n";
    let Some(test) = production("check-empty", compose, env).await else { return };
    test.file("compose.yaml", &compose.replace("../envs", "./envs"));
    test.file("envs/service.env", "API_TOKEN=\nNAME=\nDB_PASSWORD=${VAULT_PASSWORD}\n");
    for file in ["envs/service.env", "envs/.production.env"] {
        fs::set_permissions(test.folder().join(file), Permissions::from_mode(0o600)).unwrap();
    }
    let expected = [
        "error empty-secret compose/docker-compose-prod.yml:9:20",
        "error empty-secret envs/.production.env:2:1",
        "error empty-secret envs/.production.env:3:1",
        "error empty-secret envs/service.env:1:1",
        "error empty-secret envs/service.env:3:1",
    ];
    let found = findings(check(&test, ["production"]).assert_code(5));
    assert_eq!(found.iter().filter(|found| found.contains("empty-secret")).collect::<Vec<_>>(), expected);
    assert!(!found.iter().any(|found| found.contains("default-password")), "told twice: {found:?}");
    let run = test.sofa(["deploy", "production"]);
    run.assert_code(5)
        .says("`JWT_SECRET_KEY` is empty: variable `FROM_VAULT` is not set")
        .says("`CACHE` lacks its value: variable `CACHE_HOST` is not set")
        .says("service `backend`: `SIGNING_KEY` is empty: variable `NOT_GIVEN` is not set")
        .says("write `${NOT_GIVEN:-}` if it may be empty");
    assert_nothing_was_made(&test).await;
    let run = test.sofa(["-f", "compose.yaml", "--env-file", "envs/.production.env", "deploy"]);
    run.ok().says("warning: `JWT_SECRET_KEY` is empty: variable `FROM_VAULT` is not set");
}
