//! Back to a release, by an ordinary plan towards its model and its images: what `rollback` and `undo` share. Works from what is
//! kept on the engine; the files are read only to tell what differs today.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::compose::load::Options;
use crate::compose::model::{Project, Service};
use crate::docker::state::{Lock, Store, tags};
use crate::engine::Engine;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::context::state_failure;
use crate::ops::deployment::Choices;
use crate::ops::dry_run::show;
use crate::ops::execution::Ended;
use crate::ops::labelled::Standing;
use crate::ops::lock::Stage;
use crate::ops::work::Work;
use crate::plan::desired::{image_reference, references_beside};
use crate::plan::labelled;
use crate::plan::observed::{ImageId, Observed};
use crate::plan::operation::{Group, Plan};
use crate::plan::pins::{Pin, Pins};
use crate::plan::scope::{self, Selection};
use crate::state::head::{Head, ReleaseEntry, beside, service_of};
use crate::state::{Found, release};

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
    /// What it takes back, where it is an undo: what that leaves is no release of its own.
    pub undoes: Option<Unfinished>,
}

/// What an undo takes back: the last run, with those that it goes on from.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// The number of the first.
    since: u64,
    /// The services that they touched; none where nobody knows.
    services: Option<BTreeSet<String>>,
}

impl Unfinished {
    /// What did not finish by the records. A run that was killed before its record was written has the next number.
    pub fn of(head: &Head, observed: &Observed) -> Unfinished {
        match head.unfinished() {
            Some(run) => {
                let services = run.reach.as_ref().map(|reach| reach.services.clone());
                Unfinished { since: run.since(), services }
            }
            None => {
                let since = head.next_run();
                Unfinished { since, services: Some(labelled::made_since(&observed.containers, since)) }
            }
        }
    }
}

/// What is kept of a project, also where the container is gone through which it is read: prunes take those.
///
/// # Errors
/// Records that a newer `sofa` wrote, and those of the engine.
pub async fn kept_releases(standing: &Standing) -> Result<Head, Failure> {
    let store = Store::of(&standing.engine, &standing.project);
    let found = match store.read().await.map_err(state_failure)? {
        Found::Missing if standing.observed.store.is_some() => {
            store.open_again().await.map_err(state_failure)?
        }
        found => found,
    };
    Ok(found.or_empty().head)
}

/// The number of a release among words, where one is: a service with a number for a name is reached by SERVICES=.
pub fn number(words: &[String]) -> Option<u64> {
    words.iter().find_map(|word| word.parse().ok())
}

/// The words that are not the number of a release.
pub fn scope_words(words: &[String]) -> Vec<String> {
    words.iter().filter(|word| word.parse::<u64>().is_err()).cloned().collect()
}

/// The last release, to which an undo goes.
///
/// # Errors
/// There is none.
pub fn last<'a>(head: &'a Head, project: &str) -> Result<&'a ReleaseEntry, Failure> {
    head.releases.last().ok_or_else(|| {
        let run = head.unfinished().map_or("run", |run| run.verb.as_str());
        let message = format!("{project}: before this {run} there was no release of sofa's to go back to");
        Failure::new(Kind::Failed, message)
            .hint("`sofa deploy` goes on with it; `sofa down --keep-volumes` removes what it began")
    })
}

