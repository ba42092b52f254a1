//! Bringing the scope of a model up, whatever the model came from, files or a release: images, lock, plan, record, run. Nothing to do is
//! seen first: then nothing is locked and nothing written.

use std::time::Instant;

use futures_util::future::{join3, try_join};
use tokio::sync::watch;

use crate::apply::executor::Interrupt;
use crate::apply::report::UNDO;
use crate::compose::model::Project;
use crate::docker::restart_policy;
use crate::docker::state::{Lock, Store, content_key as recorded_key};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::confirm::Deed;
use crate::ops::contents;
use crate::ops::context::engine_failure;
use crate::ops::deployment::{self, Choices};
use crate::ops::execution::{Ended, Run, shown};
use crate::ops::images::{fetch, foresee, unless_interrupted};
use crate::ops::lock::{Stage, locked, sweep};
use crate::ops::records::Records;
use crate::ops::rollback::{self, Back, Unfinished};
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::plan::pins::Pins;
use crate::state::head::Outcome;
use crate::state::{ContentKey, Snapshot};
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

/// A plan that was made before the lock was taken.
#[derive(Clone, Copy)]
pub struct Foreseen<'a> {
    /// The plan.
    plan: &'a Plan,
    /// What somebody said yes to, where somebody was asked.
    agreed: Option<&'a Deed<'a>>,
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

    /// Refuses what is known to fail before anything is changed: containers that this engine cannot make, what others hold.
    ///
    /// # Errors
    /// Each with its cause; exit code 3 or 5.
    pub fn refuse_what_would_fail(&self, observed: &Observed) -> Result<(), Failure> {
        let mut desired = self.desired(observed);
        if self.choices.leave_jobs {
            desired.services.retain(|_, service| !service.job);
        }
        deployment::refuse_what_cannot_be_made(self.engine, &desired)?;
        deployment::refuse_what_others_hold(self.engine, &desired, observed)
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
            let (fetched, unfinished) =
                try_join(self.fetch(&observed, stage), self.records().are_unfinished(&observed)).await?;
            if fetched {
                observed = self.observe().await?;
            }
            let plan = self.plan(&observed)?;
            agreed.map_or(Ok(()), |deed| deed.agreed_again(context, &plan))?;
            if plan.changes_nothing() && !unfinished {
                sweep(self.engine, &project.name, &observed).await?;
                let ended = self.without_record(&plan, &observed, stage).await;
                return ended.tell(self.begun, events);
            }
            locked(context, self.engine, &project.name, self.verb, stage, async |lock| {
                let ended =
                    self.under(lock, &observed, Some(Foreseen { plan: &plan, agreed }), stage).await?;
                self.back_where_cut_off(ended, lock, stage).await.tell(self.begun, events)
            })
            .await
        })
        .await
    }

    /// Plans anew, now that nobody else changes anything, and runs that plan. Where a plan was foreseen, what is not as it was
    /// then is told.
    ///
    /// # Errors
    /// What kept it from beginning; how it ended otherwise, [`Ended`] tells.
    pub async fn under(
        &self,
        lock: &Lock,
        observed: &Observed,
        foreseen: Option<Foreseen<'_>>,
        stage: Stage<'_>,
    ) -> Result<Ended, Failure> {
        let records = self.records();
        let key = content_key(observed)?;
        let (mut observed, found) = try_join(self.observe(), records.open(&key)).await?;
        if foreseen.is_some() {
            records.tell(&found, &observed, stage);
        }
        let goes_on = found.unfinished().is_some();
        if goes_on || self.desired(&observed).was_configured_otherwise(&observed) {
            observed.released = records.last_model(&found).await;
        }
        let plan = self.plan(&observed)?;
        if let Some(foreseen) = foreseen {
            foreseen.agreed.map_or(Ok(()), |deed| deed.agreed_again(self.context, &plan))?;
            stage.note_new_plan(foreseen.plan, &plan);
        }
        if plan.changes_nothing() && !records.are_due(&found, &observed) {
            if !goes_on {
                records.clear_mark(stage).await;
            }
            return Ok(self.without_record(&plan, &observed, stage).await);
        }
        let key = recorded_key(&observed).unwrap_or(key);
        self.recorded(&plan, &observed, &key, &found.or_empty(), lock, stage).await
    }

    /// A run that goes on from one which was cut off takes back only its own part. Then the rest of the way back is gone too: the
    /// last release runs on, all of it, whatever fails before a plan settles.
    async fn back_where_cut_off(&self, ended: Ended, lock: &Lock, stage: Stage<'_>) -> Ended {
        let undone = ended.outcome == Outcome::Undone && self.makes_release;
        let Some(open) = ended.open.clone().filter(|_| undone) else {
            return ended;
        };
        let project = &self.project.name;
        let before = format!("the `{}` before it, which did not finish", open.verb);
        if !open.was_cut_off() {
            let text = format!("{project}: {before}, is as it was");
            return ended.but(Failure::new(Kind::Failed, text).hint(UNDO));
        }
        if stage.interrupt.abort.is_cancelled() {
            return ended;
        }
        let text = format!("{project}: what is left of {before}, is taken back");
        let _ = stage.events.send(Event::Note(text));
        // A person who wanted this run to end wants the last release back; only the second wish ends that too.
        let interrupt = Interrupt { abort: stage.interrupt.abort.clone(), ..Interrupt::default() };
        let stage = Stage { interrupt: &interrupt, ..stage };
        let left = match self.to_last_release(lock, stage).await {
            Ok(number) => {
                let text = format!("{project}: release {number} runs again");
                return ended.but(Failure::new(Kind::Failed, text));
            }
            Err(failure) => Failure { kind: Kind::Incomplete, ..failure },
        };
        let knows_better = !left.hints.is_empty();
        let text = format!("{project}: what {before}, changed is left");
        let failure = Failure::new(Kind::Incomplete, text);
        ended.but(left).but(if knows_better { failure } else { failure.hint(UNDO) })
    }

    /// Brings the last release back; returns its number.
    async fn to_last_release(&self, lock: &Lock, stage: Stage<'_>) -> Result<u64, Failure> {
        let (found, observed) = try_join(self.records().look(), self.observe()).await?;
        let head = found.or_empty().head;
        let back = Back {
            context: self.context,
            engine: self.engine,
            verb: "undo",
            release: rollback::last(&head, &self.project.name)?,
            current_env: false,
            wait_timeout: self.choices.wait_timeout,
            begun: self.begun,
            undoes: Some(Unfinished::of(&head, &observed)),
        };
        back.under(&self.project.name, lock, stage).await?.result?;
        Ok(back.release.number)
    }

    fn records(&self) -> Records<'_> {
        let Work { context, engine, project, verb, scope, begun, makes_release, .. } = *self;
        Records { context, engine, project, verb, scope, begun, makes_release }
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
    async fn without_record(&self, plan: &Plan, observed: &Observed, stage: Stage<'_>) -> Ended {
        let desired = self.desired(observed);
        self.run(plan, &desired, observed).execute(self.context, stage).await
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
    ) -> Result<Ended, Failure> {
        // The key of a store that was made a moment ago is not among what was observed.
        let desired = self.desired(observed).with_contents(&contents::digests(self.project, Some(key)));
        if before.head.unfinished().is_some() {
            restart_policy::restore(self.engine, plan, &desired, observed).await.map_err(engine_failure)?;
        }
        let records = self.records();
        let record = records.record(before, plan, observed);
        Store::of(self.engine, &self.project.name).mark_unfinished().await.map_err(engine_failure)?;
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
                true => records.prepare(&record, &desired, observed, stage).await,
                false => Ok(None),
            }
        };
        let (begun, ended, release) = join3(begin, run.execute(self.context, stage), release).await;
        let ended = match begun {
            Ok(()) => ended,
            Err(error) => ended.but_unwritten(error),
        };
        Ok(records.close(record, release, ended, lock, stage).await)
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
    match recorded_key(observed) {
        Some(key) => Ok(key),
        None => ContentKey::generate().map_err(|error| {
            Failure::new(Kind::Failed, format!("the system has no random numbers: {error}"))
        }),
    }
}
