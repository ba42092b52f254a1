//! The set-up tools where they have nothing to do, or must not do it.

use crate::stage::{Run, Stage};

const ENGINE_ANSWERS: &str = "exit 0";
const NO_ENGINE: &str = "case $1 in context) echo default ;; *) exit 1 ;; esac";

fn tool(stage: &Stage, name: &str) -> Run {
    stage.run(stage.command(&format!("tools/{name}")))
}

/// A machine on which nothing may be installed, with this `docker`.
fn machine(docker: &str) -> Stage {
    Stage::new()
        .with("docker", docker)
        .with("id", "[ \"$1\" = -u ] && echo 1000 || echo somebody")
        .with("apt-get", "exit 1")
        .with("systemctl", "exit 1")
}

/// Asserts that the tool gives up with this explanation, and that nothing was installed or started.
fn assert_gives_up(run: &Run, explanation: &str) {
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains(explanation), "{}", run.stderr);
    let changes = |call: &String| call.starts_with("apt-get") || call.starts_with("systemctl");
    assert!(!run.calls.iter().any(changes), "{:?}", run.calls);
}

#[test]
fn an_engine_that_runs_is_used_as_it_is() {
    let run = tool(&machine(ENGINE_ANSWERS), "ensure-engine");
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    assert_eq!(run.calls.len(), 1, "{:?}", run.calls);
}

#[test]
fn an_engine_that_was_named_is_not_replaced_by_a_local_one() {
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT"] {
        let run = tool(&machine(NO_ENGINE).with_environment(name, "elsewhere"), "ensure-engine");
        assert_gives_up(&run, &format!("the engine that {name} names (elsewhere) does not answer"));
    }
    let chosen = "case $1 in context) echo office ;; *) exit 1 ;; esac";
    assert_gives_up(&tool(&machine(chosen), "ensure-engine"), "the docker context office does not answer");
}

#[test]
fn without_the_right_to_install_it_says_what_to_do() {
    let run = tool(&machine(NO_ENGINE), "ensure-engine");
    assert_eq!(run.code, 1);
    assert!(!run.calls.iter().any(|call| call.starts_with("apt-get")), "{:?}", run.calls);
    assert!(!run.stderr.is_empty());
}

#[test]
fn a_base_that_the_engine_has_costs_nothing() {
    let docker = "case \"$*\" in 'image inspect sofa-base:bookworm' | version*) ;; *) exit 1 ;; esac";
    let run = tool(&machine(docker), "base-image");
    assert_eq!((run.code, run.stdout.trim()), (0, "sofa-base:bookworm"), "{}", run.stderr);
    assert!(!run.calls.iter().any(|call| call.starts_with("docker pull")), "{:?}", run.calls);
}

#[test]
fn a_registry_that_answers_gives_the_official_base_under_our_name() {
    let run = tool(&machine("[ \"$1\" != image ]"), "base-image");
    assert_eq!((run.code, run.stdout.trim()), (0, "sofa-base:bookworm"), "{}", run.stderr);
    // With the authorities of a machine that has some.
    let named = match std::fs::metadata("/etc/ssl/certs/ca-certificates.crt") {
        Ok(_) => "docker build -q -t sofa-base:bookworm ",
        Err(_) => "docker tag debian:bookworm-slim sofa-base:bookworm",
    };
    assert!(run.calls.last().is_some_and(|call| call.starts_with(named)), "{:?}", run.calls);
    assert!(run.calls.contains(&"docker pull debian:bookworm-slim".to_owned()));
}

#[test]
fn a_base_needs_an_engine() {
    assert_gives_up(&tool(&machine(NO_ENGINE), "base-image"), "no Docker Engine answers");
}
