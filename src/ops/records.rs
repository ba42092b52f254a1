//! What a deploy leaves written on the engine: the record of its run, and the release when it succeeds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::compose::model::Project;
use crate::docker::state::{Lock, Record, StateError, Store, tags};
use crate::engine::Engine;
use crate::engine::state_container::{lock_name, store_name};
use crate::error::{Failure, Kind};
use crate::labels;
use crate::ops::context::{Context, engine_failure, state_failure};
use crate::ops::execution::Ended;
use crate::ops::lock::Stage;
use crate::plan::desired::{Desired, DesiredService, image_reference, references_beside};
use crate::plan::labelled;
use crate::plan::observed::{ImageId, Observed};
use crate::plan::operation::{Group, Plan};
use crate::state::head::{Outcome, Reach, ReleaseEntry, ReleaseImage, RunEntry, beside, service_of};
use crate::state::record::Intent;
use crate::state::{ContentKey, Found, Head, LockSignal, Snapshot, release};
use crate::ui::event::Event;
use crate::util::git;

/// How long the end of a run waits for the next renewal of its lock, where an engine that was away answers again.
const RENEWAL: Duration = Duration::from_secs(5);

/// The records of a project, and who writes them.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// Who.
    pub context: &'a Context,
    /// Where.
    pub engine: &'a Engine,
    /// Of which project, and the model that a release holds.
    pub project: &'a Project,
    /// The verb.
    pub verb: &'a str,
    /// The services of the run.
    pub scope: &'a [&'a str],
    /// When the command began.
    pub begun: Instant,
    /// Whether what it leaves is a release: an undo's is one already.
    pub makes_release: bool,
}

