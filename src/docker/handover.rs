//! The hand-over of workers, by exec in their containers: quiesce, drain, the check of their end, and the way back.
//!
//! A container that was quiesced has a mark, an additional name of its image, until it is stopped or takes work again. So the next
//! run knows of it where this one is killed.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::failure::{HandOverFailure, HandOverReason, OperationError};
use super::state::tags;
use super::{Docker, Kept, secrets};
use crate::apply::announce::subject;
use crate::compose::model::HandOverCommands;
use crate::engine::exec::{ExecCommand, ExecOutcome};
use crate::engine::image::Reference;
use crate::engine::{Engine, EngineError, ignore_missing};
use crate::labels;
use crate::plan::action::{ContainerRef, Replica};
use crate::plan::handover::{self, HandOver, Method};
use crate::plan::kind::IGNORED_BEFORE_STOP;
use crate::plan::observed::{Container, ContainerId, Observed, State};
use crate::plan::operation::OpId;
use crate::ui::event::{Event, Phase};
use crate::util::elapsed::elapsed;
use crate::worker::control::{self, Status, Task};

/// How long one command of a hand-over may take. The application of a worker may load for a long time.
const COMMAND: Duration = Duration::from_secs(120);
/// The pause between two questions whether a worker is idle.
const PAUSE: Duration = Duration::from_millis(500);

/// Fills in which containers a killed run left quiesced. Asks the engine about running workers only.
///
/// # Errors
/// Those of the engine.
pub async fn add_quiesced(
    engine: &Engine,
    project: &str,
    observed: &mut Observed,
) -> Result<(), EngineError> {
    let is_worker = |found: &&mut Container| match handover::of_container(found, None) {
        Some(HandOver { method: Method::Commands(commands), .. }) => {
            found.is_up() || commands.resume.is_some()
        }
        Some(_) => found.is_up(),
        None => false,
    };
    let workers = observed.containers.iter_mut().filter(is_worker);
    try_join_all(workers.map(async |container| {
        if let Some(mark) = mark(project, &container.id) {
            container.quiesced = engine.inspect_image(&mark.to_string()).await?.is_some();
        }
        Ok(())
    }))
    .await
    .map(drop)
}

/// Whether a run may have quiesced a container.
fn may_be_marked(container: &Container) -> bool {
    container.labels.contains_key(labels::sofa::HANDOVER)
}

/// The name of the mark of a container.
fn mark(project: &str, id: &ContainerId) -> Option<Reference> {
    format!("sofa.quiesced/{}:{}", tags::component(project), id.short()).parse().ok()
}

