//! What `deploy` and `plan` share: the choices of the command line, and the way from files and engine to a plan.

use std::time::Duration;

use crate::compose::load::Options;
use crate::compose::model::{Project, Service};
use crate::docker::images::{self, Pull};
use crate::docker::preflight;
use crate::docker::state::content_key;
use crate::engine::{Engine, Wanted};
use crate::error::Failure;
use crate::ops::contents;
use crate::ops::context::{Context, LoadedProject, engine_failure, missing_failure, problems_failure};
use crate::ops::replicas::{self, Scale};
use crate::plan::desired::{Desired, Terms, image_reference, references_beside};
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::plan::pins::Pins;
use crate::plan::scope::{self, Deps, Selection};
use crate::plan::{self, Policy, Recreate};
use crate::settings::parse_time;

/// What decides about the plan of a deploy; `plan deploy` takes the same.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choices {
    /// The tag of the images: sets SOFA_TAG and IMAGE_TAG for the files, whatever env files and the environment say.
    #[arg(long, value_name = "TAG", value_parser = tag)]
    pub tag: Option<String>,
    /// Build images although nothing changed.
    #[arg(long, conflicts_with = "no_build")]
    pub build: bool,
    /// Build nothing.
    #[arg(long)]
    pub no_build: bool,
    /// When images are pulled, instead of what the services say.
    #[arg(long, value_name = "WHEN")]
    pub pull: Option<Pull>,
    /// Replace containers although nothing changed.
    #[arg(long, conflicts_with = "no_recreate")]
    pub force_recreate: bool,
    /// Replace no container.
    #[arg(long)]
    pub no_recreate: bool,
    /// Give new containers new anonymous volumes.
    #[arg(long)]
    pub renew_anon_volumes: bool,
    /// Remove containers of services that the files do not have any more.
    #[arg(long)]
    pub remove_orphans: bool,
    /// How many containers a service has, instead of what the files say; repeatable.
    #[arg(long, value_name = "SERVICE=N")]
    pub scale: Vec<Scale>,
    /// What happens to dependencies outside the scope.
    #[arg(long, value_name = "WHICH")]
    pub deps: Option<Deps>,
    /// End when everything is started; nothing is undone after that.
    #[arg(long)]
    pub no_wait: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub wait_timeout: Option<Duration>,
    /// Leave things as they are when something fails.
    #[arg(long)]
    pub no_undo: bool,
    /// Jobs are left as they are: on the way back to a release.
    #[arg(skip)]
    pub leave_jobs: bool,
    /// The first of the runs that are taken back.
    #[arg(skip)]
    pub takes_back: Option<u64>,
}

impl Choices {
    /// The plan's policy.
    pub fn policy(&self) -> Policy {
        Policy {
            recreate: match (self.no_recreate, self.force_recreate || self.renew_anon_volumes) {
                (true, _) => Recreate::Never,
                (_, true) => Recreate::Force,
                _ => Recreate::Diverged,
            },
            wait: !self.no_wait,
            undo: !self.no_undo,
            remove_orphans: self.remove_orphans,
            renew_volumes: self.renew_anon_volumes,
            leave_jobs: self.leave_jobs,
            // Only a way back leaves jobs as they are.
            rollback: self.leave_jobs,
            takes_back: self.takes_back,
        }
    }

    /// The policy for images.
    pub fn images(&self) -> images::Policy {
        images::Policy {
            build: match (self.build, self.no_build) {
                (true, _) => images::Build::Always,
                (_, true) => images::Build::Never,
                _ => images::Build::WhenStale,
            },
            pull: self.pull,
            no_cache: false,
        }
    }
}

/// The variables that `--tag` sets.
const TAG_VARIABLES: [&str; 2] = ["SOFA_TAG", "IMAGE_TAG"];

