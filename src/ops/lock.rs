//! Does something while the project is locked, and what `stop` and `kill` do instead: they do not wait behind a deploy,
//! they ask its holder to cancel.

use std::time::Duration;

use crate::apply::executor::Interrupt;
use crate::docker::state::{Lock, LockError};
use crate::engine::Engine;
use crate::engine::state_container::lock_name;
use crate::error::{Failure, Kind};
use crate::ops::context::{Context, engine_failure};
use crate::ops::labelled::Standing;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::state::{Held, LockSignal, LockTokens};
use crate::ui::event::{Event, EventSender};

/// How often `stop` looks whether a holder that it asked to cancel is still there.
const LOOK: Duration = Duration::from_secs(5);
/// How long what is still to be written down may take where the run is to end at once.
const CLOSING: Duration = Duration::from_secs(5);

/// Where a command's words go and what ends it.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Who shows what happens.
    pub events: &'a EventSender,
    /// Signals, and what others want of the holder of the lock.
    pub interrupt: &'a Interrupt,
}

impl Stage<'_> {
    /// Says so where the plan that was made under the lock is another than the one before it.
    pub fn note_new_plan(&self, before: &Plan, now: &Plan) {
        if !before.does_as(now) {
            let text = format!("{}: something changed meanwhile; planned anew", now.project);
            let _ = self.events.send(Event::Note(text));
        }
    }
}

/// Takes the lock, does the work and releases the lock, however the work ends.
///
/// # Errors
/// The work's own; a lock that another holds (exit code 5); one that was taken away meanwhile (exit code 7).
pub async fn locked<T>(
    context: &Context,
    engine: &Engine,
    project: &str,
    verb: &str,
    stage: Stage<'_>,
    work: impl AsyncFnOnce(&Lock) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let tokens = LockTokens { cancel: stage.interrupt.end.clone(), lost: stage.interrupt.abort.clone() };
    let waits = |held: &Held| {
        let text = format!("{project}: waiting for a lock that is held elsewhere: {held}");
        let _ = stage.events.send(Event::Note(text));
    };
    let holder = context.holder(verb);
    let taken = tokio::select! {
        biased;
        () = stage.interrupt.abort.cancelled() => Err(LockError::Interrupted),
        taken = Lock::take(engine, project, &holder, tokens, waits) => taken,
    };
    let lock = taken.map_err(|error| refused(error, project))?;
    let outcome = if stage.interrupt.end.is_cancelled() {
        Err(unbegun(project))
    } else {
        tokio::select! {
            biased;
            outcome = work(&lock) => outcome,
            () = overdue(stage.interrupt) => Err(unanswered(project)),
        }
    };
    let signal = lock.signal();
    let released = tokio::select! {
        biased;
        released = lock.release() => released.map_err(|error| error.to_string()),
        () = overdue(stage.interrupt) => Err("no answer from the engine".to_owned()),
    };
    if let Err(error) = released {
        let text = format!("{project}: the lock could not be released, the next command does it: {error}");
        let _ = stage.events.send(Event::Warning(text));
    }
    outcome.map_err(|failure| explained(failure, project, signal))
}

/// Ends when a run that is to end at once has had its time to write that down.
async fn overdue(interrupt: &Interrupt) {
    interrupt.abort.cancelled().await;
    tokio::time::sleep(CLOSING).await;
}

/// A command that was interrupted before it did anything.
fn unbegun(project: &str) -> Failure {
    Failure::new(Kind::Interrupted, format!("{project}: interrupted; nothing was changed"))
}

/// A run that was to end at once while the engine does not answer.
fn unanswered(project: &str) -> Failure {
    let text = format!(
        "{project}: stopped at once; what was begun is left as it is, and the engine does not answer, so that is not written down"
    );
    Failure::new(Kind::Interrupted, text)
        .hint("once the engine answers again, the same command goes on from what it finds")
}

/// A lock that was not given.
fn refused(error: LockError, project: &str) -> Failure {
    match error {
        LockError::Storage(error) => engine_failure(error),
        LockError::Interrupted => unbegun(project),
        LockError::Held(held) => Failure::new(Kind::Refused, LockError::Held(held).to_string())
            .hint("`sofa lock status` shows it again; `sofa stop` asks its holder to cancel"),
    }
}

/// Why a run ended that others wanted to end.
fn explained(mut failure: Failure, project: &str, signal: Option<LockSignal>) -> Failure {
    match signal {
        None => {}
        Some(LockSignal::Cancel { by }) => {
            failure.messages.insert(0, format!("{project}: cancelled by {by}"))
        }
        Some(LockSignal::Lost) => {
            let text = format!(
                "{project}: the lock was taken away; nothing more was begun, and what was begun is the other's now"
            );
            failure.messages.insert(0, text);
            failure.kind = Kind::Incomplete;
        }
    }
    failure
}

/// Takes away a lock whose holder is gone, where the list of containers shows one: a command that changes nothing would
/// leave it.
///
/// # Errors
/// Those of the engine.
pub async fn sweep(engine: &Engine, project: &str, observed: &Observed) -> Result<(), Failure> {
    let name = lock_name(project);
    match observed.foreign.iter().any(|container| container.name == name) {
        true => clear(engine, project).await,
        false => Ok(()),
    }
}

/// Takes away a lock whose holder is gone, if there is one.
///
/// # Errors
/// Those of the engine.
pub async fn clear(engine: &Engine, project: &str) -> Result<(), Failure> {
    match Lock::find(engine, project).await.map_err(engine_failure)? {
        Some(held) if !held.is_alive() => Lock::remove(engine, &held).await.map_err(engine_failure),
        _ => Ok(()),
    }
}

/// Whether somebody who lives works on the project.
///
/// # Errors
/// Those of the engine.
pub async fn is_worked_on(standing: &Standing) -> Result<bool, Failure> {
    let held = Lock::find(&standing.engine, &standing.project).await.map_err(engine_failure)?;
    Ok(held.is_some_and(|held| held.is_alive()))
}

/// Makes sure that nobody works on the project: asks whoever holds its lock to cancel and waits as long as he renews it, since
/// an undo broken off leaves neither release whole. The lock of one that renews no more is taken away. A lock without a living
/// holder is let be.
///
/// # Errors
/// An interrupt while it waits, and those of the engine.
pub async fn interrupted(
    context: &Context,
    standing: &Standing,
    verb: &str,
    stage: Stage<'_>,
) -> Result<(), Failure> {
    let Standing { project, engine, .. } = standing;
    let note = |text: String| drop(stage.events.send(Event::Note(text)));
    let mut asked = None;
    loop {
        let Some(held) = Lock::find(engine, project).await.map_err(engine_failure)? else { return Ok(()) };
        if !held.is_alive() {
            if asked.is_some() {
                note(format!("{project}: it renews its lock no more; that is taken away"));
                Lock::take_away(engine, &held).await.map_err(engine_failure)?;
            }
            return Ok(());
        }
        if asked.as_ref() != Some(&held.id) {
            note(format!("{project}: asking to cancel {held}"));
            let by = format!("`{}` by {}", context.command(verb), context.operator());
            Lock::ask_to_cancel(engine, &held, &by).await.map_err(engine_failure)?;
            asked = Some(held.id.clone());
        }
        tokio::select! {
            biased;
            () = stage.interrupt.end.cancelled() => return Err(unbegun(project)),
            released = Lock::wait_for_release(engine, &held) => released.map_err(engine_failure)?,
            () = tokio::time::sleep(LOOK.min(held.left() + Duration::from_secs(1))) => {}
        }
    }
}
