//! A deploy, step by step: from a deployment to what runs, or to an undo.

use futures_util::future::{join3, try_join};
use tokio::sync::watch;

use crate::apply::report::UNDO;
use crate::compose::load;
use crate::compose::model::Project;
use crate::docker::restart_policy;
use crate::docker::state::{Store, content_key as recorded_key};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::confirm::{Confirmation, Harm};
use crate::ops::contents;
use crate::ops::deployment::{self, Deployment, Options, scope_of};
use crate::ops::execution::{Execution, RunOutcome};
use crate::ops::failure::{engine_failure, problems_failure};
use crate::ops::images;
use crate::ops::lock::{ProjectLock, remove_stale_lock};
use crate::ops::preflight::{gpus, mounts, protect, refuse_to_start_beside, workers};
use crate::ops::project::LoadedProject;
use crate::ops::records::Records;
use crate::ops::release::{UnfinishedRun, last_release, of_release};
use crate::ops::scale;
use crate::ops::session::Session;
use crate::plan::action::Action;
use crate::plan::kind::Wait;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::plan::patience::LongestWait;
use crate::plan::pins::Pins;
use crate::plan::policy::Policy;
use crate::state::head::Outcome;
use crate::state::{ContentKey, Snapshot, UsualTimes};
use crate::ui::event::Event;
use crate::util::elapsed::elapsed;

/// A deploy that has read its files and the engine, and has changed nothing yet.
pub struct Deploy<'a> {
    deployment: Deployment<'a>,
    observed: Observed,
}

/// What a run under the lock is compared with: the plan that was made, and perhaps confirmed, before.
#[derive(Clone, Copy)]
struct Before<'a> {
    plan: &'a Plan,
    confirmed: Option<&'a Confirmation>,
}

