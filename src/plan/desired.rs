//! The desired state of a scope: the services of the model, with what the planner compares and waits for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;

use super::contents::{self, Digests};
use super::gate::{Gate, gate};
use super::image_volumes::{self, By, resolved};
use super::observed::{ContainerId, Image, Observed};
use super::pins::{Pin, Pins};
use super::sharing::{Parents, parents, shares, with_parents};
use crate::compat::Dialect;
use crate::compose::hash;
use crate::compose::model::{
    Condition, Dependency, JobRun, MountKind, Network, Project, Role, Service, ServiceName, Volume,
};

/// What should exist.
#[derive(Debug)]
pub struct Desired<'a> {
    /// The whole model; services outside the scope are named in it too.
    pub project: &'a Project,
    /// The services of the scope, dependencies before dependants.
    pub services: IndexMap<&'a str, DesiredService<'a>>,
    /// The networks that they use, by key.
    pub networks: Vec<DesiredNetwork<'a>>,
    /// The volumes that they use, by key.
    pub volumes: Vec<DesiredVolume<'a>>,
    /// Which docker compose's config hash new objects get.
    pub dialect: Dialect,
    /// The mode, for labels.
    pub mode: Option<&'a str>,
    /// The images that services must be created from, instead of what their references name.
    pins: &'a Pins,
}
use crate::labels::compose;

/// A service of the scope.
#[derive(Debug)]
pub struct DesiredService<'a> {
    /// The model's service.
    pub service: &'a Service,
    /// How many containers it should have.
    pub replicas: u32,
    /// Config hashes that count as unchanged: one per dialect of docker compose, the first is written into new containers.
    pub hashes: Vec<String>,
    /// The name of its image: a reference, or the id of a pinned image if the reference names another image now.
    pub image: String,
    /// The image on the engine, where it is there.
    pub found: Option<&'a Image>,
    /// Whether it is a one-shot.
    pub job: bool,
    /// What its containers must pass.
    pub gate: Gate,
    /// How long a container may take to pass, if the service says so.
    pub deadline: Option<Duration>,
    /// Whether every service that depends on it does so with `required: false`.
    pub optional: bool,
    /// Digests of the content of its configs and secrets, by `configs.NAME` and `secrets.NAME`.
    pub contents: BTreeMap<String, String>,
    /// Digests of its env files by path. The config hash covers their variables, so these only show where a change came from.
    pub env_files: BTreeMap<String, String>,
    /// The images that it mounts, in the form of its containers' label.
    pub image_volumes: Option<String>,
    /// By reference, the images of its hooks and mounts whose references name other images now.
    pub moved: BTreeMap<String, Pin>,
    /// Whether some service waits for it to be healthy or completed.
    pub awaited: bool,
    /// Whether it is in the scope only because another service needs it.
    pub joined: bool,
}

/// A network of the scope.
#[derive(Debug)]
pub struct DesiredNetwork<'a> {
    /// Its key in the model.
    pub key: &'a str,
    /// The model's network.
    pub network: &'a Network,
    /// Config hashes that count as unchanged.
    pub hashes: Vec<String>,
}

/// A volume of the scope.
#[derive(Debug)]
pub struct DesiredVolume<'a> {
    /// Its key in the model.
    pub key: &'a str,
    /// The model's volume.
    pub volume: &'a Volume,
    /// Config hashes that count as unchanged.
    pub hashes: Vec<String>,
}

/// What decides about what should exist and is not in the files.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Which docker compose's config hash new objects get, where the project has no containers yet.
    pub dialect: Dialect,
    /// The mode, for labels.
    pub mode: Option<&'a str>,
    /// The images of a release, from which a rollback creates containers whatever their references name now.
    pub images: &'a Pins,
}

impl<'a> Desired<'a> {
    /// The desired state of these services. `order` must be dependencies first (see [`super::graph`]). New objects get the newest
    /// dialect among the project's containers, because an upgraded docker compose leaves older ones in place; else the dialect of
    /// the terms.
    pub fn new(
        project: &'a Project,
        order: &[&'a str],
        observed: &'a Observed,
        terms: Terms<'a>,
    ) -> Desired<'a> {
        let versions = observed.containers.iter().filter_map(|container| container.label(compose::VERSION));
        let dialect = versions.map(Dialect::of_version).max().unwrap_or(terms.dialect);
        let terms = Terms { dialect, ..terms };
        let edges = edges(project);
        let services: IndexMap<&'a str, DesiredService<'a>> = order
            .iter()
            .filter_map(|name| Some((*name, project.service(name)?)))
            .map(|(name, service)| {
                let dependants = edges.get(name).map(Vec::as_slice).unwrap_or_default();
                (name, DesiredService::new(project, service, dependants, observed, terms))
            })
            .collect();
        let networks = used(&services, |service| service.networks.keys().map(|key| key.as_str()))
            .filter_map(|key| project.networks.get(key).map(|network| (key, network)))
            .map(|(key, network)| DesiredNetwork {
                key,
                network,
                hashes: hashes(dialect, |dialect| hash::network(network, dialect)),
            })
            .collect();
        let volumes = used(&services, volume_keys)
            .filter_map(|key| project.volumes.get(key).map(|volume| (key, volume)))
            .map(|(key, volume)| DesiredVolume {
                key,
                volume,
                hashes: hashes(dialect, |dialect| hash::volume(volume, dialect)),
            })
            .collect();
        Desired { project, services, networks, volumes, dialect, mode: terms.mode, pins: terms.images }
    }

