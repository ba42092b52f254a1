//! Verbs that work from labels: they need no Compose files, and with `-f` act on the services of those files only.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use sofa::testing::plan::observed::State;

use crate::stack::{assert_nothing_is_there, compose, containers, volumes};
use crate::support::real_engine::TestProject;

/// The services with a running container.
async fn running(test: &TestProject) -> BTreeSet<String> {
    let all = containers(test).await;
    all.into_values().filter(|c| c.state == State::Running).map(|c| c.service).collect()
}

/// Two files of one project, both deployed: `web.yaml` has `web` and a service with a profile, `db.yaml` has `db`.
async fn two_files(name: &str) -> Option<TestProject> {
    let test = TestProject::new(name).await?;
    let command = "command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; echo up; sleep 1000 & wait\"], stop_grace_period: 2s";
    let stay =
        |service: &str, more: &str| format!("  {service}: {{image: \"${{BUSYBOX}}\", {command}{more}}}\n");
    let tools = stay("tools", ", profiles: [tools]");
    // A required variable and a missing env file must not stop a verb that works from labels.
    let web = stay("web", ", environment: {A: \"${NEEDED:?set it}\"}, env_file: [web.env]");
    test.file("web.env", "B=1\n");
    test.file("web.yaml", &format!("services:\n{web}{tools}"));
    test.file("db.yaml", &format!("services:\n{}", stay("db", "")));
    test.file("set.env", "NEEDED=1\n");
    let files = ["--env-file", "set.env", "--profile", "tools", "-f", "web.yaml", "-f", "db.yaml"];
    test.sofa(files.into_iter().chain(["deploy", "--no-wait"])).ok();
    fs::remove_file(test.folder().join("web.env")).unwrap();
    Some(test)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn with_files_named_verbs_act_on_the_services_of_those_files() {
    let Some(test) = two_files("of-files").await else {
        return;
    };
    test.sofa(["-f", "web.yaml", "stop"]).ok();
    assert_eq!(running(&test).await, set(&["db"]), "services without an active profile are stopped too");
    let listed = |file: &str| {
        let list = test.sofa(["-f", file, "ps", "--all", "--format", "json"]);
        list.ok();
        let service =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["Service"].to_string();
        list.stdout.lines().map(service).collect::<Vec<_>>()
    };
    assert_eq!(listed("db.yaml"), ["\"db\""]);
    assert_eq!(listed("web.yaml"), ["\"tools\"", "\"web\""]);
    assert_eq!(test.sofa(["-f", "db.yaml", "logs"]).ok().stdout, "db-1 | up\n");
    test.sofa(["-f", "web.yaml", "start"]).ok();
    assert_eq!(running(&test).await, set(&["db", "tools", "web"]));
    let plan = test.sofa(["-f", "web.yaml", "plan", "restart"]);
    plan.ok();
    assert!(plan.stdout.contains("web") && !plan.stdout.contains("db"), "{}", plan.stdout);
    test.sofa(["-f", "web.yaml", "restart"]).ok();
    let unknown = test.sofa(["-f", "web.yaml", "stop", "db"]);
    unknown.assert_code(2).says("has no service `db`");
    // Standard input is read once, for the name and the services.
    let mut piped = test.sofa_command().args(["-f", "-", "stop"]).stdin(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"services: {db: {image: x}}\n").unwrap();
    assert!(piped.wait().unwrap().success());
    assert_eq!(running(&test).await, set(&["tools", "web"]));
    test.sofa(["-f", "web.yaml", "kill"]).ok();
    test.sofa(["-f", "web.yaml", "rm"]).ok();
    assert_eq!(
        containers(&test).await.into_values().map(|c| c.service).collect::<BTreeSet<_>>(),
        set(&["db"])
    );
}

#[tokio::test]
async fn down_with_files_named_leaves_the_services_of_others() {
    let Some(test) = two_files("down-files").await else {
        return;
    };
    test.sofa(["-f", "web.yaml", "down"]).ok();
    assert_eq!(running(&test).await, set(&["db"]));
    test.sofa(["-f", "web.yaml", "down", "nobody"]).assert_code(2);
    test.file("broken.yaml", "services: [");
    test.sofa(["-f", "broken.yaml", "stop"]).assert_code(3);
    assert_eq!(running(&test).await, set(&["db"]));
}

#[tokio::test]
async fn down_removes_orphans_without_files() {
    let Some(test) = TestProject::new("orphans").await else {
        return;
    };
    compose(
        &test,
        "  web: {<<: *stay, volumes: [\"data:/data\"]}\n  gone: {<<: *stay}\nvolumes: {data: {}}\n",
    );
    test.sofa(["deploy", "--no-wait"]).ok();
    fs::remove_file(test.folder().join("compose.yaml")).unwrap();
    test.sofa(["down", "--remove-orphans"]).ok();
    assert_nothing_is_there(&test).await;
    assert_eq!(volumes(&test).await.len(), 1, "volumes stay");
    test.sofa(["down", "--remove-orphans", "--volumes"]).ok();
    assert_eq!(volumes(&test).await.len(), 0);
}

#[tokio::test]
async fn every_verb_that_needs_no_files_works_in_an_empty_folder() {
    let Some(test) = TestProject::new("no-files").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    fs::remove_file(test.folder().join("compose.yaml")).unwrap();
    for line in [
        "ps",
        "logs",
        "restart",
        "stop",
        "start",
        "kill",
        "history",
        "lock status",
        "plan stop",
        "plan down --remove-orphans",
        "rm --stop",
        "down --remove-orphans",
        "down --rmi local",
        "ps --all",
    ] {
        test.sofa(line.split(' ')).ok();
    }
}
