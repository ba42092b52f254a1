//! Releases as targets of a deploy: which release is meant, and the deployment that restores it. Works from the records on the engine.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::compose::model::{Project, Service};
use crate::docker::state::{Store, tags};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::deployment::{Deployment, Options};
use crate::ops::failure::state_failure;
use crate::ops::project::LiveProject;
use crate::plan::Policy;
use crate::plan::desired::references_beside;
use crate::plan::labelled;
use crate::plan::observed::{ImageId, Observed};
use crate::plan::pins::{Pin, Pins};
use crate::plan::scope::{self, Selection};
use crate::state::Found;
use crate::state::head::{Head, ReleaseEntry, beside, service_of};

/// What an undo undoes: the last run, with those that it resumed.
#[derive(Debug, Clone)]
pub struct UnfinishedRun {
    /// The number of the first of these runs.
    since: u64,
    /// The services that they touched; none where the records do not say.
    services: Option<BTreeSet<String>>,
}

impl UnfinishedRun {
    /// What did not finish, by the records. A run that was killed before its record was written has the next number.
    pub fn of(head: &Head, observed: &Observed) -> UnfinishedRun {
        match head.unfinished() {
            Some(run) => {
                let services = run.reach.as_ref().map(|reach| reach.services.clone());
                UnfinishedRun { since: run.since(), services }
            }
            None => {
                let since = head.next_run();
                let services = Some(labelled::made_since(&observed.containers, since));
                UnfinishedRun { since, services }
            }
        }
    }
}

/// The records of a project, also where a prune removed the container through which they are read.
///
/// # Errors
/// Records that a newer `sofa` wrote, and those of the engine.
pub async fn kept_releases(live: &LiveProject) -> Result<Head, Failure> {
    let store = Store::of(&live.engine, &live.project);
    let found = match store.read().await.map_err(state_failure)? {
        Found::Missing if live.observed.store.is_some() => store.open_again().await.map_err(state_failure)?,
        found => found,
    };
    Ok(found.or_empty().head)
}

/// The last release, which an undo restores.
///
/// # Errors
/// There is none.
pub fn last_release<'a>(head: &'a Head, project: &str) -> Result<&'a ReleaseEntry, Failure> {
    head.releases.last().ok_or_else(|| {
        let run = head.unfinished().map_or("run", |run| run.verb.as_str());
        let message =
            format!("{project}: no release exists from before this {run}, so there is nothing to undo it to");
        Failure::new(Kind::Failed, message)
            .hint("`sofa deploy` continues it; `sofa down --keep-volumes` removes what it created")
    })
}

/// The release to roll back to: the named one, else the last one where something else runs, else the one before the last.
///
/// # Errors
/// No such release is kept; exit code 2.
pub fn target<'a>(head: &'a Head, wanted: Option<u64>, project: &str) -> Result<&'a ReleaseEntry, Failure> {
    let releases = &head.releases;
    let found = match wanted {
        Some(number) => releases.iter().find(|release| release.number == number),
        None if head.unfinished().is_some() => releases.last(),
        None => releases.len().checked_sub(2).and_then(|before| releases.get(before)),
    };
    found.ok_or_else(|| {
        let message = match (wanted, releases.len()) {
            (_, 0) => format!("project `{project}` has no kept releases to roll back to"),
            (None, _) => format!("project `{project}` has no release before the last one"),
            (Some(number), _) => format!("project `{project}`: release {number} is not kept"),
        };
        let known: Vec<String> = releases.iter().map(|release| release.number.to_string()).collect();
        let failure = Failure::new(Kind::Usage, message);
        match known.is_empty() {
            true => failure,
            false => failure.hint(format!("kept releases: {} (`sofa history` lists them)", known.join(", "))),
        }
    })
}

/// The model that a release holds.
///
/// # Errors
/// It is damaged, or the engine does not answer.
pub async fn model_of(engine: &Engine, project: &str, release: &ReleaseEntry) -> Result<Project, Failure> {
    let model = Store::of(engine, project).release(release.number).await;
    model.map_err(|error| state_failure(error).hint("`sofa history` lists the other releases"))
}

