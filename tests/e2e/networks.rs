//! A network whose settings change is replaced under its name: who is attached comes back as it was, or all is undone.

use std::time::Duration;

use sofa::testing::engine::exec::ExecCommand;
use sofa::testing::plan::observed::{Container, State};

use crate::stack::{containers, ids};
use crate::support::real_engine::TestProject;

/// Two services on one network, `web` with further names and a fixed address; `internal` is what changes.
fn compose(test: &TestProject, subnet: &str, internal: bool, db: &str) {
    let stay = "image: \"${BUSYBOX}\", command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']";
    test.file(
        "compose.yaml",
        &format!(
            "services:
  web: {{{stay}, networks: {{net: {{aliases: [www], ipv4_address: {subnet}.77}}}}}}
  db: {{{stay}, networks: [net, default]{db}}}
networks:
  net:
    internal: {internal}
    ipam: {{config: [{{subnet: {subnet}.0/24}}]}}
"
        ),
    );
}

fn named<'a>(all: &'a std::collections::BTreeMap<String, Container>, service: &str) -> &'a Container {
    all.values().find(|container| container.service == service).unwrap()
}

/// What `db` finds `www` at.
async fn resolved(test: &TestProject) -> String {
    let all = containers(test).await;
    let argv = ["nslookup", "www"].map(String::from).to_vec();
    let command = ExecCommand { argv, ..ExecCommand::default() };
    let outcome = test.engine().exec(&named(&all, "db").id, &command, Duration::from_secs(20)).await.unwrap();
    String::from_utf8_lossy(&outcome.stdout).into_owned()
}

#[tokio::test]
async fn what_is_kept_comes_back_with_its_names_and_its_address() {
    let Some(test) = TestProject::new("net-kept").await else {
        return;
    };
    compose(&test, "10.232.9", false, "");
    test.sofa(["deploy", "--no-wait"]).ok();
    let before = ids(&test).await;
    compose(&test, "10.232.9", true, "");
    let plan = test.sofa(["plan"]);
    plan.ok();
    assert!(plan.stdout.contains("internal: true (new)"), "{}", plan.stdout);
    test.sofa(["deploy"]).ok().says("1 network replaced");
    assert_eq!(ids(&test).await, before, "no container is replaced");
    let network = format!("{}_net", test.name());
    let networks = test.engine().list_networks().await.unwrap();
    assert!(networks.iter().any(|found| found.name == network && found.settings.internal));
    let all = containers(&test).await;
    assert!(all.values().all(|container| container.state == State::Running));
    assert_eq!(named(&all, "web").networks[&network].address, "10.232.9.77");
    assert_eq!(named(&all, "db").networks.len(), 2);
    let found = resolved(&test).await;
    assert!(found.contains("10.232.9.77"), "{found}");
    test.sofa(["plan", "--exit-code"]).ok();
}

#[tokio::test]
async fn a_failure_behind_it_brings_the_old_network_back() {
    let Some(test) = TestProject::new("net-undone").await else {
        return;
    };
    compose(&test, "10.232.10", false, "");
    test.sofa(["deploy", "--no-wait"]).ok();
    let before = ids(&test).await;
    compose(&test, "10.232.10", true, ", entrypoint: [sh, -c, 'exit 7']");
    test.sofa(["deploy"]).assert_code(4).says("undone; the previous containers run again");
    assert_eq!(ids(&test).await, before);
    let all = containers(&test).await;
    assert!(all.values().all(|container| container.state == State::Running), "{all:?}");
    let network = format!("{}_net", test.name());
    let networks = test.engine().list_networks().await.unwrap();
    let old = networks.iter().find(|found| found.name == network).unwrap();
    assert!(!old.settings.internal);
    assert_eq!(named(&all, "web").networks[&network].address, "10.232.10.77");
    let found = resolved(&test).await;
    assert!(found.contains("10.232.10.77"), "{found}");
    compose(&test, "10.232.10", false, "");
    test.sofa(["plan", "--exit-code"]).ok();
}
