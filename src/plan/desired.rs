//! What should exist for a scope: the model's services with what the planner compares and waits for, worked out once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;

use super::contents::{self, Digests};
use super::gate::Gate;
use super::image_volumes::{self, By, resolved};
use super::observed::{ContainerId, Image, ImageId, Observed};
use super::replica;
use crate::compose::model::{
    Condition, Dependency, JobRun, MountKind, Network, Probe, Project, ReadyCheck, Role, Service,
    ServiceName, Volume,
};
use crate::compose::{Dialect, hash};

/// Time between two tries of a probe that says nothing else.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a try of a probe may take that says nothing else.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// The images that services must be made from, where they are not to be looked up by name.
    pins: &'a Pins,
}

/// A service of the scope.
#[derive(Debug)]
pub struct DesiredService<'a> {
    /// The model's service.
    pub service: &'a Service,
    /// How many containers it should have.
    pub replicas: u32,
    /// Config hashes that count as unchanged: one per dialect of docker compose, the first is written into new containers.
    pub hashes: Vec<String>,
    /// What its image is named by: a reference, or the id of a pinned image whose reference stands for another by now.
    pub image: String,
    /// The image on the engine, where it is there.
    pub found: Option<&'a Image>,
    /// Whether it is a one-shot.
    pub job: bool,
    /// What its containers must pass.
    pub gate: Gate,
    /// Whether every service that depends on it does so with `required: false`.
    pub optional: bool,
    /// Digests of what its configs and secrets hold, by `configs.NAME` and `secrets.NAME`.
    pub contents: BTreeMap<String, String>,
    /// Digests of its env files, by path: what they set is hashed, so these only tell where a change came from.
    pub env_files: BTreeMap<String, String>,
    /// Which images it mounts, as its containers' label says it.
    pub image_volumes: Option<String>,
    /// The images of its hooks and mounts whose references stand for others by now, by reference.
    pub moved: BTreeMap<String, Pin>,
    /// Whether some service waits for it to be healthy or completed.
    pub awaited: bool,
    /// Whether nobody asked for it: it came along because another service needs it.
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
    /// The images that services must be made from, whatever their references stand for by now: a rollback's.
    pub images: &'a Pins,
}

/// The images of a release, whatever its references stand for by now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// By the service that is made from them.
    pub own: BTreeMap<ServiceName, ImageId>,
    /// Those of hooks and mounts, by service and reference.
    pub beside: BTreeMap<(ServiceName, String), Pin>,
}

/// An image that a service uses beside its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Its id.
    pub id: ImageId,
    /// A name that it has: an engine mounts an image by nothing else.
    pub name: String,
}

impl Pins {
    /// No image is pinned.
    pub const fn new() -> Pins {
        Pins { own: BTreeMap::new(), beside: BTreeMap::new() }
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.beside.is_empty()
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = &ImageId> {
        self.own.values().chain(self.beside.values().map(|pin| &pin.id))
    }

    /// What a service uses as this reference, where that is pinned.
    pub(super) fn beside(&self, service: &Service, reference: &str) -> Option<&Pin> {
        // Most runs pin nothing, and no key need be made for them.
        if self.beside.is_empty() {
            return None;
        }
        self.beside.get(&(service.name.clone(), reference.to_owned()))
    }

    /// The image that a service uses beside its own as this reference.
    pub(super) fn image_beside<'a>(
        &self,
        service: &Service,
        reference: &str,
        observed: &'a Observed,
    ) -> Option<&'a Image> {
        let pinned = self.beside(service, reference).map(|pin| pin.id.as_str());
        observed.images.get(pinned.unwrap_or(reference))
    }
}

impl<'a> Desired<'a> {
    /// Works out what should exist for these services. `order` must be dependencies first (see [`super::graph`]).
    /// New objects get the newest dialect among the project's present containers, which an upgraded docker compose leaves beside
    /// its older ones, else that of the terms.
    pub fn new(
        project: &'a Project,
        order: &[&'a str],
        observed: &'a Observed,
        terms: Terms<'a>,
    ) -> Desired<'a> {
        let versions = observed.containers.iter().filter_map(|container| container.compose_label("version"));
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

    /// The same, knowing what configs, secrets and env files hold: each service takes the digests of those it uses.
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

    /// The same, knowing what was asked for: everything else came along.
    #[must_use]
    pub fn with_asked(mut self, asked: &BTreeSet<&str>) -> Desired<'a> {
        for (name, service) in &mut self.services {
            service.joined = !asked.contains(name);
        }
        self
    }

