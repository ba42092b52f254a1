//! The binary against the fake engine: what one service's containers mean to those of another.

use crate::stage::Stage;
use crate::support::fake_engine::Script;

/// The services with these lines each.
fn services(lines: &[&str]) -> String {
    format!("services:\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>())
}

const BEFORE: &str = "web: {image: \"app:1\", restart: always, ports: [\"8080:80\"]}";
const MOVED: [&str; 2] = [
    "web: {image: \"app:1\", restart: always, ports: [\"9090:80\"]}",
    "proxy: {image: \"app:1\", ports: [\"8080:80\"]}",
];

#[test]
fn a_port_moves_from_one_service_to_another_and_back_by_an_undo() {
    let stage = Stage::new(&services(&[BEFORE]));
    stage.ok(&["deploy"]);
    let (old, ids) = (stage.standing(), stage.ids());
    let failing = stage.copied();
    failing.compose(&services(&MOVED));
    let new = format!("{}_p-web-1", &ids[0][..12]);
    failing.fake.script(&new, Script::default().exits(1, 0));
    failing.ends(&["deploy"], 4);
    assert_eq!((failing.standing(), failing.ids()), (old, ids));
    stage.compose(&services(&MOVED));
    stage.ok(&["deploy"]);
    assert_eq!(stage.containers(), [("p-proxy-1".to_string(), true), ("p-web-1".to_string(), true)]);
}

#[test]
fn services_that_change_ports_take_each_others() {
    let both = |a: u16, b: u16| {
        services(&[
            &format!("a: {{image: \"app:1\", ports: [\"{a}:80\"]}}"),
            &format!("b: {{image: \"app:1\", ports: [\"{b}:80\"]}}"),
        ])
    };
    let stage = Stage::new(&both(8080, 8081));
    stage.ok(&["deploy"]);
    stage.compose(&both(8081, 8080));
    stage.ok(&["deploy"]);
    assert_eq!(stage.containers(), [("p-a-1".to_string(), true), ("p-b-1".to_string(), true)]);
}

#[test]
fn a_renamed_service_keeps_the_name_of_its_container_and_its_port() {
    let named = |service: &str| {
        services(&[&format!(
            "{service}: {{image: \"app:1\", restart: always, container_name: pg, ports: [\"5432:5432\"]}}"
        )])
    };
    let stage = Stage::new(&named("db"));
    stage.ok(&["deploy"]);
    let old = stage.standing();
    stage.compose(&named("postgres"));
    let told = stage.ends(&["deploy"], 3);
    assert!(told.contains("container name `pg` is held by container `pg` of service `db`"), "{told}");
    assert!(told.contains("--remove-orphans"), "{told}");
    stage.fake.script("postgres", Script::default().exits(1, 0));
    stage.ends(&["deploy", "--remove-orphans"], 4);
    assert_eq!(stage.standing(), old);
    stage.fake.script("postgres", Script::default());
    stage.ok(&["deploy", "--remove-orphans"]);
    assert_eq!(stage.containers(), [("pg".to_string(), true)]);
    let state = stage.fake.state();
    assert!(state.containers.values().any(|container| container.service() == "postgres"));
}

/// Who lives in whose network, by the ids that the engine has.
fn network_of(stage: &Stage, name: &str) -> String {
    let state = stage.fake.state();
    let container = state.containers.values().find(|container| container.name == name).unwrap();
    container.body["HostConfig"]["NetworkMode"].as_str().unwrap().replace("container:", "")
}

fn id_of(stage: &Stage, name: &str) -> String {
    let state = stage.fake.state();
    state.containers.values().find(|container| container.name == name).unwrap().id.clone()
}

#[test]
fn who_shares_a_network_from_outside_the_scope_is_named_and_joins_the_new_one_by_the_next_deploy() {
    let vpn = |version: &str| {
        services(&[
            &format!("vpn: {{image: \"app:1\", environment: {{VERSION: \"{version}\"}}}}"),
            "app: {image: \"app:1\", network_mode: \"service:vpn\"}",
        ])
    };
    let stage = Stage::new(&vpn("1"));
    stage.ok(&["deploy"]);
    stage.compose(&vpn("2"));
    let told = stage.ends(&["deploy", "vpn"], 0);
    assert!(told.contains("`sofa deploy app` mends that"), "{told}");
    assert_ne!(network_of(&stage, "p-app-1"), id_of(&stage, "p-vpn-1"));
    let plan = stage.sofa(&["plan"]);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("shares the network of vpn, which is another container now"), "{plan}");
    stage.ok(&["deploy"]);
    assert_eq!(network_of(&stage, "p-app-1"), id_of(&stage, "p-vpn-1"));
}

#[test]
fn a_container_that_only_itself_can_tell_to_be_ready_is_unchanged_in_a_plan() {
    let stage = Stage::new(&services(&["web: {image: \"app:1\", x-sofa: {ready: {command: [\"true\"]}}}"]));
    stage.ok(&["deploy"]);
    let plan = stage.sofa(&["plan", "--exit-code"]);
    let told = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert_eq!(plan.status.code(), Some(0), "{told}");
    assert!(told.starts_with("p: 1 unchanged\n  = web  unchanged\n"), "{told}");
}

#[test]
fn a_chain_of_restarts_reaches_who_lives_in_a_restarted_network() {
    let version = |version: &str| {
        services(&[
            &format!("db: {{image: \"app:1\", environment: {{VERSION: \"{version}\"}}}}"),
            "vpn: {image: \"app:1\", depends_on: {db: {condition: service_started, restart: true}}}",
            "app: {image: \"app:1\", network_mode: \"service:vpn\"}",
        ])
    };
    let stage = Stage::new(&version("1"));
    stage.ok(&["deploy"]);
    stage.compose(&version("2"));
    stage.fake.forget_calls();
    stage.ok(&["deploy"]);
    let app = id_of(&stage, "p-app-1");
    let calls = stage.fake.calls();
    let stopped = calls.iter().position(|call| call.contains(&format!("{app}/stop")));
    let vpn = id_of(&stage, "p-vpn-1");
    let restarted = calls.iter().position(|call| call.contains(&format!("{vpn}/start")));
    assert!(restarted.is_some() && restarted < stopped, "{calls:#?}");
}

#[test]
fn a_network_that_is_replaced_lets_what_is_outside_the_scope_be_ready_before_who_needs_it() {
    let internal = |network: &str, version: &str| {
        let worker = format!(
            "worker: {{image: \"app:1\", environment: {{VERSION: \"{version}\"}}, depends_on: {{postgres: {{condition: service_healthy}}}}}}"
        );
        let postgres = "postgres: {image: \"app:1\", healthcheck: {test: [CMD, \"true\"]}}";
        format!("{}networks: {{default: {{{network}}}}}\n", services(&[postgres, &worker]))
    };
    let stage = Stage::new(&internal("", "1"));
    stage.ok(&["deploy"]);
    stage.compose(&internal("internal: true", "2"));
    stage.fake.forget_calls();
    stage.ok(&["deploy", "worker"]);
    let (postgres, worker) = (id_of(&stage, "p-postgres-1"), id_of(&stage, "p-worker-1"));
    let calls = stage.fake.calls();
    let start = |id: &str| calls.iter().position(|call| call.contains(&format!("{id}/start"))).unwrap();
    assert!(start(&postgres) < start(&worker), "{calls:#?}");
}
