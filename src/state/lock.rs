//! The lock of a project: one holder at a time. Its lease is renewed while the holder runs, and is judged by the storage's
//! clock alone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::holder::{Holder, ProcessState};
use super::lease::{CLOCK_STEP, Keeper, LockSignal, LockTokens, Shared};
use super::storage::{ErrorKind, LockId, LockStorage, StorageError};
use crate::util::elapsed::age;

/// How long a lock is valid after its last renewal, unless its holder says otherwise.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often a creation without a clear answer is tried again.
const TRIES: u32 = 3;

/// A lock that this process holds.
#[derive(Debug)]
pub struct Lock<S: LockStorage> {
    storage: S,
    shared: Arc<Shared>,
    fence: Fence,
    keeper: JoinHandle<()>,
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError<E: StorageError> {
    #[error("project `{}` is locked: {_0}", _0.project)]
    Held(Box<Held>),
    #[error("interrupted while waiting for the lock")]
    Interrupted,
    #[error(transparent)]
    Storage(#[from] E),
}

/// A lock as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub project: String,
    /// Every change of the lock names this id, so it never changes a later lock.
    pub id: LockId,
    /// None where this `sofa` cannot read who holds it.
    pub holder: Option<Holder>,
    /// By the storage's clock, as are the other times.
    pub since: Timestamp,
    pub renewed: Timestamp,
    /// When this was read.
    pub now: Timestamp,
}

impl<S: LockStorage> Lock<S> {
    /// Takes the lock of a project. A holder whose process runs on this machine refuses at once; the lock of one whose
    /// process ended is removed at once. A holder elsewhere has until its lease ends: a renewal refuses, silence removes
    /// the lock. `on_wait` is called once when such a wait begins.
    ///
    /// # Errors
    /// `Held` with the holder, `Interrupted` when `tokens.cancel` is set during the wait, otherwise the storage's error.
    pub async fn take(
        storage: &S,
        project: &str,
        holder: &Holder,
        tokens: LockTokens,
        on_wait: impl Fn(&Held),
    ) -> Result<Lock<S>, LockError<S::Error>> {
        // Closes after two thirds of the lease: before others may take the lock.
        let fence = Fence::new(holder.lease * 2 / 3);
        Lock::take_with(fence, storage, project, holder, tokens, on_wait).await
    }

    pub(super) async fn take_with(
        fence: Fence,
        storage: &S,
        project: &str,
        holder: &Holder,
        tokens: LockTokens,
        on_wait: impl Fn(&Held),
    ) -> Result<Lock<S>, LockError<S::Error>> {
        let mut tries = 0;
        loop {
            let asked = fence.now();
            match storage.create_lock(project, holder).await {
                Ok(id) => {
                    fence.renewed(asked);
                    return Ok(Lock::keep(storage, project, id, holder, fence, tokens));
                }
                Err(error) => match error.kind() {
                    ErrorKind::Conflict => {}
                    ErrorKind::Unclear if tries < TRIES => tries += 1,
                    _ => return Err(error.into()),
                },
            }
            let Some(held) = storage.find_lock(project).await? else { continue };
            if held.is_of(holder) {
                fence.renewed(asked);
                return Ok(Lock::keep(storage, project, held.id, holder, fence, tokens));
            }
            match watch_holder(storage, held, &on_wait, &tokens.cancel).await? {
                HolderState::Alive(held) => return Err(LockError::Held(Box::new(held))),
                HolderState::Expired(held) => storage.remove_lock(&held.id).await?,
                HolderState::Released => {}
                HolderState::Interrupted => return Err(LockError::Interrupted),
            }
        }
    }

    /// Finds the lock of a project, if it is locked.
    ///
    /// # Errors
    /// The storage's.
    pub async fn find(storage: &S, project: &str) -> Result<Option<Held>, S::Error> {
        storage.find_lock(project).await
    }

    fn keep(
        storage: &S,
        project: &str,
        id: LockId,
        holder: &Holder,
        fence: Fence,
        tokens: LockTokens,
    ) -> Lock<S> {
        let shared = Arc::new(Shared::new(id));
        let keeper = Keeper {
            storage: storage.clone(),
            project: project.to_owned(),
            holder: holder.clone(),
            shared: Arc::clone(&shared),
            fence: fence.clone(),
            tokens,
        };
        let keeper = tokio::spawn(keeper.keep());
        Lock { storage: storage.clone(), shared, fence, keeper }
    }

    /// The fence that every change of the project must pass.
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// What others did to the lock, or asked of its holder.
    pub fn signal(&self) -> Option<LockSignal> {
        self.shared.signal()
    }