/// The release to go back to: the one that was named, else the last where something else runs, else the one before the last.
///
/// # Errors
/// None that is kept; exit code 2.
pub fn target<'a>(head: &'a Head, wanted: Option<u64>, project: &str) -> Result<&'a ReleaseEntry, Failure> {
    let releases = &head.releases;
    let found = match wanted {
        Some(number) => releases.iter().find(|release| release.number == number),
        None if head.unfinished().is_some() => releases.last(),
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
            work.refuse_what_would_fail(&observed)?;
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

    /// Brings the release back in a run that holds the lock already.
    ///
    /// # Errors
    /// What kept it from beginning.
    pub async fn under(&self, project: &str, lock: &Lock, stage: Stage<'_>) -> Result<Ended, Failure> {
        let model = self.model(project).await?;
        self.worked(&model, async |work| {
            let observed = work.observe().await?;
            self.images_are_there(work.scope, &observed)?;
            work.under(lock, &observed, None, stage).await
        })
        .await
    }

    /// Makes the plan, says what a person should know of it, and goes on from there.
    async fn planned<T>(
        &self,
        project: &str,
        then: impl AsyncFnOnce(Work<'_>, Observed, Plan) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut model = self.model(project).await?;
        tell_differences(self.context, &mut model, self.current_env);
        self.worked(&model, async |work| {
            let mut observed = work.observe().await?;
            self.images_are_there(work.scope, &observed)?;
            let plan = work.foresee(&mut observed).await?;
            tell_bound_paths(self.context, &model, &plan);
            then(work, observed, plan).await
        })
        .await
    }

    /// Does something with the work that brings a release back.
    async fn worked<T>(
        &self,
        model: &Project,
        then: impl AsyncFnOnce(Work<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let context = self.context;
        let pins = self.pins(model);
        let selection = self.selection(model)?;
        let scope = scope::alone(model, &selection, &context.settings.backend);
        let takes_back = self.undoes.as_ref().map(|unfinished| unfinished.since);
        let wait_timeout = self.wait_timeout;
        let choices = Choices { leave_jobs: true, wait_timeout, takes_back, ..Choices::default() };
        let work = Work {
            context,
            engine: self.engine,
            verb: self.verb,
            project: model,
            pins: &pins,
            scope: &scope,
            choices: &choices,
            begun: self.begun,
            makes_release: self.undoes.is_none(),
        };
        then(work).await
    }

    /// What the command names or stands for; an undo that names nothing takes back all that was touched.
    fn selection(&self, model: &Project) -> Result<Selection, Failure> {
        match &self.undoes {
            Some(unfinished) if self.context.settings.words.services.is_empty() => {
                let services = unfinished.services.as_ref();
                Ok(services.map_or(Selection::All, |names| Selection::Named(names.iter().cloned().collect())))
            }
            _ => self.context.selection(model),
        }
    }

    async fn model(&self, project: &str) -> Result<Project, Failure> {
        let number = self.release.number;
        let hint = "`sofa history` shows the other releases";
        let model = Store::of(self.engine, project).release(number).await;
        model.map_err(|error| state_failure(error).hint(hint))
    }

    fn pins(&self, model: &Project) -> Pins {
        let images = &self.release.images;
        let pinned = |key: &str| images.get(key).map(|image| ImageId(image.id.clone()));
        let own = |service: &Service| Some((service.name.clone(), pinned(&service.name)?));
        let pin = |service: &Service, reference: String| {
            // One that the service is made from itself stands under its name.
            let is_own = reference == image_reference(model, service);
            let key = if is_own { service.name.to_string() } else { beside(&service.name, &reference) };
            let name = tags::name(&model.name, &key, self.release.number)?.to_string();
            let id = pinned(&key)?;
            Some(((service.name.clone(), reference), Pin { id, name }))
        };
        let services = || model.services.values();
        Pins {
            own: services().filter_map(own).collect(),
            beside: services()
                .flat_map(|service| references_beside(model, service).filter_map(move |r| pin(service, r)))
                .collect(),
        }
    }

    /// Images that a release was made from and that somebody removed cannot be made again.
    fn images_are_there(&self, scope: &[&str], observed: &Observed) -> Result<(), Failure> {
        let release = self.release;
        let needed = release.images.iter().map(|(key, image)| (service_of(key).0, image));
        let needed = needed.filter(|(service, _)| scope.contains(service));
        let gone = needed.filter(|(_, image)| !observed.images.values().any(|found| found.id.0 == image.id));
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
    use jiff::Timestamp;

    use super::*;
    use crate::state::Operator;
    use crate::state::head::{Outcome, RunEntry};

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
    fn where_something_else_than_the_last_release_runs_that_is_meant() {
        let run = RunEntry {
            number: 9,
            verb: "deploy".into(),
            mode: None,
            operator: Operator::default(),
            began: Timestamp::UNIX_EPOCH,
            outcome: None,
            reach: None,
        };
        let goes_to = |outcome| {
            let run = RunEntry { outcome, ..run.clone() };
            target(&Head { run: Some(run), ..head(&[4, 5]) }, None, "p").map(|release| release.number).ok()
        };
        assert_eq!(goes_to(None), Some(5), "killed");
        assert_eq!(goes_to(Some(Outcome::Kept)), Some(5), "settled in part");
        assert_eq!(goes_to(Some(Outcome::Undone)), Some(4));
    }

    #[test]
    fn a_release_that_is_not_kept_is_said() {
        assert!(goes_to(&[], None).unwrap_err().contains("no releases are kept"));
        assert!(goes_to(&[4], None).unwrap_err().contains("no release before the last"));
        assert!(goes_to(&[4, 5], Some(1)).unwrap_err().contains("release 1 is not kept"));
    }
}
