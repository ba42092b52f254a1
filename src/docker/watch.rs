//! One subscription to the engine's events for a whole run. A wait for a container is woken by the container's events, which also
//! tell how it ended: an inspection after a quick restart does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::engine::events::{Action, EngineEvent};
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

type Waiting = Mutex<BTreeMap<ContainerId, Watched>>;

/// What the events say of a container that is waited for.
#[derive(Debug, Default)]
struct Watched {
    notify: Arc<Notify>,
    /// Whether a process was killed for want of memory since its last start.
    oom: bool,
    ended: Option<Ended>,
}

/// How a container ended last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: i64,
    /// Whether the kernel killed it for want of memory.
    pub(super) oom: bool,
}

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
                    wake(&woken, Some(&event));
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
        waiting.entry(container.clone()).or_default().notify.clone()
    }

    /// How a container ended last, as far as it did so since it was waited for.
    pub(super) fn ended(&self, container: &ContainerId) -> Option<Ended> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(container)?.ended
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Wakes who waits for the container of an event, or everyone.
fn wake(waiting: &Waiting, event: Option<&EngineEvent>) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        Some(event) => {
            if let Some(watched) = waiting.get_mut(&event.id) {
                watched.note(&event.action);
                watched.notify.notify_one();
            }
        }
        None => waiting.values().for_each(|watched| watched.notify.notify_one()),
    }
}

impl Watched {
    fn note(&mut self, action: &Action) {
        match action {
            Action::Start => self.oom = false,
            Action::Oom => self.oom = true,
            Action::Die(code) => self.ended = Some(Ended { code: *code, oom: self.oom }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_end_is_known_after_a_restart() {
        let mut watched = Watched::default();
        for action in [Action::Start, Action::Oom, Action::Die(137), Action::Start] {
            watched.note(&action);
        }
        assert_eq!(watched.ended, Some(Ended { code: 137, oom: true }));
        watched.note(&Action::Die(1));
        assert_eq!(watched.ended, Some(Ended { code: 1, oom: false }));
    }
}
