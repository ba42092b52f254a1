//! The lock of a project: a container with a fixed name, since the engine gives a name to one at a time. Labels say who
//! holds it; its lease is renewed while the holder lives, and judged by the engine's clock alone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::holder::{Fate, Holder};
use super::lease::{CANCEL, Ends, Keeper, Kept, RENEWED, Wish, get, put};
use crate::engine::container::{Removal, WaitFor};
use crate::engine::labels::sofa;
use crate::engine::shelf::{Shelf, lock_name};
use crate::engine::{Engine, EngineError, gone_is_fine};
use crate::plan::observed::ContainerId;
use crate::util::elapsed::age;

/// How long a lock stays after it was last renewed, where its holder does not say otherwise.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often a creation whose answer was lost is tried again.
const TRIES: u32 = 3;

/// A lock that this process holds.
#[derive(Debug)]
pub struct Lock {
    engine: Engine,
    kept: Arc<Kept>,
    fence: Fence,
    keeper: JoinHandle<()>,
}

/// Why a lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another holds it.
    #[error("project `{}` is locked: {_0}", _0.project)]
    Held(Box<Held>),
    /// It was told to end while it waited.
    #[error("interrupted while waiting for the lock")]
    Interrupted,
    /// The engine's part.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A lock as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The project.
    pub project: String,
    /// The container that is the lock: whoever breaks it breaks this one, never its successor.
    pub id: ContainerId,
    /// Who holds it; none where its label says nothing that this `sofa` understands.
    pub holder: Option<Holder>,
    /// Since when, by the engine's clock.
    pub since: Timestamp,
    /// When it was last renewed, by the engine's clock.
    pub renewed: Timestamp,
    /// The engine's time when this was read.
    pub now: Timestamp,
}

impl Lock {
    /// Takes the lock of a project. A holder on this machine that lives refuses at once, one that is gone is broken at
    /// once; one elsewhere is given until its lease ends: a renewal refuses, silence breaks. `waits` is told of the latter.
    ///
    /// # Errors
    /// `Held` with its holder, `Interrupted` where it was to end while it waited, else the engine's.
    pub async fn take(
        engine: &Engine,
        project: &str,
        holder: &Holder,
        ends: Ends,
        waits: impl Fn(&Held),
    ) -> Result<Lock, LockError> {
        let fence = Fence::new(holder.lease * 2 / 3);
        let mut tries = 0;
        loop {
            let asked = fence.now();
            let error = match engine.create_shelf(&shelf(project, holder)).await {
                Ok(id) => {
                    fence.renewed(asked);
                    return Ok(Lock::kept(engine, project, id, holder, fence, ends));
                }
                Err(error) if error.is_conflict() || (error.is_unsure() && tries < TRIES) => error,
                Err(error) => return Err(error.into()),
            };
            tries += u32::from(error.is_unsure());
            match look(engine, project).await? {
                Some(held) if held.is_of(holder) => {
                    fence.renewed(asked);
                    return Ok(Lock::kept(engine, project, held.id, holder, fence, ends));
                }
                Some(held) => match judge(engine, held, &waits, &ends.cancel).await? {
                    Verdict::Lives(held) => return Err(LockError::Held(Box::new(held))),
                    Verdict::Expired(held) => held.remove(engine).await?,
                    Verdict::Free => {}
                    Verdict::Unknown => return Err(LockError::Interrupted),
                },
                None => {}
            }
        }
    }

    fn kept(
        engine: &Engine,
        project: &str,
        id: ContainerId,
        holder: &Holder,
        fence: Fence,
        ends: Ends,
    ) -> Lock {
        let kept = Arc::new(Kept { id: Mutex::new(id), wish: Mutex::default() });
        let keeper = Keeper {
            engine: engine.clone(),
            project: project.to_owned(),
            holder: holder.clone(),
            kept: Arc::clone(&kept),
            fence: fence.clone(),
            ends,
        };
        let keeper = tokio::spawn(keeper.keep());
        Lock { engine: engine.clone(), kept, fence, keeper }
    }