    /// The config hash of a container that is made beside these ones, whose namespaces or mounts it shares.
    pub fn hash_beside(
        &self,
        service: &DesiredService<'_>,
        parents: &BTreeMap<ServiceName, ContainerId>,
    ) -> String {
        let parents = parents.iter().map(|(name, id)| (name.as_str(), id)).collect();
        let shared = Cow::Owned(with_parents(service.service, &parents));
        hash::service(&resolved(self.project, shared, By::Name), self.dialect)
    }

    /// The config hashes that count as unchanged for a container that lives beside these ones.
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

    /// The label that says which images a service mounts: docker compose 2 knows none.
    pub fn image_volumes_label(&self, service: &DesiredService<'_>) -> Option<(String, String)> {
        let images = service.image_volumes.clone().filter(|_| self.dialect != Dialect::V2)?;
        Some((image_volumes::LABEL.to_string(), images))
    }

    /// The service of that name, where it is in the scope.
    pub fn service(&self, name: &str) -> Option<&DesiredService<'a>> {
        self.services.get(name)
    }
}

/// The containers whose namespaces and mounts a service shares, by the services that they stand for.
pub type Parents<'a> = BTreeMap<&'a str, &'a ContainerId>;

/// A service's config hash in every dialect, the preferred one first; what it shares with another service stands in it by the
/// id of that service's container.
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

    /// What the container of a `pre_start` hook is made from.
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

/// What a service's containers are made from, by the reference that people read where it still stands for a pinned image.
fn image<'a>(
    project: &Project,
    service: &Service,
    observed: &'a Observed,
    pins: &Pins,
) -> (String, Option<&'a Image>) {
    let reference = image_reference(project, service);
    let found = observed.images.get(&reference);
    match pins.own.get(&service.name) {
        Some(pin) if found.is_none_or(|image| image.id != *pin) => {
            (pin.0.clone(), observed.images.get(pin.as_str()))
        }
        _ => (reference, found),
    }
}

/// The references that a service uses beside its own image: of its `pre_start` hooks, and those that it mounts.
pub fn references_beside<'a>(
    project: &'a Project,
    service: &'a Service,
) -> impl Iterator<Item = String> + 'a {
    let hooks = service.pre_start.iter().map(|hook| hook.image.clone()).filter(|image| !image.is_empty());
    hooks.chain(image_volumes::references(project, service))
}

/// The pinned images whose references stand for others by now.
fn moved(project: &Project, service: &Service, observed: &Observed, pins: &Pins) -> BTreeMap<String, Pin> {
    references_beside(project, service)
        .filter_map(|reference| {
            let pin = pins.beside(service, &reference)?;
            let stays = observed.images.get(&reference).is_some_and(|image| image.id == pin.id);
            (!stays).then(|| (reference, pin.clone()))
        })
        .collect()
}

/// The reference of a service's image: its own, else the one that docker compose gives to what it builds.
pub fn image_reference(project: &Project, service: &Service) -> String {
    if service.image.is_empty() {
        format!("{}-{}", project.name, service.name)
    } else {
        service.image.clone()
    }
}

/// What depends on each service.
pub fn edges(project: &Project) -> BTreeMap<&str, Vec<&Dependency>> {
    let mut edges: BTreeMap<&str, Vec<&Dependency>> = BTreeMap::new();
    for (name, dependency) in project.services.values().flat_map(|service| &service.depends_on) {
        edges.entry(name.as_str()).or_default().push(dependency);
    }
    edges
}

/// A job: `x-sofa.role: job`, or a service that somebody waits for with `service_completed_successfully`.
pub fn is_job(service: &Service, dependants: &[&Dependency]) -> bool {
    let said = service.sofa.as_ref().and_then(|sofa| sofa.role) == Some(Role::Job);
    said || dependants.iter().any(|edge| edge.condition == Condition::CompletedSuccessfully)
}

