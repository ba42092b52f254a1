//! The scope of a command: the services that were asked for, and their dependencies that are included.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{edges, is_job};
use super::graph;
use super::observed::{Container, Health, Observed, State};
use crate::compose::model::{Condition, Project, Role, Service};
use crate::settings::Backend;

pub use crate::settings::Deps;

/// The services that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every service of the model.
    All,
    /// The services that the backend depends on: `x-sofa.role: infra`, else those that are not jobs and depend on no backend
    /// service.
    Infra,
    /// What is deployed often: `x-sofa.role: backend`, else the services known by that name.
    Backend,
    /// These, in the order given.
    Named(Vec<String>),
}

/// A dependency that must be up already and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The service that needs it.
    pub service: String,
    /// The dependency.
    pub dependency: String,
    /// The state of it on the engine.
    pub found: String,
}

/// What each service depends on, by name.
pub fn needs(project: &Project) -> BTreeMap<&str, Vec<&str>> {
    project
        .services
        .iter()
        .map(|(name, service)| (name.as_str(), service.depends_on.keys().map(|need| need.as_str()).collect()))
        .collect()
}

/// The names of the scope, dependencies first.
///
/// # Errors
/// With [`Deps::None`], every required dependency outside the selection that is not up.
pub fn resolve<'a>(
    project: &'a Project,
    selection: &Selection,
    backend: &Backend,
    deps: Deps,
    observed: &Observed,
) -> Result<Vec<&'a str>, Vec<Missing>> {
    let needs = needs(project);
    let mut chosen = chosen(project, selection, backend);
    if deps != Deps::Ignored {
        chosen = with_jobs(project, chosen);
    }
    let from: Vec<&str> = chosen.iter().copied().collect();
    let reached = graph::closure(&from, &needs);
    let outside: Vec<&str> = reached.difference(&chosen).copied().collect();
    let scope: BTreeSet<&str> = match deps {
        Deps::All => reached,
        Deps::Auto => {
            let edges = edges(project);
            let is_down = |name: &&str| {
                let job = project.service(name).is_some_and(|service| {
                    is_job(service, edges.get(name).map(Vec::as_slice).unwrap_or_default())
                });
                steps(name, job, observed).is_err()
            };
            let down = outside.iter().copied().filter(is_down);
            chosen.iter().copied().chain(down).collect()
        }
        Deps::Ignored => chosen,
        Deps::None => {
            let missing = missing(project, &chosen, observed);
            if !missing.is_empty() {
                return Err(missing);
            }
            chosen
        }
    };
    Ok(graph::dependencies_first(&needs).into_iter().filter(|name| scope.contains(name)).collect())
}

/// The names of the chosen services alone, dependencies first: an undo of one service changes no others.
pub fn alone<'a>(project: &'a Project, selection: &Selection, backend: &Backend) -> Vec<&'a str> {
    let chosen = chosen(project, selection, backend);
    graph::dependencies_first(&needs(project)).into_iter().filter(|name| chosen.contains(name)).collect()
}

/// Adds the jobs that the chosen services wait for: a changed job runs on deploy, whatever `--deps` says. The dependencies of a
/// job are treated as all others.
fn with_jobs<'a>(project: &'a Project, chosen: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let jobs: Vec<&str> = chosen
        .iter()
        .filter_map(|name| project.service(name))
        .flat_map(|service| &service.depends_on)
        .filter(|(_, dependency)| dependency.condition == Condition::CompletedSuccessfully)
        .map(|(name, _)| name.as_str())
        .collect();
    chosen.into_iter().chain(jobs).collect()
}

/// The services that a selection means, without their dependencies.
pub fn chosen<'a>(project: &'a Project, selection: &Selection, backend: &Backend) -> BTreeSet<&'a str> {
    let all = project.services.keys().map(|name| name.as_str());
    match selection {
        Selection::All => all.collect(),
        Selection::Backend => of_backend(project, backend),
        Selection::Infra => infra(project, backend),
        Selection::Named(names) => all.filter(|name| names.iter().any(|named| named == name)).collect(),
    }
}

/// The services that the settings name, else those with the role, else those with the names of the backend.
fn of_backend<'a>(project: &'a Project, backend: &Backend) -> BTreeSet<&'a str> {
    let said = with_role(project, Role::Backend);
    if !said.is_empty() && !backend.is_explicit() {
        return said;
    }
    project.services.keys().map(|name| name.as_str()).filter(|name| backend.contains(name)).collect()
}

/// The services with the role, else those that are not jobs and depend on no backend service, directly or not.
fn infra<'a>(project: &'a Project, backend: &Backend) -> BTreeSet<&'a str> {
    let said = with_role(project, Role::Infra);
    if !said.is_empty() {
        return said;
    }
    let (needs, backend) = (needs(project), of_backend(project, backend));
    let edges = edges(project);
    project
        .services
        .values()
        .filter(|service| {
            !is_job(service, edges.get(service.name.as_str()).map(Vec::as_slice).unwrap_or_default())
        })
        .map(|service| service.name.as_str())
        .filter(|name| graph::closure(&[name], &needs).is_disjoint(&backend))
        .collect()
}

fn with_role(project: &Project, role: Role) -> BTreeSet<&str> {
    let has = |service: &&Service| service.sofa.as_ref().and_then(|sofa| sofa.role) == Some(role);
    project.services.values().filter(has).map(|service| service.name.as_str()).collect()
}

/// The required direct dependencies of the chosen services that are outside and not up.
fn missing(project: &Project, chosen: &BTreeSet<&str>, observed: &Observed) -> Vec<Missing> {
    let mut missing = Vec::new();
    for service in chosen.iter().filter_map(|name| project.service(name)) {
        for (name, dependency) in &service.depends_on {
            if !dependency.required || chosen.contains(name.as_str()) {
                continue;
            }
            let job = dependency.condition == Condition::CompletedSuccessfully;
            let starting = dependency.condition == Condition::Healthy && is_starting(name, observed);
            let found = steps(name, job, observed).err();
            if let Some(found) = found.or_else(|| starting.then(|| "starting".into())) {
                missing.push(Missing {
                    service: service.name.to_string(),
                    dependency: name.to_string(),
                    found,
                });
            }
        }
    }
    missing
}

/// Whether a dependency is up: one of its containers runs and is not unhealthy, or, for a job, ended with 0. Else the state that
/// was found. A stopped database ends with 0 too, and is not up.
fn steps(service: &str, job: bool, observed: &Observed) -> Result<(), String> {
    let mut found = "no container".to_string();
    for container in of_service(service, observed) {
        match (&container.state, container.health) {
            (State::Running, Health::Unhealthy) => found = "unhealthy".into(),
            (State::Running, _) => return Ok(()),
            (State::Exited(0), _) if job => return Ok(()),
            (state, _) => found = state.to_string(),
        }
    }
    Err(found)
}

/// Whether everything that runs of a service is still on its way to be healthy.
fn is_starting(service: &str, observed: &Observed) -> bool {
    let mut running = of_service(service, observed).filter(|container| container.state == State::Running);
    running.all(|container| container.health == Health::Starting)
}

fn of_service<'a>(service: &'a str, observed: &'a Observed) -> impl Iterator<Item = &'a Container> {
    observed.containers.iter().filter(move |container| container.service == service && !container.oneoff)
}
