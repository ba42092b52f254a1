//! The record of a run: its plan, written once before it begins, and how it ended. What is done, only the engine tells.

use jiff::Timestamp;

use super::head::{Head, Operator, Outcome, ReleaseEntry, ReleaseImage, RunEntry};
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
        let run = RunEntry {
            number: before.head.next_run(),
            verb: intent.verb,
            mode: intent.mode,
            operator: intent.operator,
            began: Timestamp::now(),
            outcome: None,
        };
        let snapshot = before.followed_by(Head { run: Some(run), ..before.head.clone() });
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

    /// Whether the run before it did not finish, so that there is more than this one knows of.
    pub fn goes_on(&self) -> bool {
        self.before.head.unfinished().is_some()
    }

    /// The run's number.
    pub fn number(&self) -> u64 {
        self.snapshot.head.run.as_ref().map_or(0, |run| run.number)
    }

    /// The number of the release that this run makes, if it succeeds.
    pub fn release_number(&self) -> u64 {
        self.snapshot.head.next_release()
    }

    /// The model of the last release, for the services that the run did not touch; none where there is none whole.
    pub async fn last_model(&self) -> Option<Project> {
        let last = self.snapshot.head.releases.last()?;
        self.store.release(last.number).await.ok()
    }

    /// The images of the last release, by service.
    pub fn last_images(&self) -> impl Iterator<Item = (&String, &ReleaseImage)> {
        self.snapshot.head.releases.last().into_iter().flat_map(|release| &release.images)
    }

    /// Writes down that the run succeeded and what it left. Returns the releases that are not kept any longer.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn settle(
        self,
        release: ReleaseEntry,
        model: &Project,
    ) -> Result<Vec<ReleaseEntry>, StateError> {
        let mut head = self.ended(Outcome::Settled);
        let model = (Place::Release(release.number), self.store.encode(model)?);
        let dropped = head.add(release);
        self.store.write(&self.snapshot, head, &[model]).await?;
        Ok(dropped)
    }

    /// Writes down how the run ended otherwise, with the logs of what failed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end(self, outcome: Outcome, logs: String) -> Result<(), StateError> {
        let head = self.ended(outcome);
        let logs = (Place::Logs(self.number()), logs.into_bytes());
        self.store.write(&self.snapshot, head, &[logs]).await.map(drop)
    }

    fn ended(&self, outcome: Outcome) -> Head {
        let mut head = self.snapshot.head.clone();
        if let Some(run) = &mut head.run {
            run.outcome = Some(outcome);
        }
        head
    }
}
