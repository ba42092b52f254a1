//! What containers share and need of one another: links, namespaces, networks that were removed, stopped dependencies.

use std::time::Duration;

use sofa::testing::engine::exec::ExecCommand;
use sofa::testing::plan::observed::State;

use crate::stack::{compose, container, containers, ids};
use crate::support::real_engine::TestProject;

const STAY: &str = "image: \"${BUSYBOX}\", command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']";

/// What a command prints in a service's container.
async fn output(test: &TestProject, service: &str, command: &[&str]) -> String {
    let argv = command.iter().map(|word| (*word).to_owned()).collect();
    let command = ExecCommand { argv, ..ExecCommand::default() };
    let id = container(test, service).await.id;
    let outcome = test.engine().exec(&id, &command, Duration::from_secs(20)).await.unwrap();
    String::from_utf8_lossy(&outcome.stdout).into_owned()
}

async fn remove_network(test: &TestProject, name: &str) {
    let networks = test.engine().list_networks().await.unwrap();
    let network = networks.iter().find(|network| network.name == name).unwrap();
    test.engine().remove_network(&network.id).await.unwrap();
}

/// A network that no project owns.
fn external_network(test: &TestProject, name: &str) {
    let mut docker = std::process::Command::new("docker");
    docker.args(["network", "create", name]);
    test.run(docker).ok();
}

#[tokio::test]
async fn a_link_resolves_on_every_network() {
    let Some(test) = TestProject::new("links").await else {
        return;
    };
    compose(&test, &format!("  db: {{{STAY}}}\n  web: {{{STAY}, links: [\"db:database\"]}}\n"));
    test.sofa(["deploy"]).ok();
    let found = output(&test, "web", &["nslookup", "database"]).await;
    assert!(found.contains("Address") && !found.contains("can't resolve"), "{found}");

    let mode = "network_mode: bridge";
    compose(
        &test,
        &format!("  db: {{{STAY}, {mode}}}\n  web: {{{STAY}, {mode}, links: [\"db:database\"]}}\n"),
    );
    test.sofa(["deploy"]).ok();
    assert!(output(&test, "web", &["cat", "/etc/hosts"]).await.contains("database"));
    // The engine's own links end with the linked container, so the container that has them is replaced with it.
    let changed = format!("  db: {{{STAY}, {mode}, environment: {{A: b}}}}\n");
    compose(&test, &format!("{changed}  web: {{{STAY}, {mode}, links: [\"db:database\"]}}\n"));
    test.sofa(["deploy"]).ok().says("2 replaced");
    let hosts = output(&test, "web", &["cat", "/etc/hosts"]).await;
    let address = &container(&test, "db").await.networks["bridge"].address;
    assert!(hosts.contains(&format!("{address}\tdatabase")), "{hosts} {address}");
    test.sofa(["deploy"]).ok().says("2 unchanged");
}

