//! The record of a run: its plan, written once before it begins, and how it ended. What is done, only the engine tells.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::head::{Head, Operator, Outcome, Reach, ReleaseEntry, ReleaseImage, RunEntry};
use super::store::{Place, Snapshot, StateError, Store};
use crate::compose::model::Project;
use crate::plan::operation::Plan;

/// What is known of a run before it begins.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The verb.
    pub verb: String,
    /// The mode.
    pub mode: Option<String>,
    /// Who runs it.
    pub operator: Operator,
    /// The highest number that a run has in a label: numbers never return, also where records are lost.
    pub seen: u64,
    /// The services of which a run made containers that was killed before its record was written.
    pub unwritten: BTreeSet<String>,
    /// The services whose containers its plan changes.
    pub touches: BTreeSet<String>,
}

impl Intent {
    /// A run that was killed before its record was written, by the labels of what it made. Where all records are lost, labels
    /// tell of runs that ended.
    fn unwritten(&self, head: &Head) -> Option<RunEntry> {
        let number = head.next_run();
        let reach = Reach { since: number, services: self.unwritten.clone() };
        (head.run.is_some() && self.seen >= number).then(|| RunEntry {
            number,
            verb: self.verb.clone(),
            mode: self.mode.clone(),
            operator: self.operator.clone(),
            began: Timestamp::now(),
            outcome: None,
            reach: Some(reach),
        })
    }
}

/// The record of a run that is under way.
#[derive(Debug)]
pub struct Record {
    store: Store,
    before: Snapshot,
    /// The records once the begin is written.
    snapshot: Snapshot,
}

impl Record {
    /// The record of a run that is about to begin; no call is made.
    pub fn of(store: Store, before: &Snapshot, intent: Intent) -> Record {
        let number = before.head.next_run().max(intent.seen + 1);
        let open = before.head.unfinished().cloned().or_else(|| intent.unwritten(&before.head));
        let mut reach = Reach { since: number, services: intent.touches };
        if let Some(open) = &open {
            reach.since = open.since();
            reach.services.extend(open.reach.iter().flat_map(|reach| &reach.services).cloned());
        }
        let run = RunEntry {
            number,
            verb: intent.verb,
            mode: intent.mode,
            operator: intent.operator,
            began: Timestamp::now(),
            outcome: None,
            reach: Some(reach),
        };
        let snapshot = before.followed_by(Head { run: Some(run), open, ..before.head.clone() });
        Record { store, before: before.clone(), snapshot }
    }

    /// Writes down that the run begins, and its plan.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn begin(&self, plan: &Plan) -> Result<(), StateError> {
        let plan = self.store.encode(plan)?;
        let head = self.snapshot.head.clone();
        self.store.write(&self.before, head, &[(Place::Plan(self.number()), plan)]).await.map(drop)
    }

    /// The run before it that did not finish, so that there is more than this one knows of.
    pub fn goes_on_from(&self) -> Option<&RunEntry> {
        self.before.head.unfinished()
    }

    /// The run's number.
    pub fn number(&self) -> u64 {
        self.snapshot.head.run.as_ref().map_or(0, |run| run.number)
    }

    /// The number of the release that this run makes, if it succeeds.
    pub fn release_number(&self) -> u64 {
        self.snapshot.head.next_release()
    }

    /// The model of the last release, for the services that the run does not touch; none where there is no release yet.
    ///
    /// # Errors
    /// Those of the store: nobody knows then what those services are.
    pub async fn last_model(&self) -> Result<Option<Project>, StateError> {
        match self.snapshot.head.releases.last() {
            Some(last) => self.store.release(last.number).await.map(Some),
            None => Ok(None),
        }
    }

    /// The images of the last release, by service.
    pub fn last_images(&self) -> impl Iterator<Item = (&String, &ReleaseImage)> {
        self.snapshot.head.releases.last().into_iter().flat_map(|release| &release.images)
    }

    /// The records once the run has ended so; `whole` tells the services that it settled, where it did.
    pub fn ended(&self, outcome: Outcome, whole: impl Fn(&str) -> bool) -> Head {
        let mut head = self.snapshot.head.clone();
        if let Some(run) = &mut head.run {
            run.outcome = Some(outcome);
        }
        // What is unfinished before it is not ended by a run that was taken back, nor by one that did less.
        head.open = head.open.take().and_then(|open| match outcome {
            Outcome::Settled => open.without(whole),
            _ => Some(open),
        });
        head
    }

    /// Writes down that the run succeeded and what it left. Returns the releases that are not kept any longer.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn settle(
        self,
        mut head: Head,
        release: ReleaseEntry,
        model: &Project,
    ) -> Result<Vec<ReleaseEntry>, StateError> {
        let model = (Place::Release(release.number), self.store.encode(model)?);
        let dropped = head.add(release);
        self.store.write(&self.snapshot, head, &[model]).await?;
        Ok(dropped)
    }

    /// Writes down how the run ended otherwise, with the logs of what failed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end(self, head: Head, logs: String) -> Result<(), StateError> {
        let logs = (Place::Logs(self.number()), logs.into_bytes());
        self.store.write(&self.snapshot, head, &[logs]).await.map(drop)
    }
}