impl Records<'_> {
    fn store(&self) -> Store {
        Store::of(self.engine, &self.project.name)
    }

    /// Looks at the records: one call.
    ///
    /// # Errors
    /// Records that a newer `sofa` wrote (exit code 5), and those of the engine.
    pub async fn look(&self) -> Result<Found, Failure> {
        self.store().read().await.map_err(state_failure)
    }

    /// Opens the records for writing, which only the holder of the lock may; where there are none, new ones begin.
    ///
    /// # Errors
    /// As `look`.
    pub async fn open(&self, key: &ContentKey) -> Result<Found, Failure> {
        Ok(match self.look().await? {
            Found::Missing => match self.store().ensure(key).await.map_err(state_failure)? {
                // The volume was there, without the container that it is read through.
                whole if whole != Snapshot::default() => Found::Whole(whole.into()),
                _ => Found::Missing,
            },
            found => found,
        })
    }

    /// The model of the last release: one call. None where there is none whole: what it says is only told, nothing hangs on it.
    pub async fn last_model(&self, found: &Found) -> Option<Project> {
        self.store().release(found.last_release()?).await.ok()
    }

    /// Whether the records may have to be written although nothing is to be done: what can be told without reading them.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn are_unfinished(&self, observed: &Observed) -> Result<bool, Failure> {
        let project = &self.project.name;
        let there = |name: String| observed.foreign.iter().any(|container| container.name == name);
        if !there(store_name(project)) {
            return Ok(self.are_due(&Found::Missing, observed));
        }
        // A lock that is there is somebody's who works, or of a run that was killed.
        if there(lock_name(project)) {
            return Ok(true);
        }
        self.store().is_marked_unfinished().await.map_err(engine_failure)
    }

    /// Whether something is to be written down even where nothing is to be done: a run that did not finish has reached
    /// its end, or the records are lost.
    pub fn are_due(&self, found: &Found, observed: &Observed) -> bool {
        match found {
            Found::Whole(snapshot) => snapshot.head.unfinished().is_some_and(|run| self.settles_of(run)),
            Found::Missing | Found::Damaged => {
                observed.containers.iter().any(|container| container.labels.contains_key(labels::sofa::RUN))
            }
        }
    }

    /// Whether the run, where it succeeds, settles anything of one that did not finish.
    fn settles_of(&self, run: &RunEntry) -> bool {
        let services = run.reach.as_ref().map(|reach| &reach.services);
        // Where nobody knows what it touched, any run that succeeds is its end, as is one that finds nothing touched.
        services.is_none_or(|services| services.is_empty() || services.iter().any(|name| self.settles(name)))
    }

    /// Whether a service is whole once the run has succeeded: it is of the scope, or there is nothing to make it whole from.
    fn settles(&self, service: &str) -> bool {
        let project = self.project;
        let known = project.services.contains_key(service)
            || self.makes_release && project.disabled_services.contains_key(service);
        self.scope.contains(&service) || !known
    }

    /// Tells first what the records say that a person should know.
    pub fn tell(&self, found: &Found, observed: &Observed, stage: Stage<'_>) {
        let project = &self.project.name;
        let note = match found {
            Found::Whole(snapshot) => match unfinished(project, &snapshot.head) {
                Some(text) => text + &self.but_without(&snapshot.head),
                None => return,
            },
            _ if !self.are_due(found, observed) => return,
            Found::Missing => format!(
                "{project}: its releases and runs are gone from the engine (pruned?); they begin anew from what runs"
            ),
            Found::Damaged => {
                format!("{project}: its releases and runs cannot be read; they begin anew from what runs")
            }
        };
        let _ = stage.events.send(Event::Note(note));
    }

    /// What the run does not settle of the one that did not finish.
    fn but_without(&self, head: &Head) -> String {
        let rest = head.unfinished().and_then(|run| run.without(|service| self.settles(service)));
        let Some(Reach { services, .. }) = rest.and_then(|run| run.reach) else {
            return String::new();
        };
        let services: Vec<String> = services.into_iter().collect();
        format!(", but for {}, which is left as it is: `sofa undo` takes it back", services.join(", "))
    }

    /// The record of the run that is about to begin.
    pub fn record(&self, before: &Snapshot, plan: &Plan, observed: &Observed) -> Record {
        let containers = observed.containers.iter().map(|container| &container.labels);
        let networks = observed.networks.iter().map(|network| &network.labels);
        let changes = plan.operations.iter().filter(|operation| operation.action.changes());
        let touches = changes.filter_map(|operation| match &operation.group {
            Group::Service(name) => Some(name.clone()),
            Group::Project => None,
        });
        let intent = Intent {
            verb: self.verb.to_owned(),
            mode: self.mode(),
            operator: self.context.operator(),
            seen: containers.chain(networks).filter_map(labelled::run).max().unwrap_or(0),
            unwritten: labelled::made_since(&observed.containers, before.head.next_run()),
            touches: touches.collect(),
        };
        Record::of(self.store(), before, intent)
    }

    /// The release that the run makes if it succeeds, its images under names of their own; none where it makes none.
    ///
    /// # Errors
    /// The last release cannot be read: without it nobody knows what the services are that the run does not touch.
    pub async fn prepare(
        &self,
        record: &Record,
        desired: &Desired<'_>,
        observed: &Observed,
        stage: Stage<'_>,
    ) -> Result<Option<(ReleaseEntry, Project)>, StateError> {
        if !self.makes_release {
            return Ok(None);
        }
        let project = self.project;
        let scope: BTreeSet<&str> = desired.services.keys().copied().collect();
        let before = match scope.len() < project.services.len() {
            true => record.last_model().await?,
            false => None,
        };
        let model = release::model(project, &scope, before);
        let untouched = record.last_images().filter(|(key, _)| {
            let (service, is_own) = service_of(key);
            model.service(service).is_some() && (is_own || !scope.contains(service))
        });
        let images = untouched.map(|(key, image)| (key.clone(), image.clone()));
        let own = desired.services.values().flat_map(|service| images_of(project, service, observed));
        let entry = ReleaseEntry {
            number: record.release_number(),
            run: record.number(),
            verb: self.verb.to_owned(),
            mode: self.mode(),
            operator: self.context.operator(),
            done: Timestamp::now(),
            took: self.begun.elapsed(),
            revision: git::revision(&self.context.settings.directory),
            images: images.chain(own).collect(),
        };
        for unnamed in tags::tag(self.engine, &project.name, &entry).await {
            let text = format!("image of the release has no name of its own, a prune may take it: {unnamed}");
            let _ = stage.events.send(Event::Warning(text));
        }
        Ok(Some((entry, model)))
    }

    /// Writes down how the run ended, and its release. What runs does not depend on it: where it cannot be written, that is told.
    pub async fn close(
        &self,
        record: Record,
        release: Result<Option<(ReleaseEntry, Project)>, StateError>,
        ended: Ended,
        lock: &Lock,
        stage: Stage<'_>,
    ) -> Ended {
        let project = &self.project.name;
        if lock.signal() == Some(LockSignal::Lost) || lock.fence().opens(RENEWAL).await.is_err() {
            // The records are another's by now.
            let text = format!("{project}: the lock was lost before it was written down how the run ended");
            let failure = Failure::new(Kind::Incomplete, text);
            return ended.but(match release {
                Ok(Some(_)) => failure.hint("there is no release of it yet: the same command makes one"),
                _ => failure,
            });
        }
        let (outcome, release) = self.made(ended.outcome, release, stage);
        if record.goes_on_from().is_some() {
            let made = release.as_ref().map(|(entry, _)| entry);
            self.untag_unmade(record.release_number(), made, stage).await;
        }
        let head = record.ended(outcome, |service| self.settles(service));
        if head.unfinished().is_none() {
            self.clear_mark(stage).await;
        }
        let open = head.open.clone();
        let written = match (outcome, release) {
            (Outcome::Settled, Some((entry, model))) => self.settle(record, head, entry, &model, stage).await,
            (_, release) => {
                if let Some((entry, _)) = release {
                    self.untag(&entry, stage).await;
                }
                record.end(head, ended.logs.clone()).await
            }
        };
        if let Err(error) = written {
            let text = format!("{project}: how the run ended is not written down: {error}");
            let _ = stage.events.send(Event::Warning(text));
        }
        Ended { open, ..ended }
    }

    /// The release that a run made. One that should have made one and could not is not finished: the next deploy makes it.
    fn made(
        &self,
        outcome: Outcome,
        release: Result<Option<(ReleaseEntry, Project)>, StateError>,
        stage: Stage<'_>,
    ) -> (Outcome, Option<(ReleaseEntry, Project)>) {
        match release {
            Ok(release) => (outcome, release),
            Err(error) if outcome == Outcome::Settled => {
                let text = format!(
                    "{}: no release is made of it, since the last one cannot be read: {error}; the same command tries again, \
                     one over all services needs no other release",
                    self.project.name
                );
                let _ = stage.events.send(Event::Warning(text));
                (Outcome::Kept, None)
            }
            Err(_) => (outcome, None),
        }
    }

    /// Says that nothing is unfinished: before that is written down, since a run that is killed in between leaves its lock, and a
    /// mark beside records that say otherwise would tell nobody why it is there.
    pub async fn clear_mark(&self, stage: Stage<'_>) {
        let project = &self.project.name;
        if let Err(error) = self.store().clear_unfinished().await {
            let text =
                format!("{project}: the mark of an unfinished run stays, the next deploy clears it: {error}");
            let _ = stage.events.send(Event::Warning(text));
        }
    }

    async fn settle(
        &self,
        record: Record,
        head: Head,
        entry: ReleaseEntry,
        model: &Project,
        stage: Stage<'_>,
    ) -> Result<(), StateError> {
        let entry = ReleaseEntry { done: Timestamp::now(), took: self.begun.elapsed(), ..entry };
        for old in record.settle(head, entry, model).await? {
            self.untag(&old, stage).await;
        }
        Ok(())
    }

    /// Takes the names of a release that is not kept from its images.
    async fn untag(&self, release: &ReleaseEntry, stage: Stage<'_>) {
        tell_named(tags::untag(self.engine, &self.project.name, release).await, stage);
    }

    /// Takes away the names that the run which did not finish gave to images.
    async fn untag_unmade(&self, number: u64, made: Option<&ReleaseEntry>, stage: Stage<'_>) {
        let untagged = tags::untag_unmade(self.engine, &self.project.name, number, made).await;
        tell_named(untagged.unwrap_or_else(|error| vec![error.to_string()]), stage);
    }

    fn mode(&self) -> Option<String> {
        self.context.settings.mode.as_ref().map(|mode| mode.name.clone())
    }
}

