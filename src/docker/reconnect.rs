//! The connection to the engine, lost on the way: an engine that is restarted comes back, and the run goes on from what it
//! then observes. One that stays away ends the run.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::apply::budget::Budget;
use crate::engine::{Engine, EngineError};
use crate::state::Fence;
use crate::state::fence::Closed;
use crate::ui::event::{Event, EventSender};

/// How long an engine that does not answer is waited for, within what waits may take at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an engine that shuts down may take between stopping its containers and closing its socket.
pub(super) const CLOSING: Duration = Duration::from_secs(2);
/// Between two questions whether it is back.
const PAUSE: Duration = Duration::from_millis(200);
/// How often one call is made in all, where the engine answers in between.
pub(super) const ATTEMPTS: usize = 3;

/// A run forward, or its undo: the time that it may wait, and whether the engine was waited for in vain.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) waits: Budget,
    away: Cell<bool>,
    told: Cell<bool>,
}

impl Phase {
    pub(super) fn new(limit: Duration) -> Phase {
        Phase { waits: Budget::new(limit), away: Cell::default(), told: Cell::default() }
    }

    /// Waits until the engine answers again after a call that failed so. False where the failure has another reason, or
    /// the engine stays away; then nobody waits for it once more.
    pub(super) async fn reconnected(
        &self,
        engine: &Engine,
        events: &EventSender,
        error: &EngineError,
    ) -> bool {
        if !is_lost(error) || self.away.get() {
            return false;
        }
        let counting = self.waits.count();
        let end = counting.deadline.min(Instant::now() + PATIENCE);
        while Instant::now() < end {
            tokio::time::sleep(PAUSE).await;
            if engine.ping().await.is_ok() {
                if self.told.take() {
                    let _ = events.send(Event::Note("the engine answers again".into()));
                }
                return true;
            }
            if !self.told.replace(true) {
                let _ = events.send(Event::Warning(format!("{error}; waiting for the engine to come back")));
            }
        }
        self.away.set(true);
        false
    }

    /// Waits until the lock of the project is known to be this run's, as long as for an engine that does not answer.
    ///
    /// # Errors
    /// [`Closed`]; then nobody waits for it once more.
    pub(super) async fn locked(&self, fence: &Fence) -> Result<(), Closed> {
        if fence.check().is_ok() || self.away.get() {
            return fence.check();
        }
        let counting = self.waits.count();
        let left = counting.deadline.saturating_duration_since(Instant::now());
        let opened = fence.opens(left.min(PATIENCE)).await;
        self.away.set(opened.is_err());
        opened
    }
}

/// Whether it is the connection that failed, so that another may help.
pub(super) fn is_lost(error: &EngineError) -> bool {
    matches!(error, EngineError::Unreachable { .. } | EngineError::Stream { .. })
}
