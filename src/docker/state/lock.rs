//! The lock of a project as a container that is never started: the engine gives a name to one container at a time. Its
//! holder is in a label, its last renewal and a request to cancel are files in it.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use crate::engine::container::{Removal, WaitFor};
use crate::engine::convert::FileUpload;
use crate::engine::events::Action;
use crate::engine::state_container::{StateContainer, lock_name};
use crate::engine::{Engine, EngineError, ignore_missing};
use crate::labels::sofa;
use crate::plan::observed::ContainerId;
use crate::state::{Held, Holder, LockChange, LockChangeKind, LockId, LockStorage};

/// The time of the last renewal, by the engine's clock.
const RENEWED: &str = "/renewed";
/// Who asked the holder to cancel.
const CANCEL: &str = "/cancel";
/// Each of these files is one line.
const LARGEST: usize = 64 * 1024;

impl LockStorage for Engine {
    type Error = EngineError;

    fn now(&self) -> Timestamp {
        Engine::now(self)
    }

    async fn create_lock(&self, project: &str, holder: &Holder) -> Result<LockId, EngineError> {
        // A holder that cannot be written is left out: the lock is valid without it.
        let holder = serde_json::to_string(holder).unwrap_or_default();
        let labels = BTreeMap::from([
            (sofa::PROJECT.to_owned(), project.to_owned()),
            (sofa::HOLDER.to_owned(), holder),
        ]);
        let container = StateContainer { name: lock_name(project), labels, volume: None };
        self.create_state_container(&container).await.map(|id| LockId(id.0))
    }

    async fn find_lock(&self, project: &str) -> Result<Option<Held>, EngineError> {
        let found = match self.inspect(&lock_name(project)).await {
            Err(error) if error.is_not_found() => return Ok(None),
            found => found?,
        };
        let holder = found.labels.get(sofa::HOLDER).and_then(|label| serde_json::from_str(label).ok());
        let since = found.created.unwrap_or(Timestamp::UNIX_EPOCH);
        let line = match self.download_text(&found.id, RENEWED, LARGEST).await {
            Err(error) if error.is_not_found() => return Ok(None),
            line => line?,
        };
        let now = self.now();
        let renewed = match line {
            // A line that cannot be read is being written at this moment.
            Some(line) => line.parse().unwrap_or(now),
            None => since,
        };
        Ok(Some(Held { project: project.to_owned(), id: LockId(found.id.0), holder, since, renewed, now }))
    }

    async fn renew_lock(&self, lock: &LockId) -> Result<(), EngineError> {
        write_line(self, &container(lock), RENEWED, &self.now().to_string()).await
    }

    async fn request_cancel(&self, lock: &LockId, by: &str) -> Result<(), EngineError> {
        write_line(self, &container(lock), CANCEL, by).await
    }

    async fn cancel_request(&self, lock: &LockId) -> Result<Option<String>, EngineError> {
        self.download_text(&container(lock), CANCEL, LARGEST).await
    }

    async fn watch_lock(
        &self,
        lock: &LockId,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<LockChange, EngineError>>, EngineError> {
        let events = self.events_of(&container(lock), since).await?;
        let change = |event: Result<_, _>| {
            event.map(|event: crate::engine::events::EngineEvent| LockChange {
                time: event.time,
                kind: match event.action {
                    Action::Upload => LockChangeKind::Written,
                    Action::Rename => LockChangeKind::TakenAway,
                    Action::Destroy => LockChangeKind::Removed,
                    _ => LockChangeKind::Other,
                },
            })
        };
        Ok(events.map(change).boxed())
    }

    async fn take_away_lock(&self, project: &str, lock: &LockId) -> Result<(), EngineError> {
        // The holder sees the new name. A container that is removed without a rename was pruned, and its holder creates it again.
        let id = container(lock);
        let name = format!("{}.taken-away.{}", lock_name(project), id.short());
        let renamed = self.rename(&id, &name).await;
        self.remove_lock(lock).await?;
        ignore_missing(renamed)
    }

    async fn remove_lock(&self, lock: &LockId) -> Result<(), EngineError> {
        let all = Removal { force: true, anonymous_volumes: true };
        match self.remove(&container(lock), all).await {
            // Another removal is in progress.
            Err(error) if error.is_conflict() => Ok(()),
            removed => ignore_missing(removed),
        }
    }

    async fn wait_until_released(&self, lock: &LockId) -> Result<(), EngineError> {
        ignore_missing(self.wait(&container(lock), WaitFor::Removed).await.map(drop))
    }
}

fn container(lock: &LockId) -> ContainerId {
    ContainerId(lock.0.clone())
}

async fn write_line(engine: &Engine, id: &ContainerId, path: &str, line: &str) -> Result<(), EngineError> {
    let file = FileUpload {
        target: path.to_owned(),
        content: line.as_bytes().to_vec(),
        uid: 0,
        gid: 0,
        mode: 0o600,
    };
    engine.upload_files(id, &[file]).await
}