/// The images of a service, its own and those beside it.
fn images_of(
    project: &Project,
    desired: &DesiredService<'_>,
    observed: &Observed,
) -> BTreeMap<String, ReleaseImage> {
    let service = desired.service;
    let own = image_reference(project, service);
    let image = |reference: &str, id: &ImageId| ReleaseImage {
        reference: reference.to_owned(),
        id: id.as_str().to_owned(),
    };
    let others =
        references_beside(project, service).filter(|reference| *reference != own).filter_map(|reference| {
            let id = match desired.moved.get(&reference) {
                Some(pin) => &pin.id,
                None => &observed.images.get(&reference)?.id,
            };
            Some((beside(&service.name, &reference), image(&reference, id)))
        });
    let own = desired.found.map(|found| (service.name.to_string(), image(&own, &found.id)));
    others.chain(own).collect()
}

/// Tells of images that have the name of a release which is not kept.
fn tell_named(images: Vec<String>, stage: Stage<'_>) {
    for image in images {
        let text = format!("image keeps the name of a release that is not kept: {image}");
        let _ = stage.events.send(Event::Warning(text));
    }
}

/// What to say of a run that did not finish.
pub fn unfinished(project: &str, head: &Head) -> Option<String> {
    let run = head.unfinished()?;
    let how = run.outcome.map_or_else(|| "it was cut off".to_owned(), |outcome| outcome.to_string());
    Some(format!(
        "{project}: the last `{}` by {} did not finish: begun {:.0}, {how}; this goes on from what is there",
        run.verb, run.operator, run.began
    ))
}