/// Which gate a service's containers must pass. Job comes before the healthcheck: a one-shot made from an image
/// with a HEALTHCHECK is done when it ended, not when it was healthy on the way.
fn gate(service: &Service, job: bool, image: Option<&Image>) -> Gate {
    if job {
        return Gate::Completed;
    }
    let ready = service.sofa.as_ref().and_then(|sofa| sofa.ready.as_ref());
    if let Some(ReadyCheck::Probe { probe, interval, timeout }) = ready {
        let literal = service.sofa.as_ref().is_some_and(|sofa| sofa.literal);
        let interval = interval.map_or(PROBE_INTERVAL, |duration| duration.0);
        let timeout = timeout.map_or(PROBE_TIMEOUT, |duration| duration.0);
        return match probe {
            Probe::Http(http) => Gate::Http {
                path: http.path.clone(),
                literal,
                port: http.port.or_else(|| sole_port(service)).unwrap_or(80),
                expect: http.expect,
                interval,
                timeout,
            },
            Probe::Tcp(port) => Gate::Tcp { port: *port, interval, timeout },
            Probe::Command(command) => Gate::Command { command: command.clone(), literal, interval, timeout },
        };
    }
    let checked = match &service.healthcheck {
        Some(check) if check.is_disabled() => false,
        Some(check) if !check.test.0.is_empty() => true,
        _ => image.is_some_and(|image| image.healthcheck),
    };
    if !checked {
        return Gate::Running;
    }
    // A test that runs on a GPU beside the worker could take memory that the worker needs.
    let probe = !matches!(ready, Some(ReadyCheck::Engine)) && !uses_gpu(service);
    Gate::Healthy { probe }
}

/// The container's port, where the service publishes or exposes just one.
fn sole_port(service: &Service) -> Option<u16> {
    let exposed = service.expose.iter().filter_map(|port| port.split('/').next()?.parse().ok());
    let ports: BTreeSet<u16> =
        service.ports.iter().filter_map(|port| u16::try_from(port.target).ok()).chain(exposed).collect();
    (ports.len() == 1).then(|| ports.first().copied()).flatten()
}

/// Whether a service gets a GPU: by `gpus`, a device reservation with that capability, or `x-sofa.gpu`.
pub fn uses_gpu(service: &Service) -> bool {
    let reserved =
        service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref()).is_some_and(
            |resource| resource.devices.iter().any(|d| d.capabilities.iter().any(|c| c == "gpu")),
        );
    !service.gpus.is_empty() || reserved || service.sofa.as_ref().is_some_and(|sofa| sofa.gpu)
}

/// The containers that the engine has of those whose namespaces and mounts a service shares.
pub fn parents<'a>(service: &'a Service, observed: &'a Observed) -> Parents<'a> {
    let standing = |parent| Some((parent, &replica::standing(parent, observed)?.id));
    namespace_parents(service).into_iter().filter_map(standing).collect()
}

/// The service in the form that docker compose hashes: what it shares with another service stands there by the id of that
/// service's container, and `volumes_from` without its `:ro`.
fn with_parents(service: &Service, parents: &Parents<'_>) -> Service {
    let mut resolved = service.clone();
    for mode in [&mut resolved.network_mode, &mut resolved.ipc, &mut resolved.pid] {
        if let Some(id) = mode.strip_prefix("service:").and_then(|name| parents.get(name)) {
            *mode = format!("container:{}", id.as_str());
        }
    }
    for from in &mut resolved.volumes_from {
        let mut parts = from.split(':');
        let id = match (parts.next(), parts.next()) {
            (Some("container"), Some(container)) => Some(container),
            (name, _) => name.and_then(|name| parents.get(name)).map(|id| id.as_str()),
        };
        if let Some(id) = id {
            *from = id.to_string();
        }
    }
    resolved
}

/// Whether a service may share something with a container that only the engine knows.
pub(super) fn shares(service: &Service) -> bool {
    !service.volumes_from.is_empty() || !namespace_parents(service).is_empty()
}

/// The services in whose namespaces or mounts this one lives: `network_mode`, `ipc`, `pid`, `uts`, `volumes_from`.
pub fn namespace_parents(service: &Service) -> BTreeSet<&str> {
    let mounts = service
        .volumes_from
        .iter()
        .filter(|from| !from.starts_with("container:"))
        .map(|from| from.split(':').next().unwrap_or(from));
    namespaces(service).into_iter().chain(mounts).collect()
}

/// The services in whose namespaces this one lives. These end with the process: who shares them must be restarted with it.
pub(super) fn namespaces(service: &Service) -> BTreeSet<&str> {
    let modes = [&service.network_mode, &service.ipc, &service.pid, &service.uts];
    modes.into_iter().filter_map(|mode| mode.strip_prefix("service:")).collect()
}
