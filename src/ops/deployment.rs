//! A deployment: a model, the services in scope and the options that decide how they are brought up. It observes the engine and
//! plans; `deploy` runs the plan.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::compose::model::{Project, Service};
use crate::docker::preflight::{held_ports, unmakeable};
use crate::docker::state::content_key;
use crate::docker::{edge, handover};
use crate::engine::{Engine, EngineError, Wanted};
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::contents;
use crate::ops::failure::{engine_failure, missing_failure, problems_failure};
use crate::ops::images as fetching;
use crate::ops::scale::Scale;
use crate::plan;
use crate::plan::desired::{Desired, Terms, references_beside};
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::plan::pins::Pins;
use crate::plan::policy::{ImagePolicy, Policy};
use crate::plan::scope::{self, Deps, Selection};
use crate::plan::sharing::namespaces;

/// What decides about a deploy beside the files: plain values, from the command line or from an undo.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub policy: Policy,
    pub images: ImagePolicy,
    /// The tag that `--tag` sets for interpolation.
    pub tag: Option<String>,
    pub scale: Vec<Scale>,
    /// What happens to dependencies outside the scope; the mode decides where nothing is said.
    pub deps: Option<Deps>,
    /// How long all waits together may take; the mode decides where nothing is said.
    pub wait_timeout: Option<Duration>,
}

/// What is to be brought up, and how.
pub struct Deployment<'a> {
    pub context: &'a Context,
    pub engine: Engine,
    /// The verb, for display and records.
    pub verb: &'static str,
    pub model: Project,
    /// The images that services must run, for an older release. No pins: the image references decide.
    pub pins: Pins,
    /// The services, dependencies first.
    pub scope: Vec<String>,
    pub options: Options,
    /// The service of the scope that a single command is run with: its containers stay as they are.
    pub one_off: Option<String>,
    /// Whether success makes a release. An undo restores one that exists.
    pub makes_release: bool,
    pub started: Instant,
}

impl Deployment<'_> {
    pub fn project(&self) -> &str {
        &self.model.name
    }

    pub fn scope(&self) -> Vec<&str> {
        self.scope.iter().map(String::as_str).collect()
    }

    pub fn wait_timeout(&self) -> Duration {
        self.context.settings.wait_timeout(self.options.wait_timeout)
    }

    /// What the engine has of the project and of what its model names.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn observe(&self) -> Result<Observed, Failure> {
        observe(&self.engine, &self.model, &self.pins).await
    }

    /// What should exist.
    pub fn desired<'b>(&'b self, observed: &'b Observed) -> Desired<'b> {
        let mut desired = self.desired_with_one_off(observed);
        if let Some(service) = &self.one_off {
            // Its networks and volumes stay among those that should exist.
            desired.services.shift_remove(service.as_str());
        }
        desired
    }

    /// The same with the service of a single command.
    pub fn desired_with_one_off<'b>(&'b self, observed: &'b Observed) -> Desired<'b> {
        desired(self.context, &self.model, &self.pins, &self.scope(), observed)
    }

    /// The plan.
    ///
    /// # Errors
    /// Every reason why there is none.
    pub fn plan(&self, observed: &Observed) -> Result<Plan, Failure> {
        plan::deploy(&self.desired(observed), observed, self.options.policy)
            .map_err(|problems| problems_failure(&problems))
    }

    /// The images that would be built or pulled first.
    ///
    /// # Errors
    /// Images that cannot be had, as far as that is known without fetching them.
    pub async fn preview_images(
        &self,
        observed: &Observed,
    ) -> Result<Vec<plan::operation::ImageFetch>, Failure> {
        // Pinned images exist already: the release was made from them.
        if !self.pins.is_empty() {
            return Ok(Vec::new());
        }
        fetching::preview(
            self.context,
            &self.engine,
            &self.model,
            &self.scope(),
            observed,
            self.options.images,
        )
        .await
    }

    /// Refuses what is known to fail before anything changes: containers that this engine cannot make, ports and names that
    /// others hold.
    ///
    /// # Errors
    /// Each with its cause; exit code 3 or 5.
    pub fn refuse_what_would_fail(&self, observed: &Observed) -> Result<(), Failure> {
        let mut desired = self.desired(observed);
        if self.options.policy.leave_jobs {
            desired.services.retain(|_, service| !service.job);
        }
        let unmakeable = unmakeable(&self.engine, &desired);
        if !unmakeable.is_empty() {
            return Err(problems_failure(&unmakeable));
        }
        let mut held = plan::conflicts(&desired, observed);
        held.extend(held_ports(&self.engine, &desired, observed));
        if held.is_empty() { Ok(()) } else { Err(problems_failure(&held)) }
    }
}

