//! A mode never takes, nor stands beside, what is another's; and what docker compose started is taken over with its data.

use std::net::TcpListener;
use std::process::Command;

use crate::support::real_engine::{TestProject, has_docker_compose, skip};

const STACK: &str = "
services:
  store:
    image: ${BUSYBOX}
    init: true
    command: [sh, -c, 'test -e /data/mark || echo first > /data/mark; sleep 600']
    volumes: ['data:/data']
  web:
    image: ${BUSYBOX}
    init: true
    command: [sleep, '600']
    depends_on: [store]
volumes: { data: }
";

/// A project of the standard layout whose modes are `<name>-<mode>`.
async fn stack(name: &str, local: &str, production: &str) -> Option<TestProject> {
    let mut test = TestProject::new(name).await?;
    for mode in ["local", "production"] {
        let project = format!("{}-{mode}", test.name());
        test.also_clean(&project);
    }
    test.file("compose/docker-compose-local.yml", local);
    test.file("compose/docker-compose-prod.yml", production);
    test.file("envs/.local.env", "");
    test.file("envs/.production.env", "");
    settings(&test, "");
    Some(test)
}

/// Writes `sofa.yaml`: the project's name and these modes.
fn settings(test: &TestProject, modes: &str) {
    test.file("sofa.yaml", &format!("project: {}\nmodes: {{ {modes} }}\n", test.name()));
}

/// Service, id and start time of every container of a project.
async fn standing(test: &TestProject, project: &str) -> Vec<(String, String, String)> {
    let mut standing = Vec::new();
    for container in test.engine().observe_project(project).await.expect("engine").containers {
        let details = test.engine().inspect(container.id.as_str()).await.expect("inspect");
        standing.push((container.service, details.id.as_str().to_owned(), format!("{:?}", details.started)));
    }
    standing
}

/// Runs docker in the project's folder.
fn docker(test: &TestProject, arguments: &[&str]) -> String {
    let mut command = Command::new("docker");
    command.args(arguments);
    let run = test.run(command);
    run.ok().stdout.trim().to_owned()
}

#[tokio::test]
async fn a_project_of_the_same_files_is_found_and_taken_over_with_its_data() {
    if !has_docker_compose() {
        return skip("docker compose is not here");
    }
    let Some(test) = stack("takeover", STACK, STACK).await else { return };
    let (old, new) = (test.name().to_owned(), format!("{}-local", test.name()));
    test.docker_compose(["-f", "compose/docker-compose-local.yml", "up", "-d"]).ok();
    let store = format!("{old}-store-1");
    docker(&test, &["exec", &store, "sh", "-c", "echo kept > /data/mark"]);
    let before = standing(&test, &old).await;
    assert_eq!(before.len(), 2);

    for words in [vec!["deploy"], vec!["plan"], vec!["deploy", "--dry-run"], vec!["deploy", "web"]] {
        let run = test.sofa_by_files(words.iter().copied());
        run.assert_code(5).says(&store).says(&format!("{old}_data"));
        run.says(&format!("write `project_name: {old}` under modes.local in sofa.yaml"));
        run.says(&format!("COMPOSE_PROJECT_NAME={old} into envs/.local.env"));
        run.says(&format!(
            "to start a new, empty project beside it: write `project_name: {new}` under modes.local"
        ));
    }
    assert!(standing(&test, &new).await.is_empty());
    assert_eq!(standing(&test, &old).await, before);

    settings(&test, &format!("local: {{ project_name: {old} }}"));
    test.sofa_by_files(["deploy"]).ok();
    assert_eq!(standing(&test, &old).await, before);
    assert_eq!(docker(&test, &["exec", &store, "cat", "/data/mark"]), "kept");
    // The other line does the same, and every verb follows.
    settings(&test, "");
    test.file("envs/.local.env", &format!("COMPOSE_PROJECT_NAME={old}\n"));
    test.sofa_by_files(["deploy"]).ok();
    assert_eq!(standing(&test, &old).await, before);
    test.sofa_by_files(["stop", "web"]).ok();
    assert_ne!(standing(&test, &old).await, Vec::new());
    let ps = test.sofa_by_files(["ps", "--all", "web"]);
    assert!(ps.ok().stdout.contains("exited"), "{}", ps.stdout);
}

