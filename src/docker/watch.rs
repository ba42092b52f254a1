//! One subscription to the engine's events for a whole run. A wait for a container is woken by the container's events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::engine::{Engine, EngineError};
use crate::plan::observed::ContainerId;

/// Pause before the event stream is opened again after it broke.
const RECONNECT: Duration = Duration::from_millis(250);

/// The running subscription; it ends with the value.
#[derive(Debug)]
pub(super) struct Watch {
    waiting: Arc<Waiting>,
    task: JoinHandle<()>,
}

type Waiting = Mutex<BTreeMap<ContainerId, Arc<Notify>>>;

impl Watch {
    /// Subscribes to what happens to a project's containers.
    ///
    /// # Errors
    /// Those of the first subscription; later ones are opened again until the value is dropped.
    pub(super) async fn begin(engine: &Engine, project: &str) -> Result<Watch, EngineError> {
        let waiting: Arc<Waiting> = Arc::default();
        let since = Timestamp::now();
        let mut events = engine.events(project, None).await?;
        let (engine, project, woken) = (engine.clone(), project.to_string(), waiting.clone());
        let task = tokio::spawn(async move {
            let mut last = since;
            loop {
                while let Some(Ok(event)) = events.next().await {
                    last = event.time.unwrap_or(last);
                    wake(&woken, Some(&event.id));
                }
                // The stream broke: missed events are requested, and all waits inspect their container again.
                loop {
                    tokio::time::sleep(RECONNECT).await;
                    if let Ok(again) = engine.events(&project, Some(last)).await {
                        events = again;
                        break;
                    }
                }
                wake(&woken, None);
            }
        });
        Ok(Watch { waiting, task })
    }

    /// What is notified when something happens to a container. A notification that comes before it is awaited is kept,
    /// so an inspect after this call and an event cannot miss each other.
    pub(super) fn of(&self, container: &ContainerId) -> Arc<Notify> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(container.clone()).or_default().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Wakes who waits for one container, or everyone.
fn wake(waiting: &Waiting, container: Option<&ContainerId>) {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    match container {
        Some(id) => {
            if let Some(notify) = waiting.get(id) {
                notify.notify_one();
            }
        }
        None => waiting.values().for_each(|notify| notify.notify_one()),
    }
}
