//! Keeps a lock: renews its lease, and hears what others want of its holder.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::holder::Holder;
use super::lock;
use crate::engine::container::Removal;
use crate::engine::convert::FileUpload;
use crate::engine::events::Action;
use crate::engine::{Engine, EngineError};
use crate::plan::observed::ContainerId;

/// The file with the time of the last renewal, by the engine's clock.
pub(super) const RENEWED: &str = "/renewed";
/// The file with the name of who wants the run to be cancelled.
pub(super) const CANCEL: &str = "/cancel";
/// These files are a line each.
const LARGEST: usize = 64 * 1024;
/// Pause before something that failed is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// How a holder is made to end.
#[derive(Debug, Clone)]
pub struct Ends {
    /// End, taking back what was done.
    pub cancel: CancellationToken,
    /// End at once: the lock is another's.
    pub lost: CancellationToken,
}

/// What became of the lock while it was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Somebody wants the run to be cancelled.
    Cancel {
        /// Who, and by which command.
        by: String,
    },
    /// Somebody took the lock away.
    Lost,
}

/// What the holder of a lock and its keeper share.
#[derive(Debug)]
pub(super) struct Kept {
    /// The container that is the lock now.
    pub id: Mutex<ContainerId>,
    /// What became of it.
    pub wish: Mutex<Option<Wish>>,
}

/// Keeps one lock until it is dropped.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub engine: Engine,
    pub project: String,
    pub holder: Holder,
    pub kept: Arc<Kept>,
    pub fence: Fence,
    pub ends: Ends,
}

/// Why a container is the lock no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// It was removed.
    Removed,
    /// Somebody took it away from its holder.
    TakenAway,
}

impl Keeper {
    /// Renews and listens until the lock is another's.
    pub(super) async fn keep(self) {
        loop {
            let id = self.kept.id();
            let wished = Notify::new();
            // Beside each other: an engine that lets a read or a subscription hang may write all the same.
            let over = tokio::select! {
                over = self.renew_on(&id) => over,
                over = self.listen(&id, &wished) => over,
                never = self.heed(&id, &wished) => match never {},
            };
            if over == Over::TakenAway || !self.take_again().await {
                return self.lost();
            }
        }
    }

    /// Renews until the container is gone.
    async fn renew_on(&self, id: &ContainerId) -> Over {
        let mut next = Instant::now() + self.every();
        loop {
            tokio::time::sleep_until(next).await;
            match self.renew(id).await {
                Ok(()) => next = Instant::now() + self.every(),
                Err(error) if error.is_not_found() => return Over::Removed,
                Err(error) => {
                    tracing::warn!(%error, "lock is not renewed");
                    let waited = matches!(error, EngineError::Timeout { .. });
                    next = Instant::now() + if waited { Duration::ZERO } else { AGAIN };
                }
            }
        }
    }

    async fn renew(&self, id: &ContainerId) -> Result<(), EngineError> {
        let asked = self.fence.now();
        let now = self.engine.now().to_string();
        // One that gets no answer is given up in time for another, before the fence closes.
        let patience = self.patience();
        match tokio::time::timeout(patience, put(&self.engine, id, RENEWED, &now)).await {
            Ok(written) => written?,
            Err(_) => {
                return Err(EngineError::Timeout { call: "renewal of the lock".to_owned(), after: patience });
            }
        }
        self.fence.renewed(asked);
        Ok(())
    }

    /// Listens to what happens to the container, until it is the lock no more.
    async fn listen(&self, id: &ContainerId, wished: &Notify) -> Over {
        // What happened before the subscription is told by it: the engine's `Date` has whole seconds.
        let mut since = self.engine.now() - SignedDuration::from_secs(2);
        loop {
            if let Ok(mut events) = self.engine.events_of(id, Some(since)).await {
                while let Some(Ok(event)) = events.next().await {
                    since = event.time.unwrap_or(since);
                    match event.action {
                        Action::Rename => return Over::TakenAway,
                        Action::Destroy => return Over::Removed,
                        Action::Upload => wished.notify_one(),
                        _ => {}
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
            // An engine that was restarted remembers no events.
            wished.notify_one();
        }
    }

    /// Looks at what others want of the holder, whenever something was written into the lock.
    async fn heed(&self, id: &ContainerId, wished: &Notify) -> Infallible {
        loop {
            wished.notified().await;
            let read = tokio::time::timeout(self.every(), get(&self.engine, id, CANCEL));
            if let Ok(Ok(Some(by))) = read.await {
                self.kept.set_wish(Wish::Cancel { by });
                self.ends.cancel.cancel();
            }
        }
    }

    /// Takes the lock anew where its container was removed and nobody wanted that: `docker container prune` removes what
    /// never ran. False where it is another's, or may have been: with the fence closed, another may have come and gone.
    async fn take_again(&self) -> bool {
        while self.fence.check().is_ok() {
            let asked = self.fence.now();
            let shelf = lock::shelf(&self.project, &self.holder);
            let taken = async {
                match self.engine.create_shelf(&shelf).await {
                    Err(error) if error.is_conflict() || error.is_unsure() => {
                        Ok(lock::look(&self.engine, &self.project)
                            .await?
                            .map(|held| held.claimed(&self.holder)))
                    }
                    created => created.map(|id| Some(Some(id))),
                }
            };
            match tokio::time::timeout(self.patience(), taken).await {
                Ok(Ok(Some(Some(id)))) if self.fence.check().is_ok() => {
                    self.kept.set_id(id);
                    self.fence.renewed(asked);
                    tracing::warn!("the container of the lock was removed; the lock is taken again");
                    return true;
                }
                Ok(Ok(Some(Some(id)))) => {
                    drop(self.engine.remove(&id, Removal { force: true, anonymous_volumes: true }).await);
                    return false;
                }
                Ok(Ok(Some(None))) => return false,
                Ok(Ok(None) | Err(_)) | Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
        false
    }

    /// Between two renewals.
    fn every(&self) -> Duration {
        self.holder.lease / 3
    }

    /// How long one call about the lock may take.
    fn patience(&self) -> Duration {
        self.every() * 3 / 4
    }

    fn lost(&self) {
        self.fence.close();
        self.kept.set_wish(Wish::Lost);
        self.ends.lost.cancel();
    }
}

impl Kept {
    pub(super) fn id(&self) -> ContainerId {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn wish(&self) -> Option<Wish> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_id(&self, id: ContainerId) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    fn set_wish(&self, wish: Wish) {
        *self.wish.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish);
    }
}

/// Writes a line into a lock.
pub(super) async fn put(
    engine: &Engine,
    id: &ContainerId,
    path: &str,
    line: &str,
) -> Result<(), EngineError> {
    let file = FileUpload {
        target: path.to_owned(),
        content: line.as_bytes().to_vec(),
        uid: 0,
        gid: 0,
        mode: 0o600,
    };
    engine.upload_files(id, &[file]).await
}

/// Reads a line of a lock; none where it is not there.
pub(super) async fn get(
    engine: &Engine,
    id: &ContainerId,
    path: &str,
) -> Result<Option<String>, EngineError> {
    let archive = match engine.download(id, path, LARGEST).await {
        Err(error) if error.is_not_found() => return Ok(None),
        archive => archive?,
    };
    let mut archive = tar::Archive::new(&archive[..]);
    let mut text = String::new();
    let read = archive.entries().and_then(|mut entries| match entries.next() {
        Some(entry) => std::io::Read::read_to_string(&mut entry?, &mut text),
        None => Ok(0),
    });
    Ok(read.ok().map(|_| text))
}
