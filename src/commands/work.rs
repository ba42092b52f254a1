//! Bringing the scope of a model up, whatever the model came from, files or a release: images, lock, plan, record, run. Nothing to do is
//! seen first: then nothing is locked and nothing written.

use std::time::Instant;

use futures_util::future::{join3, try_join};
use tokio::sync::watch;

use crate::apply::mend;
use crate::commands::Context;
use crate::commands::asking::Deed;
use crate::commands::contents;
use crate::commands::context::engine_failure;
use crate::commands::deployment::{self, Choices};
use crate::commands::images::{fetch, foresee, unless_interrupted};
use crate::commands::locked::{Stage, locked, sweep};
use crate::commands::recorded::Records;
use crate::commands::run::{Run, shown};
use crate::compose::model::Project;
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::plan::desired::{Desired, Pins};
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::state::{ContentKey, Lock, Snapshot, unfinished};
use crate::ui::event::Event;

/// What is brought up, and how.
pub struct Work<'a> {
    /// The command.
    pub context: &'a Context,
    /// The engine.
    pub engine: &'a Engine,
    /// The verb, for people.
    pub verb: &'a str,
    /// The model.
    pub project: &'a Project,
    /// The images that services must be made from, where they are not to be fetched.
    pub pins: &'a Pins,
    /// The services, dependencies first.
    pub scope: &'a [&'a str],
    /// What the command line decides.
    pub choices: &'a Choices,
    /// When the command began.
    pub begun: Instant,
    /// Whether what it leaves is a release: an undo's is one already.
    pub makes_release: bool,
}