    /// Releases the lock.
    ///
    /// # Errors
    /// The storage's, after a second attempt. The lock then stays until its lease or this process ends.
    pub async fn release(self) -> Result<(), S::Error> {
        self.keeper.abort();
        if self.signal() == Some(LockSignal::Lost) {
            return Ok(());
        }
        let id = self.shared.id();
        match self.storage.remove_lock(&id).await {
            Err(error) if matches!(error.kind(), ErrorKind::Unclear | ErrorKind::Unavailable) => {
                self.storage.remove_lock(&id).await
            }
            removed => removed,
        }
    }
}

impl<S: LockStorage> Drop for Lock<S> {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Held {
    /// The rest of the lease.
    pub fn left(&self) -> Duration {
        let lease = self.holder.as_ref().map_or(LEASE, |holder| holder.lease);
        let passed = Duration::try_from(self.now.duration_since(self.renewed)).unwrap_or_default();
        lease.saturating_sub(passed)
    }

    /// Takes it away from a holder that may be running. The holder learns of it; a lock that is only removed it would
    /// create again.
    ///
    /// # Errors
    /// The storage's. A lock that is removed already is a success.
    pub async fn take_away<S: LockStorage>(&self, storage: &S) -> Result<(), S::Error> {
        storage.take_away_lock(&self.project, &self.id).await
    }

    /// Removes it: for a lock whose holder is not alive.
    ///
    /// # Errors
    /// The storage's. A lock that is removed already is a success.
    pub async fn remove<S: LockStorage>(&self, storage: &S) -> Result<(), S::Error> {
        storage.remove_lock(&self.id).await
    }

    /// Asks its holder to cancel.
    ///
    /// # Errors
    /// The storage's. A lock that is removed already is a success.
    pub async fn ask_to_cancel<S: LockStorage>(&self, storage: &S, by: &str) -> Result<(), S::Error> {
        match storage.request_cancel(&self.id, by).await {
            Err(error) if error.kind() == ErrorKind::Missing => Ok(()),
            asked => asked,
        }
    }

    /// Waits without limit until it is released.
    ///
    /// # Errors
    /// The storage's.
    pub async fn released<S: LockStorage>(&self, storage: &S) -> Result<(), S::Error> {
        storage.wait_until_released(&self.id).await
    }

    /// Whether its holder may still be running.
    pub fn is_alive(&self) -> bool {
        self.process_state() != ProcessState::Ended && !self.is_expired()
    }

    pub(super) fn is_of(&self, holder: &Holder) -> bool {
        self.holder.as_ref().is_some_and(|found| found.nonce == holder.nonce)
    }

    fn is_expired(&self) -> bool {
        self.left().is_zero()
    }

    fn process_state(&self) -> ProcessState {
        let process = self.holder.as_ref().and_then(|holder| holder.process.as_ref());
        process.map_or(ProcessState::Unknown, |process| process.state())
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
            None => f.write_str("unknown holder")?,
        }
        write!(f, ", since {:.0} ({} ago), renewed {} ago", self.since, ago(self.since), ago(self.renewed))
    }
}

/// What is known of a holder after its lease was watched.
enum HolderState {
    Alive(Held),
    /// Its process or its lease ended: the lock may be removed.
    Expired(Held),
    Released,
    /// The wait was interrupted.
    Interrupted,
}

/// Watches a holder until it is known whether it runs: at most until its lease ends.
async fn watch_holder<S: LockStorage>(
    storage: &S,
    mut held: Held,
    on_wait: &impl Fn(&Held),
    cancel: &CancellationToken,
) -> Result<HolderState, S::Error> {
    let mut waits = false;
    loop {
        match held.process_state() {
            _ if held.is_expired() => return Ok(HolderState::Expired(held)),
            ProcessState::Ended => return Ok(HolderState::Expired(held)),
            ProcessState::Running => return Ok(HolderState::Alive(held)),
            ProcessState::Unknown if !waits => on_wait(&held),
            ProcessState::Unknown => {}
        }
        waits = true;
        let mut changes = match storage.watch_lock(&held.id, None).await {
            Ok(changes) => changes,
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(HolderState::Released),
            Err(error) => return Err(error),
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(HolderState::Interrupted),
            _ = changes.next() => {}
            () = tokio::time::sleep(held.left() + CLOCK_STEP) => {}
        }
        match storage.find_lock(&held.project).await? {
            None => return Ok(HolderState::Released),
            Some(now) if now.id != held.id || now.renewed > held.renewed => {
                return Ok(HolderState::Alive(now));
            }
            Some(now) => held = now,
        }
    }
}