    /// Adds the digests of configs, secrets and env files. Each service gets those that it uses.
    #[must_use]
    pub fn with_contents(mut self, digests: &Digests) -> Desired<'a> {
        let of = |name: String| Some((name.clone(), digests.get(&name)?.clone()));
        let working_dir = &self.project.working_dir;
        for desired in self.services.values_mut() {
            let configs = desired.service.configs.iter().map(|config| format!("configs.{}", config.source));
            let secrets = desired.service.secrets.iter().map(|secret| format!("secrets.{}", secret.source));
            desired.contents = configs.chain(secrets).filter_map(of).collect();
            let files = desired.service.env_files.iter();
            desired.env_files =
                files.map(|file| contents::env_file(working_dir, file)).filter_map(of).collect();
        }
        self
    }

    /// Marks the services that the operator did not ask for.
    #[must_use]
    pub fn with_asked(mut self, asked: &BTreeSet<&str>) -> Desired<'a> {
        for (name, service) in &mut self.services {
            service.joined = !asked.contains(name);
        }
        self
    }

    /// The config hash of a container that shares the namespaces or mounts of these containers.
    pub fn hash_beside(
        &self,
        service: &DesiredService<'_>,
        parents: &BTreeMap<ServiceName, ContainerId>,
    ) -> String {
        let parents = parents.iter().map(|(name, id)| (name.as_str(), id)).collect();
        let shared = Cow::Owned(with_parents(service.service, &parents));
        hash::service(&resolved(self.project, shared, By::Name), self.dialect)
    }

    /// The config hashes that count as unchanged for a container that shares namespaces or mounts of these containers.
    pub(super) fn hashes_beside<'s>(
        &self,
        service: &'s DesiredService<'_>,
        parents: &Parents<'_>,
        observed: &Observed,
    ) -> Cow<'s, [String]> {
        match shares(service.service) {
            true => Cow::Owned(service_hashes(
                self.project,
                service.service,
                parents,
                observed,
                self.pins,
                self.dialect,
            )),
            false => Cow::Borrowed(&service.hashes),
        }
    }

    /// The label with the images that a service mounts. docker compose 2 does not have it.
    pub fn image_volumes_label(&self, service: &DesiredService<'_>) -> Option<(String, String)> {
        let images = service.image_volumes.clone().filter(|_| self.dialect != Dialect::V2)?;
        Some((compose::IMAGE_VOLUME_DIGEST.to_string(), images))
    }

    /// The service of that name, where it is in the scope.
    pub fn service(&self, name: &str) -> Option<&DesiredService<'a>> {
        self.services.get(name)
    }
}

/// A service's config hash in every dialect, the preferred dialect first. For what it shares with another service, it contains
/// the id of that service's container.
pub(super) fn service_hashes(
    project: &Project,
    service: &Service,
    parents: &Parents<'_>,
    observed: &Observed,
    pins: &Pins,
    preferred: Dialect,
) -> Vec<String> {
    let shared = match shares(service) {
        true => Cow::Owned(with_parents(service, parents)),
        false => Cow::Borrowed(service),
    };
    let [by_name, by_digest] =
        [By::Name, By::Digest(observed, pins)].map(|by| resolved(project, shared.clone(), by));
    let mut all = hashes(preferred, |dialect| hash::service(&by_name, dialect));
    // Equal where no image is mounted: then nothing is hashed twice.
    if let Cow::Owned(by_digest) = by_digest
        && by_digest != *by_name
    {
        all.extend(hashes(preferred, |dialect| hash::service(&by_digest, dialect)));
    }
    all
}

/// A hash in every dialect, each once, the preferred one first.
fn hashes(preferred: Dialect, hash: impl Fn(Dialect) -> String) -> Vec<String> {
    let others = Dialect::ALL.into_iter().filter(|dialect| *dialect != preferred);
    let mut hashes: Vec<String> = [preferred].into_iter().chain(others).map(hash).collect();
    hashes.dedup();
    hashes
}

/// The keys that the services use, each once, in order.
fn used<'a, I: Iterator<Item = &'a str>>(
    services: &IndexMap<&'a str, DesiredService<'a>>,
    keys: impl Fn(&'a Service) -> I,
) -> impl Iterator<Item = &'a str> {
    services.values().flat_map(|desired| keys(desired.service)).collect::<BTreeSet<_>>().into_iter()
}

