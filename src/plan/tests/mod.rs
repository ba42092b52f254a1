//! Plans as text: each rule of the planner has a case in here that fails when the rule is broken. This file builds the cases.

mod context;
mod deploy;
mod edge;
mod exclusive;
mod explain;
mod handover;
mod hooks;
mod labelled;
mod limits;
mod objects;
mod ownership;
mod patience;
mod replicas;
mod scope_of_files;
mod strategy;

use std::collections::BTreeMap;

use super::action::Action;
use super::desired::{Desired, Terms};
use super::image_volumes;
use super::labelled::Scope;
use super::observed::{
    Attachment, Container, ContainerId, Health, Image, ImageId, Mount, Network, NetworkId, Observed, Port,
    State, Volume,
};
use super::operation::Plan;
use super::pins::{Pin, Pins};
use super::scope::{self, Deps, Selection};
use super::{Policy, Problem, Recreate, down, rm};
use crate::compat::Dialect;
use crate::compose::model::{self, Condition, Dependency, Project, Service};

/// A project `p` with services added one by one, and an engine that may have them.
#[derive(Default)]
struct Case {
    project: Project,
    observed: Observed,
    pins: Pins,
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
            entrypoint: vec![],
            command: vec![],
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
            ("version", "5.6.0"),
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
            started: None,
            quiesced: false,
            network_of: None,
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
                container.labels.insert("com.docker.compose.config-hash".into(), "h".into());
            }
            change(&mut container);
            self.observed.foreign.push(container);
        }
        self
    }

    fn terms(&self) -> Terms<'_> {
        Terms { dialect: Dialect::V5, mode: None, images: &self.pins }
    }

    fn hash(&self, service: &str) -> String {
        let names: Vec<&str> = self.project.services.keys().map(|name| name.as_str()).collect();
        let desired = Desired::new(&self.project, &names, &self.observed, self.terms());
        desired.service(service).map(|service| service.hashes[0].clone()).unwrap_or_default()
    }

    fn try_deploy(&self, policy: Policy) -> Result<Plan, Vec<Problem>> {
        let order = scope::resolve(
            &self.project,
            &Selection::All,
            &crate::settings::Backend::default(),
            Deps::Auto,
            &self.observed,
        )
        .unwrap();
        super::deploy(
            &Desired::new(&self.project, &order, &self.observed, self.terms()),
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

fn restarted_after(service: &mut Service, dependency: &str) {
    let edge = Dependency {
        condition: Condition::Started,
        restart: true,
        extensions: Default::default(),
        required: true,
    };
    service.depends_on.insert(dependency.into(), edge);
}

/// As the loader leaves it: who lives in a service's network depends on it.
fn in_network_of(service: &mut Service, parent: &str) {
    service.network_mode = format!("service:{parent}");
    restarted_after(service, parent);
}

fn publishing(service: &mut Service, port: &str) {
    service.ports.push(model::Port {
        target: 80,
        published: port.into(),
        protocol: "tcp".into(),
        ..Default::default()
    });
}

fn published(container: &mut Container, port: u16) {
    let (published, protocol) = (Some(port), "tcp".to_owned());
    container.ports.push(Port { address: Some("0.0.0.0".into()), published, target: 80, protocol });
}