impl Work<'_> {
    /// What the engine has of the model.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn observe(&self) -> Result<Observed, Failure> {
        deployment::observe(self.engine, self.project, self.pins).await
    }

    /// What should exist.
    pub fn desired<'b>(&'b self, observed: &'b Observed) -> Desired<'b> {
        deployment::desired(self.context, self.project, self.pins, self.scope, observed)
    }

    /// The plan.
    ///
    /// # Errors
    /// What stands in its way, all at once.
    pub fn plan(&self, observed: &Observed) -> Result<Plan, Failure> {
        deployment::planned(&self.desired(observed), observed, self.choices)
    }

    /// The plan as it is shown before anything is asked or done: with what the last release says of what is not as the files
    /// say now, and with the images that are fetched first.
    ///
    /// # Errors
    /// As those of `plan`, images that cannot be had, and records that a newer `sofa` wrote (exit code 5).
    pub async fn foresee(&self, observed: &mut Observed) -> Result<Plan, Failure> {
        if self.desired(observed).was_configured_otherwise(observed) {
            let found = self.records().look().await?;
            observed.released = self.records().last_model(&found).await;
        }
        let mut plan = self.plan(observed)?;
        if self.pins.is_empty() {
            let policy = self.choices.images();
            plan.images =
                foresee(self.context, self.engine, self.project, self.scope, observed, policy).await?;
        }
        Ok(plan)
    }

    /// What the engine has once the images of the scope are fetched.
    ///
    /// # Errors
    /// Images that cannot be had; those of the engine.
    pub async fn with_images(&self, observed: Observed) -> Result<Observed, Failure> {
        let fetched = shown(self.context, async |events, interrupt| {
            self.fetch(&observed, Stage { events, interrupt }).await
        });
        if fetched.await? { self.observe().await } else { Ok(observed) }
    }

    /// Fetches images, then runs the plan under the project's lock: the one that was agreed to, where somebody was asked.
    ///
    /// # Errors
    /// The run's failure, with what became of what was done; a plan that is another by now (exit code 5).
    pub async fn carry_out(&self, mut observed: Observed, agreed: Option<&Deed<'_>>) -> Result<(), Failure> {
        let (context, project) = (self.context, self.project);
        shown(context, async |events, interrupt| {
            let stage = Stage { events, interrupt };
            let title = format!("{} {}", self.verb, project.name);
            let deadline = Some(context.settings.wait_timeout(self.choices.wait_timeout));
            let _ = events.send(Event::Begin { title, deadline });
            let records = self.records();
            let (fetched, unfinished) =
                try_join(self.fetch(&observed, stage), records.are_unfinished(&observed)).await?;
            if fetched {
                observed = self.observe().await?;
            }
            let plan = self.plan(&observed)?;
            agreed.map_or(Ok(()), |deed| deed.agreed_again(context, &plan))?;
            if plan.changes_nothing() && !unfinished {
                sweep(self.engine, &project.name, &observed).await?;
                return self.without_record(&plan, &observed, stage).await;
            }
            locked(context, self.engine, &project.name, self.verb, stage, async |lock| {
                let key = content_key(&observed)?;
                let (mut observed, found) = try_join(self.observe(), records.open(&key)).await?;
                records.tell(&found, &observed, stage);
                if self.desired(&observed).was_configured_otherwise(&observed) {
                    observed.released = records.last_model(&found).await;
                }
                let again = self.plan(&observed)?;
                agreed.map_or(Ok(()), |deed| deed.agreed_again(context, &again))?;
                stage.note_new_plan(&plan, &again);
                if again.changes_nothing() && !records.are_due(&found, &observed) {
                    if unfinished {
                        records.clear_mark(stage).await;
                    }
                    return self.without_record(&again, &observed, stage).await;
                }
                let key = ContentKey::of(&observed).unwrap_or(key);
                self.recorded(&again, &observed, &key, &found.or_empty(), lock, stage).await
            })
            .await
        })
        .await
    }

    fn records(&self) -> Records<'_> {
        let Work { context, engine, project, verb, begun, makes_release, .. } = *self;
        Records { context, engine, project, verb, begun, makes_release }
    }

    /// Pulls and builds; returns whether an image changed. Pinned images are there already.
    async fn fetch(&self, observed: &Observed, stage: Stage<'_>) -> Result<bool, Failure> {
        if !self.pins.is_empty() {
            return Ok(false);
        }
        let policy = self.choices.images();
        let events = stage.events.clone();
        let images = fetch(self.context, self.engine, self.project, self.scope, observed, policy, events);
        Ok(unless_interrupted(stage.interrupt, images).await? > 0)
    }

    /// Waits for what is not ready yet; changes nothing.
    async fn without_record(
        &self,
        plan: &Plan,
        observed: &Observed,
        stage: Stage<'_>,
    ) -> Result<(), Failure> {
        let desired = self.desired(observed);
        let run = self.run(plan, &desired, observed);
        let ended = run.execute(self.context, stage).await;
        run.tell(ended, stage.events)
    }

    /// Runs the plan between the two ends of its record.
    async fn recorded(
        &self,
        plan: &Plan,
        observed: &Observed,
        key: &ContentKey,
        before: &Snapshot,
        lock: &Lock,
        stage: Stage<'_>,
    ) -> Result<(), Failure> {
        // The key of a store that was made a moment ago is not among what was observed.
        let desired = self.desired(observed).with_contents(&contents::digests(self.project, Some(key)));
        if before.head.unfinished().is_some() {
            mend::restart_policies(self.engine, plan, &desired, observed).await.map_err(engine_failure)?;
        }
        let records = self.records();
        let record = records.record(before);
        unfinished::mark(self.engine, &self.project.name).await.map_err(engine_failure)?;
        let (writes, written) = watch::channel(None);
        let run = Run {
            fence: Some(lock.fence()),
            number: Some(record.number()),
            written: Some(written),
            ..self.run(plan, &desired, observed)
        };
        let begin = async {
            let begun = record.begin(plan).await;
            writes.send_replace(Some(begun.is_ok()));
            begun
        };
        // The record, and the names of images, hide behind what the engine does anyway. A run that is killed before its record
        // is written leaves nothing but containers that never ran.
        let release = async {
            match run.is_written().await {
                true => records.prepare(&record, &desired, stage).await,
                false => None,
            }
        };
        let (begun, ended, release) = join3(begin, run.execute(self.context, stage), release).await;
        let ended = match begun {
            Ok(()) => ended,
            Err(error) => ended.but_unwritten(error),
        };
        records.close(record, release, &ended, lock, stage).await;
        run.tell(ended, stage.events)
    }

    fn run<'b>(&'b self, plan: &'b Plan, desired: &'b Desired<'b>, observed: &'b Observed) -> Run<'b> {
        Run {
            engine: self.engine,
            plan,
            desired: Some(desired),
            observed,
            fence: None,
            number: None,
            written: None,
            wait: self.context.settings.wait_timeout(self.choices.wait_timeout),
            begun: self.begun,
        }
    }
}

/// The project's key, a new one where it has none yet.
fn content_key(observed: &Observed) -> Result<ContentKey, Failure> {
    match ContentKey::of(observed) {
        Some(key) => Ok(key),
        None => ContentKey::generate().map_err(|error| {
            Failure::new(Kind::Failed, format!("the system has no random numbers: {error}"))
        }),
    }
}
