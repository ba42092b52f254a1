//! Plans as text: each rule of the planner has a case here that fails when the rule is broken.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::desired::Desired;
use super::labelled::Scope;
use super::observed::{
    Attachment, Container, ContainerId, Health, Image, ImageId, Mount, Network, NetworkId, Observed, Port,
    State, Volume,
};
use super::operation::Plan;
use super::scope::{self, Deps, Selection};
use super::{Policy, Problem, Recreate, down};
use crate::compose::Dialect;
use crate::compose::model::{self, Condition, Dependency, Project, Service};

/// A project `p` with services added one by one, and an engine that may have them.
#[derive(Default)]
struct Case {
    project: Project,
    observed: Observed,
}

fn case() -> Case {
    let mut case = Case::default();
    case.project.name = "p".into();
    case
}

/// How a container of a service is found on the engine.
struct Found {
    service: &'static str,
    number: u32,
    state: State,
    health: Health,
    name: String,
    stale: bool,
}

fn running(service: &'static str) -> Found {
    let name = format!("p-{service}-1");
    Found { service, number: 1, state: State::Running, health: Health::None, name, stale: false }
}

impl Found {
    fn number(mut self, number: u32) -> Found {
        self.number = number;
        self.name = format!("p-{}-{number}", self.service);
        self
    }

    fn state(mut self, state: State) -> Found {
        self.state = state;
        self
    }

    fn health(mut self, health: Health) -> Found {
        self.health = health;
        self
    }

    fn named(mut self, name: &str) -> Found {
        self.name = name.into();
        self
    }

    /// Its configuration is not the files' any more.
    fn stale(mut self) -> Found {
        self.stale = true;
        self
    }
}

impl Case {
    fn service(self, name: &str) -> Case {
        self.with(name, |_| {})
    }

    fn with(mut self, name: &str, change: impl FnOnce(&mut Service)) -> Case {
        let mut service = Service { name: name.into(), image: format!("{name}:1"), ..Service::default() };
        change(&mut service);
        self.image(&service.image.clone(), "a");
        self.project.services.insert(name.into(), service);
        self
    }

    fn image(&mut self, reference: &str, digest: &str) {
        let digest = format!("sha256:{}", digest.repeat(64));
        let image = Image {
            id: ImageId(digest.clone()),
            digest,
            repo_digests: vec![],
            tagged: None,
            labels: BTreeMap::new(),
            healthcheck: false,
            volumes: vec![],
        };
        self.observed.images.insert(reference.into(), image);
    }

    fn network(mut self, key: &str) -> Case {
        let network = model::Network { name: format!("p_{key}"), ..Default::default() };
        self.project.networks.insert(key.into(), network);
        self
    }

    fn volume(mut self, key: &str) -> Case {
        let volume = model::Volume { name: format!("p_{key}"), ..Default::default() };
        self.project.volumes.insert(key.into(), volume);
        self
    }

    /// The engine has a container.
    fn found(mut self, found: Found) -> Case {
        let hash = if found.stale { "another".to_string() } else { self.hash(found.service) };
        let image =
            self.observed.images.values().next().map(|image| image.digest.clone()).unwrap_or_default();
        let labels = [
            ("project", "p"),
            ("service", found.service),
            ("config-hash", &hash),
            ("image", &image),
            ("version", "5.5.0"),
            ("project.config_files", ""),
        ];
        let index = self.observed.containers.len();
        self.observed.containers.push(Container {
            id: ContainerId(format!("{index:x}").repeat(64)),
            name: found.name,
            service: found.service.into(),
            number: found.number,
            oneoff: false,
            state: found.state,
            health: found.health,
            image: String::new(),
            image_id: ImageId(image.clone()),
            created: 0,
            status: String::new(),
            labels: labels
                .into_iter()
                .map(|(name, value)| (format!("com.docker.compose.{name}"), value.to_string()))
                .collect(),
            networks: BTreeMap::new(),
            mounts: vec![],
            ports: vec![],
        });
        self
    }

    /// Changes the container that was found last.
    fn but(mut self, change: impl FnOnce(&mut Container)) -> Case {
        if let Some(container) = self.observed.containers.last_mut() {
            change(container);
        }
        self
    }

