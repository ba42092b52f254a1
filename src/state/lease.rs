//! Keeps a lock: renews its lease, and hears what others want of its holder.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use crate::engine::convert::FileUpload;
use crate::engine::events::Action;
use crate::engine::{Engine, EngineError, EngineStream, events::EngineEvent};
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

/// Keeps one lock until it is dropped.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub engine: Engine,
    pub id: ContainerId,
    pub fence: Fence,
    pub every: Duration,
    pub ends: Ends,
    pub wish: Arc<Mutex<Option<Wish>>>,
}

impl Keeper {
    /// Renews and listens until the lock is gone.
    pub(super) async fn keep(self) {
        // What was wished before the subscription is told by it: the engine's `Date` has whole seconds.
        let since = self.engine.now() - SignedDuration::from_secs(2);
        let mut events = self.subscribe(Some(since)).await;
        let mut next = Instant::now() + self.every;
        loop {
            tokio::select! {
                event = heard(&mut events) => match event.map(|event| event.action) {
                    Some(Action::Destroy) => return self.lost(),
                    Some(Action::Upload) => self.look_for_wish().await,
                    Some(_) => {}
                    None => {
                        tokio::time::sleep(AGAIN).await;
                        events = self.subscribe(None).await;
                        self.look_for_wish().await;
                    }
                },
                () = tokio::time::sleep_until(next) => match self.renew().await {
                    Ok(()) => next = Instant::now() + self.every,
                    Err(error) if error.is_not_found() => return self.lost(),
                    Err(error) => {
                        tracing::warn!(%error, "lock is not renewed");
                        let waited = matches!(error, EngineError::Timeout { .. });
                        next = Instant::now() + if waited { Duration::ZERO } else { AGAIN };
                    }
                },
            }
        }
    }

    async fn subscribe(&self, since: Option<Timestamp>) -> Option<EngineStream<EngineEvent>> {
        self.engine.events_of(&self.id, since).await.ok()
    }

    async fn renew(&self) -> Result<(), EngineError> {
        let asked = self.fence.now();
        let now = self.engine.now().to_string();
        // One that gets no answer is given up in time for another, before the fence closes.
        let patience = self.every * 3 / 4;
        match tokio::time::timeout(patience, put(&self.engine, &self.id, RENEWED, &now)).await {
            Ok(written) => written?,
            Err(_) => {
                return Err(EngineError::Timeout { call: "renewal of the lock".to_owned(), after: patience });
            }
        }
        self.fence.renewed(asked);
        Ok(())
    }

    async fn look_for_wish(&self) {
        if let Ok(Some(by)) = get(&self.engine, &self.id, CANCEL).await {
            self.set(Wish::Cancel { by });
            self.ends.cancel.cancel();
        }
    }

    fn lost(&self) {
        self.fence.close();
        self.set(Wish::Lost);
        self.ends.lost.cancel();
    }

    fn set(&self, wish: Wish) {
        *self.wish.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish);
    }
}

/// The next event; none where the stream broke or never was.
async fn heard(events: &mut Option<EngineStream<EngineEvent>>) -> Option<EngineEvent> {
    events.as_mut()?.next().await?.ok()
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