#[tokio::test]
async fn what_shares_a_namespace_restarts_with_its_container_whatever_was_named() {
    let Some(test) = TestProject::new("namespaces").await else {
        return;
    };
    compose(
        &test,
        &format!(
            "  mother: {{{STAY}, ipc: shareable}}
  net: {{{STAY}, network_mode: \"service:mother\"}}
  ipc: {{{STAY}, ipc: \"service:mother\"}}
  pid: {{{STAY}, pid: \"service:mother\"}}
  alone: {{{STAY}}}
"
        ),
    );
    test.sofa(["deploy"]).ok();
    let interfaces = async || output(&test, "net", &["ls", "/sys/class/net"]).await;
    assert!(interfaces().await.contains("eth0"));
    let plan = test.sofa(["plan", "restart", "mother"]);
    plan.ok();
    for service in ["net", "ipc", "pid"] {
        assert!(plan.stdout.contains(&format!("{service}: stop")), "{}", plan.stdout);
    }
    assert!(!plan.stdout.contains("alone: stop"), "{}", plan.stdout);
    test.sofa(["restart", "mother"]).ok();
    assert!(interfaces().await.contains("eth0"), "after a restart of the one container");
    test.sofa(["stop", "mother"]).ok();
    let started = async |service: &str| {
        let id = container(&test, service).await.id;
        test.engine().inspect(id.as_str()).await.unwrap().started
    };
    let before = (started("ipc").await, started("pid").await, started("alone").await);
    test.sofa(["start", "mother"]).ok();
    assert!(interfaces().await.contains("eth0"), "after a stop and a start");
    let after = (started("ipc").await, started("pid").await, started("alone").await);
    assert!(after.0 > before.0 && after.1 > before.1, "{before:?} {after:?}");
    assert_eq!(after.2, before.2, "a service that shares nothing runs on");
    test.sofa(["restart"]).ok();
    assert!(interfaces().await.contains("eth0"), "after a restart of all");
}

#[tokio::test]
async fn a_start_begins_with_stopped_dependencies() {
    let Some(test) = TestProject::new("start-deps").await else {
        return;
    };
    compose(
        &test,
        &format!(
            "  db: {{{STAY}}}\n  api: {{{STAY}, depends_on: [db]}}\n  web: {{{STAY}, depends_on: [api]}}\n  other: {{{STAY}}}\n"
        ),
    );
    test.sofa(["deploy", "--no-wait"]).ok();
    test.sofa(["stop"]).ok();
    test.sofa(["start", "web"]).ok();
    let all = containers(&test).await;
    let up: Vec<&str> =
        all.values().filter(|c| c.state == State::Running).map(|c| c.service.as_str()).collect();
    assert_eq!(up, ["api", "db", "web"]);
}

#[tokio::test]
async fn a_deploy_recovers_from_networks_that_were_removed() {
    let Some(test) = TestProject::new("net-gone").await else {
        return;
    };
    let outside = format!("{}-outside", test.name());
    external_network(&test, &outside);
    let networks = format!(
        "networks:\n  default: {{}}\n  named: {{name: {}-named}}\n  outside: {{external: true, name: {outside}}}\n",
        test.name()
    );
    let services = format!(
        "services:\n  web: {{{STAY}}}\n  named: {{{STAY}, networks: [named]}}\n  outside: {{{STAY}, networks: [outside]}}\n"
    );
    test.file("compose.yaml", &format!("{services}{networks}"));
    test.sofa(["deploy", "--no-wait"]).ok();
    test.sofa(["stop"]).ok();
    for network in [format!("{}_default", test.name()), format!("{}-named", test.name()), outside.clone()] {
        remove_network(&test, &network).await;
    }
    // Without the network a start says what is missing, not that the container is.
    let start = test.sofa(["start", "web"]);
    start.assert_code(1).says("network").says("sofa deploy");
    assert!(!start.stderr.contains("the container is gone"), "{}", start.stderr);
    external_network(&test, &outside);
    let before = ids(&test).await;
    test.sofa(["start", "outside"]).ok();
    assert_eq!(ids(&test).await["outside-1"], before["outside-1"], "only connected again");
    assert!(output(&test, "outside", &["ls", "/sys/class/net"]).await.contains("eth0"));
    let plan = test.sofa(["plan"]);
    plan.ok();
    assert!(plan.stdout.contains("was removed since it was created"), "{}", plan.stdout);
    test.sofa(["deploy", "--no-wait"]).ok();
    let all = containers(&test).await;
    assert!(all.values().all(|container| container.state == State::Running), "{all:?}");
    test.sofa(["deploy", "--no-wait"]).ok().says("3 unchanged");
    test.sofa(["down"]).ok();
    remove_network(&test, &outside).await;
}

#[tokio::test]
async fn one_offs_are_left_alone_by_stop_and_removed_by_deploy_when_they_ended() {
    let Some(test) = TestProject::new("one-offs").await else {
        return;
    };
    compose(&test, &format!("  web: {{{STAY}}}\n"));
    test.sofa(["deploy", "--no-wait"]).ok();
    test.docker_compose(["run", "-d", "--name", &format!("{}-run", test.name()), "web", "sleep", "600"]).ok();
    let name = format!("{}-run", test.name());
    test.sofa(["stop"]).ok();
    assert_eq!(containers(&test).await[&name].state, State::Running);
    test.sofa(["deploy", "--no-wait"]).ok();
    let all = containers(&test).await;
    assert_eq!(all[&name].state, State::Running, "it runs");
    test.engine().stop(&all[&name].id, Some(Duration::ZERO)).await.unwrap();
    test.sofa(["deploy", "--no-wait"]).ok();
    assert!(!containers(&test).await.contains_key(&name), "it has ended");
}

#[tokio::test]
async fn a_deploy_repairs_namespaces_that_another_program_ended() {
    let Some(test) = TestProject::new("ns-stale").await else {
        return;
    };
    compose(&test, &format!("  mother: {{{STAY}}}\n  app: {{{STAY}, network_mode: \"service:mother\"}}\n"));
    test.sofa(["deploy"]).ok();
    test.sofa(["deploy"]).ok().says("2 unchanged");
    let mut docker = std::process::Command::new("docker");
    docker.args(["restart", "-t", "1", &format!("{}-mother-1", test.name())]);
    test.run(docker).ok();
    assert!(!output(&test, "app", &["ls", "/sys/class/net"]).await.contains("eth0"), "it is cut off");
    test.sofa(["plan"]).ok();
    test.sofa(["deploy"]).ok().says("1 restarted");
    assert!(output(&test, "app", &["ls", "/sys/class/net"]).await.contains("eth0"));
    test.sofa(["deploy"]).ok().says("2 unchanged");
}
