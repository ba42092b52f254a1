//! Networks, volumes, ports and names: what is missing, what changed, what others hold.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_network_that_is_not_attached_replaces_a_running_container() {
    let mut case = case().network("default").with("web", |web| {
        web.networks.insert("default".into(), None);
    });
    case.observed.networks.push(Network {
        id: NetworkId("n1".into()),
        name: "p_default".into(),
        driver: "bridge".into(),
        labels: BTreeMap::new(),
        settings: Default::default(),
    });
    let detached = case.found(running("web"));
    assert!(detached.deploy().contains("not attached to network p_default"), "{}", detached.deploy());
    let attached = detached.but(|container| {
        container
            .networks
            .insert("p_default".into(), Attachment { network: "n1".into(), ..Default::default() });
    });
    assert_eq!(attached.deploy(), "");
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut case = case().service("plain").with("web", |web| {
        after(web, "plain", Condition::Healthy);
        on_volume(web, "outside");
        web.networks.insert("outside".into(), None);
    });
    let network = model::Network { name: "outside".into(), external: true, ..Default::default() };
    case.project.networks.insert("outside".into(), network);
    let volume = model::Volume { name: "outside".into(), external: true, ..Default::default() };
    case.project.volumes.insert("outside".into(), volume);
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    let messages: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
    assert_eq!(
        messages,
        [
            "network `outside` is external and does not exist",
            "volume `outside` is external and does not exist",
            "service `web`: it waits for `plain` to be healthy, and `plain` has no healthcheck",
        ]
    );
}

/// A network `net` of the project whose recorded hash is not the files'.
pub(super) fn changed_network(mut case: Case) -> Case {
    let wanted = model::Network { name: "p_net".into(), internal: true, ..Default::default() };
    case.project.networks.insert("net".into(), wanted);
    let labels = [("project", "p"), ("network", "net"), ("config-hash", "another")];
    case.observed.networks.push(Network {
        id: NetworkId("old".into()),
        name: "p_net".into(),
        driver: "bridge".into(),
        labels: labels.map(|(name, value)| (format!("com.docker.compose.{name}"), value.into())).into(),
        settings: Default::default(),
    });
    case
}

pub(super) fn on_network(service: &mut Service) {
    service.networks.insert("net".into(), None);
}

pub(super) fn attached(container: &mut Container) {
    container.networks.insert("p_net".into(), Attachment { network: "old".into(), ..Default::default() });
}

