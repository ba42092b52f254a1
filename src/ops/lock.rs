//! The lock of a project around a run, and what `stop` and `kill` do instead of waiting for it: they ask the holder to cancel.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::apply::fence;
use crate::docker::state::{Lock, LockError};
use crate::engine::Engine;
use crate::engine::state_container::lock_name;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::LiveProject;
use crate::ops::session::Session;
use crate::plan::observed::Observed;
use crate::state::{Fence, Held, LockSignal, LockTokens};

/// How often `stop` looks whether a holder that it asked to cancel still has the lock.
const LOOK: Duration = Duration::from_secs(5);
/// How long the records may take to be written after a second Ctrl-C.
const CLOSING: Duration = Duration::from_secs(5);

/// The lock of a project, held by this run. Release it however the run ends.
pub struct ProjectLock {
    project: String,
    lock: Lock,
}

/// The lock tells the executor whether a change may begin.
impl fence::Fence for Fence {
    fn check(&self) -> Result<(), fence::Closed> {
        Fence::check(self).map_err(|_| fence::Closed)
    }

    fn opens(&self, within: Duration) -> LocalBoxFuture<'_, Result<(), fence::Closed>> {
        Box::pin(async move { Fence::opens(self, within).await.map_err(|_| fence::Closed) })
    }
}

impl ProjectLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Another run holds it (exit code 5); interrupted while waiting for it.
    pub async fn take(
        context: &Context,
        engine: &Engine,
        project: &str,
        verb: &str,
        session: &Session,
    ) -> Result<ProjectLock, Failure> {
        let interrupt = &session.interrupt;
        let tokens = LockTokens { cancel: interrupt.end.clone(), lost: interrupt.abort.clone() };
        let waits = |held: &Held| {
            session.note(format!("{project}: waiting for a lock that is held on another machine: {held}"));
        };
        let holder = context.holder(verb);
        let taken = tokio::select! {
            biased;
            () = interrupt.abort.cancelled() => Err(LockError::Interrupted),
            taken = Lock::take(engine, project, &holder, tokens, waits) => taken,
        };
        let lock = taken.map_err(|error| refused(error, project))?;
        Ok(ProjectLock { project: project.to_owned(), lock })
    }

    /// What every change is checked against.
    pub fn fence(&self) -> Fence {
        self.lock.fence()
    }

    /// Whether somebody removed the lock while this run held it.
    pub fn is_lost(&self) -> bool {
        self.lock.signal() == Some(LockSignal::Lost)
    }

    /// Does the work, which does not start after an interrupt and which ends a few seconds after a second Ctrl-C.
    ///
    /// # Errors
    /// Those of the work, or the interrupt.
    pub async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
        session: &Session,
    ) -> Result<T, Failure> {
        if session.interrupt.end.is_cancelled() {
            return Err(interrupted_before_start(&self.project));
        }
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = overdue(session) => Err(unanswered(&self.project)),
        }
    }

    /// Releases the lock, and says who cancelled the run where somebody did.
    ///
    /// # Errors
    /// Those of the outcome. A lock that was lost is exit code 7.
    pub async fn release<T>(self, outcome: Result<T, Failure>, session: &Session) -> Result<T, Failure> {
        let ProjectLock { project, lock } = self;
        let signal = lock.signal();
        let released = tokio::select! {
            biased;
            released = lock.release() => released.map_err(|error| error.to_string()),
            () = overdue(session) => Err("no answer from the engine".to_owned()),
        };
        if let Err(error) = released {
            session.warn(format!(
                "{project}: the lock could not be released; the next command releases it: {error}"
            ));
        }
        outcome.map_err(|failure| explained(failure, &project, signal))
    }
}

/// Returns when a run that must end at once has had its time to record that.
async fn overdue(session: &Session) {
    session.interrupt.abort.cancelled().await;
    tokio::time::sleep(CLOSING).await;
}

fn interrupted_before_start(project: &str) -> Failure {
    Failure::new(Kind::Interrupted, format!("{project}: interrupted; nothing was changed"))
}

/// The run must end at once, and the engine does not answer.
fn unanswered(project: &str) -> Failure {
    let text = format!(
        "{project}: stopped at once; the engine does not answer, so unfinished work is left and not recorded"
    );
    Failure::new(Kind::Interrupted, text)
        .hint("when the engine answers again, the same command resumes from what it finds")
}

/// The lock was not given.
fn refused(error: LockError, project: &str) -> Failure {
    match error {
        LockError::Storage(error) => engine_failure(error),
        LockError::Interrupted => interrupted_before_start(project),
        LockError::Held(held) => Failure::new(Kind::Refused, LockError::Held(held).to_string())
            .hint("`sofa lock status` shows the holder; `sofa stop` asks it to cancel"),
    }
}

