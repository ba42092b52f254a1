//! What becomes of a service because of what becomes of another: shared namespaces, `restart: true`, and what is outside the
//! scope.

use insta::assert_snapshot;

use super::*;

/// The plan of a deploy of these services only.
fn deploy_of(case: &Case, services: &[&str]) -> Plan {
    let desired = Desired::new(&case.project, services, &case.observed, case.terms());
    super::super::deploy(&desired, &case.observed, Policy::default()).unwrap()
}

fn swapped(state: State) -> Case {
    let case = case().service("db").with("web", |web| restarted_after(web, "db"));
    let debris = running("db").named("000000000000_p-db-1").state(state);
    case.found(running("db").stale()).found(debris).found(running("web"))
}

#[test]
fn a_never_started_container_of_a_killed_run_counts_as_a_replacement_for_dependants() {
    assert_snapshot!(swapped(State::Created).deploy(), @"
    [] -> #1 db: disable restart of p-db-1, replaced
    [1] -> #2 db: stop p-db-1, replaced [disruptive]
    [2] -> #3 db: start 000000000000_p-db-1, created and never started
    [3] -> #4 db: await 000000000000_p-db-1: running
    [3] -> #5 web: stop p-web-1, db is replaced, and `restart: true` is set [disruptive]
    [5] -> #6 web: start p-web-1
    [6] -> #7 web: await p-web-1: running
    [4,7] -> #8 project: watch db 1, web 1 for 2s [barrier]
    [8] -> #9 db: remove p-db-1, replaced
    [8,9] -> #10 db: rename 000000000000_p-db-1 to p-db-1
    ");
}

#[test]
fn a_started_container_of_a_killed_run_counts_as_a_replacement_for_dependants() {
    let plan = swapped(State::Running).deploy();
    assert!(plan.contains("stop p-web-1, db is replaced, and `restart: true` is set"), "{plan}");
}

#[test]
fn a_never_started_container_beside_a_kept_one_restarts_no_dependant() {
    let case = case().service("db").with("web", |web| restarted_after(web, "db"));
    let debris = running("db").stale().named("000000000000_p-db-1").state(State::Created);
    let plan = case.found(running("db")).found(debris).found(running("web")).deploy();
    assert!(!plan.contains("stop p-web-1"), "{plan}");
}

#[test]
fn the_successor_of_a_killed_docker_compose_replaces_what_is_gone() {
    let case = case().service("db").with("web", |web| restarted_after(web, "db"));
    let left = running("db").named("0123456789ab_p-db-1").state(State::Created);
    let case = case.found(left).but(|db| {
        db.labels.insert("com.docker.compose.replace".into(), "p-db-1".into());
    });
    let plan = case.found(running("web")).deploy();
    assert!(plan.contains("stop p-web-1, db is replaced, and `restart: true` is set"), "{plan}");
}

#[test]
fn who_lives_with_the_container_that_goes_is_replaced_and_joins_the_one_that_stays() {
    let case = case().service("vpn").with("web", |web| in_network_of(web, "vpn"));
    let case = case
        .found(running("vpn").stale().named("old"))
        .found(running("web"))
        .found(running("vpn").named("new").state(State::Created));
    let plan = case.try_deploy(Policy::default()).unwrap();
    let created = plan.operations.iter().find_map(|op| match &op.action {
        Action::CreateContainer { replica, parents, .. } if replica.service == "web" => Some(parents.clone()),
        _ => None,
    });
    let parents = created.unwrap_or_else(|| panic!("web is kept:\n{plan}"));
    assert_eq!(parents["vpn"].to_string(), "new", "{plan}");
}

#[test]
fn a_chain_of_restarts_goes_on_to_its_end() {
    let case = case()
        .service("db")
        .with("vpn", |vpn| restarted_after(vpn, "db"))
        .with("app", |app| in_network_of(app, "vpn"));
    let case = case.found(running("db").stale()).found(running("vpn")).found(running("app"));
    let mut case = case;
    let hash = case.hash("app");
    case.observed.containers[2].labels.insert("com.docker.compose.config-hash".into(), hash);
    assert_snapshot!(case.deploy(), @"
    [] -> #1 db: create container 000000000000_p-db-1, configuration changed
    [1] -> #2 db: disable restart of p-db-1, replaced
    [2] -> #3 db: stop p-db-1, replaced [disruptive]
    [1,3] -> #4 db: start container of #1
    [4] -> #5 db: await container of #1: running
    [4] -> #6 vpn: stop p-vpn-1, db is replaced, and `restart: true` is set [disruptive]
    [6] -> #7 vpn: start p-vpn-1
    [7] -> #8 vpn: await p-vpn-1: running
    [7] -> #9 app: stop p-app-1, shares namespaces with vpn, which is restarted [disruptive]
    [9] -> #10 app: start p-app-1
    [10] -> #11 app: await p-app-1: running
    [5,8,11] -> #12 project: watch db 1, vpn 1, app 1 for 2s [barrier]
    [12] -> #13 db: remove p-db-1, replaced
    [12,13] -> #14 db: rename container of #1 to p-db-1
    ");
}

#[test]
fn who_lives_in_the_namespaces_of_what_is_started_is_restarted() {
    let case = case().service("vpn").with("app", |app| in_network_of(app, "vpn"));
    let case = case.found(running("vpn").state(State::Exited(1))).found(running("app"));
    let plan = case.deploy();
    assert!(plan.contains("stop p-app-1, shares namespaces with vpn, which is started"), "{plan}");
}

#[test]
fn restarts_go_by_the_groups_of_update_config() {
    let case = case().service("db").with("web", |web| {
        restarted_after(web, "db");
        web.scale = Some(2);
        let update = model::UpdateConfig { parallelism: Some(1), ..Default::default() };
        web.deploy = Some(model::Deploy { update_config: Some(update), ..Default::default() });
    });
    let case = case.found(running("db").stale()).found(running("web")).found(running("web").number(2));
    let plan = case.try_deploy(Policy::default()).unwrap();
    let id = |text: &str| plan.operations.iter().find(|op| op.action.to_string().contains(text)).unwrap().id;
    let second = plan.operation(id("stop p-web-2")).unwrap();
    assert!(second.needs.contains(&id("await p-web-1")), "{plan}");
}

/// A service that only itself can tell to be ready.
fn asked(service: &mut Service) {
    let probe = model::Probe::Tcp(80);
    let ready = Some(model::ReadyCheck::Probe { probe, interval: None, timeout: None });
    service.sofa = Some(model::Sofa { ready, ..Default::default() });
}

#[test]
fn a_service_whose_readiness_only_a_probe_shows_is_unchanged_and_probed() {
    let case = case().with("web", asked).found(running("web"));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_snapshot!(plan.to_string(), @"[] -> #1 web: await p-web-1: tcp :80 open");
    assert_eq!(crate::plan::explain::explain(&plan).summary(), "p: 1 unchanged");
    assert!(plan.changes_nothing());
}

#[test]
fn a_service_that_is_not_ready_is_restarted_with_its_dependency() {
    let case = case().service("db").with("web", |web| {
        asked(web);
        restarted_after(web, "db");
    });
    let plan = case.found(running("db").stale()).found(running("web")).deploy();
    assert!(plan.contains("stop p-web-1, db is replaced, and `restart: true` is set"), "{plan}");
}

#[test]
fn who_shares_namespaces_from_outside_the_scope_is_named_with_what_mends_it() {
    let case = case().service("vpn").with("app", |app| in_network_of(app, "vpn"));
    let case = case.found(running("vpn").stale()).found(running("app"));
    let plan = deploy_of(&case, &["vpn"]);
    assert!(!plan.to_string().contains("p-app-1"), "{plan}");
    assert_eq!(
        plan.notes,
        [
            "p-app-1 shares namespaces with vpn, which is replaced, and is cut off from it: `sofa deploy app` mends that"
        ]
    );
}

#[test]
fn a_container_that_shared_another_container_has_that_cause() {
    let case = case().service("vpn").with("app", |app| in_network_of(app, "vpn"));
    let mut case = case.found(running("vpn")).found(running("app"));
    case.observed.containers[0].id = ContainerId("f".repeat(64));
    let unknown = case.deploy();
    assert!(unknown.contains("configuration changed, or vpn is another container now"), "{unknown}");
    case.observed.containers[1].network_of = Some(ContainerId("0".repeat(64)));
    let known = case.deploy();
    assert!(known.contains("shares the network of vpn, which is another container now"), "{known}");
}

#[test]
fn services_outside_the_scope_restart_in_order_and_are_waited_for() {
    let mut case = objects::changed_network(case())
        .with("postgres", |postgres| {
            objects::on_network(postgres);
            checked(postgres);
        })
        .with("sidecar", |sidecar| in_network_of(sidecar, "postgres"))
        .with("worker", |worker| {
            objects::on_network(worker);
            after(worker, "postgres", Condition::Healthy);
        })
        .found(running("postgres").health(Health::Healthy))
        .but(objects::attached)
        .found(running("sidecar"))
        .found(running("worker").stale())
        .but(objects::attached);
    let gate = r#"{"tcp":{"port":5432,"interval":{"secs":1,"nanos":0},"timeout":{"secs":5,"nanos":0}}}"#;
    case.observed.containers[0].labels.insert(crate::labels::sofa::READY.into(), gate.into());
    assert_snapshot!(deploy_of(&case, &["worker"]), @"
    [] -> #1 worker: stop p-worker-1, network p_net is replaced [disruptive]
    [] -> #2 postgres: stop p-postgres-1, network p_net is replaced [disruptive]
    [2] -> #3 postgres: disconnect p-postgres-1 from p_net
    [1] -> #4 worker: disconnect p-worker-1 from p_net
    [3,4] -> #5 project: remove network p_net, configuration changed: internal [disruptive]
    [5] -> #6 project: create network p_net, configuration changed: internal
    [6] -> #7 postgres: connect p-postgres-1 to p_net
    [7] -> #8 postgres: start p-postgres-1
    [8] -> #9 postgres: await p-postgres-1: tcp :5432 open
    [8] -> #10 sidecar: stop p-sidecar-1, shares namespaces with postgres, which is restarted [disruptive]
    [10] -> #11 sidecar: start p-sidecar-1
    [11] -> #12 sidecar: await p-sidecar-1: healthy
    [6] -> #13 worker: create container 222222222222_p-worker-1, configuration changed
    [1] -> #14 worker: disable restart of p-worker-1, replaced
    [9,13,14] -> #15 worker: start container of #13
    [15] -> #16 worker: await container of #13: running
    [12,16] -> #17 project: watch sidecar 1, worker 1 for 2s [barrier]
    [17] -> #18 worker: remove p-worker-1, replaced
    [17,18] -> #19 worker: rename container of #13 to p-worker-1
    ");
}

#[test]
fn a_paused_container_waits_for_its_dependencies_and_is_frozen_again_by_an_undo() {
    let case = case().service("db").with("web", |web| after(web, "db", Condition::Started));
    let plan = case.found(running("web").state(State::Paused)).try_deploy(Policy::default()).unwrap();
    let unpause =
        plan.operations.iter().find(|op| matches!(op.action, Action::UnpauseContainer { .. })).unwrap();
    let start = plan.operations.iter().find(|op| matches!(op.action, Action::StartContainer { .. })).unwrap();
    assert_eq!(unpause.needs, [start.id], "{plan}");
    assert_eq!(unpause.undo, Some(crate::plan::operation::Undo::Pause));
}

#[test]
fn a_container_in_ended_namespaces_is_restarted() {
    let second = |second: i64| Some(jiff::Timestamp::from_second(second).unwrap());
    let plan = |vpn: i64, app: i64| {
        let case = case().service("vpn").with("app", |app| app.uts = "service:vpn".into());
        let mut case = case.found(running("vpn")).found(running("app"));
        for container in &mut case.observed.containers {
            container.started = second(if container.service == "vpn" { vpn } else { app });
        }
        case.deploy()
    };
    assert!(!plan(10, 11).contains("restarts with"), "{}", plan(10, 11));
    let stale = plan(12, 11);
    assert!(stale.contains("stop p-app-1, restarts with vpn"), "{stale}");
}