    /// What every change is to be checked against.
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// What others wanted of the holder, or did to the lock.
    pub fn wish(&self) -> Option<Wish> {
        self.kept.wish()
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// Those of the engine, after a second try: the lock stays until its lease ends or this process does.
    pub async fn release(self) -> Result<(), EngineError> {
        self.keeper.abort();
        if self.wish() == Some(Wish::Lost) {
            return Ok(());
        }
        let id = self.kept.id();
        match remove(&self.engine, &id).await {
            Err(error) if error.is_connection() || error.status() >= Some(500) => {
                remove(&self.engine, &id).await
            }
            outcome => outcome,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Held {
    /// Whether its lease has ended.
    fn is_expired(&self) -> bool {
        self.left().is_zero()
    }

    /// How long its lease lasts yet.
    pub fn left(&self) -> Duration {
        let lease = self.holder.as_ref().map_or(LEASE, |holder| holder.lease);
        let passed = Duration::try_from(self.now.duration_since(self.renewed)).unwrap_or_default();
        lease.saturating_sub(passed)
    }

    fn is_of(&self, holder: &Holder) -> bool {
        self.holder.as_ref().is_some_and(|found| found.nonce == holder.nonce)
    }

    /// The container that is the lock, where this holder has it.
    pub(super) fn claimed(self, holder: &Holder) -> Option<ContainerId> {
        self.is_of(holder).then_some(self.id)
    }

    /// What became of the process that holds it.
    pub fn fate(&self) -> Fate {
        let process = self.holder.as_ref().and_then(|holder| holder.process.as_ref());
        process.map_or(Fate::Unknown, |process| process.fate())
    }

    /// Whether somebody holds it who may still be at work.
    pub fn is_alive(&self) -> bool {
        self.fate() != Fate::Gone && !self.is_expired()
    }

    /// Takes it away from a holder who may be at work. He hears of it by the new name that the lock has before it goes: one that
    /// was only removed he takes again.
    ///
    /// # Errors
    /// Those of the engine; that it is gone already is none.
    pub async fn take_away(&self, engine: &Engine) -> Result<(), EngineError> {
        let name = format!("{}.taken-away.{}", lock_name(&self.project), self.id.short());
        let renamed = engine.rename(&self.id, &name).await;
        remove(engine, &self.id).await?;
        gone_is_fine(renamed)
    }

    /// Breaks it, where its holder is gone or its lease has ended.
    ///
    /// # Errors
    /// Those of the engine; that it is gone already is none.
    pub async fn remove(&self, engine: &Engine) -> Result<(), EngineError> {
        remove(engine, &self.id).await
    }

    /// Asks its holder to cancel what it does.
    ///
    /// # Errors
    /// Those of the engine; that it is gone already is none.
    pub async fn ask_to_cancel(&self, engine: &Engine, by: &str) -> Result<(), EngineError> {
        gone_is_fine(put(engine, &self.id, CANCEL, by).await)
    }

    /// Waits until it is released, as long as the caller lets it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn released(&self, engine: &Engine) -> Result<(), EngineError> {
        gone_is_fine(engine.wait(&self.id, WaitFor::Removed).await.map(drop))
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago = |time| age(Duration::try_from(self.now.duration_since(time)).unwrap_or_default());
        match &self.holder {
            Some(Holder { operator, command, process, .. }) => {
                write!(f, "`{command}` by {operator}")?;
                if let Some(process) = process {
                    write!(f, " (pid {})", process.pid)?;
                }
            }
            None => f.write_str("nobody knows by whom")?,
        }
        write!(f, ", since {:.0} ({} ago), renewed {} ago", self.since, ago(self.since), ago(self.renewed))
    }
}

/// The lock of a project, where it is held.
///
/// # Errors
/// Those of the engine.
pub async fn look(engine: &Engine, project: &str) -> Result<Option<Held>, EngineError> {
    let found = match engine.inspect(&lock_name(project)).await {
        Err(error) if error.is_not_found() => return Ok(None),
        found => found?,
    };
    let holder = found.labels.get(sofa::HOLDER).and_then(|label| serde_json::from_str(label).ok());
    let since = found.created.unwrap_or(Timestamp::UNIX_EPOCH);
    let line = match get(engine, &found.id, RENEWED).await {
        Err(error) if error.is_not_found() => return Ok(None),
        line => line?,
    };
    let now = engine.now();
    let renewed = match line {
        // A line that cannot be read is just being written.
        Some(line) => line.parse().unwrap_or(now),
        None => since,
    };
    Ok(Some(Held { project: project.to_owned(), id: found.id, holder, since, renewed, now }))
}

/// What is known of a lock after it was given its time.
enum Verdict {
    /// Its holder is at work.
    Lives(Held),
    /// It may be broken.
    Expired(Held),
    /// It is gone.
    Free,
    /// Whoever wants it is to end.
    Unknown,
}

async fn judge(
    engine: &Engine,
    mut held: Held,
    waits: &impl Fn(&Held),
    cancel: &CancellationToken,
) -> Result<Verdict, EngineError> {
    let mut told = false;
    loop {
        match held.fate() {
            _ if held.is_expired() => return Ok(Verdict::Expired(held)),
            Fate::Gone => return Ok(Verdict::Expired(held)),
            Fate::Lives => return Ok(Verdict::Lives(held)),
            Fate::Unknown if !told => waits(&held),
            Fate::Unknown => {}
        }
        told = true;
        let mut events = match engine.events_of(&held.id, None).await {
            Ok(events) => events,
            Err(error) if error.is_not_found() => return Ok(Verdict::Free),
            Err(error) => return Err(error),
        };
        // The engine's `Date` has whole seconds, so one more.
        let patience = held.left() + Duration::from_secs(1);
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(Verdict::Unknown),
            _ = events.next() => {}
            () = tokio::time::sleep(patience) => {}
        }
        match look(engine, &held.project).await? {
            None => return Ok(Verdict::Free),
            Some(now) if now.id != held.id || now.renewed > held.renewed => return Ok(Verdict::Lives(now)),
            Some(now) => held = now,
        }
    }
}

/// The container that is a project's lock while this holder has it.
pub(super) fn shelf(project: &str, holder: &Holder) -> Shelf {
    // What cannot be written is left out: the lock holds all the same.
    let holder = serde_json::to_string(holder).unwrap_or_default();
    let labels =
        BTreeMap::from([(sofa::PROJECT.to_owned(), project.to_owned()), (sofa::HOLDER.to_owned(), holder)]);
    Shelf { name: lock_name(project), labels, volume: None }
}

async fn remove(engine: &Engine, id: &ContainerId) -> Result<(), EngineError> {
    let all = Removal { force: true, anonymous_volumes: true };
    match engine.remove(id, all).await {
        // Another removal of it is on its way.
        Err(error) if error.is_conflict() => Ok(()),
        outcome => gone_is_fine(outcome),
    }
}