/// Why a run ended that another command ended.
fn explained(mut failure: Failure, project: &str, signal: Option<LockSignal>) -> Failure {
    match signal {
        None => {}
        Some(LockSignal::Cancel { by }) => {
            failure.messages.insert(0, format!("{project}: cancelled by {by}"))
        }
        Some(LockSignal::Lost) => {
            let text = format!(
                "{project}: the lock was removed during the run; this run made no further changes, and its unfinished work is \
                 left to the next holder"
            );
            failure.messages.insert(0, text);
            failure.kind = Kind::Incomplete;
        }
    }
    failure
}

/// Removes a lock whose holder is gone, where the list of containers shows a lock: a command that changes nothing takes no
/// lock and would leave it.
///
/// # Errors
/// Those of the engine.
pub async fn remove_stale_lock(engine: &Engine, project: &str, observed: &Observed) -> Result<(), Failure> {
    let name = lock_name(project);
    match observed.foreign.iter().any(|container| container.name == name) {
        true => remove_abandoned_lock(engine, project).await,
        false => Ok(()),
    }
}

/// Removes a lock whose holder is gone, if there is one.
///
/// # Errors
/// Those of the engine.
pub async fn remove_abandoned_lock(engine: &Engine, project: &str) -> Result<(), Failure> {
    match Lock::find(engine, project).await.map_err(engine_failure)? {
        Some(held) if !held.is_alive() => Lock::remove(engine, &held).await.map_err(engine_failure),
        _ => Ok(()),
    }
}

/// One line about the lock of the command's project.
///
/// # Errors
/// Those of the engine.
pub async fn status(context: &Context) -> Result<String, Failure> {
    let project = context.project_name()?.text;
    let held = Lock::find(&context.engine().await?, &project).await.map_err(engine_failure)?;
    Ok(match held {
        None => format!("{project}: not locked"),
        Some(held) if held.is_alive() => format!("{project}: locked: {held}"),
        Some(held) => {
            format!("{project}: locked: {held}; its holder is gone, the next command takes the lock over")
        }
    })
}

/// Removes the lock of the command's project; returns one line about it. `force` removes it from a holder at work too.
///
/// # Errors
/// A holder at work without `force` (exit code 5); those of the engine.
pub async fn force_release(context: &Context, force: bool) -> Result<String, Failure> {
    let project = context.project_name()?.text;
    let engine = context.engine().await?;
    let Some(held) = Lock::find(&engine, &project).await.map_err(engine_failure)? else {
        return Ok(format!("{project}: not locked"));
    };
    match held.is_alive() {
        true if !force => {
            let failure = Failure::new(Kind::Refused, format!("project `{project}` is locked: {held}"));
            return Err(failure.hint("`sofa stop` asks its holder to cancel; `--force` removes the lock"));
        }
        true => Lock::take_away(&engine, &held).await,
        false => Lock::remove(&engine, &held).await,
    }
    .map_err(engine_failure)?;
    Ok(format!("{project}: lock released: {held}"))
}

/// Whether a live holder has the project's lock.
///
/// # Errors
/// Those of the engine.
pub async fn is_held(live: &LiveProject) -> Result<bool, Failure> {
    let held = Lock::find(&live.engine, &live.project).await.map_err(engine_failure)?;
    Ok(held.is_some_and(|held| held.is_alive()))
}

/// Asks the holder of the project's lock to cancel, and waits as long as it renews the lock: an undo that is cut short leaves no
/// release whole. Removes the lock of a holder that stops renewing it. Ignores a lock without a live holder.
///
/// # Errors
/// An interrupt while waiting, and those of the engine.
pub async fn cancel_holder(
    context: &Context,
    live: &LiveProject,
    verb: &str,
    session: &Session,
) -> Result<(), Failure> {
    let LiveProject { project, engine, .. } = live;
    let mut asked = None;
    loop {
        let Some(held) = Lock::find(engine, project).await.map_err(engine_failure)? else { return Ok(()) };
        if !held.is_alive() {
            if asked.is_some() {
                session.note(format!("{project}: the holder no longer renews its lock; removing the lock"));
                Lock::take_away(engine, &held).await.map_err(engine_failure)?;
            }
            return Ok(());
        }
        if asked.as_ref() != Some(&held.id) {
            session.note(format!("{project}: asking the holder of the lock to cancel: {held}"));
            let by = format!("`{}` by {}", context.command(verb), context.operator());
            Lock::ask_to_cancel(engine, &held, &by).await.map_err(engine_failure)?;
            asked = Some(held.id.clone());
        }
        tokio::select! {
            biased;
            () = session.interrupt.end.cancelled() => return Err(interrupted_before_start(project)),
            released = Lock::wait_for_release(engine, &held) => released.map_err(engine_failure)?,
            () = tokio::time::sleep(LOOK.min(held.left() + Duration::from_secs(1))) => {}
        }
    }
}
