//! `update_config`: the order of old and new, groups, pauses, and how many may fail.

use insta::assert_snapshot;

use super::*;

fn updated(service: &mut Service, change: impl FnOnce(&mut model::UpdateConfig)) {
    let mut update = model::UpdateConfig::default();
    change(&mut update);
    service.deploy = Some(model::Deploy { update_config: Some(update), ..Default::default() });
}

fn start_first(service: &mut Service) {
    updated(service, |update| update.order = "start-first".into());
}

#[test]
fn start_first_keeps_the_old_container_until_the_plan_settles() {
    let case = case().with("web", |web| {
        start_first(web);
        checked(web);
    });
    assert_snapshot!(case.found(running("web").stale()).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: start container of #1
    [2] -> #3 web: await container of #1: healthy
    [3] -> #4 project: settle [barrier]
    [4] -> #5 web: stop p-web-1, replaced
    [5] -> #6 web: remove p-web-1, replaced
    [4,6] -> #7 web: rename container of #1 to p-web-1
    ");
}

#[test]
fn a_service_stops_first_where_old_and_new_container_would_need_the_same() {
    type Change = fn(&mut Service);
    let cases: [(Change, &str); 10] = [
        (
            |web| web.ports.push(model::Port { published: "8000".into(), ..Default::default() }),
            "publishes host port 8000",
        ),
        (|web| web.network_mode = "host".into(), "the host's network"),
        (|web| web.network_mode = "container:vpn".into(), "the network of `container:vpn`"),
        (
            |web| {
                let tpu = model::DeviceRequest { capabilities: vec!["tpu".into()], ..Default::default() };
                let reserved = model::Resource { devices: vec![tpu], ..Default::default() };
                let deploy = web.deploy.get_or_insert_default();
                deploy.resources.reservations = Some(reserved);
            },
            "reserves a device",
        ),
        (
            |web| {
                let attachment = model::Attachment { ipv4_address: "10.0.0.9".into(), ..Default::default() };
                web.networks.insert("net".into(), Some(attachment));
            },
            "fixed address 10.0.0.9",
        ),
        (
            |web| {
                web.devices.push(model::DeviceMapping { source: "/dev/ttyS0".into(), ..Default::default() })
            },
            "device /dev/ttyS0",
        ),
        (|web| web.sofa = Some(model::Sofa { gpu: true, ..Default::default() }), "has a GPU"),
        (|web| on_volume(web, "data"), "writes to /data"),
        (|web| web.volumes_from.push("db".into()), "writes to the volumes of db"),
        (
            |web| web.sofa = Some(model::Sofa { role: Some(model::Role::Job), ..Default::default() }),
            "is a job",
        ),
    ];
    for (change, cause) in cases {
        let case = case().network("net").volume("data").with("web", |web| {
            start_first(web);
            change(web);
        });
        assert_eq!(case.try_deploy(Policy::default()).unwrap().notes, [""; 0], "nothing is replaced");
        let plan = case.found(running("web").stale()).try_deploy(Policy::default()).unwrap();
        let note = plan.notes.first().map(String::as_str).unwrap_or_default();
        assert!(
            note.starts_with("web stops first although `update_config.order` is `start-first`: "),
            "{note}"
        );
        assert!(note.contains(cause), "{cause}: {note}");
        let at =
            |fits: fn(&Action) -> bool| plan.operations.iter().position(|operation| fits(&operation.action));
        let stop = at(|action| matches!(action, Action::StopContainer { .. }));
        let start = at(|action| matches!(action, Action::StartContainer { .. }));
        assert!(stop.unwrap() < start.unwrap(), "{plan}");
    }
    let reads = case().volume("data").with("web", |web| {
        start_first(web);
        on_volume(web, "data");
        web.volumes[0].read_only = true;
        web.ports.push(model::Port { target: 80, ..Default::default() });
    });
    let plan = reads.found(running("web").stale()).try_deploy(Policy::default()).unwrap();
    assert_eq!(plan.notes, [""; 0], "what it only reads, and a port of the engine's choice");
}

#[test]
fn a_service_whose_image_declares_a_volume_stops_first() {
    let mut case = case().with("web", start_first);
    case.observed.images.get_mut("web:1").unwrap().volumes = vec!["/var/lib/data".into()];
    let plan = case.found(running("web").stale()).try_deploy(Policy::default()).unwrap();
    assert!(plan.notes[0].contains("writes to /var/lib/data"), "{:?}", plan.notes);
}

#[test]
fn groups_are_watched_and_followed_by_a_pause() {
    let case = case().with("web", |web| {
        web.scale = Some(2);
        updated(web, |update| {
            update.parallelism = Some(1);
            update.delay = model::Duration(std::time::Duration::from_secs(10));
            update.monitor = model::Duration(std::time::Duration::from_secs(5));
        });
    });
    assert_snapshot!(case.found(running("web").stale()).found(running("web").number(2).stale()).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: running
    [5] -> #6 web: watch web 1 for 5s
    [6] -> #7 web: wait 10s
    [] -> #8 web: create container 111111111111_p-web-2, configuration changed
    [7,8] -> #9 web: disable restart of p-web-2, replaced
    [9] -> #10 web: stop p-web-2, replaced [disruptive]
    [7,8,10] -> #11 web: start container of #8
    [11] -> #12 web: await container of #8: running
    [12] -> #13 project: watch web 1, web 2 for 5s [barrier]
    [13] -> #14 web: remove p-web-1, replaced
    [13,14] -> #15 web: rename container of #1 to p-web-1
    [13] -> #16 web: remove p-web-2, replaced
    [13,16] -> #17 web: rename container of #8 to p-web-2
    ");
}

#[test]
fn a_share_of_the_replicas_may_fail_or_all_of_them() {
    let of = |replicas, change: fn(&mut model::UpdateConfig)| {
        let case = case().with("web", |web| {
            web.scale = Some(replicas);
            updated(web, change);
        });
        case.deploy()
    };
    assert!(of(10, |update| update.max_failure_ratio = 0.7).contains("(7 may fail)"));
    assert!(of(20, |update| update.max_failure_ratio = 0.35).contains("(7 may fail)"));
    let tolerated = |change| of(4, change);
    assert!(tolerated(|update| update.max_failure_ratio = 0.5).contains("(2 may fail)"));
    assert!(tolerated(|update| update.failure_action = "continue".into()).contains("(4 may fail)"));
    assert!(!tolerated(|update| update.max_failure_ratio = 0.2).contains("may fail"));
    assert!(tolerated(|update| update.failure_action = "pause".into()).contains("(pauses on failure)"));
}

#[test]
fn a_rollback_goes_by_its_own_config() {
    let mut case = case().with("web", |web| {
        web.scale = Some(2);
        updated(web, |update| update.parallelism = Some(1));
    });
    let plan = |case: &Case, rollback| {
        let plan = case.try_deploy(Policy { rollback, ..Policy::default() }).unwrap();
        let waits: Vec<_> = plan
            .operations
            .iter()
            .filter(|op| matches!(op.action, Action::Await { .. }))
            .map(|op| op.id)
            .collect();
        let starts = plan.operations.iter().filter(|op| matches!(op.action, Action::StartContainer { .. }));
        starts.filter(|start| start.needs.iter().any(|need| waits.contains(need))).count()
    };
    assert_eq!(
        (plan(&case, false), plan(&case, true)),
        (1, 1),
        "without a rollback_config, update_config counts"
    );
    let web = case.project.services.get_mut("web").unwrap();
    let all_at_once = model::UpdateConfig { parallelism: Some(0), ..Default::default() };
    web.deploy.as_mut().unwrap().rollback_config = Some(all_at_once);
    assert_eq!((plan(&case, false), plan(&case, true)), (1, 0), "all at once");
    case.project.services.get_mut("web").unwrap().deploy.as_mut().unwrap().rollback_config =
        Some(model::UpdateConfig::default());
    assert_eq!(plan(&case, true), 1, "one after the other where nothing is said, as Swarm does");
}

#[test]
fn a_note_names_the_key_that_asks_for_start_first() {
    let case = case().with("web", |web| {
        let start_first = model::UpdateConfig { order: "start-first".into(), ..Default::default() };
        web.ports.push(model::Port { published: "8000".into(), ..Default::default() });
        web.deploy = Some(model::Deploy { rollback_config: Some(start_first), ..Default::default() });
    });
    let case = case.found(running("web").stale());
    assert_eq!(case.try_deploy(Policy::default()).unwrap().notes, [""; 0]);
    let plan = case.try_deploy(Policy { rollback: true, ..Policy::default() }).unwrap();
    assert!(plan.notes[0].contains("although `rollback_config.order` is"), "{:?}", plan.notes);
}

#[test]
fn a_written_monitor_watches_every_group_whatever_its_gate() {
    let case = case().with("web", |web| {
        checked(web);
        web.scale = Some(2);
        updated(web, |update| {
            update.parallelism = Some(1);
            update.monitor = model::Duration(std::time::Duration::from_secs(60));
        });
    });
    let plan = case.found(running("web").stale()).found(running("web").number(2).stale()).deploy();
    assert!(plan.contains("project: watch web 1, web 2 for 60s [barrier]"), "{plan}");
}