/// What the engine has of a project, and of what its model and pins name.
///
/// # Errors
/// Those of the engine.
pub async fn observe(engine: &Engine, project: &Project, pins: &Pins) -> Result<Observed, Failure> {
    let named = project.services.values().flat_map(|service| images_of(project, service));
    let wanted = Wanted {
        images: named.chain(pins.ids().map(|id| id.0.clone())).collect(),
        networks: project.networks.values().map(|network| network.name.clone()).collect(),
        volumes: project.volumes.values().map(|volume| volume.name.clone()).collect(),
    };
    let mut observed = engine.observe(&project.name, &wanted).await.map_err(engine_failure)?;
    add_start_times(engine, project, &mut observed).await.map_err(engine_failure)?;
    handover::add_quiesced(engine, &project.name, &mut observed).await.map_err(engine_failure)?;
    edge::add_file(engine, &mut observed).await.map_err(engine_failure)?;
    Ok(observed)
}

/// Adds when containers that share namespaces were started: one that runs longer than the container that it shares with is in a
/// namespace that ended.
async fn add_start_times(
    engine: &Engine,
    project: &Project,
    observed: &mut Observed,
) -> Result<(), EngineError> {
    let sharing = project.services.values().filter(|service| !namespaces(service).is_empty());
    let names: BTreeSet<&str> =
        sharing.flat_map(|service| namespaces(service).into_iter().chain([service.name.as_str()])).collect();
    let containers = observed
        .containers
        .iter_mut()
        .filter(|found| found.is_up() && names.contains(found.service.as_str()));
    try_join_all(containers.map(async |container| match engine.inspect(container.id.as_str()).await {
        Err(error) if error.is_not_found() => Ok(()),
        details => details.map(|details| container.started = details.started),
    }))
    .await
    .map(drop)
}

/// The image of a service, those of its `pre_start` hooks, and those that it mounts.
fn images_of<'a>(project: &'a Project, service: &'a Service) -> impl Iterator<Item = String> + 'a {
    references_beside(project, service).chain([project.image_reference(service)])
}

/// The services that a deploy acts on, dependencies first.
///
/// # Errors
/// Dependencies that must run already and do not; exit code 5.
pub fn scope_of(
    context: &Context,
    project: &Project,
    selection: &Selection,
    deps: Option<Deps>,
    observed: &Observed,
) -> Result<Vec<String>, Failure> {
    let deps = context.deps(deps);
    let scope = scope::resolve(project, selection, &context.settings.backend, deps, observed)
        .map_err(|missing| missing_failure(&missing))?;
    Ok(scope.into_iter().map(str::to_owned).collect())
}

/// What should exist for a scope.
pub fn desired<'a>(
    context: &'a Context,
    project: &'a Project,
    pins: &'a Pins,
    scope: &[&'a str],
    observed: &'a Observed,
) -> Desired<'a> {
    let settings = &context.settings;
    let mode = settings.mode.as_ref().map(|mode| mode.name.as_str());
    let terms = Terms { dialect: settings.dialect, mode, images: pins };
    let digests = contents::digests(project, content_key(observed).as_ref());
    let desired = Desired::new(project, scope, observed, terms).with_contents(&digests);
    // A selection that names unknown services was refused before.
    match context.selection(project) {
        Ok(selection) => desired.with_asked(&scope::chosen(project, &selection, &settings.backend)),
        Err(_) => desired,
    }
}
