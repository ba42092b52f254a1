//! The lock of a project: one holder at a time. Its lease is renewed while the holder runs, and is judged by the storage's
//! clock alone.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::held::{Held, LockId};
use super::holder::{Holder, ProcessState};
use super::lease::{CLOCK_STEP, Keeper, LockSignal, LockTokens, Shared};
use super::storage::{ErrorKind, LockStorage, StorageError};

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

    /// Takes a lock away from a holder that may be running. The holder learns of it; a lock that is only removed it would
    /// create again.
    ///
    /// # Errors
    /// The storage's. A lock that is removed already is a success.
    pub async fn take_away(storage: &S, held: &Held) -> Result<(), S::Error> {
        storage.take_away_lock(&held.project, &held.id).await
    }

    /// Removes a lock whose holder is not alive.
    ///
    /// # Errors
    /// The storage's. A lock that is removed already is a success.
    pub async fn remove(storage: &S, held: &Held) -> Result<(), S::Error> {
        storage.remove_lock(&held.id).await
    }

    /// Asks the holder of a lock to cancel.
    ///
    /// # Errors
    /// The storage's. A lock that is removed already is a success.
    pub async fn ask_to_cancel(storage: &S, held: &Held, by: &str) -> Result<(), S::Error> {
        match storage.request_cancel(&held.id, by).await {
            Err(error) if error.kind() == ErrorKind::Missing => Ok(()),
            asked => asked,
        }
    }

    /// Waits without limit until a lock is released.
    ///
    /// # Errors
    /// The storage's.
    pub async fn wait_for_release(storage: &S, held: &Held) -> Result<(), S::Error> {
        storage.wait_until_released(&held.id).await
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
