//! The record of a run: its plan, written once before the run begins, and how the run ended. The record does not say which
//! operations are done: that is observed from the target.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::head::{Head, Operator, Outcome, Reach, ReleaseEntry, ReleaseImage, RunEntry};
use super::run_logs::RunLogs;
use super::storage::RecordStorage;
use super::store::{RecordFile, Snapshot, StateError, Store};
use crate::compose::model::Project;
use crate::plan::operation::Plan;

/// What is known of a run before it begins.
#[derive(Debug, Clone)]
pub struct Intent {
    pub verb: String,
    pub mode: Option<String>,
    pub operator: Operator,
    /// The highest number of a run in a label: no number is used twice, also after the records are lost.
    pub seen: u64,
    /// The services whose containers were created by a run that was killed before its record was written.
    pub unwritten: BTreeSet<String>,
    /// The services whose containers the plan changes.
    pub touches: BTreeSet<String>,
}

impl Intent {
    /// A run that was killed before its record was written: labels of its containers show it. Only where a record exists:
    /// without records, labels are also of runs that ended.
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

/// The record of a run in progress.
#[derive(Debug)]
pub struct Record<S> {
    store: Store<S>,
    before: Snapshot,
    /// The records after the begin is written.
    snapshot: Snapshot,
}

impl<S: RecordStorage> Record<S> {
    /// The record of a run that will begin; makes no call.
    pub fn of(store: Store<S>, before: &Snapshot, intent: Intent) -> Record<S> {
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

    /// Writes that the run begins, and its plan.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(&self, plan: &Plan) -> Result<(), StateError<S::Error>> {
        let plan = self.store.encode(plan)?;
        let head = self.snapshot.head.clone();
        self.store.write(&self.before, head, &[(RecordFile::Plan(self.number()), plan)]).await.map(drop)
    }

    /// The unfinished run before this one: it may have changed more than this one knows.
    pub fn resumes(&self) -> Option<&RunEntry> {
        self.before.head.unfinished()
    }

    pub fn number(&self) -> u64 {
        self.snapshot.head.run.as_ref().map_or(0, |run| run.number)
    }

    /// The number of the release that this run creates if it succeeds.
    pub fn release_number(&self) -> u64 {
        self.snapshot.head.next_release()
    }

    /// The model of the last release, for the services that this run does not change; none before the first release.
    ///
    /// # Errors
    /// The store's. Those services are then unknown.
    pub async fn last_model(&self) -> Result<Option<Project>, StateError<S::Error>> {
        match self.snapshot.head.releases.last() {
            Some(last) => self.store.release(last.number).await.map(Some),
            None => Ok(None),
        }
    }

    /// The images of the last release, by service.
    pub fn last_images(&self) -> impl Iterator<Item = (&String, &ReleaseImage)> {
        self.snapshot.head.releases.last().into_iter().flat_map(|release| &release.images)
    }

    /// The records after the run ended with this outcome. `is_complete` says which services a settled run completed.
    pub fn ended(&self, outcome: Outcome, is_complete: impl Fn(&str) -> bool) -> Head {
        let mut head = self.snapshot.head.clone();
        if let Some(run) = &mut head.run {
            run.outcome = Some(outcome);
        }
        // A run that was undone, or that covered fewer services, does not finish the unfinished run before it.
        head.open = head.open.take().and_then(|open| match outcome {
            Outcome::Settled => open.remaining(is_complete),
            _ => Some(open),
        });
        head
    }

    /// Writes that the run succeeded, and its release. Returns the releases that are no longer kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle(
        self,
        mut head: Head,
        release: ReleaseEntry,
        model: &Project,
    ) -> Result<Vec<ReleaseEntry>, StateError<S::Error>> {
        let model = (RecordFile::Release(release.number), self.store.encode(model)?);
        let dropped = head.add(release);
        self.store.write(&self.snapshot, head, &[model]).await?;
        Ok(dropped)
    }

    /// Writes any other outcome, with the logs of the containers that failed.
    ///
    /// # Errors
    /// The store's.
    pub async fn end(self, head: Head, logs: &RunLogs) -> Result<(), StateError<S::Error>> {
        let logs = (RecordFile::Logs(self.number()), self.store.encode(logs)?);
        self.store.write(&self.snapshot, head, &[logs]).await.map(drop)
    }
}
