//! A run that is interrupted, or whose terminal goes away.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::stack::{assert_nothing_is_there, compose, container, until_running};
use crate::support::real_engine::TestProject;

/// A service that runs and never gets healthy.
const NEVER_READY: &str =
    "  web: {<<: *stay, healthcheck: {test: [CMD, \"false\"], interval: 30s, retries: 9}}\n";

/// `sofa deploy` in the background, waiting for a service that never gets ready.
async fn waiting(test: &TestProject) -> Child {
    compose(test, NEVER_READY);
    let child =
        test.sofa_command().arg("deploy").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_running(test, "web").await;
    child
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[tokio::test]
async fn one_interrupt_undoes_the_run() {
    let Some(test) = TestProject::new("interrupt").await else {
        return;
    };
    for name in ["INT", "TERM"] {
        let child = waiting(&test).await;
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{told}");
        assert!(told.contains("interrupted") && told.contains("undone"), "{told}");
        assert_nothing_is_there(&test).await;
    }
}

#[tokio::test]
async fn a_closed_terminal_does_not_stop_a_deploy() {
    let Some(test) = TestProject::new("hangup").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay}\n");
    let mut child =
        test.sofa_command().arg("deploy").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Nobody reads what it says any more, and its terminal hangs up.
    drop(child.stderr.take());
    until_running(&test, "web").await;
    signal(&child, "HUP");
    assert!(child.wait().unwrap().success());
    assert!(container(&test, "web").await.is_up());
}

#[tokio::test]
async fn an_interrupt_ends_a_build_and_leaves_nothing() {
    let Some(test) = TestProject::new("slowbuild").await else { return };
    test.file("compose.yaml", "services:\n  web:\n    build: .\n");
    test.file("Dockerfile", &format!("FROM {}\nRUN sleep 60\n", test.image()));
    let mut child =
        test.sofa_command().arg("deploy").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("RUN sleep 60")), "the build never came to its step");
    signal(&child, "INT");
    assert!(told.any(|line| line.unwrap().contains("no container was changed")));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_nothing_is_there(&test).await;
}
