//! The project as the labels of its containers describe it: scope, dependencies and jobs, for verbs that read no files.

use std::collections::{BTreeMap, BTreeSet};

use super::gate::Gate;
use super::graph;
use super::observed::Container;
use super::scope::Selection;
use crate::compose::model::{Condition, Project, Role};
use crate::settings::Backend;

/// The gate of a container by its labels: `x-sofa.ready`, else its healthcheck.
pub fn gate(container: &Container) -> Gate {
    let said = container.labels.get(sofa::READY).and_then(|text| serde_json::from_str(text).ok());
    said.unwrap_or(Gate::Healthy { probe: true })
}

/// The label with a service's gate. `None` if the healthcheck is the gate, or if it contains the value of a variable, which may
/// be a secret.
pub fn ready_label(gate: &Gate) -> Option<String> {
    let tells = match gate {
        Gate::Http { literal, .. } | Gate::Command { literal, .. } => *literal,
        Gate::Tcp { .. } => true,
        Gate::Healthy { probe } => !probe,
        Gate::Running | Gate::Completed | Gate::Unknown => false,
    };
    tells.then(|| serde_json::to_string(gate).ok()).flatten()
}
use crate::labels::{compose, sofa};

/// The number of the run that made something with these labels; none for what `sofa` did not make.
pub fn run(labels: &BTreeMap<String, String>) -> Option<u64> {
    labels.get(sofa::RUN)?.parse().ok()
}

/// The services of which runs from this one on made containers.
pub fn made_since(containers: &[Container], run: u64) -> BTreeSet<String> {
    let made =
        containers.iter().filter(|container| self::run(&container.labels).is_some_and(|made| made >= run));
    made.map(|container| container.service.clone()).collect()
}

/// Which services a verb acts on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everything that the project has.
    #[default]
    Everything,
    /// These only.
    Services(BTreeSet<String>),
}

impl Scope {
    /// The scope of a selection among the containers of a project.
    ///
    /// The backend is the services that the settings name; without such settings, those with the role, and those without a role
    /// that have the name of the backend. The infrastructure is the services with that role; if there are none, those that are
    /// not jobs and need no backend service, directly or not.
    pub fn of(selection: &Selection, backend: &Backend, containers: &[Container]) -> Scope {
        let names = match selection {
            Selection::All => return Scope::Everything,
            Selection::Named(names) => names.iter().cloned().collect(),
            Selection::Backend => owned(of_backend(containers, backend)),
            Selection::Infra => owned(infra(containers, backend)),
        };
        Scope::Services(names)
    }

    /// Whether a service is in the scope.
    pub fn holds(&self, service: &str) -> bool {
        match self {
            Scope::Everything => true,
            Scope::Services(names) => names.contains(service),
        }
    }

    /// The part of the scope that is among these services.
    #[must_use]
    pub fn within(self, services: &BTreeSet<String>) -> Scope {
        match self {
            Scope::Everything => Scope::Services(services.clone()),
            Scope::Services(names) => Scope::Services(&names & services),
        }
    }

    /// The scope with the orphans of these files.
    #[must_use]
    pub fn with_orphans(&self, project: &Project, containers: &[Container]) -> Scope {
        match self {
            Scope::Everything => Scope::Everything,
            Scope::Services(names) => {
                let gone = orphans(project, containers).map(|container| container.service.clone());
                Scope::Services(names.iter().cloned().chain(gone).collect())
            }
        }
    }

    /// The containers of the scope.
    pub fn pick<'a>(&self, containers: &'a [Container]) -> Vec<&'a Container> {
        containers.iter().filter(|container| self.holds(&container.service)).collect()
    }
}

/// The containers that no service of the files owns, without running one-offs. They were created from the same files, since other
/// files may use the same project name.
pub(super) fn orphans<'a>(
    project: &Project,
    containers: &'a [Container],
) -> impl Iterator<Item = &'a Container> {
    of_files(project, containers)
        .filter(move |container| !is_known(project, container) && (!container.oneoff || !container.is_up()))
}

/// The one-offs of `run` that have ended, of services that the files do have (facts: orphans to docker compose).
pub(super) fn ended_oneoffs<'a>(
    project: &Project,
    containers: &'a [Container],
) -> impl Iterator<Item = &'a Container> {
    of_files(project, containers).filter(move |container| {
        let run = container.oneoff && container.label(compose::HOOK).is_none();
        run && !container.is_up() && is_known(project, container)
    })
}

fn is_known(project: &Project, container: &Container) -> bool {
    let name = container.service.as_str();
    project.services.contains_key(name) || project.disabled_services.contains_key(name)
}

fn of_files<'a>(project: &Project, containers: &'a [Container]) -> impl Iterator<Item = &'a Container> {
    let files = project.config_files();
    containers.iter().filter(move |container| container.label(compose::CONFIG_FILES) == Some(files.as_str()))
}