#[test]
fn a_changed_network_is_replaced_under_its_name_and_what_is_kept_comes_back() {
    let case = changed_network(case())
        .with("db", |db| {
            on_network(db);
            checked(db);
        })
        .with("job", |job| {
            on_network(job);
            job.sofa = Some(model::Sofa { role: Some(model::Role::Job), ..Default::default() });
        })
        .with("web", |web| {
            on_network(web);
            after(web, "db", Condition::Healthy);
        });
    let case = case
        .found(running("db").health(Health::Healthy))
        .but(attached)
        .found(running("job").state(State::Exited(0)))
        .but(attached)
        .found(running("web"))
        .but(attached)
        .but(|web| {
            web.labels.insert("com.docker.compose.depends_on".into(), "db:service_healthy:false".into());
        });
    assert_snapshot!(case.deploy(), @"
    [] -> #1 web: stop p-web-1, network p_net is replaced [disruptive]
    [1] -> #2 db: stop p-db-1, network p_net is replaced [disruptive]
    [2] -> #3 db: disconnect p-db-1 from p_net
    [] -> #4 job: disconnect p-job-1 from p_net
    [1] -> #5 web: disconnect p-web-1 from p_net
    [3,4,5] -> #6 project: remove network p_net, configuration changed: internal [disruptive]
    [6] -> #7 project: create network p_net, configuration changed: internal
    [7] -> #8 db: connect p-db-1 to p_net
    [8] -> #9 db: start p-db-1
    [9] -> #10 db: await p-db-1: healthy
    [7] -> #11 job: connect p-job-1 to p_net
    [7] -> #12 web: connect p-web-1 to p_net
    [10,12] -> #13 web: start p-web-1
    [13] -> #14 web: await p-web-1: running
    [11,14] -> #15 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn a_container_that_is_replaced_with_its_network_is_not_connected_again() {
    let case = changed_network(case()).with("web", on_network).found(running("web").stale()).but(attached);
    assert_snapshot!(case.deploy(), @"
    [] -> #1 web: stop p-web-1, network p_net is replaced [disruptive]
    [1] -> #2 web: disconnect p-web-1 from p_net
    [2] -> #3 project: remove network p_net, configuration changed: internal [disruptive]
    [3] -> #4 project: create network p_net, configuration changed: internal
    [4] -> #5 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #6 web: disable restart of p-web-1, replaced
    [5,6] -> #7 web: start container of #5
    [7] -> #8 web: await container of #5: running
    [8] -> #9 project: watch web 1 for 2s [barrier]
    [9] -> #10 web: remove p-web-1, replaced
    [9,10] -> #11 web: rename container of #5 to p-web-1
    ");
}

#[test]
fn services_outside_the_scope_return_to_a_replaced_network() {
    let case = changed_network(case()).with("web", on_network);
    let case = case.found(running("other").health(Health::Healthy)).but(attached);
    assert_snapshot!(case.deploy(), @"
    [] -> #1 other: stop p-other-1, network p_net is replaced [disruptive]
    [1] -> #2 other: disconnect p-other-1 from p_net
    [2] -> #3 project: remove network p_net, configuration changed: internal [disruptive]
    [3] -> #4 project: create network p_net, configuration changed: internal
    [4] -> #5 other: connect p-other-1 to p_net
    [5] -> #6 other: start p-other-1
    [6] -> #7 other: await p-other-1: healthy
    [4] -> #8 web: create container p-web-1, not there yet
    [8] -> #9 web: start container of #8
    [9] -> #10 web: await container of #8: running
    [7,10] -> #11 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn a_dependant_with_restart_true_is_restarted_with_what_comes_back() {
    let case = changed_network(case()).with("vpn", on_network).with("web", |web| {
        web.network_mode = "service:vpn".into();
        after(web, "vpn", Condition::Started);
        web.depends_on.get_mut("vpn").unwrap().restart = true;
    });
    let plan = case.found(running("vpn")).but(attached).found(running("web")).deploy();
    assert!(plan.contains("stop p-web-1, shares namespaces with vpn, which is restarted"), "{plan}");
}

#[test]
fn containers_of_others_keep_a_network_from_being_replaced() {
    let case = changed_network(case()).with("web", on_network).foreign("guest", Some("q"), attached);
    let case = case.found(running("web").named("p-web-run-1")).but(attached).but(|run| run.oneoff = true);
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "network `p_net` must be replaced (configuration changed: internal), and containers that are not this project's use it: \
         guest, p-web-run-1"
    );
    assert!(problems[0].is_conflict && problems.len() == 1);
}

#[test]
fn a_renamed_network_goes_when_nothing_uses_it_any_more() {
    let mut case =
        changed_network(case()).with("web", on_network).found(running("web").stale()).but(attached);
    case.project.networks.get_mut("net").unwrap().name = "p_new".into();
    assert_snapshot!(case.deploy().lines().filter(|line| line.contains("network")).collect::<Vec<_>>().join("\n"), @"
    [] -> #1 project: create network p_new, not there yet
    [7,8] -> #10 project: remove network p_net, renamed to p_new
    ");
    let used = case.foreign("guest", Some("q"), attached);
    let plan = used.try_deploy(Policy::default()).unwrap();
    assert!(!plan.to_string().contains("remove network"), "{plan}");
    assert_eq!(plan.notes, ["network p_net stays: used by guest"]);
}

#[test]
fn an_external_network_is_taken_as_it_is() {
    let mut case = changed_network(case()).with("web", on_network).found(running("web")).but(attached);
    case.project.networks.get_mut("net").unwrap().external = true;
    assert_eq!(case.deploy(), "");
}

/// A volume `data` of the project whose recorded hash is not the files'.
fn changed_volume(change: impl FnOnce(&mut model::Volume)) -> Case {
    let mut case = case().volume("data").with("db", |db| on_volume(db, "data"));
    let labels = [("com.docker.compose.config-hash".to_string(), "another".to_string())].into();
    let options = [("o".to_string(), "addr=one,password=x".to_string())].into();
    case.observed.volumes.push(Volume { name: "p_data".into(), driver: "local".into(), options, labels });
    let volume = case.project.volumes.get_mut("data").unwrap();
    volume.driver_opts = [("o".to_string(), "addr=one,password=x".to_string())].into();
    change(volume);
    case
}

#[test]
fn a_volume_that_would_lose_its_data_is_never_replaced() {
    let case = changed_volume(|volume| {
        volume.driver_opts.insert("o".into(), "addr=two,password=y".into());
    });
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "volume `p_data`: driver_opts.o changed, and replacing it would lose its data"
    );
    let hint = problems[0].hint.as_deref().unwrap();
    assert!(hint.ends_with("to lose it: sofa rm --stop db && docker volume rm p_data"), "{hint}");
}

#[test]
fn a_volume_keeps_its_labels_and_the_deploy_goes_on() {
    let case = changed_volume(|volume| drop(volume.labels.insert("a".into(), "b".into())));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(!plan.to_string().contains("volume"), "{plan}");
    assert_eq!(
        plan.notes,
        [
            "volume p_data keeps its labels as they are: an engine changes none, and a new volume would be empty"
        ]
    );
}

#[test]
fn ports_and_names_of_others_are_refused_with_their_owner() {
    let case = case().with("web", |web| {
        web.container_name = "taken".into();
        web.ports.push(model::Port {
            target: 80,
            published: "8000".into(),
            host_ip: "127.0.0.1".into(),
            protocol: "tcp".into(),
            ..Default::default()
        });
    });
    let case = case.foreign("taken", None, |_| {}).foreign("other-web-1", Some("other"), |container| {
        container.labels.insert("sofa.mode".into(), "dev".into());
        container.ports.push(Port {
            address: Some("0.0.0.0".into()),
            published: Some(8000),
            target: 80,
            protocol: "tcp".into(),
        });
    });
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    let messages: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
    assert_eq!(
        messages,
        [
            "service `web`: container name `taken` is held by no project",
            "service `web`: host port 8000/tcp is held by container `other-web-1` of project `other` (mode dev)",
        ]
    );
    assert!(problems.iter().all(|problem| problem.is_conflict));
    let hints: Vec<&str> = problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    assert_eq!(
        hints,
        [
            "write no `container_name`, or remove that one: `docker rm taken`",
            "publish another port, or free that one: `docker stop other-web-1`",
        ]
    );
}

#[test]
fn a_port_of_another_mode_of_this_folder_is_freed_by_that_mode() {
    let mut case = case().with("web", |web| {
        web.ports.push(model::Port {
            target: 80,
            published: "8000".into(),
            protocol: "tcp".into(),
            ..Default::default()
        });
    });
    case.project.working_dir = "/srv/app".into();
    let case = case.foreign("p-dev-web-1", Some("p-dev"), |container| {
        container.labels.insert("sofa.mode".into(), "dev".into());
        container.labels.insert("com.docker.compose.project.working_dir".into(), "/srv/app".into());
        let (published, protocol) = (Some(8000), "tcp".to_owned());
        container.ports.push(Port { address: None, published, target: 80, protocol });
        container.service = "web".into();
    });
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(
        problems[0].hint.as_deref(),
        Some("publish another port, or free that one: `sofa stop dev web`")
    );
}

#[test]
fn a_name_that_a_container_would_get_may_be_held_too() {
    let case = case().with("web", |_| {}).foreign("p-web-1", None, |_| {});
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].to_string(), "service `web`: container name `p-web-1` is held by no project");
}