/// Reads a tag as registries allow it: up to 128 letters, digits, `_`, `.` and `-`, the first no `.` or `-`.
fn tag(text: &str) -> Result<String, String> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if text.is_empty() || text.len() > 128 || text.starts_with(['.', '-']) || !text.chars().all(known) {
        return Err("a tag is made of letters, digits, `_`, `.` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

/// Loads the project's files, with the tag and the numbers of containers that were typed.
///
/// # Errors
/// Everything that is wrong with the files (exit code 3) or with the numbers (2).
pub fn load(context: &Context, choices: &Choices) -> Result<LoadedProject, Failure> {
    let mut request = context.request(Options::default())?;
    for name in TAG_VARIABLES {
        request.environment.extend(choices.tag.clone().map(|tag| (name.to_owned(), tag)));
    }
    let mut loaded = context.load_as(request)?;
    replicas::apply(&mut loaded.loaded.project, &choices.scale)?;
    Ok(loaded)
}

/// No image is pinned: references decide.
pub static NO_PINS: Pins = Pins::new();

/// What the engine has of the project, and of what the model and the pins name.
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
    engine.observe(&project.name, &wanted).await.map_err(engine_failure)
}

/// The image of a service, those of its `pre_start` hooks, and those that it mounts.
fn images_of<'a>(project: &'a Project, service: &'a Service) -> impl Iterator<Item = String> + 'a {
    references_beside(project, service).chain([image_reference(project, service)])
}

/// The services of the scope, dependencies first.
///
/// # Errors
/// Dependencies that must be up already and are not; exit code 5.
pub fn scope_of<'a>(
    context: &Context,
    project: &'a Project,
    selection: &Selection,
    deps: Option<Deps>,
    observed: &Observed,
) -> Result<Vec<&'a str>, Failure> {
    scope::resolve(project, selection, &context.settings.backend, context.deps(deps), observed)
        .map_err(|missing| missing_failure(&missing))
}

/// What should exist for the scope.
pub fn desired<'a>(
    context: &'a Context,
    project: &'a Project,
    pins: &'a Pins,
    scope: &[&'a str],
    observed: &'a Observed,
) -> Desired<'a> {
    let mode = context.settings.mode.as_ref().map(|mode| mode.name.as_str());
    let terms = Terms { dialect: context.settings.dialect, mode, images: pins };
    let digests = contents::digests(project, content_key(observed).as_ref());
    let desired = Desired::new(project, scope, observed, terms).with_contents(&digests);
    // What cannot be selected was refused before.
    match context.selection(project) {
        Ok(selection) => desired.with_asked(&scope::chosen(project, &selection, &context.settings.backend)),
        Err(_) => desired,
    }
}

/// Refuses what this engine can make no container of.
///
/// # Errors
/// Each with its key; exit code 3.
pub fn refuse_what_cannot_be_made(engine: &Engine, desired: &Desired<'_>) -> Result<(), Failure> {
    let problems = preflight::unmakeable(engine, desired);
    if problems.is_empty() { Ok(()) } else { Err(problems_failure(&problems)) }
}

/// Refuses what others hold: host ports and names of containers of other projects, ports of other programs.
///
/// # Errors
/// Each with its holder; exit code 5.
pub fn refuse_what_others_hold(
    engine: &Engine,
    desired: &Desired<'_>,
    observed: &Observed,
) -> Result<(), Failure> {
    let mut held = plan::conflicts(desired, observed);
    held.extend(preflight::held_ports(engine, desired, observed));
    if held.is_empty() { Ok(()) } else { Err(problems_failure(&held)) }
}

/// The plan.
///
/// # Errors
/// What stands in its way, all at once.
pub fn planned(desired: &Desired<'_>, observed: &Observed, choices: &Choices) -> Result<Plan, Failure> {
    plan::deploy(desired, observed, choices.policy()).map_err(|problems| problems_failure(&problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_replace_nothing_replaces_nothing() {
        let recreate = |no_recreate, force_recreate, renew_anon_volumes| {
            let choices = Choices { no_recreate, force_recreate, renew_anon_volumes, ..Choices::default() };
            choices.policy().recreate
        };
        assert_eq!(recreate(true, false, true), Recreate::Never);
        assert_eq!(recreate(false, false, true), Recreate::Force);
        assert_eq!(recreate(false, true, false), Recreate::Force);
        assert_eq!(recreate(false, false, false), Recreate::Diverged);
    }
}
