//! What can be known before a change is refused before a change: each with its place and exit code, the engine untouched.

use std::net::TcpListener;

use crate::support::real_engine::{Run, TestProject};

/// A project with one Compose file that `deploy` is to refuse.
async fn refused(name: &str, compose: &str, code: i32) -> Option<(TestProject, Run)> {
    let test = TestProject::new(name).await?;
    test.file("compose.yaml", compose);
    let run = test.sofa(["deploy"]);
    run.assert_code(code);
    assert_untouched(&test).await;
    Some((test, run))
}

/// Panics where the engine has anything of the project.
async fn assert_untouched(test: &TestProject) {
    let observed = test.engine().observe_project(test.name()).await.unwrap();
    assert!(observed.containers.is_empty(), "{:?}", observed.containers);
    assert!(observed.networks.is_empty(), "{:?}", observed.networks);
    assert!(observed.volumes.is_empty(), "{:?}", observed.volumes);
}

#[tokio::test]
async fn broken_yaml_is_shown_at_its_place() {
    let compose = "services:\n  web:\n    image: ${BUSYBOX}\n    ports: [\"80\"\n";
    let Some((_, run)) = refused("yaml", compose, 3).await else {
        return;
    };
    run.says("compose.yaml:4:12");
}

#[tokio::test]
async fn unknown_keys_are_shown_with_the_nearest_spelling_all_at_once() {
    let compose = "services:\n  web:\n    imag: x\n    restrat: always\n";
    let Some((_, run)) = refused("keys", compose, 3).await else {
        return;
    };
    run.says("compose.yaml:3:5").says("did you mean `image`?");
    run.says("compose.yaml:4:5").says("did you mean `restart`?");
}

#[tokio::test]
async fn a_required_variable_is_named_with_its_message() {
    let compose = "services:\n  web:\n    image: ${BUSYBOX}\n    environment:\n      KEY: ${API_KEY:?ask the operator}\n";
    let Some((_, run)) = refused("variable", compose, 3).await else {
        return;
    };
    run.says("compose.yaml:5:").says("API_KEY").says("ask the operator");
}

#[tokio::test]
async fn a_dependency_cycle_names_its_chain() {
    let compose = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n";
    let Some((_, run)) = refused("cycle", compose, 3).await else {
        return;
    };
    run.says("a → b → a").says("compose.yaml:2:");
}

#[tokio::test]
async fn a_missing_env_file_is_an_error_at_its_place() {
    let compose = "services:\n  web:\n    image: ${BUSYBOX}\n    env_file: nowhere.env\n";
    let Some((_, run)) = refused("envfile", compose, 3).await else {
        return;
    };
    run.says("nowhere.env").says("compose.yaml:4:");
}

#[tokio::test]
async fn a_missing_build_context_is_an_error_with_its_path() {
    let compose = "services:\n  web:\n    build: ./nowhere\n";
    let Some((_, run)) = refused("context", compose, 3).await else {
        return;
    };
    run.says("service `web`").says("nowhere");
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_exit_6() {
    let Some(mut test) = TestProject::new("down").await else {
        return;
    };
    test.file("compose.yaml", "services:\n  web:\n    image: ${BUSYBOX}\n");
    test.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let run = test.sofa(["deploy"]);
    run.assert_code(6).says("/nowhere/docker.sock").says("is Docker installed and started?");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_changes_nothing() {
    let compose =
        "services:\n  web:\n    image: sofatest-nowhere.invalid/none:1\n  db:\n    image: ${BUSYBOX}\n";
    let Some((_, run)) = refused("pull", compose, 1).await else {
        return;
    };
    run.says("service `web`: image `sofatest-nowhere.invalid/none:1`").says("nothing was changed");
}

#[tokio::test]
async fn a_build_that_fails_shows_its_last_lines() {
    let Some(test) = TestProject::new("build").await else {
        return;
    };
    test.file("compose.yaml", "services:\n  web:\n    build: .\n");
    test.file("Dockerfile", &format!("FROM {}\nRUN echo about to break; exit 7\n", test.image()));
    let run = test.sofa(["deploy"]);
    run.assert_code(1).says("about to break").says("last lines of the build");
    assert_untouched(&test).await;
}

#[tokio::test]
async fn health_of_a_service_without_a_healthcheck_cannot_be_waited_for() {
    let compose = "services:\n  db:\n    image: ${BUSYBOX}\n  web:\n    image: ${BUSYBOX}\n    depends_on:\n      db: {condition: service_healthy}\n";
    let Some((_, run)) = refused("health", compose, 3).await else {
        return;
    };
    run.says("`db` has no healthcheck");
}

#[tokio::test]
async fn what_is_external_must_exist() {
    let compose = "services:\n  web:\n    image: ${BUSYBOX}\n    networks: [out]\n    volumes: [\"data:/x\"]\n\
                   networks:\n  out: {external: true, name: sofatest-nowhere}\nvolumes:\n  data: {external: true, name: sofatest-nowhere}\n";
    let Some((_, run)) = refused("external", compose, 3).await else {
        return;
    };
    run.says("network `sofatest-nowhere` is external and does not exist");
    run.says("volume `sofatest-nowhere` is external and does not exist");
}

#[tokio::test]
async fn a_word_that_is_no_service_gets_the_nearest_spelling() {
    let Some(test) = TestProject::new("word").await else {
        return;
    };
    test.file("compose.yaml", "services:\n  worker:\n    image: ${BUSYBOX}\n");
    let run = test.sofa(["deploy", "wroker"]);
    run.assert_code(2).says("did you mean `worker`?");
    assert_untouched(&test).await;
}

#[tokio::test]
async fn a_port_that_a_program_of_this_machine_holds_is_found_by_binding_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let compose =
        format!("services:\n  web:\n    image: ${{BUSYBOX}}\n    ports: [\"127.0.0.1:{port}:80\"]\n");
    let Some((_, run)) = refused("bound", &compose, 5).await else {
        return;
    };
    run.says(&format!("host port {port}/tcp is held by a program on this machine"));
}

#[tokio::test]
async fn a_port_that_another_project_publishes_is_refused_with_its_owner() {
    let Some(owner) = TestProject::new("owner").await else {
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let compose = format!(
        "services:\n  web:\n    image: ${{BUSYBOX}}\n    command: [/bin/busybox, sleep, \"300\"]\n    init: true\n\
         \x20   ports: [\"127.0.0.1:{free}:80\"]\n"
    );
    owner.file("compose.yaml", &compose);
    owner.sofa(["deploy", "--no-wait"]).ok();
    let Some((_, run)) = refused("guest", &compose, 5).await else {
        return;
    };
    run.says(&format!("host port {free}/tcp is held by container `{}-web-1`", owner.name()));
}