/// A service that mounts an image, and the container that was made when that was `digest`.
fn mounting(digest: &str, label: bool) -> Case {
    let mut case = case().with("web", |web| {
        web.volumes.push(model::Mount {
            kind: model::MountKind::Image,
            source: "assets:1".into(),
            target: "/assets".into(),
            ..Default::default()
        });
    });
    case.image("assets:1", digest);
    case = case.found(running("web"));
    let recorded =
        image_volumes::label(&case.project, &case.project.services["web"], &case.observed, &case.pins);
    let container = case.observed.containers.last_mut().unwrap();
    let image = case.observed.images["web:1"].digest.clone();
    container.labels.insert("com.docker.compose.image".into(), image);
    if let (Some(recorded), true) = (recorded, label) {
        container.labels.insert(crate::labels::compose::IMAGE_VOLUME_DIGEST.into(), recorded);
    }
    case
}

#[test]
fn a_pinned_image_is_mounted_by_a_name_of_its_own_where_its_reference_stands_for_another() {
    let mut case = mounting("b", true);
    let id = case.observed.images["assets:1"].id.clone();
    let pin = Pin { id: id.clone(), name: "sofa.release/p/web-assets:1".into() };
    case.pins.beside.insert(("web".into(), "assets:1".into()), pin);
    let mounted = |case: &Case| {
        let desired = Desired::new(&case.project, &["web"], &case.observed, case.terms());
        image_volumes::mountable(
            &case.project,
            desired.services["web"].service,
            &desired.services["web"].moved,
        )
        .volumes[0]
            .source
            .clone()
    };
    assert_eq!(mounted(&case), "assets:1", "the reference still stands for it");
    case.image("assets:1", "c");
    case.image(id.as_str(), "b");
    assert_eq!(mounted(&case), "sofa.release/p/web-assets:1");
    assert_eq!(case.deploy(), "", "what runs mounts it");
}

