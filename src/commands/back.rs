//! Back to a release, by an ordinary plan towards its model and its images: what `rollback` and `undo` share. Works from what is
//! kept on the engine; the files are read only to tell what differs today.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::context::state_failure;
use crate::commands::deployment::Choices;
use crate::commands::work::Work;
use crate::compose::load::Options;
use crate::compose::model::Project;
use crate::engine::Engine;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::plan::desired::Pins;
use crate::plan::observed::{ImageId, Observed};
use crate::plan::operation::{Group, Plan};
use crate::plan::scope;
use crate::state::head::{Head, ReleaseEntry};
use crate::state::{Store, release};

/// The way back.
pub struct Back<'a> {
    /// The command.
    pub context: &'a Context,
    /// The engine.
    pub engine: &'a Engine,
    /// The verb, for people.
    pub verb: &'a str,
    /// Where to.
    pub release: &'a ReleaseEntry,
    /// Whether services keep the environment that they have by today's files.
    pub current_env: bool,
    /// How long all waits together may take.
    pub wait_timeout: Option<Duration>,
    /// When the command began.
    pub begun: Instant,
    /// Whether what it leaves is a release of its own: an undo's is the last one.
    pub makes_release: bool,
}

/// What is kept of a project.
///
/// # Errors
/// Records that a newer `sofa` wrote, and those of the engine.
pub async fn kept_releases(engine: &Engine, project: &str) -> Result<Head, Failure> {
    Ok(Store::of(engine, project).read().await.map_err(state_failure)?.or_empty().head)
}

impl Back<'_> {
    /// Brings the release back, or shows the plan.
    ///
    /// # Errors
    /// Images that are gone; else as those of `deploy`.
    pub async fn go(&self, project: &str, dry_run: bool) -> CommandResult {
        let context = self.context;
        let mut model = self.model(project).await?;
        tell_differences(context, &mut model, self.current_env);
        let pins = self.pins();
        let selection = context.selection(&model)?;
        let scope = scope::alone(&model, &selection, &context.settings.backend);
        let choices = Choices { leave_jobs: true, wait_timeout: self.wait_timeout, ..Choices::default() };
        let work = Work {
            context,
            engine: self.engine,
            verb: self.verb,
            project: &model,
            pins: &pins,
            scope: &scope,
            choices: &choices,
            begun: self.begun,
            makes_release: self.makes_release,
        };
        let mut observed = work.observe().await?;
        self.images_are_there(&scope, &observed)?;
        let plan = work.foresee(&mut observed).await?;
        tell_bound_paths(context, &model, &plan);
        if dry_run {
            // A reader that is gone needs no plan.
            let _ = context.ui.print(&crate::ui::plan::render(&plan, true));
            return Ok(Exit::Success);
        }
        work.carry_out(observed).await?;
        Ok(Exit::Success)
    }

    async fn model(&self, project: &str) -> Result<Project, Failure> {
        let number = self.release.number;
        let hint = "`sofa history` shows the other releases";
        let model = Store::of(self.engine, project).release(number).await;
        model.map_err(|error| state_failure(error).hint(hint))
    }

    fn pins(&self) -> Pins {
        let images = self.release.images.iter();
        images.map(|(service, image)| (service.as_str().into(), ImageId(image.id.clone()))).collect()
    }

    /// Images that a release was made from and that somebody removed cannot be made again.
    fn images_are_there(&self, scope: &[&str], observed: &Observed) -> Result<(), Failure> {
        let release = self.release;
        let gone = scope.iter().filter_map(|service| Some((service, release.images.get(*service)?)));
        let gone = gone.filter(|(_, image)| !observed.images.values().any(|found| found.id.0 == image.id));
        let told: Vec<String> = gone
            .map(|(service, image)| {
                let number = release.number;
                format!(
                    "service `{service}`: image `{}` of release {number} is gone ({})",
                    image.reference, image.id
                )
            })
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        let failure = Failure::all(Kind::Failed, told);
        Err(failure.hint("nothing was changed; `sofa history` shows the other releases"))
    }
}

/// Names the variables that have another value today, or gives the services their environment of today.
fn tell_differences(context: &Context, model: &mut Project, current_env: bool) {
    let today = match context.load(Options::default()) {
        Ok(loaded) => loaded.loaded.project,
        Err(_) => {
            context.ui.note("today's files cannot be read, so what differs from them is not known");
            return;
        }
    };
    if current_env {
        release::with_environment_of(model, &today);
        return;
    }
    for (service, names) in release::changed_variables(model, &today) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = format!(
            "{service}: not as in today's files: {} (`--current-env` keeps today's)",
            names.join(", ")
        );
        context.ui.note(&text);
    }
}

/// No release holds what is in files and folders of the host.
fn tell_bound_paths(context: &Context, model: &Project, plan: &Plan) {
    let changed: BTreeSet<&str> = plan
        .operations
        .iter()
        .filter_map(|operation| match &operation.group {
            Group::Service(name) => Some(name.as_str()),
            Group::Project => None,
        })
        .collect();
    let paths = release::bound_paths(model, &changed);
    if !paths.is_empty() {
        let paths: Vec<&str> = paths.into_iter().collect();
        context.ui.note(&format!("as they are today, since no release holds them: {}", paths.join(", ")));
    }
}