    fn foreign(mut self, name: &str, project: Option<&str>, change: impl FnOnce(&mut Container)) -> Case {
        self = self.found(running("x").named(name));
        if let Some(mut container) = self.observed.containers.pop() {
            container.labels.clear();
            if let Some(project) = project {
                container.labels.insert("com.docker.compose.project".into(), project.into());
            }
            change(&mut container);
            self.observed.foreign.push(container);
        }
        self
    }

    fn hash(&self, service: &str) -> String {
        let names: Vec<&str> = self.project.services.keys().map(|name| name.as_str()).collect();
        let desired = Desired::new(&self.project, &names, &self.observed, Dialect::V5, None);
        desired.service(service).map(|service| service.hashes[0].clone()).unwrap_or_default()
    }

    fn try_deploy(&self, policy: Policy) -> Result<Plan, Vec<Problem>> {
        let order = scope::resolve(&self.project, &Selection::All, Deps::Auto, &self.observed).unwrap();
        super::deploy(
            &Desired::new(&self.project, &order, &self.observed, Dialect::V5, None),
            &self.observed,
            policy,
        )
    }

    fn deploy(&self) -> String {
        self.try_deploy(Policy::default()).unwrap().to_string()
    }

    fn down(&self, policy: &down::Policy) -> Plan {
        super::down::down("p", &self.observed, policy)
    }
}

fn after(service: &mut Service, dependency: &str, condition: Condition) {
    let edge = Dependency { condition, restart: false, extensions: Default::default(), required: true };
    service.depends_on.insert(dependency.into(), edge);
}

fn checked(service: &mut Service) {
    let test = model::HealthcheckTest(vec!["CMD".into(), "true".into()]);
    service.healthcheck = Some(model::Healthcheck { test, ..Default::default() });
}

fn on_volume(service: &mut Service, key: &str) {
    service.volumes.push(model::Mount {
        kind: model::MountKind::Volume,
        source: key.into(),
        target: "/data".into(),
        ..Default::default()
    });
}

#[test]
fn a_first_deploy_creates_everything_and_starts_each_service_when_its_dependencies_are_ready() {
    let case = case()
        .network("default")
        .volume("data")
        .with("db", |db| {
            checked(db);
            on_volume(db, "data");
            db.networks.insert("default".into(), None);
        })
        .with("migrate", |migrate| after(migrate, "db", Condition::Healthy))
        .with("web", |web| {
            web.networks.insert("default".into(), None);
            after(web, "migrate", Condition::CompletedSuccessfully);
            after(web, "db", Condition::Started);
        });
    assert_snapshot!(case.deploy(), @"
    [] -> #1 project: create network p_default, not there yet
    [] -> #2 project: create volume p_data, not there yet
    [1,2] -> #3 db: create container p-db-1, not there yet
    [3] -> #4 db: start container of #3
    [4] -> #5 db: await container of #3: healthy
    [] -> #6 migrate: create container p-migrate-1, not there yet
    [5,6] -> #7 migrate: start container of #6 [one-way]
    [7] -> #8 migrate: await container of #6: completed
    [1] -> #9 web: create container p-web-1, not there yet
    [4,8,9] -> #10 web: start container of #9
    [10] -> #11 web: await container of #9: running
    [11] -> #12 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn nothing_is_planned_where_everything_is_as_the_files_say() {
    let case = case().service("web").with("db", checked);
    let case = case.found(running("web")).found(running("db").health(Health::Healthy));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.operations.is_empty(), "{plan}");
    assert_eq!(plan.unchanged, ["db", "web"]);
}

