//! Hooks on a real engine, and beside docker compose where it runs them too.

use crate::stack::{assert_nothing_is_there, compose, container, ids};
use crate::support::real_engine::{TestProject, has_docker_compose};

/// A service that writes down what is done to it, in a volume.
fn diary(test: &TestProject, more: &str) {
    compose(
        test,
        &format!(
            "  web:
    <<: *stay
    volumes: [\"diary:/diary\"]
    environment: {{WHO: web}}
    post_start:
      - command: [\"sh\", \"-c\", \"echo $$WHO $$STEP as $$(id -u) in $$(pwd) >> /diary/log; echo warm\"]
        user: \"1000\"
        working_dir: /tmp
        environment: {{STEP: started}}
    pre_stop:
      - command: [\"sh\", \"-c\", \"echo stopping >> /diary/log\"]
{more}volumes: {{diary: {{}}}}
"
        ),
    );
}

/// Makes the diary writable for everybody and reads it.
fn read(test: &TestProject) -> String {
    let mut command = std::process::Command::new("docker");
    let volume = format!("{}_diary:/diary", test.name());
    command.args(["run", "--rm", "-v", &volume, test.image(), "sh", "-c", "cat /diary/log; : > /diary/log"]);
    test.run(command).ok().stdout.clone()
}

fn open_diary(test: &TestProject) {
    let mut command = std::process::Command::new("docker");
    let volume = format!("{}_diary:/diary", test.name());
    command.args([
        "run",
        "--rm",
        "-v",
        &volume,
        test.image(),
        "sh",
        "-c",
        "touch /diary/log; chmod 777 /diary /diary/log",
    ]);
    test.run(command).ok();
}

#[tokio::test]
async fn hooks_do_what_docker_compose_does_on_every_verb() {
    let Some(test) = TestProject::new("hooks").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay, volumes: [\"diary:/diary\"]}\nvolumes: {diary: {}}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    test.sofa(["down"]).ok();
    open_diary(&test);
    diary(&test, "");
    test.sofa(["deploy", "--no-wait"]).ok().says("web: post_start: warm");
    assert_eq!(read(&test), "web started as 1000 in /tmp\n");
    test.file("compose.yaml", "services: {broken");
    for (verb, told) in [
        ("restart", "stopping\nweb started as 1000 in /tmp\n"),
        ("stop", "stopping\n"),
        ("start", "web started as 1000 in /tmp\n"),
        ("down", "stopping\n"),
    ] {
        test.sofa([verb, "--keep-volumes"].into_iter().take(if verb == "down" { 2 } else { 1 })).ok();
        assert_eq!(read(&test), told, "{verb}");
    }
    if !has_docker_compose() {
        return;
    }
    diary(&test, "");
    test.docker_compose(["up", "-d"]).ok();
    assert_eq!(read(&test), "web started as 1000 in /tmp\n");
    let before = ids(&test).await;
    test.sofa(["deploy", "--no-wait"]).ok();
    assert_eq!(ids(&test).await, before, "neither replaces what the other made");
    test.sofa(["deploy", "--force-recreate", "--no-wait"]).ok();
    assert_eq!(
        read(&test),
        "stopping\nweb started as 1000 in /tmp\n",
        "sofa runs pre_stop here, docker compose does not"
    );
    // With `-p` alone docker compose reads no file, and so knows no hook (docker/compose#12476).
    test.docker_compose(["-f", "compose.yaml", "down"]).ok();
    assert_eq!(read(&test), "stopping\n");
}

#[tokio::test]
async fn a_broken_hook_leaves_the_old_container_running() {
    let Some(test) = TestProject::new("badhook").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    let (before, started) = (ids(&test).await, container(&test, "web").await.status);
    compose(
        &test,
        "  web:\n    <<: *stay\n    post_start:\n      - command: [\"sh\", \"-c\", \"echo no cache >&2; exit 5\"]\n",
    );
    let run = test.sofa(["deploy"]);
    run.assert_code(4)
        .says("service `web`: hook `post_start` exited with code 5")
        .says("no cache")
        .says("undone");
    assert_eq!(ids(&test).await, before, "{started}");
    assert!(container(&test, "web").await.is_up());
    compose(&test, "  web:\n    <<: *stay\n    post_start:\n      - command: [no-such-program]\n");
    test.sofa(["deploy"]).assert_code(4).says("hook `post_start`").says("no-such-program");
    assert_eq!(ids(&test).await, before);
}

#[tokio::test]
async fn pre_start_prepares_the_volumes_of_its_service_on_its_network() {
    let Some(test) = TestProject::new("prepare").await else {
        return;
    };
    let services = |exit: &str| {
        format!(
            "  web:
    <<: *stay
    command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; cat /data/prepared; sleep 1000 & wait\"]
    volumes: [\"data:/data\"]
    pre_start:
      - command: [\"sh\", \"-c\", \"echo prepared for $$WHO > /data/prepared; echo done\"]
        environment: {{WHO: web}}
      - command: [\"sh\", \"-c\", \"cat /data/prepared; echo oh >&2; exit {exit}\"]
volumes: {{data: {{}}}}
"
        )
    };
    compose(&test, &services("3"));
    let run = test.sofa(["deploy"]);
    run.assert_code(4).says("hook `pre_start 2/2` exited with code 3").says("oh").says("prepared for web");
    assert_nothing_is_there(&test).await;
    compose(&test, &services("0"));
    test.sofa(["deploy"]).ok().says("web: pre_start 1/2: done");
    let logs = test.sofa(["logs", "web"]);
    assert!(logs.stdout.contains("prepared for web"), "{}", logs.stdout);
    assert_eq!(ids(&test).await.keys().collect::<Vec<_>>(), ["web-1"]);
}
