//! How long a plan takes for 1,000 services beside their 1,000 containers: all as they should be, and all changed.
//! `cargo bench --bench plan` prints both, from the model to the finished plan. Hashing is part of it.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_macros)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sofa::testing::compat::Dialect;
use sofa::testing::compose::model::{Condition, Dependency, Network, Project, Service};
use sofa::testing::plan::desired::{Desired, Terms};
use sofa::testing::plan::observed::{
    Attachment, Container, ContainerId, Health, Image, ImageId, NetworkId, Observed, State,
};
use sofa::testing::plan::pins::Pins;
use sofa::testing::plan::{Policy, deploy, graph, scope};

const SERVICES: usize = 1_000;
const ROUNDS: usize = 21;

fn main() {
    let project = project();
    let mut observed = observed(&project);
    for (name, expected) in [("nothing changed", 0), ("everything changed", SERVICES)] {
        let mut times: Vec<Duration> = (0..ROUNDS).map(|_| once(&project, &observed, expected)).collect();
        times.sort();
        println!("plan of {SERVICES} services, {name}: {:.1} ms", times[ROUNDS / 2].as_secs_f64() * 1e3);
        for container in &mut observed.containers {
            container.labels.insert("com.docker.compose.config-hash".into(), "another".into());
        }
    }
}

/// One plan; panics unless it replaces as many containers as it should.
fn once(project: &Project, observed: &Observed, expected: usize) -> Duration {
    let begun = Instant::now();
    let order = graph::dependencies_first(&scope::needs(project));
    let desired = Desired::new(project, &order, observed, terms());
    let plan = deploy(&desired, observed, Policy::default()).unwrap();
    let took = begun.elapsed();
    let replaced =
        plan.operations.iter().filter(|operation| operation.action.to_string().starts_with("create"));
    assert_eq!(replaced.count(), expected);
    took
}

fn terms() -> Terms<'static> {
    static PINS: Pins = Pins::new();
    Terms { dialect: Dialect::V5, mode: None, images: &PINS }
}

/// Services in a chain of ten each, with what a service usually has.
fn project() -> Project {
    let mut project = Project { name: "p".into(), ..Project::default() };
    project.networks.insert("default".into(), Network { name: "p_default".into(), ..Network::default() });
    for index in 0..SERVICES {
        let name = format!("s{index:04}");
        let mut service = Service { name: name.as_str().into(), image: "app:1".into(), ..Service::default() };
        service.networks.insert("default".into(), None);
        for variable in 0..20 {
            service.environment.insert(format!("VARIABLE_{variable}"), Some(format!("value {index}")));
        }
        if index % 10 > 0 {
            let edge = Dependency {
                condition: Condition::Started,
                restart: false,
                required: true,
                extensions: BTreeMap::new(),
            };
            service.depends_on.insert(format!("s{:04}", index - 1).as_str().into(), edge);
        }
        project.services.insert(name.as_str().into(), service);
    }
    project
}

fn observed(project: &Project) -> Observed {
    let digest = format!("sha256:{}", "a".repeat(64));
    let image = Image {
        id: ImageId(digest.clone()),
        digest: digest.clone(),
        repo_digests: Vec::new(),
        tagged: None,
        labels: BTreeMap::new(),
        healthcheck: false,
        volumes: Vec::new(),
        entrypoint: Vec::new(),
        command: Vec::new(),
    };
    let mut observed = Observed::default();
    observed.images.insert("app:1".into(), image);
    observed.networks.push(sofa::testing::plan::observed::Network {
        id: NetworkId("n".into()),
        name: "p_default".into(),
        driver: "bridge".into(),
        labels: BTreeMap::new(),
        settings: Default::default(),
    });
    let order = graph::dependencies_first(&scope::needs(project));
    let desired = Desired::new(project, &order, &observed, terms());
    let containers = project.services.keys().enumerate().map(|(index, name)| {
        let labels = [
            ("project", "p"),
            ("service", name.as_str()),
            ("config-hash", desired.services[name.as_str()].hashes[0].as_str()),
            ("image", digest.as_str()),
            ("version", "5.5.0"),
        ];
        Container {
            id: ContainerId(format!("{index:064x}")),
            name: format!("p-{name}-1"),
            service: name.to_string(),
            number: 1,
            oneoff: false,
            state: State::Running,
            health: Health::None,
            image: "app:1".into(),
            image_id: ImageId(digest.clone()),
            created: 0,
            status: "Up 3 minutes".into(),
            labels: labels
                .map(|(label, value)| (format!("com.docker.compose.{label}"), value.to_string()))
                .into(),
            started: None,
            quiesced: false,
            network_of: None,
            networks: [(
                "p_default".to_string(),
                Attachment { network: "n".into(), ..Attachment::default() },
            )]
            .into(),
            mounts: Vec::new(),
            ports: Vec::new(),
        }
    });
    let containers = containers.collect();
    Observed { containers, ..observed }
}
