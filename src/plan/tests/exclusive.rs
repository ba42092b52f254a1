//! Names, ports and addresses that containers of this very project have.

use insta::assert_snapshot;

use super::*;

fn removing_orphans() -> Policy {
    Policy { remove_orphans: true, ..Policy::default() }
}

#[test]
fn a_third_version_finds_a_free_name_beside_what_a_killed_run_left() {
    let case = case()
        .service("web")
        .found(running("web").stale())
        .found(running("web").stale().named("000000000000_p-web-1").state(State::Created));
    let third = case.deploy();
    assert_snapshot!(third, @"
    [] -> #1 web: create container 111111111111_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: running
    [5] -> #6 project: watch web 1 for 2s [barrier]
    [6] -> #7 web: remove p-web-1, replaced
    [6] -> #8 web: remove 000000000000_p-web-1, replaced
    [6,7,8] -> #9 web: rename container of #1 to p-web-1
    ");
    let forced = Policy { recreate: Recreate::Force, ..Policy::default() };
    let again = case.try_deploy(forced).unwrap().to_string();
    assert!(again.contains("create container 111111111111_p-web-1, recreation was forced"), "{again}");
}

#[test]
fn a_port_goes_from_one_service_to_another() {
    let case =
        case().with("proxy", |proxy| publishing(proxy, "80")).with("web", |web| publishing(web, "8080"));
    let case = case.found(running("web").stale()).but(|web| published(web, 80));
    assert_snapshot!(case.deploy(), @"
    [] -> #1 proxy: create container p-proxy-1, not there yet
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 proxy: start container of #1
    [4] -> #5 proxy: await container of #1: running
    [] -> #6 web: create container 000000000000_p-web-1, configuration changed
    [3,6] -> #7 web: start container of #6
    [7] -> #8 web: await container of #6: running
    [5,8] -> #9 project: watch proxy 1, web 1 for 2s [barrier]
    [9] -> #10 web: remove p-web-1, replaced
    [9,10] -> #11 web: rename container of #6 to p-web-1
    ");
}

#[test]
fn services_that_change_ports_are_both_stopped_before_either_starts() {
    let case = case().with("a", |a| publishing(a, "81")).with("b", |b| {
        publishing(b, "80");
        after(b, "a", Condition::Started);
    });
    let case = case.found(running("a").stale()).but(|a| published(a, 80));
    assert_snapshot!(case.found(running("b").stale()).but(|b| published(b, 81)).deploy(), @"
    [] -> #1 a: create container 000000000000_p-a-1, configuration changed
    [1] -> #2 a: disable restart of p-a-1, replaced
    [2] -> #3 a: stop p-a-1, replaced [disruptive]
    [1] -> #4 b: disable restart of p-b-1, replaced
    [4] -> #5 b: stop p-b-1, replaced [disruptive]
    [1,3,5] -> #6 a: start container of #1
    [6] -> #7 a: await container of #1: running
    [] -> #8 b: create container 111111111111_p-b-1, configuration changed
    [3,5,6,8] -> #9 b: start container of #8
    [9] -> #10 b: await container of #8: running
    [7,10] -> #11 project: watch a 1, b 1 for 2s [barrier]
    [11] -> #12 a: remove p-a-1, replaced
    [11,12] -> #13 a: rename container of #1 to p-a-1
    [11] -> #14 b: remove p-b-1, replaced
    [11,14] -> #15 b: rename container of #8 to p-b-1
    ");
}

#[test]
fn a_renamed_service_takes_over_name_and_port_of_the_orphan_that_is_removed() {
    let case = case().with("postgres", |postgres| {
        postgres.container_name = "pg".into();
        publishing(postgres, "5432");
    });
    let case = case.found(running("db").named("pg")).but(|db| published(db, 5432));
    assert_snapshot!(case.try_deploy(removing_orphans()).unwrap(), @"
    [] -> #1 postgres: create container 000000000000_pg, not there yet
    [1] -> #2 db: disable restart of pg, orphan: no service of the files owns it
    [2] -> #3 db: stop pg, orphan: no service of the files owns it [disruptive]
    [1,3] -> #4 postgres: start container of #1
    [4] -> #5 postgres: await container of #1: running
    [5] -> #6 project: watch postgres 1 for 2s [barrier]
    [6] -> #7 db: remove pg, orphan: no service of the files owns it
    [6,7] -> #8 postgres: rename container of #1 to pg
    ");
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    let told: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
    assert_eq!(
        told,
        [
            "service `postgres`: container name `pg` is held by container `pg` of service `db`, which this deploy does not change",
            "service `postgres`: host port 5432/tcp is held by container `pg` of service `db`, which this deploy does not change",
        ]
    );
    assert!(problems.iter().all(|problem| !problem.is_conflict));
}

#[test]
fn a_fixed_address_is_freed_by_who_has_it() {
    let fixed = |service: &mut Service, address: &str| {
        let attachment = model::Attachment { ipv4_address: address.into(), ..Default::default() };
        service.networks.insert("net".into(), Some(attachment));
    };
    let mut case = case().network("net").with("a", |a| fixed(a, "10.0.0.9")).service("b");
    case.observed.networks.push(Network {
        id: NetworkId("n1".into()),
        name: "p_net".into(),
        driver: "bridge".into(),
        labels: BTreeMap::new(),
        settings: Default::default(),
    });
    let case = case.found(running("b").stale()).but(|b| {
        let attachment = Attachment { address: "10.0.0.9".into(), ..Default::default() };
        b.networks.insert("p_net".into(), attachment);
    });
    let plan = case.try_deploy(Policy::default()).unwrap();
    let id = |text: &str| {
        let found = plan.operations.iter().find(|op| format!("{}: {}", op.group, op.action).contains(text));
        found.unwrap_or_else(|| panic!("{text}\n{plan}")).id
    };
    let start = plan.operation(id("a: start")).unwrap();
    assert!(start.needs.contains(&id("b: stop p-b-1")), "{plan}");
    let label = "com.docker.compose.config-hash".to_string();
    let mut anew = case;
    anew.observed.networks[0].labels.insert(label.clone(), "another".into());
    let hash = anew.hash("b");
    anew.observed.containers[0].labels.insert(label, hash);
    assert!(anew.try_deploy(Policy::default()).is_ok(), "a new network has no addresses yet");
}

#[test]
fn a_free_port_of_a_range_is_taken_and_a_fixed_one_of_a_kept_container_refused() {
    let ranged = case().with("web", |web| publishing(web, "8000-8001"));
    let ranged = ranged.service("old").found(running("old")).but(|old| published(old, 8000));
    assert!(ranged.try_deploy(Policy::default()).is_ok());
    let fixed = case().with("web", |web| publishing(web, "8000"));
    let fixed = fixed.service("old").found(running("old")).but(|old| published(old, 8000));
    let problems = fixed.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let hint = problems[0].hint.as_deref().unwrap();
    assert_eq!(hint, "deploy `old` too, or remove that one: `docker rm -f p-old-1`");
}