impl Docker<'_> {
    /// Has a worker take no more work. An operation of a plan keeps from which queues it did, for its undo.
    pub(super) async fn quiesce(
        &self,
        operation: Option<OpId>,
        replica: &Replica,
        container: &ContainerRef,
    ) -> Result<(), OperationError> {
        let (id, hand_over) = (self.id(container)?, self.hand_over(replica, container)?);
        let details = self.engine.inspect(id.as_str()).await?;
        if details.state != State::Running {
            return Ok(());
        }
        if let Some(mark) = mark(&self.project, &id) {
            self.engine.tag_image(&details.image_id.0, &mark).await?;
        }
        let status = match &hand_over.method {
            Method::Celery => self.celery(replica, &id, Task::Quiesce, COMMAND, &[], |_| ()).await?,
            Method::Commands(commands) => {
                self.expect(replica, &id, "quiesce", &commands.quiesce).await?;
                Status::default()
            }
            Method::Edge => {
                self.quiesce_server(&id).await?;
                Status::default()
            }
        };
        if status.acks_late == Some(false) {
            self.warn(format!(
                "{container}: `task_acks_late` is off, so a task that a crash cuts off is lost; set it for tasks that may run twice"
            ));
        }
        if let Some(operation) = operation {
            self.kept.borrow_mut().insert(operation, Kept::Queues(status.queues));
        }
        Ok(())
    }

    /// Waits until a worker has no work left. After the deadline it is stopped all the same.
    pub(super) async fn drain_worker(
        &self,
        replica: &Replica,
        container: &ContainerRef,
        deadline: Duration,
    ) -> Result<(), OperationError> {
        let (id, hand_over) = (self.id(container)?, self.hand_over(replica, container)?);
        if !self.is_running(&id).await? {
            return Ok(());
        }
        let left = match &hand_over.method {
            Method::Celery => self.drain_celery(replica, &id, deadline).await?,
            Method::Commands(commands) => self.drain_by_commands(replica, &id, commands, deadline).await?,
            Method::Edge => self.drain_requests(replica, &id, deadline).await?,
        };
        if let Some(left) = left {
            self.warn(format!(
                "{container}: {left} after {}; it is stopped now and has its grace period",
                elapsed(deadline)
            ));
        }
        Ok(())
    }

    /// Returns what is left, in words, where that is not nothing.
    async fn drain_celery(
        &self,
        replica: &Replica,
        id: &ContainerId,
        deadline: Duration,
    ) -> Result<Option<String>, OperationError> {
        let end = Instant::now() + deadline;
        let status = loop {
            let before = self.engine.inspect(id.as_str()).await?.started;
            let left = end.saturating_duration_since(Instant::now());
            let show = |status: &Status| self.show_work(replica, status);
            let outcome = self.celery(replica, id, Task::Drain, left, &[], show).await;
            let now = self.engine.inspect(id.as_str()).await?;
            match now.state {
                // A worker that ends itself after some tasks was started again, and consumes again.
                State::Running if now.started != before && Instant::now() < end => {
                    self.celery(replica, id, Task::Quiesce, COMMAND, &[], |_| ()).await?;
                }
                State::Restarting if Instant::now() < end => sleep(PAUSE).await,
                _ => break outcome?,
            }
        };
        let is_idle = !status.silent && status.active + status.reserved == 0 && status.queues.is_empty();
        if is_idle && status.scheduled > 0 {
            let text =
                format!("{replica}: {} tasks for a later time go back to their queues", status.scheduled);
            let _ = self.events.send(Event::Note(text));
        }
        Ok((!is_idle).then(|| work(&status)))
    }

    async fn drain_requests(
        &self,
        replica: &Replica,
        id: &ContainerId,
        deadline: Duration,
    ) -> Result<Option<String>, OperationError> {
        let left = self.drain_server(replica, id, deadline).await?;
        Ok((left > 0)
            .then(|| format!("{left} requests are cut; a longer `x-sofa.http.drain` would wait for them")))
    }

    async fn drain_by_commands(
        &self,
        replica: &Replica,
        id: &ContainerId,
        commands: &HandOverCommands,
        deadline: Duration,
    ) -> Result<Option<String>, OperationError> {
        let end = Instant::now() + deadline;
        loop {
            let asked = self.run(id, &commands.idle).await;
            if !self.is_running(id).await? {
                return Ok(None);
            }
            if asked?.exit_code == Some(0) {
                break;
            }
            if Instant::now() >= end {
                return Ok(Some("it is not idle".to_owned()));
            }
            sleep(PAUSE).await;
        }
        if let Some(verify) = &commands.verify {
            self.expect(replica, id, "verify", verify).await?;
        }
        Ok(None)
    }

    /// Has a new worker finish what it took before an undo stops it. A failure is a warning, since it is removed anyway.
    pub(super) async fn hand_over_for_undo(&self, replica: &Replica, container: &ContainerRef) {
        let Ok(HandOver { deadline, method, .. }) = self.hand_over(replica, container) else { return };
        // The undo that took it off the edge ended its requests.
        if method == Method::Edge {
            return;
        }
        let work = async {
            self.quiesce(None, replica, container).await?;
            self.drain_worker(replica, container, deadline).await?;
            Ok::<_, OperationError>(self.unmark(&self.id(container)?).await?)
        };
        if let Err(error) = work.await {
            self.warn(format!("{error}\n  {IGNORED_BEFORE_STOP}"));
        }
    }

    /// Makes sure that a stopped worker was not killed.
    pub(super) async fn verify_end(
        &self,
        replica: &Replica,
        container: &ContainerRef,
    ) -> Result<(), OperationError> {
        let id = self.id(container)?;
        let state = match self.engine.inspect(id.as_str()).await {
            Err(error) if error.is_not_found() => return Ok(()),
            details => details?.state,
        };
        if !self.hand_over(replica, container)?.method.outlives_a_stop() {
            self.unmark(&id).await?;
        }
        match state {
            State::Exited(code) if code == 128 + 9 => Err(self.failed(replica, HandOverReason::Killed)),
            _ => Ok(()),
        }
    }

    /// Has a worker take work again. One that was stopped does so when it starts.
    pub(super) async fn resume(
        &self,
        replica: &Replica,
        container: &ContainerRef,
        queues: &[String],
    ) -> Result<(), OperationError> {
        let (id, hand_over) = (self.id(container)?, self.hand_over(replica, container)?);
        if !self.is_running(&id).await? {
            // It ended by itself when its work was done.
            if self.was_up(&id) && !self.stopped.borrow().contains(&id) {
                ignore_missing(self.engine.start(&id).await)?;
            }
        } else {
            match &hand_over.method {
                Method::Celery => {
                    // A busy worker is resumed in the background, which may take as long as its task; the undo does not wait for that.
                    let limit = hand_over.deadline + COMMAND;
                    let status = self.celery(replica, &id, Task::Resume, limit, queues, |_| ()).await?;
                    if status.forgets {
                        self.warn(format!(
                            "{container}: Celery before 5.7 forgets resumed queues when its broker connects again; `sofa restart {}` at a \
                             quiet time",
                            replica.service
                        ));
                    }
                    if status.silent {
                        let text = format!("{container} is busy, and consumes again after its task");
                        let _ = self.events.send(Event::Note(text));
                    }
                }
                Method::Edge => self.add_server(replica, container).await?,
                Method::Commands(HandOverCommands { resume: Some(resume), .. }) => {
                    self.expect(replica, &id, "resume", resume).await?;
                }
                Method::Commands(_) => {
                    self.stop(&id, None).await?;
                    self.engine.start(&id).await?;
                }
            }
        }
        Ok(self.unmark(&id).await?)
    }

    /// Has a container that was started take work again, where its stop does not end that it takes none.
    pub(super) async fn resume_started(
        &self,
        replica: &Replica,
        container: &ContainerRef,
    ) -> Result<(), OperationError> {
        match self.hand_over(replica, container) {
            Ok(hand_over) if hand_over.method.outlives_a_stop() => self.resume(replica, container, &[]).await,
            _ => Ok(()),
        }
    }

    /// Undoes an operation that quiesced a worker. Where that failed, it probably consumes still: then a failure is a warning.
    pub(super) async fn undo_quiesce(
        &self,
        operation: OpId,
        replica: &Replica,
        container: &ContainerRef,
    ) -> Result<(), OperationError> {
        let kept = self.kept.borrow().get(&operation).cloned();
        match kept {
            Some(Kept::Queues(queues)) => self.resume(replica, container, &queues).await,
            _ => {
                if let Err(error) = self.resume(replica, container, &[]).await {
                    self.warn(format!("{error}\n  look whether it consumes: `sofa status`"));
                }
                Ok(())
            }
        }
    }

    pub(super) fn was_up(&self, id: &ContainerId) -> bool {
        self.observed_container(id).is_some_and(Container::is_up)
    }

    /// Removes the mark of a removed container: a run that was killed after the stop left it.
    pub(super) async fn unmark_removed(&self, id: &ContainerId) -> Result<(), EngineError> {
        match self.observed_container(id).is_some_and(may_be_marked) {
            true => self.unmark(id).await,
            false => Ok(()),
        }
    }

    /// Removes the mark of a container that takes work again, or is stopped.
    pub(super) async fn unmark(&self, id: &ContainerId) -> Result<(), EngineError> {
        match mark(&self.project, id) {
            Some(mark) => ignore_missing(self.engine.remove_image(&mark.to_string(), false).await),
            None => Ok(()),
        }
    }

    fn hand_over(&self, replica: &Replica, container: &ContainerRef) -> Result<HandOver, OperationError> {
        let known = handover::of(container, &replica.service, self.desired, self.observed);
        known.ok_or_else(|| OperationError::Impossible(format!("the hand-over of {container} is not known")))
    }

    async fn is_running(&self, id: &ContainerId) -> Result<bool, EngineError> {
        match self.engine.inspect(id.as_str()).await {
            Err(error) if error.is_not_found() => Ok(false),
            details => details.map(|details| details.state == State::Running),
        }
    }

    /// Runs a task of the remote control. Returns the last status that the script printed.
    async fn celery(
        &self,
        replica: &Replica,
        id: &ContainerId,
        task: Task,
        limit: Duration,
        queues: &[String],
        mut show: impl FnMut(&Status),
    ) -> Result<Status, OperationError> {
        let (argv, env) = control::command(task, limit.as_secs(), queues);
        let command = ExecCommand { argv, env, ..ExecCommand::default() };
        let mut last = None;
        let outcome = self
            .engine
            .exec_watched(id, &command, limit + COMMAND, |line| {
                if let Some(status) = control::status(&line.text) {
                    show(&status);
                    last = Some(status);
                }
            })
            .await;
        let outcome = match outcome {
            // It ended while it was asked: then there is nothing left to hand over.
            Err(_) if !self.is_running(id).await? => return Ok(Status::default()),
            outcome => outcome?,
        };
        match last {
            Some(status) if matches!(outcome.exit_code, Some(0 | 3)) => Ok(status),
            _ if !self.is_running(id).await? => Ok(Status::default()),
            _ => Err(self.command_failed(replica, id, "Celery's remote control", &outcome).await),
        }
    }

    async fn run(&self, id: &ContainerId, argv: &[String]) -> Result<ExecOutcome, EngineError> {
        let command = ExecCommand { argv: argv.to_vec(), ..ExecCommand::default() };
        self.engine.exec(id, &command, COMMAND).await
    }

    /// Runs a command that must succeed, or end its container: then nothing is left to hand over.
    async fn expect(
        &self,
        replica: &Replica,
        id: &ContainerId,
        name: &'static str,
        argv: &[String],
    ) -> Result<(), OperationError> {
        let outcome = self.run(id, argv).await;
        if !self.is_running(id).await? {
            return Ok(());
        }
        let outcome = outcome?;
        match outcome.exit_code {
            Some(0) => Ok(()),
            _ => Err(self.command_failed(replica, id, name, &outcome).await),
        }
    }

    async fn command_failed(
        &self,
        replica: &Replica,
        id: &ContainerId,
        name: &'static str,
        outcome: &ExecOutcome,
    ) -> OperationError {
        let details = self.engine.inspect(id.as_str()).await.ok();
        let secrets = secrets::of(self.desired, &replica.service, details.as_ref());
        let printed = [&outcome.stdout[..], &outcome.stderr[..]].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let lines: Vec<String> = printed.lines().map(|line| secrets.scrub(line).to_string()).collect();
        let tail = lines[lines.len().saturating_sub(self.log_lines)..].to_vec();
        self.failed(replica, HandOverReason::Command { name, code: outcome.exit_code, tail })
    }

    fn failed(&self, replica: &Replica, reason: HandOverReason) -> OperationError {
        OperationError::HandOver(Box::new(HandOverFailure { service: replica.service.clone(), reason }))
    }

    fn show_work(&self, replica: &Replica, status: &Status) {
        let event =
            Event::Phase { subject: subject(replica), phase: Phase::Draining, detail: Some(work(status)) };
        let _ = self.events.send(event);
    }
}

/// The work of a worker, in words.
fn work(status: &Status) -> String {
    match status {
        Status { silent: true, .. } => "it is busy and does not answer".to_owned(),
        Status { active, reserved, .. } => format!("{active} active, {reserved} reserved"),
    }
}

/// The state of a Celery worker. The inner error is the reason, as text, why the script printed none.
///
/// # Errors
/// Those of the engine.
pub async fn look(engine: &Engine, id: &ContainerId) -> Result<Result<Status, String>, EngineError> {
    let (argv, env) = control::command(Task::Look, COMMAND.as_secs(), &[]);
    let command = ExecCommand { argv, env, ..ExecCommand::default() };
    let outcome = engine.exec(id, &command, COMMAND).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let found = text(&outcome.stdout).lines().rev().find_map(control::status);
    Ok(found.ok_or_else(|| text(&outcome.stderr).lines().last().unwrap_or("it printed nothing").to_owned()))
}