/// The keys of the named volumes that a service mounts.
pub(super) fn volume_keys(service: &Service) -> impl Iterator<Item = &str> {
    service
        .volumes
        .iter()
        .filter(|mount| mount.kind == MountKind::Volume && !mount.source.is_empty())
        .map(|mount| mount.source.as_str())
}

impl<'a> DesiredService<'a> {
    fn new(
        project: &'a Project,
        service: &'a Service,
        dependants: &[&Dependency],
        observed: &'a Observed,
        terms: Terms<'_>,
    ) -> DesiredService<'a> {
        let (image, found) = image(project, service, observed, terms.images);
        let job = is_job(service, dependants);
        DesiredService {
            service,
            replicas: u32::try_from(service.replicas()).unwrap_or(0),
            hashes: service_hashes(
                project,
                service,
                &parents(service, observed),
                observed,
                terms.images,
                terms.dialect,
            ),
            image_volumes: image_volumes::label(project, service, observed, terms.images),
            moved: moved(project, service, observed, terms.images),
            found,
            job,
            gate: gate(service, job, found),
            deadline: service.sofa.as_ref().and_then(|sofa| sofa.deadline).map(|deadline| deadline.0),
            optional: !dependants.is_empty() && dependants.iter().all(|edge| !edge.required),
            contents: BTreeMap::new(),
            env_files: BTreeMap::new(),
            awaited: dependants.iter().any(|edge| edge.condition != Condition::Started),
            image,
            joined: false,
        }
    }

    /// The final name of a replica's container (docker compose: `container_name`, else project-service-number).
    pub fn container_name(&self, project: &Project, number: u32) -> String {
        match self.service.container_name.as_str() {
            "" => format!("{}-{}-{number}", project.name, self.service.name),
            name => name.to_string(),
        }
    }

    /// The image of a `pre_start` hook's container.
    pub fn hook_image(&self, reference: &str) -> String {
        match (reference, self.moved.get(reference)) {
            ("", _) => self.image.clone(),
            (_, Some(pin)) => pin.id.0.clone(),
            (reference, None) => reference.to_owned(),
        }
    }

    /// Whether a job runs on every deploy.
    pub fn always_runs(&self) -> bool {
        self.job && self.service.sofa.as_ref().is_some_and(|sofa| sofa.run == JobRun::Always)
    }

    /// What it depends on, by name.
    pub fn dependencies(&self) -> impl Iterator<Item = (&'a str, &'a Dependency)> {
        self.service.depends_on.iter().map(|(name, dependency)| (name.as_str(), dependency))
    }
}

/// The image of a service's containers. It is named by its reference if that still names the pinned image.
fn image<'a>(
    project: &Project,
    service: &Service,
    observed: &'a Observed,
    pins: &Pins,
) -> (String, Option<&'a Image>) {
    let reference = project.image_reference(service);
    let found = observed.images.get(&reference);
    match pins.own.get(&service.name) {
        Some(pin) if found.is_none_or(|image| image.id != *pin) => {
            (pin.0.clone(), observed.images.get(pin.as_str()))
        }
        _ => (reference, found),
    }
}

/// The references of a service's `pre_start` hooks and image mounts.
pub fn references_beside<'a>(
    project: &'a Project,
    service: &'a Service,
) -> impl Iterator<Item = String> + 'a {
    let hooks = service.pre_start.iter().map(|hook| hook.image.clone()).filter(|image| !image.is_empty());
    hooks.chain(image_volumes::references(project, service))
}

/// The pinned images whose references name other images now.
fn moved(project: &Project, service: &Service, observed: &Observed, pins: &Pins) -> BTreeMap<String, Pin> {
    references_beside(project, service)
        .filter_map(|reference| {
            let pin = pins.beside(service, &reference)?;
            let stays = observed.images.get(&reference).is_some_and(|image| image.id == pin.id);
            (!stays).then(|| (reference, pin.clone()))
        })
        .collect()
}

/// What depends on each service.
pub fn edges(project: &Project) -> BTreeMap<&str, Vec<&Dependency>> {
    let mut edges: BTreeMap<&str, Vec<&Dependency>> = BTreeMap::new();
    for (name, dependency) in project.services.values().flat_map(|service| &service.depends_on) {
        edges.entry(name.as_str()).or_default().push(dependency);
    }
    edges
}

/// Whether a service is a job: it says `x-sofa.role: job`, or another service waits for it with `service_completed_successfully`.
pub fn is_job(service: &Service, dependants: &[&Dependency]) -> bool {
    let said = service.sofa.as_ref().and_then(|sofa| sofa.role) == Some(Role::Job);
    said || dependants.iter().any(|edge| edge.condition == Condition::CompletedSuccessfully)
}