#[tokio::test]
async fn volumes_that_docker_compose_left_are_found_and_a_new_beginning_leaves_them_alone() {
    if !has_docker_compose() {
        return skip("docker compose is not here");
    }
    let Some(mut test) = stack("leftover", STACK, STACK).await else { return };
    let folder = test.folder().file_name().expect("name").to_string_lossy().to_lowercase();
    let old: String =
        folder.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
    test.also_clean(&old);
    let compose = |arguments: &[&str]| {
        let files = ["compose", "--project-directory", ".", "-f", "compose/docker-compose-local.yml"];
        docker(&test, &[&files, arguments].concat())
    };
    compose(&["up", "-d"]);
    docker(&test, &["exec", &format!("{old}-store-1"), "sh", "-c", "echo kept > /data/mark"]);
    compose(&["down"]);

    let run = test.sofa_by_files(["deploy"]);
    run.assert_code(5).says(&format!("volume {old}_data"));
    let new = format!("{}-local", test.name());
    test.file("envs/.local.env", &format!("COMPOSE_PROJECT_NAME={new}\n"));
    test.sofa_by_files(["deploy"]).ok();
    assert_eq!(docker(&test, &["exec", &format!("{new}-store-1"), "cat", "/data/mark"]), "first");
    // Once it is there, nothing needs to be written down any more.
    test.file("envs/.local.env", "");
    test.sofa_by_files(["deploy"]).ok();

    settings(&test, &format!("local: {{ project_name: {old} }}"));
    test.sofa_by_files(["deploy"]).ok();
    assert_eq!(docker(&test, &["exec", &format!("{old}-store-1"), "cat", "/data/mark"]), "kept");
}

#[tokio::test]
async fn two_modes_stand_on_one_engine_and_down_of_one_leaves_the_other() {
    let Some(test) = stack("beside", STACK, STACK).await else { return };
    let (local, production) = (format!("{}-local", test.name()), format!("{}-production", test.name()));
    test.sofa_by_files(["deploy", "production", "all"]).ok();
    test.sofa_by_files(["deploy"]).ok();
    let before = standing(&test, &production).await;
    assert_eq!((before.len(), standing(&test, &local).await.len()), (2, 2));
    for verb in ["restart", "stop", "start", "down"] {
        test.sofa_by_files([verb, "local"]).ok();
        assert_eq!(standing(&test, &production).await, before, "{verb}");
    }
    let left = test.engine().observe_project(&local).await.expect("engine");
    assert!(left.containers.is_empty() && left.networks.is_empty() && left.volumes.is_empty());
    let kept = test.engine().observe_project(&production).await.expect("engine");
    assert_eq!((kept.networks.len(), kept.volumes.len()), (1, 1));
}

#[tokio::test]
async fn ports_and_names_of_another_mode_are_refused_before_images_are_fetched() {
    let port = TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address").port();
    let service = |image: &str, name: &str| {
        format!(
            "services:\n  web:\n    image: {image}\n    init: true\n    command: [sleep, '600']\n{name}    ports: ['127.0.0.1:{port}:80']\n"
        )
    };
    let name = "sofatest-one-of-a-kind";
    let named = format!("    container_name: {name}\n");
    let nowhere = service("sofatest-nowhere.invalid/none:1", &named);
    let Some(test) = stack("holders", &service("${BUSYBOX}", &named), &nowhere).await else { return };
    test.sofa_by_files(["deploy"]).ok();
    let local = format!("{}-local", test.name());
    let before = standing(&test, &local).await;
    let run = test.sofa_by_files(["deploy", "production", "all"]);
    run.assert_code(5);
    run.says(&format!("container name `{name}` is held by project `{local}` (mode local)"));
    run.says(&format!(
        "host port {port}/tcp is held by container `{name}` of project `{local}` (mode local)"
    ));
    run.says("`sofa stop local web`");
    assert!(!run.stderr.contains("nowhere.invalid"), "{}", run.stderr);
    assert_eq!(standing(&test, &local).await, before);
    assert!(standing(&test, &format!("{}-production", test.name())).await.is_empty());
}