/// The deployment that restores a release; `undone` is the run that it undoes, for an undo.
///
/// # Errors
/// As [`model_of`]; a selected service that the release does not have.
pub async fn of_release<'a>(
    context: &'a Context,
    engine: Engine,
    project: &str,
    release: &ReleaseEntry,
    undone: Option<&UnfinishedRun>,
    wait_timeout: Option<Duration>,
    started: Instant,
) -> Result<Deployment<'a>, Failure> {
    let model = model_of(&engine, project, release).await?;
    Deployment::of_release_model(context, engine, model, release, undone, wait_timeout, started)
}

impl<'a> Deployment<'a> {
    /// The deployment of a release whose model was read, and perhaps given today's environment.
    ///
    /// # Errors
    /// A selected service that the release does not have.
    pub fn of_release_model(
        context: &'a Context,
        engine: Engine,
        model: Project,
        release: &ReleaseEntry,
        undone: Option<&UnfinishedRun>,
        wait_timeout: Option<Duration>,
        started: Instant,
    ) -> Result<Deployment<'a>, Failure> {
        let selection = selection(context, &model, undone)?;
        let scope = scope::alone(&model, &selection, &context.settings.backend);
        let scope = scope.into_iter().map(str::to_owned).collect();
        let pins = pins(&model, release);
        let policy = Policy {
            leave_jobs: true,
            rollback: true,
            undoes_runs_from: undone.map(|run| run.since),
            ..Policy::default()
        };
        let options = Options { policy, wait_timeout, ..Options::default() };
        let verb = if undone.is_some() { "undo" } else { "rollback" };
        let makes_release = undone.is_none();
        let one_off = None;
        Ok(Deployment { context, engine, verb, model, pins, scope, options, one_off, makes_release, started })
    }

    /// What the engine has, where it has all images of the release.
    ///
    /// # Errors
    /// Images of the release that were removed and cannot be had again; those of the engine.
    pub async fn observe_release(&self, release: &ReleaseEntry) -> Result<Observed, Failure> {
        let observed = self.observe().await?;
        let needed = release.images.iter().map(|(key, image)| (service_of(key).0, image));
        let needed = needed.filter(|(service, _)| self.scope.iter().any(|name| name == service));
        let gone = needed.filter(|(_, image)| !observed.images.values().any(|found| found.id.0 == image.id));
        let messages: Vec<String> = gone
            .map(|(service, image)| {
                let number = release.number;
                format!(
                    "service `{service}`: image `{}` of release {number} was removed ({})",
                    image.reference, image.id
                )
            })
            .collect();
        if messages.is_empty() {
            return Ok(observed);
        }
        let failure = Failure::all(Kind::Failed, messages);
        Err(failure.hint("nothing was changed; `sofa history` lists the other releases"))
    }
}

/// The services that the command names or its mode stands for. An undo without names covers every service that was touched.
fn selection(
    context: &Context,
    model: &Project,
    undone: Option<&UnfinishedRun>,
) -> Result<Selection, Failure> {
    match undone {
        Some(run) if context.settings.words.services.is_empty() => {
            let services = run.services.as_ref();
            Ok(services.map_or(Selection::All, |names| Selection::Named(names.iter().cloned().collect())))
        }
        _ => context.selection(model),
    }
}

/// The images of a release, by the services that they belong to.
fn pins(model: &Project, release: &ReleaseEntry) -> Pins {
    let pinned = |key: &str| release.images.get(key).map(|image| ImageId(image.id.clone()));
    let own = |service: &Service| Some((service.name.clone(), pinned(&service.name)?));
    let pin = |service: &Service, reference: String| {
        // An image that the service itself runs is stored under the service's name.
        let is_own = reference == model.image_reference(service);
        let key = if is_own { service.name.to_string() } else { beside(&service.name, &reference) };
        let name = tags::name(&model.name, &key, release.number)?.to_string();
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
    fn without_a_number_the_release_before_the_last_is_meant() {
        assert_eq!(goes_to(&[4, 5, 6], None), Ok(5));
        assert_eq!(goes_to(&[4, 5, 6], Some(4)), Ok(4));
    }

    #[test]
    fn without_a_number_an_unfinished_run_means_the_last_release() {
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
    fn an_unknown_release_is_refused() {
        assert!(goes_to(&[], None).unwrap_err().contains("has no kept releases"));
        assert!(goes_to(&[4], None).unwrap_err().contains("no release before the last one"));
        assert!(goes_to(&[4, 5], Some(1)).unwrap_err().contains("release 1 is not kept"));
    }
}
