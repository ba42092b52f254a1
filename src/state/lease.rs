//! Keeps a lock while its holder works: renews the lease, and reports what others do to the lock.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::held::LockId;
use super::holder::Holder;
use super::storage::{ErrorKind, LockChangeKind, LockStorage, StorageError};

/// The step of a storage's clock: the `Date` of an HTTP answer has whole seconds.
pub(super) const CLOCK_STEP: Duration = Duration::from_secs(1);
/// Pause before a failed call is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// How a lock ends the work of its holder.
#[derive(Debug, Clone)]
pub struct LockTokens {
    /// Stop and undo what was done.
    pub cancel: CancellationToken,
    /// Stop at once: another holder has the lock.
    pub lost: CancellationToken,
}

/// What happened to a lock while it was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockSignal {
    /// Somebody asked its holder to cancel.
    Cancel {
        /// Who, and by which command.
        by: String,
    },
    /// Somebody took it away.
    Lost,
}

/// What the holder of a lock and its keeper share.
#[derive(Debug)]
pub(super) struct Shared {
    id: Mutex<LockId>,
    signal: Mutex<Option<LockSignal>>,
}

/// Keeps one lock until it is dropped.
#[derive(Debug, Clone)]
pub(super) struct Keeper<S> {
    pub storage: S,
    pub project: String,
    pub holder: Holder,
    pub shared: Arc<Shared>,
    pub fence: Fence,
    pub tokens: LockTokens,
}

/// Why a lock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LockEnd {
    Removed,
    /// Somebody took it away from its holder.
    TakenAway,
}

impl<S: LockStorage> Keeper<S> {
    /// Renews and watches until another holder has the lock.
    pub(super) async fn keep(self) {
        loop {
            let id = self.shared.id();
            let written = Notify::new();
            // At the same time: a storage whose reads or watches hang may accept writes.
            let end = tokio::select! {
                end = self.renew_until_removed(&id) => end,
                end = self.watch(&id, &written) => end,
                never = self.read_cancel_requests(&id, &written) => match never {},
            };
            if end == LockEnd::TakenAway || !self.create_again().await {
                return self.lose();
            }
        }
    }

    async fn renew_until_removed(&self, id: &LockId) -> LockEnd {
        let mut next = Instant::now() + self.interval();
        loop {
            tokio::time::sleep_until(next).await;
            let asked = self.fence.now();
            // A renewal without an answer is given up early enough for another one before the fence closes.
            next = match tokio::time::timeout(self.call_limit(), self.storage.renew_lock(id)).await {
                Ok(Ok(())) => {
                    self.fence.renewed(asked);
                    Instant::now() + self.interval()
                }
                Ok(Err(error)) if error.kind() == ErrorKind::Missing => return LockEnd::Removed,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "lock could not be renewed");
                    Instant::now() + RETRY_PAUSE
                }
                Err(_) => {
                    tracing::warn!("lock could not be renewed: no answer within {:?}", self.call_limit());
                    Instant::now()
                }
            };
        }
    }

    /// Watches the lock until it ends; notifies `written` when its file with requests may have changed.
    async fn watch(&self, id: &LockId, written: &Notify) -> LockEnd {
        // Changes from before the watch are included: two steps of the storage's clock.
        let mut since = self.storage.now() - SignedDuration::from_secs(2);
        loop {
            if let Ok(mut changes) = self.storage.watch_lock(id, Some(since)).await {
                while let Some(Ok(change)) = changes.next().await {
                    since = change.time.unwrap_or(since);
                    match change.kind {
                        LockChangeKind::TakenAway => return LockEnd::TakenAway,
                        LockChangeKind::Removed => return LockEnd::Removed,
                        LockChangeKind::Written => written.notify_one(),
                        LockChangeKind::Other => {}
                    }
                }
            }
            tokio::time::sleep(RETRY_PAUSE).await;
            // An engine that was restarted has forgotten its events.
            written.notify_one();
        }
    }

    async fn read_cancel_requests(&self, id: &LockId, written: &Notify) -> Infallible {
        loop {
            written.notified().await;
            let read = tokio::time::timeout(self.interval(), self.storage.cancel_request(id));
            if let Ok(Ok(Some(by))) = read.await {
                self.shared.set_signal(LockSignal::Cancel { by });
                self.tokens.cancel.cancel();
            }
        }
    }

    /// Creates the lock again after somebody removed it without knowing what it is: `docker container prune` removes
    /// containers that never ran. False where another holder has it, or may have had it: that is possible once the fence
    /// is closed.
    async fn create_again(&self) -> bool {
        while self.fence.check().is_ok() {
            let asked = self.fence.now();
            match tokio::time::timeout(self.call_limit(), self.create_or_find()).await {
                Ok(Ok(Attempt::Ours(id))) if self.fence.check().is_ok() => {
                    self.shared.set_id(id);
                    self.fence.renewed(asked);
                    tracing::warn!("the lock was removed by somebody else and created again");
                    return true;
                }
                Ok(Ok(Attempt::Ours(id))) => {
                    drop(self.storage.remove_lock(&id).await);
                    return false;
                }
                Ok(Ok(Attempt::Others)) => return false,
                Ok(Ok(Attempt::None) | Err(_)) | Err(_) => tokio::time::sleep(RETRY_PAUSE).await,
            }
        }
        false
    }

    async fn create_or_find(&self) -> Result<Attempt, S::Error> {
        match self.storage.create_lock(&self.project, &self.holder).await {
            Ok(id) => Ok(Attempt::Ours(id)),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unclear) => {
                Ok(match self.storage.find_lock(&self.project).await? {
                    Some(held) if held.is_of(&self.holder) => Attempt::Ours(held.id),
                    Some(_) => Attempt::Others,
                    None => Attempt::None,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Between two renewals.
    fn interval(&self) -> Duration {
        self.holder.lease / 3
    }

    /// How long one call about the lock may take.
    fn call_limit(&self) -> Duration {
        self.interval() * 3 / 4
    }

    fn lose(&self) {
        self.fence.close();
        self.shared.set_signal(LockSignal::Lost);
        self.tokens.lost.cancel();
    }
}

/// An attempt to create a lock again.
enum Attempt {
    Ours(LockId),
    Others,
    /// No lock exists: the attempt failed.
    None,
}

impl Shared {
    pub(super) fn new(id: LockId) -> Shared {
        Shared { id: Mutex::new(id), signal: Mutex::default() }
    }

    pub(super) fn id(&self) -> LockId {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn signal(&self) -> Option<LockSignal> {
        self.signal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_id(&self, id: LockId) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    fn set_signal(&self, signal: LockSignal) {
        *self.signal.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal);
    }
}
