//! The records of a deploy on the engine: its run record, and the release when it succeeds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::compose::model::Project;
use crate::docker::state::{Record, StateError, Store, tags};
use crate::engine::state_container::{lock_name, store_name};
use crate::error::{Failure, Kind};
use crate::labels;
use crate::ops::deployment::Deployment;
use crate::ops::execution::RunOutcome;
use crate::ops::failure::{engine_failure, state_failure};
use crate::ops::lock::ProjectLock;
use crate::ops::session::Session;
use crate::plan::desired::{Desired, DesiredService, references_beside};
use crate::plan::labelled;
use crate::plan::observed::{ImageId, Observed};
use crate::plan::operation::{Group, Plan};
use crate::state::head::{Outcome, Reach, ReleaseEntry, ReleaseImage, RunEntry, beside, service_of};
use crate::state::record::Intent;
use crate::state::{ContentKey, Found, Head, Snapshot, release};
use crate::util::git;

/// How long the end of a run waits for the next renewal of its lock, after the engine was away.
const RENEWAL: Duration = Duration::from_secs(5);

/// The records of a deployment's project, as one of its runs reads and writes them.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    deployment: &'a Deployment<'a>,
}

impl<'a> Records<'a> {
    pub fn of(deployment: &'a Deployment<'a>) -> Records<'a> {
        Records { deployment }
    }

    fn store(&self) -> Store {
        Store::of(&self.deployment.engine, self.deployment.project())
    }

    /// Reads the records: one call.
    ///
    /// # Errors
    /// Records that a newer `sofa` wrote (exit code 5), and those of the engine.
    pub async fn look(&self) -> Result<Found, Failure> {
        self.store().read().await.map_err(state_failure)
    }

    /// Opens the records for writing, which only the holder of the lock may do. Creates them where there are none.
    ///
    /// # Errors
    /// As `look`.
    pub async fn open(&self, key: &ContentKey) -> Result<Found, Failure> {
        Ok(match self.look().await? {
            Found::Missing => match self.store().ensure(key).await.map_err(state_failure)? {
                // The volume existed, without the container through which it is read.
                whole if whole != Snapshot::default() => Found::Whole(whole.into()),
                _ => Found::Missing,
            },
            found => found,
        })
    }

    /// The model of the last release: one call. None where it cannot be read: it only explains field changes.
    pub async fn last_model(&self, found: &Found) -> Option<Project> {
        self.store().release(found.last_release()?).await.ok()
    }

    /// Whether the records may need an update although the plan changes nothing, as far as that is known without reading them.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn are_unfinished(&self, observed: &Observed) -> Result<bool, Failure> {
        let project = self.deployment.project();
        let exists = |name: String| observed.foreign.iter().any(|container| container.name == name);
        if !exists(store_name(project)) {
            return Ok(self.are_due(&Found::Missing, observed));
        }
        // A lock belongs to a run at work, or to one that was killed.
        if exists(lock_name(project)) {
            return Ok(true);
        }
        self.store().is_marked_unfinished().await.map_err(engine_failure)
    }

    /// Whether the records need an update although the plan changes nothing: an unfinished run has reached its end, or the
    /// records are lost.
    pub fn are_due(&self, found: &Found, observed: &Observed) -> bool {
        match found {
            Found::Whole(snapshot) => snapshot.head.unfinished().is_some_and(|run| self.settles_part_of(run)),
            Found::Missing | Found::Damaged => {
                observed.containers.iter().any(|container| container.labels.contains_key(labels::sofa::RUN))
            }
        }
    }

    /// Whether this run, if it succeeds, settles at least a part of an unfinished run.
    fn settles_part_of(&self, run: &RunEntry) -> bool {
        let services = run.reach.as_ref().map(|reach| &reach.services);
        // Without a list of services, or with an empty one, any successful run is its end.
        services.is_none_or(|services| services.is_empty() || services.iter().any(|name| self.settles(name)))
    }

    /// Whether a service is whole once this run succeeds: it is in scope, or the model does not have it.
    fn settles(&self, service: &str) -> bool {
        let project = &self.deployment.model;
        let known = project.services.contains_key(service)
            || self.deployment.makes_release && project.disabled_services.contains_key(service);
        self.deployment.scope.iter().any(|name| name == service) || !known
    }

    /// Notes an unfinished run, and records that are lost.
    pub fn note_unfinished(&self, found: &Found, observed: &Observed, session: &Session) {
        let project = self.deployment.project();
        let note = match found {
            Found::Whole(snapshot) => match unfinished(project, &snapshot.head) {
                Some(text) => text + &self.services_not_resumed(&snapshot.head),
                None => return,
            },
            _ if !self.are_due(found, observed) => return,
            Found::Missing => format!(
                "{project}: the records of releases and runs are gone from the engine (pruned?); new records start from what runs"
            ),
            Found::Damaged => {
                format!(
                    "{project}: the records of releases and runs cannot be read; new records start from what runs"
                )
            }
        };
        session.note(note);
    }

    /// The services of an unfinished run that this run does not settle.
    fn services_not_resumed(&self, head: &Head) -> String {
        let rest = head.unfinished().and_then(|run| run.remaining(|service| self.settles(service)));
        let Some(Reach { services, .. }) = rest.and_then(|run| run.reach) else {
            return String::new();
        };
        let services: Vec<String> = services.into_iter().collect();
        format!("; it leaves {} unchanged, `sofa undo` undoes all of it", services.join(", "))
    }

    /// The record of the run that is about to start.
    pub fn record(&self, before: &Snapshot, plan: &Plan, observed: &Observed) -> Record {
        let containers = observed.containers.iter().map(|container| &container.labels);
        let networks = observed.networks.iter().map(|network| &network.labels);
        let changes = plan.operations.iter().filter(|operation| operation.action.changes());
        let touches = changes.filter_map(|operation| match &operation.group {
            Group::Service(name) => Some(name.clone()),
            Group::Project => None,
        });
        let intent = Intent {
            verb: self.deployment.verb.to_owned(),
            mode: self.mode(),
            operator: self.deployment.context.operator(),
            seen: containers.chain(networks).filter_map(labelled::run).max().unwrap_or(0),
            unwritten: labelled::made_since(&observed.containers, before.head.next_run()),
            touches: touches.collect(),
        };
        Record::of(self.store(), before, intent)
    }

    /// The release that this run makes if it succeeds, with tags on its images so that a prune keeps them. None for an undo.
    ///
    /// # Errors
    /// The last release cannot be read, which holds the services outside this run's scope.
    pub async fn prepare_release(
        &self,
        record: &Record,
        desired: &Desired<'_>,
        observed: &Observed,
        session: &Session,
    ) -> Result<Option<(ReleaseEntry, Project)>, StateError> {
        if !self.deployment.makes_release {
            return Ok(None);
        }
        let project = &self.deployment.model;
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
            verb: self.deployment.verb.to_owned(),
            mode: self.mode(),
            operator: self.deployment.context.operator(),
            done: Timestamp::now(),
            took: self.deployment.started.elapsed(),
            revision: git::revision(&self.deployment.context.settings.directory),
            images: images.chain(own).collect(),
            ..ReleaseEntry::default()
        };
        for unnamed in tags::tag(&self.deployment.engine, &project.name, &entry).await {
            let text = format!("an image of the release got no tag, so a prune may remove it: {unnamed}");
            session.warn(text);
        }
        Ok(Some((entry, model)))
    }

    /// Writes how the run ended, and its release. A failure to write is a warning: what runs does not depend on the records.
    pub async fn close(
        &self,
        record: Record,
        release: Result<Option<(ReleaseEntry, Project)>, StateError>,
        ended: RunOutcome,
        lock: &ProjectLock,
        session: &Session,
    ) -> RunOutcome {
        let project = self.deployment.project();
        if lock.is_lost() || lock.fence().opens(RENEWAL).await.is_err() {
            // Another run may write the records now.
            let text = format!("{project}: the lock was lost before the end of the run was recorded");
            let failure = Failure::new(Kind::Incomplete, text);
            return ended.and(match release {
                Ok(Some(_)) => failure.hint("no release was made; run the same command again to make one"),
                _ => failure,
            });
        }
        let (outcome, release) = self.made(ended.outcome, release, session);
        if record.resumes().is_some() {
            let made = release.as_ref().map(|(entry, _)| entry);
            self.untag_unmade(record.release_number(), made, session).await;
        }
        let head = record.ended(outcome, |service| self.settles(service));
        if head.unfinished().is_none() {
            self.clear_unfinished_mark(session).await;
        }
        let unfinished = head.open.clone();
        let written = match (outcome, release) {
            (Outcome::Settled, Some((entry, model))) => {
                let entry = ReleaseEntry { starts: ended.starts.clone(), ..entry };
                self.settle(record, head, entry, &model, session).await
            }
            (_, release) => {
                if let Some((entry, _)) = release {
                    self.untag(&entry, session).await;
                }
                record.end(head, &ended.logs).await
            }
        };
        if let Err(error) = written {
            session.warn(format!("{project}: the end of the run could not be recorded: {error}"));
        }
        RunOutcome { unfinished, ..ended }
    }

    /// The release that the run made. A run that should have made one and could not stays unfinished: the next deploy makes it.
    fn made(
        &self,
        outcome: Outcome,
        release: Result<Option<(ReleaseEntry, Project)>, StateError>,
        session: &Session,
    ) -> (Outcome, Option<(ReleaseEntry, Project)>) {
        match release {
            Ok(release) => (outcome, release),
            Err(error) if outcome == Outcome::Settled => {
                session.warn(format!(
                    "{}: no release was made, because the last one cannot be read: {error}; run the same command again, or \
                     deploy all services, which needs no earlier release",
                    self.deployment.project()
                ));
                (Outcome::Kept, None)
            }
            Err(_) => (outcome, None),
        }
    }

    /// Removes the mark of an unfinished run, before the records say the same. A run that is killed between the two leaves its
    /// lock, while a mark beside records that know of nothing unfinished could not be explained.
    pub async fn clear_unfinished_mark(&self, session: &Session) {
        let project = self.deployment.project();
        if let Err(error) = self.store().clear_unfinished().await {
            session.warn(format!(
                "{project}: the mark of an unfinished run could not be removed, the next deploy tries again: {error}"
            ));
        }
    }

    async fn settle(
        &self,
        record: Record,
        head: Head,
        entry: ReleaseEntry,
        model: &Project,
        session: &Session,
    ) -> Result<(), StateError> {
        let entry = ReleaseEntry { done: Timestamp::now(), took: self.deployment.started.elapsed(), ..entry };
        for old in record.settle(head, entry, model).await? {
            self.untag(&old, session).await;
        }
        Ok(())
    }

    /// Removes the tags of a release that is no longer kept.
    async fn untag(&self, release: &ReleaseEntry, session: &Session) {
        warn_of_tags(tags::untag(&self.deployment.engine, self.deployment.project(), release).await, session);
    }

    /// Removes the tags that an unfinished run gave to images.
    async fn untag_unmade(&self, number: u64, made: Option<&ReleaseEntry>, session: &Session) {
        let untagged =
            tags::untag_unmade(&self.deployment.engine, self.deployment.project(), number, made).await;
        warn_of_tags(untagged.unwrap_or_else(|error| vec![error.to_string()]), session);
    }

    fn mode(&self) -> Option<String> {
        self.deployment.context.settings.mode.as_ref().map(|mode| mode.name.clone())
    }
}

/// The images of a service, its own and those beside it.
fn images_of(
    project: &Project,
    desired: &DesiredService<'_>,
    observed: &Observed,
) -> BTreeMap<String, ReleaseImage> {
    let service = desired.service;
    let own = project.image_reference(service);
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

fn warn_of_tags(images: Vec<String>, session: &Session) {
    for image in images {
        session.warn(format!("an image keeps the tag of a release that is not kept: {image}"));
    }
}

/// The note about an unfinished run, where there is one.
pub fn unfinished(project: &str, head: &Head) -> Option<String> {
    let run = head.unfinished()?;
    let how = run.outcome.map_or_else(|| "it was killed".to_owned(), |outcome| outcome.to_string());
    Some(format!(
        "{project}: the last `{}` by {} did not finish (started {:.0}, {how}); this run resumes from what exists",
        run.verb, run.operator, run.began
    ))
}
