//! Networks, volumes, ports and names: what is missing, what changed, what others hold.

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
fn what_cannot_be_planned_is_told_all_at_once() {
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
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "network `outside` is external and does not exist",
            "volume `outside` is external and does not exist",
            "service `web` waits for `plain` to be healthy, and `plain` has no healthcheck",
        ]
    );
}

#[test]
fn a_volume_whose_configuration_changed_is_never_replaced() {
    let mut case = case().volume("data").with("db", |db| on_volume(db, "data"));
    let labels = [("com.docker.compose.config-hash".to_string(), "another".to_string())].into();
    case.observed.volumes.push(Volume { name: "p_data".into(), driver: "local".into(), labels });
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert!(problems[0].message.contains("would lose its data"), "{problems:?}");
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
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "service `web`: container name `taken` is held by no project",
            "service `web`: host port 8000/tcp is held by container `other-web-1` of project `other` (mode dev)",
        ]
    );
    assert!(problems.iter().all(|problem| problem.owned));
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
    assert_eq!(problems[0].message, "service `web`: container name `p-web-1` is held by no project");
}