impl<'a> Deploy<'a> {
    /// Prepares a deploy of the project's files.
    ///
    /// # Errors
    /// Everything that is known to be wrong before a plan is made; nothing was changed.
    pub async fn of_files(
        context: &'a Context,
        verb: &'static str,
        options: Options,
    ) -> Result<Deploy<'a>, Failure> {
        let loaded = context.load_for_deploy(options.tag.as_deref(), &options.scale)?;
        Deploy::of_loaded(context, verb, options, loaded, None).await
    }

    /// Prepares a deploy of what a single command needs, beside the containers of its service: its image, networks and volumes, and
    /// the services that it depends on. `typed` is a Compose file with what the command line says.
    ///
    /// # Errors
    /// As `of_files`.
    pub async fn of_dependencies(
        context: &'a Context,
        service: &str,
        options: Options,
        typed: String,
    ) -> Result<Deploy<'a>, Failure> {
        let loaded = context.load_with(typed)?;
        let policy = Policy { leave_one_offs: true, ..options.policy };
        let options = Options { policy, ..options };
        Deploy::of_loaded(context, "run", options, loaded, Some(service.to_owned())).await
    }

    async fn of_loaded(
        context: &'a Context,
        verb: &'static str,
        options: Options,
        mut loaded: LoadedProject,
        one_off: Option<String>,
    ) -> Result<Deploy<'a>, Failure> {
        let started = std::time::Instant::now();
        let selection = context.selection(loaded.project())?;
        protect(context, &loaded).await?;
        let engine = context.engine().await?;
        workers(context, &loaded, &engine).await?;
        let observed = deployment::observe(&engine, loaded.project(), &Pins::new()).await?;
        refuse_to_start_beside(context, loaded.project(), &observed)?;
        let scope = scope_of(context, loaded.project(), &selection, options.deps, &observed)?;
        scale::refuse_outside(&options.scale, &scope)?;
        context.judge_scope(&mut loaded, &scope)?;
        mounts(context, &loaded, &scope)?;
        let load::Loaded { project: model, .. } = loaded.loaded;
        let (pins, makes_release) = (Pins::new(), one_off.is_none());
        let deployment = Deployment {
            context,
            engine,
            verb,
            model,
            pins,
            scope,
            options,
            one_off,
            makes_release,
            started,
        };
        Ok(Deploy { deployment, observed })
    }

    /// Prepares a deploy of a deployment that was made from a release.
    pub fn of_deployment(deployment: Deployment<'a>, observed: Observed) -> Deploy<'a> {
        Deploy { deployment, observed }
    }

    pub fn model(&self) -> &Project {
        &self.deployment.model
    }

    pub fn model_mut(&mut self) -> &mut Project {
        &mut self.deployment.model
    }

    pub fn deployment(&self) -> &Deployment<'a> {
        &self.deployment
    }

    /// Brings up what a single command needs; says nothing where everything is there.
    ///
    /// # Errors
    /// As `run`.
    pub async fn bring_up_dependencies(&mut self) -> Result<(), Failure> {
        self.deployment.refuse_what_would_fail(&self.observed)?;
        let plan = self.deployment.plan(&self.observed)?;
        if plan.operations.is_empty() && self.deployment.preview_images(&self.observed).await?.is_empty() {
            return Ok(());
        }
        let session = Session::open(&self.deployment.context.ui);
        let outcome = self.bring_up(None, &session).await;
        session.close().await;
        outcome
    }

    /// The plan as it is shown before anything is asked or done: with the field changes since the last release, and with the
    /// images that are fetched first.
    ///
    /// # Errors
    /// Every reason why there is no plan, images that cannot be had, and records of a newer `sofa` (exit code 5).
    pub async fn plan(&mut self) -> Result<Plan, Failure> {
        let Deploy { deployment, observed } = self;
        if deployment.desired(observed).was_configured_otherwise(observed) {
            let records = Records::of(deployment);
            observed.released = records.last_model(&records.look().await?).await;
        }
        let mut plan = deployment.plan(observed)?;
        plan.images = deployment.preview_images(observed).await?;
        if plan.operations.iter().any(|operation| matches!(operation.action.wait(), Wait::Gate(_))) {
            let longest = LongestWait::of(&deployment.desired(observed), deployment.wait_timeout());
            plan.notes.push(format!("the deploy waits at most {longest}"));
        }
        let drains = plan.operations.iter().filter_map(|operation| match operation.action {
            Action::Drain { deadline, .. } => Some(deadline),
            _ => None,
        });
        if let Some(longest) = drains.max() {
            let longest = elapsed(longest);
            plan.notes.push(format!("beside that a container may take {longest} to finish its work"));
        }
        Ok(plan)
    }

    /// Brings the scope up, ready, or undoes everything.
    ///
    /// # Errors
    /// What would fail, before any change; else why the run failed and what became of what it did.
    pub async fn run(mut self) -> Result<(), Failure> {
        self.deployment.refuse_what_would_fail(&self.observed)?;
        let confirmed = self.confirm().await?;
        let session = Session::open(&self.deployment.context.ui);
        let outcome = self.bring_up(confirmed.as_ref(), &session).await;
        session.close().await;
        outcome
    }

    /// Shows the plan and asks, where the mode is protected and the options can do harm.
    async fn confirm(&mut self) -> Result<Option<Confirmation>, Failure> {
        let context = self.deployment.context;
        let harm = Harm::of_options(&self.deployment.options);
        if harm.is_empty() {
            return Ok(None);
        }
        // Images come first: they may change the plan that the operator is asked about.
        if context.asks_before(&harm) {
            self.fetch_images_before_asking().await?;
        }
        let plan = self.plan().await?;
        let confirmation = Confirmation::new(harm, plan, self.observed.clone());
        confirmation.ask(context, &self.deployment.engine).await?;
        Ok(Some(confirmation))
    }

    async fn fetch_images_before_asking(&mut self) -> Result<(), Failure> {
        let session = Session::open(&self.deployment.context.ui);
        let fetched = self.fetch_images(&session).await;
        session.close().await;
        if fetched? {
            self.observed = self.deployment.observe().await?;
        }
        Ok(())
    }

    /// Fetches images, plans, and runs the plan under the project's lock. With nothing to do nothing is locked or written.
    async fn bring_up(&mut self, confirmed: Option<&Confirmation>, session: &Session) -> Result<(), Failure> {
        let title = format!("{} {}", self.deployment.verb, self.deployment.project());
        let deadline = Some(self.deployment.wait_timeout());
        let _ = session.events.send(Event::Begin { title, deadline });
        let unfinished = self.prepare_images_and_records(session).await?;
        let plan = self.deployment.plan(&self.observed)?;
        if let Some(confirmed) = confirmed {
            confirmed.still_holds(self.deployment.context, &plan)?;
        }
        self.refuse_without_gpus().await?;
        if plan.changes_nothing() && !unfinished {
            return self.wait_until_ready(&plan, session).await;
        }
        let lock = self.lock(session).await?;
        let before = Before { plan: &plan, confirmed };
        let outcome = lock.guard(self.run_locked(before, &lock, session), session).await;
        lock.release(outcome, session).await
    }

    /// The engine says that it has no GPUs only when a container starts: that is found out before anything changes.
    async fn refuse_without_gpus(&self) -> Result<(), Failure> {
        let desired = self.deployment.desired(&self.observed);
        let report = gpus::report(&self.deployment.engine, &desired, &self.observed).await?;
        let problems = report.problems();
        if problems.is_empty() { Ok(()) } else { Err(problems_failure(&problems)) }
    }

    /// Pulls and builds, and looks for a run that did not finish; both at once. Returns whether there is such a run.
    async fn prepare_images_and_records(&mut self, session: &Session) -> Result<bool, Failure> {
        let records = Records::of(&self.deployment);
        let (fetched, unfinished) =
            try_join(self.fetch_images(session), records.are_unfinished(&self.observed)).await?;
        if fetched {
            self.observed = self.deployment.observe().await?;
        }
        Ok(unfinished)
    }

    /// Pulls and builds; returns whether an image changed. Pinned images exist already.
    async fn fetch_images(&self, session: &Session) -> Result<bool, Failure> {
        let Deployment { context, engine, model, pins, options, .. } = &self.deployment;
        if !pins.is_empty() {
            return Ok(false);
        }
        let scope = self.deployment.scope();
        let events = session.events.clone();
        let images = images::fetch(context, engine, model, &scope, &self.observed, options.images, events);
        Ok(session.unless_interrupted(images).await? > 0)
    }

    /// Waits for services that are not ready yet; changes nothing.
    async fn wait_until_ready(&self, plan: &Plan, session: &Session) -> Result<(), Failure> {
        let Deployment { engine, started, .. } = &self.deployment;
        remove_stale_lock(engine, self.deployment.project(), &self.observed).await?;
        self.deployment.wait_for(plan, &self.observed, session).await.report(*started, session)
    }

    async fn lock(&self, session: &Session) -> Result<ProjectLock, Failure> {
        let Deployment { context, engine, verb, .. } = &self.deployment;
        ProjectLock::take(context, engine, self.deployment.project(), verb, session).await
    }

    /// Runs the plan under the lock, and undoes an unfinished run before it where both fail.
    async fn run_locked(
        &self,
        before: Before<'_>,
        lock: &ProjectLock,
        session: &Session,
    ) -> Result<(), Failure> {
        let outcome = self.deployment.replan_and_run(&self.observed, Some(before), lock, session).await?;
        let outcome = self.undo_resumed_run(outcome, lock, session).await;
        outcome.report(self.deployment.started, session)
    }

    /// A run that resumes an unfinished one undoes its own part only. This undoes the rest too: whatever fails before a plan
    /// settles, the last release runs on, all of it.
    async fn undo_resumed_run(
        &self,
        outcome: RunOutcome,
        lock: &ProjectLock,
        session: &Session,
    ) -> RunOutcome {
        let undone = outcome.outcome == Outcome::Undone && self.deployment.makes_release;
        let Some(open) = outcome.unfinished.clone().filter(|_| undone) else {
            return outcome;
        };
        let project = self.deployment.project();
        if !open.was_interrupted() {
            let text = format!("{project}: the earlier unfinished `{}` is unchanged", open.verb);
            return outcome.and(Failure::new(Kind::Failed, text).hint(UNDO));
        }
        if session.interrupt.abort.is_cancelled() {
            return outcome;
        }
        session.note(format!("{project}: undoing the rest of the earlier unfinished `{}`", open.verb));
        match self.restore_last_release(lock, &session.only_abortable()).await {
            Ok(number) => {
                outcome.and(Failure::new(Kind::Failed, format!("{project}: release {number} is restored")))
            }
            Err(failure) => {
                let text = format!("{project}: changes of the earlier unfinished `{}` are left", open.verb);
                let left = Failure::new(Kind::Incomplete, text);
                let left = if failure.hints.is_empty() { left.hint(UNDO) } else { left };
                outcome.and(Failure { kind: Kind::Incomplete, ..failure }).and(left)
            }
        }
    }

    /// Restores the last release under the lock that this run holds; returns the release's number.
    async fn restore_last_release(&self, lock: &ProjectLock, session: &Session) -> Result<u64, Failure> {
        let Deployment { context, engine, options, started, .. } = &self.deployment;
        let records = Records::of(&self.deployment);
        let (found, observed) = try_join(records.look(), self.deployment.observe()).await?;
        let head = found.or_empty().head;
        let release = last_release(&head, self.deployment.project())?;
        let undone = UnfinishedRun::of(&head, &observed);
        let timeout = options.wait_timeout;
        let project = self.deployment.project();
        let restored =
            of_release(context, engine.clone(), project, release, Some(&undone), timeout, *started).await?;
        let observed = restored.observe_release(release).await?;
        restored.replan_and_run(&observed, None, lock, session).await?.result?;
        Ok(release.number)
    }
}

