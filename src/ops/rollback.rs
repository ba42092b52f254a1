//! `rollback` and `undo`: a deploy of an older release, and the undo of an unfinished run.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::compose::load;
use crate::compose::model::Project;
use crate::docker::state::Store;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::deploy::Deploy;
use crate::ops::deployment::Deployment;
use crate::ops::failure::engine_failure;
use crate::ops::lock::remove_abandoned_lock;
use crate::ops::project::{LiveProject, View};
use crate::ops::release::{self, UnfinishedRun, kept_releases, last_release, target};
use crate::plan::labelled;
use crate::plan::observed::Container;
use crate::plan::operation::{Group, Plan};
use crate::state::head::ReleaseEntry;

/// A release that is about to be restored: its deploy and the plan of it.
pub struct Rollback<'a> {
    deploy: Deploy<'a>,
    plan: Plan,
}

impl<'a> Rollback<'a> {
    /// Prepares the rollback to a release: the one with that number, else as [`target`] says.
    ///
    /// # Errors
    /// No such release, removed images, and every reason why there is no plan; nothing was changed.
    pub async fn to_release(
        context: &'a Context,
        number: Option<u64>,
        current_env: bool,
        wait_timeout: Option<Duration>,
    ) -> Result<Rollback<'a>, Failure> {
        let started = Instant::now();
        let live = context.live_project(View::Project).await?;
        let head = kept_releases(&live).await?;
        let release = target(&head, number, &live.project)?;
        Rollback::prepare(context, &live, release, None, current_env, wait_timeout, started).await
    }

    /// Prepares the undo of the run that did not finish; none where every run did.
    ///
    /// # Errors
    /// No release to restore; else as [`Rollback::to_release`].
    pub async fn of_unfinished_run(
        context: &'a Context,
        wait_timeout: Option<Duration>,
    ) -> Result<Option<Rollback<'a>>, Failure> {
        let started = Instant::now();
        let live = context.live_project(View::Project).await?;
        let head = kept_releases(&live).await?;
        // A run that was killed right after its start may have no record yet.
        let marked =
            Store::of(&live.engine, &live.project).is_marked_unfinished().await.map_err(engine_failure)?;
        if head.unfinished().is_none() && !marked {
            // Killed before it wrote anything, a run may have left its lock.
            remove_abandoned_lock(&live.engine, &live.project).await?;
            let project = &live.project;
            context
                .ui
                .note(&format!("{project}: no run is unfinished; `sofa rollback` restores an older release"));
            return Ok(None);
        }
        let undone = UnfinishedRun::of(&head, &live.observed);
        let release = last_release(&head, &live.project)?;
        let rollback =
            Rollback::prepare(context, &live, release, Some(&undone), false, wait_timeout, started).await?;
        Ok(Some(rollback))
    }

    async fn prepare(
        context: &'a Context,
        live: &LiveProject,
        release: &ReleaseEntry,
        undone: Option<&UnfinishedRun>,
        current_env: bool,
        wait_timeout: Option<Duration>,
        started: Instant,
    ) -> Result<Rollback<'a>, Failure> {
        let engine = live.engine.clone();
        let mut model = release::model_of(&engine, &live.project, release).await?;
        note_environment_changes(context, &mut model, current_env);
        let deployment =
            Deployment::of_release_model(context, engine, model, release, undone, wait_timeout, started)?;
        let observed = deployment.observe_release(release).await?;
        let mut deploy = Deploy::of_deployment(deployment, observed);
        let plan = deploy.plan().await?;
        note_bound_paths(context, deploy.model(), &plan);
        note_jobs(context, release, &live.observed.containers);
        Ok(Rollback { deploy, plan })
    }

    /// The plan; nothing was changed.
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// Restores the release.
    ///
    /// # Errors
    /// As those of a deploy.
    pub async fn run(self) -> Result<(), Failure> {
        self.deploy.run().await
    }
}

/// Names the variables whose values differ from today's files, or gives the services their environment of today.
fn note_environment_changes(context: &Context, model: &mut Project, current_env: bool) {
    let today = match context.load(load::Options::default()) {
        Ok(loaded) => loaded.loaded.project,
        Err(_) => {
            context.ui.note("today's files cannot be read, so the differences to them are not known");
            return;
        }
    };
    if current_env {
        crate::state::release::with_environment_of(model, &today);
        return;
    }
    for (service, names) in crate::state::release::changed_variables(model, &today) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let names = names.join(", ");
        context.ui.note(&format!(
            "{service}: these variables differ from today's files: {names} (`--current-env` keeps today's)"
        ));
    }
}

/// Names the jobs that ran since with another image: what they did, to a schema for example, stays.
fn note_jobs(context: &Context, release: &ReleaseEntry, containers: &[Container]) {
    let jobs = labelled::jobs(containers);
    let differs = |container: &&Container| {
        let then = release.images.get(&container.service);
        jobs.contains(container.service.as_str()) && then.is_some_and(|then| then.id != container.image_id.0)
    };
    let later: BTreeSet<&str> =
        containers.iter().filter(differs).map(|container| container.service.as_str()).collect();
    for job in later {
        context.ui.note(&format!(
            "job `{job}` ran with another image since release {}: what it did stays (a changed schema, for example), since jobs \
             are not undone",
            release.number
        ));
    }
}

/// Names the bind-mounted files and folders of services that change: a release does not hold their content.
fn note_bound_paths(context: &Context, model: &Project, plan: &Plan) {
    let changed: BTreeSet<&str> = plan
        .operations
        .iter()
        .filter_map(|operation| match &operation.group {
            Group::Service(name) => Some(name.as_str()),
            Group::Project => None,
        })
        .collect();
    let paths = crate::state::release::bound_paths(model, &changed);
    if !paths.is_empty() {
        let paths: Vec<&str> = paths.into_iter().collect();
        let paths = paths.join(", ");
        context
            .ui
            .note(&format!("these host paths keep their content of today, which no release holds: {paths}"));
    }
}