/// The names that a project's containers know: their services, and those that these depend on.
pub fn known(containers: &[Container]) -> BTreeSet<&str> {
    containers
        .iter()
        .flat_map(|container| {
            let needed = edges(container).map(|edge| edge.service);
            needed.chain([container.service.as_str()])
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// A dependency of a container's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge<'a> {
    /// The service that is needed.
    pub(super) service: &'a str,
    /// The condition of the dependency, as in a Compose file.
    pub(super) condition: &'a str,
    /// Whether it is restarted with that service.
    pub(super) restarts: bool,
}

/// The dependencies of a container's service, from its label `depends_on` (`service:condition:restart,…`). docker compose's
/// loader adds the services whose namespaces it shares, with `restart`.
pub(super) fn edges(container: &Container) -> impl Iterator<Item = Edge<'_>> {
    let label = container.label(compose::DEPENDS_ON).unwrap_or_default();
    label.split(',').filter_map(|entry| {
        let mut fields = entry.split(':');
        let service = fields.next().filter(|name| !name.is_empty())?;
        let condition = fields.next().unwrap_or_default();
        Some(Edge { service, condition, restarts: fields.next() == Some("true") })
    })
}

/// The containers that verbs start: one of each number of a service. Where an interrupted run left several, the one that runs,
/// else the one that has its own name already; the others are named.
pub(super) fn one_of_each(containers: Vec<&Container>) -> (Vec<&Container>, Vec<String>) {
    let mut best: BTreeMap<(&str, u32), &Container> = BTreeMap::new();
    let rank = |container: &Container| (!container.is_up(), container.has_temporary_name());
    for container in containers.iter().copied() {
        let best = best.entry((container.service.as_str(), container.number)).or_insert(container);
        if rank(container) < rank(best) {
            *best = container;
        }
    }
    let (chosen, left): (Vec<&Container>, Vec<&Container>) = containers.into_iter().partition(|container| {
        let key = (container.service.as_str(), container.number);
        best.get(&key).is_some_and(|best| best.id == container.id)
    });
    let note = |container: &&Container| {
        format!(
            "container {} is left from an interrupted run: `sofa deploy` continues that run, `sofa undo` undoes it",
            container.name
        )
    };
    (chosen, left.iter().map(note).collect())
}

/// What each service depends on.
pub(super) fn dependencies<'a>(
    containers: impl IntoIterator<Item = &'a Container>,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut depends: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for container in containers {
        let needs = depends.entry(container.service.as_str()).or_default();
        needs.extend(edges(container).map(|edge| edge.service));
    }
    depends
}

/// Everything that a service depends on, directly or not.
pub fn needed<'a>(service: &'a str, containers: &'a [Container]) -> BTreeSet<&'a str> {
    let mut needs = dependencies(containers);
    // A service without a container has no label; it is needed all the same.
    for name in needs.values().flatten().copied().collect::<BTreeSet<_>>() {
        needs.entry(name).or_default();
    }
    let mut needed = graph::closure(&[service], &needs);
    needed.remove(service);
    needed
}

/// The one-shots: by role, or because a container waits for their end.
pub fn jobs(containers: &[Container]) -> BTreeSet<&str> {
    let awaited = containers
        .iter()
        .flat_map(edges)
        .filter(|edge| edge.condition == Condition::CompletedSuccessfully.as_str())
        .map(|edge| edge.service);
    with_role(containers, Role::Job).chain(awaited).collect()
}

fn of_backend<'a>(containers: &'a [Container], backend: &Backend) -> BTreeSet<&'a str> {
    let by_name = containers
        .iter()
        .filter(|container| backend.is_explicit() || !container.labels.contains_key(sofa::ROLE))
        .map(|container| container.service.as_str())
        .filter(|name| backend.contains(name));
    let by_role = with_role(containers, Role::Backend).filter(|_| !backend.is_explicit());
    by_role.chain(by_name).collect()
}

fn infra<'a>(containers: &'a [Container], backend: &Backend) -> BTreeSet<&'a str> {
    let said: BTreeSet<&str> = with_role(containers, Role::Infra).collect();
    if !said.is_empty() {
        return said;
    }
    let (backend, jobs, needs) =
        (of_backend(containers, backend), jobs(containers), dependencies(containers));
    needs
        .keys()
        .copied()
        .filter(|name| !jobs.contains(name) && graph::closure(&[name], &needs).is_disjoint(&backend))
        .collect()
}

fn with_role(containers: &[Container], role: Role) -> impl Iterator<Item = &str> {
    containers
        .iter()
        .filter(move |container| container.labels.get(sofa::ROLE).is_some_and(|said| said == role.as_str()))
        .map(|container| container.service.as_str())
}

fn owned(names: BTreeSet<&str>) -> BTreeSet<String> {
    names.into_iter().map(String::from).collect()
}