impl Deployment<'_> {
    /// Plans again, now that nobody else changes the project, and runs that plan.
    ///
    /// # Errors
    /// Why the run did not begin; how it ended otherwise is in the outcome.
    async fn replan_and_run(
        &self,
        observed: &Observed,
        before: Option<Before<'_>>,
        lock: &ProjectLock,
        session: &Session,
    ) -> Result<RunOutcome, Failure> {
        let records = Records::of(self);
        let key = content_key(observed)?;
        let (mut observed, found) = try_join(self.observe(), records.open(&key)).await?;
        if before.is_some() {
            records.note_unfinished(&found, &observed, session);
        }
        let resumes = found.unfinished().is_some();
        if resumes || self.desired(&observed).was_configured_otherwise(&observed) {
            observed.released = records.last_model(&found).await;
        }
        let plan = self.plan(&observed)?;
        if let Some(before) = before {
            if let Some(confirmed) = before.confirmed {
                confirmed.still_holds(self.context, &plan)?;
            }
            session.note_new_plan(before.plan, &plan);
        }
        if plan.changes_nothing() && !records.are_due(&found, &observed) {
            if !resumes {
                records.clear_unfinished_mark(session).await;
            }
            return Ok(self.wait_for(&plan, &observed, session).await);
        }
        let key = recorded_key(&observed).unwrap_or(key);
        self.run_recorded(&plan, &observed, &key, &found.or_empty(), lock, session).await
    }

    /// Runs the plan between the start and the end of its run record.
    async fn run_recorded(
        &self,
        plan: &Plan,
        observed: &Observed,
        key: &ContentKey,
        before: &Snapshot,
        lock: &ProjectLock,
        session: &Session,
    ) -> Result<RunOutcome, Failure> {
        // The key of a store that was created a moment ago is not among what was observed.
        let desired = self.desired(observed).with_contents(&contents::digests(&self.model, Some(key)));
        if before.head.unfinished().is_some() {
            restart_policy::restore(&self.engine, plan, &desired, observed).await.map_err(engine_failure)?;
        }
        let records = Records::of(self);
        let record = records.record(before, plan, observed);
        Store::of(&self.engine, self.project()).mark_unfinished().await.map_err(engine_failure)?;
        let (record_start, recorded) = watch::channel(None);
        let execution = Execution {
            fence: Some(lock.fence()),
            number: Some(record.number()),
            recorded: Some(recorded),
            usual: UsualTimes::of(&before.head.releases),
            ..self.execution(plan, observed).with_desired(&desired)
        };
        let begin = async {
            let begun = record.begin(plan).await;
            record_start.send_replace(Some(begun.is_ok()));
            begun
        };
        // The record and the image names are written while the engine works. A run that is killed before its record is written
        // leaves only containers that never ran.
        let release = async {
            match execution.is_recorded().await {
                true => records.prepare_release(&record, &desired, observed, session).await,
                false => Ok(None),
            }
        };
        let (begun, outcome, release) = join3(begin, execution.run(self.context, session), release).await;
        let outcome = match begun {
            Ok(()) => outcome,
            Err(error) => outcome.and_unwritten(error),
        };
        Ok(records.close(record, release, outcome, lock, session).await)
    }

    /// Runs a plan that only waits.
    async fn wait_for(&self, plan: &Plan, observed: &Observed, session: &Session) -> RunOutcome {
        let desired = self.desired(observed);
        self.execution(plan, observed).with_desired(&desired).run(self.context, session).await
    }

    fn execution<'b>(&'b self, plan: &'b Plan, observed: &'b Observed) -> Execution<'b> {
        Execution::new(&self.engine, plan, observed, self.wait_timeout(), self.started)
    }
}

/// The project's key for digests; a new one where it has none yet.
fn content_key(observed: &Observed) -> Result<ContentKey, Failure> {
    match recorded_key(observed) {
        Some(key) => Ok(key),
        None => ContentKey::generate().map_err(|error| {
            Failure::new(Kind::Failed, format!("the system has no random numbers: {error}"))
        }),
    }
}