#[test]
fn an_image_that_is_mounted_and_moved_replaces_what_mounts_it() {
    let mut case = mounting("b", true);
    assert_eq!(case.deploy(), "");
    case.image("assets:1", "c");
    let plan = case.deploy();
    assert!(
        plan.contains("create container 000000000000_p-web-1, image mounted at /assets changed"),
        "{plan}"
    );
}

#[test]
fn an_image_that_is_mounted_is_hashed_by_its_name_or_its_digest() {
    let by_name = mounting("b", false);
    assert_eq!(by_name.deploy(), "", "as docker compose 2 and 5.5 do");
    let mut by_digest = mounting("b", false);
    let desired = Desired::new(&by_digest.project, &["web"], &by_digest.observed, by_digest.terms());
    let hash = desired.services["web"].hashes.last().cloned().unwrap();
    assert_ne!(desired.services["web"].hashes[0], hash);
    by_digest.observed.containers[0].labels.insert("com.docker.compose.config-hash".into(), hash);
    assert_eq!(by_digest.deploy(), "", "as docker compose 5.1 does");
    by_digest.image("assets:1", "c");
    assert!(by_digest.deploy().contains("configuration changed"));
}

#[test]
fn a_volume_that_is_not_mounted_replaces_the_container() {
    let case = case().volume("data").with("db", |db| on_volume(db, "data")).found(running("db"));
    let mut case = case;
    case.observed.volumes.push(Volume {
        name: "p_data".into(),
        driver: "local".into(),
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
    });
    let plan = case.deploy();
    assert!(plan.contains("create container 000000000000_p-db-1, volume p_data is not mounted"), "{plan}");
}

#[test]
fn a_renamed_volume_is_made_beside_the_old_one_and_the_container_replaced() {
    let mut case = case().volume("data").with("db", |db| on_volume(db, "data")).found(running("db"));
    let mount = Mount {
        kind: "volume".into(),
        name: Some("p_data".into()),
        source: String::new(),
        destination: "/data".into(),
    };
    case.observed.containers[0].mounts.push(mount);
    let labels = [("com.docker.compose.volume".to_string(), "data".to_string())].into();
    case.observed.volumes.push(Volume {
        name: "p_data".into(),
        driver: "local".into(),
        options: BTreeMap::new(),
        labels,
    });
    assert_eq!(case.deploy(), "");
    case.project.volumes.get_mut("data").unwrap().name = "p_other".into();
    let plan = case.deploy();
    assert!(plan.contains("project: create volume p_other, not there yet"), "{plan}");
    assert!(plan.contains("create container 000000000000_p-db-1, volume p_other is not mounted"), "{plan}");
    assert!(!plan.contains("remove volume"), "{plan}");
}

#[test]
fn a_service_without_containers_needs_no_port() {
    let publishes = |web: &mut Service| {
        web.ports.push(model::Port {
            target: 80,
            published: "8000".into(),
            protocol: "tcp".into(),
            ..Default::default()
        });
    };
    let holder = |case: Case| {
        case.foreign("other-web-1", Some("other"), |container| {
            let (published, protocol) = (Some(8000), "tcp".to_owned());
            container.ports.push(Port { address: None, published, target: 80, protocol });
        })
    };
    assert!(holder(case().with("web", publishes)).try_deploy(Policy::default()).is_err());
    let none = holder(case().with("web", |web| {
        publishes(web);
        web.scale = Some(0);
    }));
    assert!(none.try_deploy(Policy::default()).is_ok());
}

#[test]
fn networks_and_volumes_of_another_project_are_used_as_they_are() {
    let mut case = changed_network(case()).with("web", on_network).found(running("web")).but(attached);
    for network in &mut case.observed.networks {
        network.labels.insert("com.docker.compose.project".into(), "other".into());
    }
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.changes_nothing(), "{plan}");
    assert!(plan.notes[0].starts_with("network p_net belongs to project `other`"), "{:?}", plan.notes);

    let mut case = changed_volume(|volume| {
        volume.driver_opts.insert("o".into(), "addr=two".into());
    });
    assert!(case.try_deploy(Policy::default()).is_err());
    for volume in &mut case.observed.volumes {
        volume.labels.insert("com.docker.compose.project".into(), "other".into());
    }
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.notes[0].starts_with("volume p_data belongs to project `other`"), "{:?}", plan.notes);
}
