//! Back to a release, by an ordinary plan towards its model and its images: what `rollback` and `undo` share. Works from what is
//! kept on the engine; the files are read only to tell what differs today.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::context::state_failure;
use crate::commands::deployment::Choices;
use crate::commands::dry_run::show;
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

/// The number of a release among words, where one is: a service with a number for a name is reached by SERVICES=.
pub fn number(words: &[String]) -> Option<u64> {
    words.iter().find_map(|word| word.parse().ok())
}

/// The words that are not the number of a release.
pub fn scope_words(words: &[String]) -> Vec<String> {
    words.iter().filter(|word| word.parse::<u64>().is_err()).cloned().collect()
}

/// The release to go back to: the one that was named, else the one before the last.
///
/// # Errors
/// None that is kept; exit code 2.
pub fn target<'a>(head: &'a Head, wanted: Option<u64>, project: &str) -> Result<&'a ReleaseEntry, Failure> {
    let releases = &head.releases;
    let found = match wanted {
        Some(number) => releases.iter().find(|release| release.number == number),
        None => releases.len().checked_sub(2).and_then(|before| releases.get(before)),
    };
    found.ok_or_else(|| {
        let message = match (wanted, releases.len()) {
            (_, 0) => format!("project `{project}`: no releases are kept, so there is none to go back to"),
            (None, _) => format!("project `{project}`: there is no release before the last"),
            (Some(number), _) => format!("project `{project}`: release {number} is not kept"),
        };
        let known: Vec<String> = releases.iter().map(|release| release.number.to_string()).collect();
        let failure = Failure::new(Kind::Usage, message);
        if known.is_empty() {
            failure
        } else {
            failure.hint(format!("`sofa history` shows them: {}", known.join(", ")))
        }
    })
}

impl Back<'_> {
    /// Brings the release back, or shows the plan.
    ///
    /// # Errors
    /// Images that are gone; else as those of `deploy`.
    pub async fn go(&self, project: &str, dry_run: bool) -> CommandResult {
        self.planned(project, async |work, observed, plan| {
            if dry_run {
                return Ok(show(&plan, self.context));
            }
            work.carry_out(observed, None).await?;
            Ok(Exit::Success)
        })
        .await
    }

    /// The plan of the way back.
    ///
    /// # Errors
    /// As those of `go`, before any change.
    pub async fn plan(&self, project: &str) -> Result<Plan, Failure> {
        self.planned(project, async |_, _, plan| Ok(plan)).await
    }

    /// Makes the plan, says what a person should know of it, and goes on from there.
    async fn planned<T>(
        &self,
        project: &str,
        then: impl AsyncFnOnce(Work<'_>, Observed, Plan) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
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
        then(work, observed, plan).await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn head(numbers: &[u64]) -> Head {
        let release = |number: &u64| ReleaseEntry { number: *number, ..ReleaseEntry::default() };
        Head { releases: numbers.iter().map(release).collect(), ..Head::default() }
    }

    fn goes_to(numbers: &[u64], wanted: Option<u64>) -> Result<u64, String> {
        let head = head(numbers);
        target(&head, wanted, "p").map(|release| release.number).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_release_before_the_last_is_meant_where_none_is_named() {
        assert_eq!(goes_to(&[4, 5, 6], None), Ok(5));
        assert_eq!(goes_to(&[4, 5, 6], Some(4)), Ok(4));
    }

    #[test]
    fn a_release_that_is_not_kept_is_said() {
        assert!(goes_to(&[], None).unwrap_err().contains("no releases are kept"));
        assert!(goes_to(&[4], None).unwrap_err().contains("no release before the last"));
        assert!(goes_to(&[4, 5], Some(1)).unwrap_err().contains("release 1 is not kept"));
    }
}