#[test]
fn a_changed_configuration_replaces_the_container_after_the_new_one_is_ready() {
    assert_snapshot!(case().with("web", checked).found(running("web").stale()).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: healthy
    [5] -> #6 project: settle [barrier]
    [6] -> #7 web: remove p-web-1, replaced
    [6,7] -> #8 web: rename container of #1 to p-web-1
    ");
}

#[test]
fn a_changed_image_says_both_digests() {
    let mut case = case().service("web").found(running("web"));
    case.image("web:1", "b");
    assert_snapshot!(case.deploy().lines().next().unwrap(), @"[] -> #1 web: create container 000000000000_p-web-1, image digest changed sha256:aaaaaaaaaaaa… → sha256:bbbbbbbbbbbb…");
}

#[test]
fn an_image_recorded_by_its_id_is_the_same_image() {
    let mut case = case().service("web").found(running("web"));
    if let Some(image) = case.observed.images.get_mut("web:1") {
        image.digest = "sha256:manifest".into();
    }
    assert_eq!(case.deploy(), "");
}

#[test]
fn a_stopped_container_is_started_and_not_replaced() {
    assert_snapshot!(case().service("web").found(running("web").state(State::Exited(137))).deploy(), @"
    [] -> #1 web: start p-web-1, exited with 137
    [1] -> #2 web: await p-web-1: running
    [2] -> #3 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn a_paused_container_goes_on() {
    assert_snapshot!(case().service("web").found(running("web").state(State::Paused)).deploy(), @"
    [] -> #1 web: unpause p-web-1, it is paused
    [1] -> #2 web: await p-web-1: running
    [2] -> #3 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn a_service_that_is_not_ready_yet_is_waited_for_though_nothing_changes() {
    let case = case().with("db", checked).found(running("db").health(Health::Starting));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.changes_nothing());
    assert_snapshot!(plan.to_string(), @"[] -> #1 db: await p-db-1: healthy");
}

#[test]
fn a_job_that_succeeded_does_not_run_again_until_it_changes() {
    let migrate = |case: Case| {
        case.service("migrate").with("web", |web| after(web, "migrate", Condition::CompletedSuccessfully))
    };
    let done = || running("migrate").state(State::Exited(0));
    let unchanged = migrate(case()).found(done()).found(running("web"));
    assert_eq!(unchanged.deploy(), "");
    let changed = migrate(case()).found(done().stale()).found(running("web"));
    assert_snapshot!(changed.deploy(), @"
    [] -> #1 migrate: create container 000000000000_p-migrate-1, configuration changed
    [1] -> #2 migrate: start container of #1 [one-way]
    [2] -> #3 migrate: await container of #1: completed
    [3] -> #4 project: settle [barrier]
    [4] -> #5 migrate: remove p-migrate-1, replaced
    [4,5] -> #6 migrate: rename container of #1 to p-migrate-1
    ");
    let failed = migrate(case()).found(running("migrate").state(State::Exited(1))).found(running("web"));
    assert_snapshot!(failed.deploy(), @"
    [] -> #1 migrate: start p-migrate-1, exited with 1 [one-way]
    [1] -> #2 migrate: await p-migrate-1: completed
    ");
}

#[test]
fn scaling_fills_no_gaps_and_takes_obsolete_replicas_first_then_the_highest() {
    let scaled = |count: i64| case().with("web", move |web| web.scale = Some(count));
    let up = scaled(3).found(running("web")).found(running("web").number(4));
    assert_snapshot!(up.deploy(), @"
    [] -> #1 web: create container p-web-5, scaled to 3
    [1] -> #2 web: start container of #1
    [2] -> #3 web: await container of #1: running
    [3] -> #4 project: watch web 5 for 2s [barrier]
    ");
    let down =
        scaled(1).found(running("web")).found(running("web").number(2)).found(running("web").number(3));
    assert_snapshot!(down.deploy(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: stop p-web-3, scaled to 1 [disruptive]
    [2] -> #3 web: remove p-web-3, scaled to 1
    [1] -> #4 web: stop p-web-2, scaled to 1 [disruptive]
    [4] -> #5 web: remove p-web-2, scaled to 1
    ");
    let obsolete = scaled(1).found(running("web").stale()).found(running("web").number(2));
    assert_snapshot!(obsolete.deploy(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: stop p-web-1, scaled to 1 [disruptive]
    [2] -> #3 web: remove p-web-1, scaled to 1
    ");
}

#[test]
fn replicas_are_replaced_in_groups_of_update_config() {
    let case = case().with("web", |web| {
        web.scale = Some(2);
        let update = model::UpdateConfig { parallelism: Some(1), ..Default::default() };
        web.deploy = Some(model::Deploy { update_config: Some(update), ..Default::default() });
    });
    assert_snapshot!(case.found(running("web").stale()).found(running("web").number(2).stale()).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: running
    [] -> #6 web: create container 111111111111_p-web-2, configuration changed
    [5,6] -> #7 web: disable restart of p-web-2, replaced
    [7] -> #8 web: stop p-web-2, replaced [disruptive]
    [5,6,8] -> #9 web: start container of #6
    [9] -> #10 web: await container of #6: running
    [10] -> #11 project: watch web 1, web 2 for 2s [barrier]
    [11] -> #12 web: remove p-web-1, replaced
    [11,12] -> #13 web: rename container of #1 to p-web-1
    [11] -> #14 web: remove p-web-2, replaced
    [11,14] -> #15 web: rename container of #6 to p-web-2
    ");
}

#[test]
fn a_service_in_the_namespace_of_a_replaced_one_is_replaced_too() {
    let case = case().service("vpn").with("web", |web| {
        web.network_mode = "service:vpn".into();
        after(web, "vpn", Condition::Started);
    });
    let case = case.found(running("vpn").stale());
    assert_snapshot!(case.found(running("web")).deploy(), @"
    [] -> #1 vpn: create container 000000000000_p-vpn-1, configuration changed
    [1] -> #2 vpn: disable restart of p-vpn-1, replaced
    [2] -> #3 vpn: stop p-vpn-1, replaced [disruptive]
    [1,3] -> #4 vpn: start container of #1
    [4] -> #5 vpn: await container of #1: running
    [1] -> #6 web: create container 111111111111_p-web-1, shares namespaces or mounts with vpn, which is replaced
    [4,6] -> #7 web: disable restart of p-web-1, replaced
    [7] -> #8 web: stop p-web-1, replaced [disruptive]
    [4,6,8] -> #9 web: start container of #6
    [9] -> #10 web: await container of #6: running
    [5,10] -> #11 project: watch vpn 1, web 1 for 2s [barrier]
    [11] -> #12 vpn: remove p-vpn-1, replaced
    [11,12] -> #13 vpn: rename container of #1 to p-vpn-1
    [11] -> #14 web: remove p-web-1, replaced
    [11,14] -> #15 web: rename container of #6 to p-web-1
    ");
}

#[test]
fn a_dependant_with_restart_true_is_restarted_when_its_dependency_is_replaced() {
    let case = case().service("db").with("web", |web| {
        after(web, "db", Condition::Started);
        web.depends_on.get_mut("db").unwrap().restart = true;
    });
    assert_snapshot!(case.found(running("db").stale()).found(running("web")).deploy(), @"
    [] -> #1 db: create container 000000000000_p-db-1, configuration changed
    [1] -> #2 db: disable restart of p-db-1, replaced
    [2] -> #3 db: stop p-db-1, replaced [disruptive]
    [1,3] -> #4 db: start container of #1
    [4] -> #5 db: await container of #1: running
    [4] -> #6 web: stop p-web-1, db is replaced, and `restart: true` is set [disruptive]
    [6] -> #7 web: start p-web-1
    [7] -> #8 web: await p-web-1: running
    [5,8] -> #9 project: watch db 1, web 1 for 2s [barrier]
    [9] -> #10 db: remove p-db-1, replaced
    [9,10] -> #11 db: rename container of #1 to p-db-1
    ");
}

#[test]
fn what_a_killed_run_left_is_gone_on_with_and_cleared_away() {
    let debris = case()
        .service("web")
        .found(running("web").stale())
        .found(running("web").named("000000000000_p-web-1").state(State::Created));
    assert_snapshot!(debris.deploy(), @"
    [] -> #1 web: disable restart of p-web-1, replaced
    [1] -> #2 web: stop p-web-1, replaced [disruptive]
    [2] -> #3 web: start 000000000000_p-web-1, created and never started
    [3] -> #4 web: await 000000000000_p-web-1: running
    [4] -> #5 project: watch web 1 for 2s [barrier]
    [5] -> #6 web: remove p-web-1, replaced
    [5,6] -> #7 web: rename 000000000000_p-web-1 to p-web-1
    ");
}

#[test]
fn orphans_of_the_same_files_are_named_and_removed_only_when_asked() {
    let case = case().service("web").found(running("web")).found(running("old"));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.operations.is_empty());
    assert_eq!(plan.notes, ["no service of the files owns p-old-1; `--remove-orphans` removes it"]);
    let plan = case.try_deploy(Policy { remove_orphans: true, ..Policy::default() }).unwrap();
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 old: stop p-old-1, orphan: no service of the files owns it [disruptive]
    [2] -> #3 old: remove p-old-1, orphan: no service of the files owns it
    ");
    let other_files = case.but(|container| {
        container.labels.insert("com.docker.compose.project.config_files".into(), "/elsewhere.yml".into());
    });
    let plan = other_files.try_deploy(Policy { remove_orphans: true, ..Policy::default() }).unwrap();
    assert!(plan.operations.is_empty(), "{plan}");
}

#[test]
fn without_waiting_only_what_somebody_waits_for_is_awaited() {
    let case = case().with("db", checked).with("web", |web| {
        checked(web);
        after(web, "db", Condition::Healthy);
    });
    let plan = case.try_deploy(Policy { wait: false, ..Policy::default() }).unwrap();
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 db: create container p-db-1, not there yet
    [1] -> #2 db: start container of #1
    [2] -> #3 db: await container of #1: healthy
    [] -> #4 web: create container p-web-1, not there yet
    [3,4] -> #5 web: start container of #4
    ");
}

#[test]
fn a_forced_recreation_says_so_and_never_replaces_nothing() {
    let case = case().service("web").found(running("web").stale());
    let forced = case.try_deploy(Policy { recreate: Recreate::Force, ..Policy::default() }).unwrap();
    assert!(forced.to_string().contains("recreation was forced"), "{forced}");
    let kept = case.try_deploy(Policy { recreate: Recreate::Never, ..Policy::default() }).unwrap();
    assert!(kept.operations.is_empty(), "{kept}");
}

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
            "service `web`: host port 8000/tcp is held by container `other-web-1` of project `other`",
        ]
    );
    assert!(problems.iter().all(|problem| problem.owned));
}

#[test]
fn down_stops_dependants_first_and_keeps_what_others_use() {
    let mut case = case().found(running("db")).found(running("web")).but(|web| {
        web.labels.insert("com.docker.compose.depends_on".into(), "db:service_started:false".into());
    });
    let labels: BTreeMap<_, _> = [("com.docker.compose.project".to_string(), "p".to_string())].into();
    for name in ["p_data", "p_shared"] {
        case.observed.volumes.push(Volume {
            name: name.into(),
            driver: "local".into(),
            labels: labels.clone(),
        });
    }
    for name in ["p_default", "p_used"] {
        case.observed.networks.push(Network {
            id: NetworkId(name.into()),
            name: name.into(),
            driver: "bridge".into(),
            labels: labels.clone(),
        });
    }
    let case = case.foreign("guest", Some("q"), |guest| {
        guest.networks.insert("p_used".into(), Attachment::default());
        guest.mounts.push(Mount {
            kind: "volume".into(),
            name: Some("p_shared".into()),
            source: String::new(),
            destination: "/x".into(),
        });
    });
    let kept = case.down(&down::Policy::default());
    assert_snapshot!(kept.to_string(), @"
    [] -> #1 web: stop p-web-1, down [disruptive]
    [1] -> #2 db: stop p-db-1, down [disruptive]
    [1] -> #3 web: remove p-web-1, down [one-way]
    [2] -> #4 db: remove p-db-1, down [one-way]
    [3,4] -> #5 project: remove network p_default, down
    ");
    assert_snapshot!(kept.notes.join("\n"), @"
    network p_used stays: used by guest
    volumes p_data, p_shared stay: `--volumes` removes them
    ");
    let removed = case.down(&down::Policy { volumes: true, ..Default::default() });
    assert_snapshot!(removed.notes.join("\n"), @"
    network p_used stays: used by guest
    volume p_shared stays: used by guest
    ");
    assert!(removed.to_string().contains("remove volume p_data"), "{removed}");
    assert!(!removed.to_string().contains("remove volume p_shared"), "{removed}");
    let one =
        case.down(&down::Policy { scope: Scope::Services(["web".into()].into()), ..Default::default() });
    assert!(!one.to_string().contains("p-db-1"), "{one}");
}

#[test]
fn a_volume_that_persists_survives_every_down() {
    let mut case = case().found(running("db"));
    let labels = [("com.docker.compose.project", "p"), ("sofa.persist", "true")];
    let labels = labels.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    case.observed.volumes.push(Volume { name: "p_cache".into(), driver: "local".into(), labels });
    let plan = case.down(&down::Policy { volumes: true, ..Default::default() });
    assert!(!plan.to_string().contains("p_cache"), "{plan}");
    assert_eq!(plan.notes, ["volume p_cache stays: labelled sofa.persist=true"]);
}

#[test]
fn a_plan_of_a_thousand_services_is_made_in_a_constant_number_of_passes() {
    let mut case = case();
    for index in 0..1_000 {
        let name = format!("s{index:04}");
        case = case.with(&name, |service| {
            if index > 0 {
                after(service, &format!("s{:04}", index - 1), Condition::Started);
            }
        });
    }
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_eq!(plan.operations.len(), 3_001);
}

/// The coordinator as its containers tell it: labels only, no files.
fn coordinator(state: State, health: Health) -> Case {
    let worker = "init-db:service_completed_successfully:false,postgres:service_healthy:false";
    let mut case = case();
    for (service, role, needs) in [
        ("init-db", "job", "postgres:service_healthy:false"),
        ("model-orchestrator", "infra", ""),
        ("postgres", "infra", ""),
        ("predict-worker", "backend", worker),
        ("report-worker", "backend", worker),
        ("score-worker", "backend", worker),
    ] {
        let found = match role {
            "job" => running(service).state(State::Exited(0)),
            _ => running(service).state(state.clone()).health(health),
        };
        case = case.found(found).but(|container| {
            container.labels.insert("sofa.role".into(), role.into());
            container.labels.insert("com.docker.compose.depends_on".into(), needs.into());
        });
    }
    case
}

fn named(names: &[&str]) -> Scope {
    Scope::Services(names.iter().map(|name| name.to_string()).collect())
}

#[test]
fn the_scope_of_a_mode_is_told_by_the_roles_of_containers() {
    let containers = coordinator(State::Running, Health::Healthy).observed.containers;
    let backend = named(&["predict-worker", "report-worker", "score-worker"]);
    assert_eq!(Scope::of(&Selection::Backend, &containers), backend);
    let infra = named(&["model-orchestrator", "postgres"]);
    assert_eq!(Scope::of(&Selection::Infra, &containers), infra);
    assert_eq!(Scope::of(&Selection::All, &containers), Scope::Everything);
}

#[test]
fn containers_without_roles_go_by_the_built_in_names() {
    let mut containers = coordinator(State::Running, Health::Healthy).observed.containers;
    for container in &mut containers {
        container.labels.remove("sofa.role");
    }
    let backend = named(&["predict-worker", "report-worker", "score-worker"]);
    assert_eq!(Scope::of(&Selection::Backend, &containers), backend);
    // Neither the job nor what stands on the backend.
    let infra = named(&["model-orchestrator", "postgres"]);
    assert_eq!(Scope::of(&Selection::Infra, &containers), infra);
}

#[test]
fn stop_ends_dependants_before_what_they_need() {
    let case = coordinator(State::Running, Health::Healthy);
    let plan = super::stop("p", &case.observed, &Scope::Everything, None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 score-worker: stop p-score-worker-1, stop [disruptive]
    [] -> #2 report-worker: stop p-report-worker-1, stop [disruptive]
    [] -> #3 predict-worker: stop p-predict-worker-1, stop [disruptive]
    [] -> #4 model-orchestrator: stop p-model-orchestrator-1, stop [disruptive]
    [1,2,3] -> #5 postgres: stop p-postgres-1, stop [disruptive]
    ");
    let one = super::stop("p", &case.observed, &named(&["report-worker"]), None);
    assert_snapshot!(one.to_string(), @"[] -> #1 report-worker: stop p-report-worker-1, stop [disruptive]");
    let idle = coordinator(State::Exited(137), Health::None);
    assert!(super::stop("p", &idle.observed, &Scope::Everything, None).operations.is_empty());
}

#[test]
fn stop_keeps_its_order_across_services_that_are_down() {
    let depends = |on: &'static str| {
        move |container: &mut Container| {
            container
                .labels
                .insert("com.docker.compose.depends_on".into(), format!("{on}:service_started:false"));
        }
    };
    let case = case()
        .found(running("db"))
        .found(running("api").state(State::Exited(1)))
        .but(depends("db"))
        .found(running("web"))
        .but(depends("api"));
    let plan = super::stop("p", &case.observed, &Scope::Everything, None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 web: stop p-web-1, stop [disruptive]
    [1] -> #2 db: stop p-db-1, stop [disruptive]
    ");
}

#[test]
fn start_begins_with_dependencies_and_leaves_jobs_alone() {
    let case = coordinator(State::Exited(0), Health::None);
    let plan = super::start("p", &case.observed, &named(&["init-db", "postgres", "score-worker"]));
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 postgres: start p-postgres-1, exited (0)
    [1] -> #2 postgres: await p-postgres-1: healthy
    [2] -> #3 postgres: watch postgres 1 for 2s
    [3] -> #4 score-worker: start p-score-worker-1, exited (0)
    [4] -> #5 score-worker: await p-score-worker-1: healthy
    [5] -> #6 score-worker: watch score-worker 1 for 2s
    ");
    let running = coordinator(State::Running, Health::Healthy);
    let plan = super::start("p", &running.observed, &Scope::Everything);
    assert!(plan.operations.is_empty(), "{plan}");
}

#[test]
fn start_waits_for_what_runs_and_is_not_ready() {
    let case = coordinator(State::Running, Health::Starting);
    let plan = super::start("p", &case.observed, &named(&["postgres"]));
    assert_snapshot!(plan.to_string(), @"[] -> #1 postgres: await p-postgres-1: healthy");
}

#[test]
fn restart_goes_one_by_one_with_the_backend_in_reverse_and_without_jobs() {
    let case = coordinator(State::Running, Health::Healthy);
    let scope = Scope::of(&Selection::Backend, &case.observed.containers);
    let plan = super::restart("p", &case.observed, &scope, &crate::settings::BACKEND, None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 report-worker: stop p-report-worker-1, restart [disruptive]
    [1] -> #2 report-worker: start p-report-worker-1, restart
    [2] -> #3 report-worker: await p-report-worker-1: healthy
    [3] -> #4 score-worker: stop p-score-worker-1, restart [disruptive]
    [4] -> #5 score-worker: start p-score-worker-1, restart
    [5] -> #6 score-worker: await p-score-worker-1: healthy
    [6] -> #7 predict-worker: stop p-predict-worker-1, restart [disruptive]
    [7] -> #8 predict-worker: start p-predict-worker-1, restart
    [8] -> #9 predict-worker: await p-predict-worker-1: healthy
    ");
    let all = super::restart("p", &case.observed, &Scope::Everything, &crate::settings::BACKEND, None);
    let stops: Vec<&str> = all
        .operations
        .iter()
        .filter(|operation| operation.disruptive)
        .filter_map(|operation| operation.action.replica())
        .map(|replica| replica.service.as_str())
        .collect();
    assert_eq!(stops, ["model-orchestrator", "report-worker", "score-worker", "predict-worker", "postgres"]);
}

#[test]
fn a_job_that_the_scope_waits_for_joins_it_and_other_dependencies_do_not() {
    let case = case()
        .with("migrate", |service| after(service, "db", Condition::Healthy))
        .with("web", |service| {
            after(service, "migrate", Condition::CompletedSuccessfully);
            after(service, "cache", Condition::Started);
        })
        .service("db")
        .service("cache")
        .found(running("cache"))
        .found(running("db"));
    let web = Selection::Named(vec!["web".into()]);
    let resolve = |observed: &Observed| scope::resolve(&case.project, &web, Deps::None, observed);
    assert_eq!(resolve(&case.observed).unwrap(), ["migrate", "web"]);
    let missing = resolve(&Observed::default()).unwrap_err();
    let names: Vec<&str> = missing.iter().map(|gap| gap.dependency.as_str()).collect();
    assert_eq!(names, ["db", "cache"]);
}

#[test]
fn hooks_and_start_first_are_refused_not_ignored() {
    let case = case().with("web", |web| {
        web.post_start.push(model::Hook::default());
        let update = model::UpdateConfig { order: "start-first".into(), ..Default::default() };
        web.deploy = Some(model::Deploy { update_config: Some(update), ..Default::default() });
    });
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].message.contains("`post_start`") && problems[1].message.contains("start-first"),
        "{problems:?}"
    );
}
