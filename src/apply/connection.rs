//! The connection to the target, which may get lost during a run. A target that restarts comes back, and the run continues from
//! what it then finds. One that stays away ends the run.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::announce::Announcer;
use super::budget::Budget;
use super::failure::{Retry, TargetError};
use super::fence::{Closed, Fence};

/// How long a target that does not answer is waited for, within the total time of waits.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two checks whether the target answers.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether a target answers. Every target implements it.
pub(super) trait Reach {
    fn reach(&self) -> LocalBoxFuture<'_, bool>;
}

/// The time for waits of one direction of a run, forward or undo, and whether the target was waited for in vain.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) waits: Budget,
    given_up: Cell<bool>,
    warned: Cell<bool>,
}

impl Connection {
    pub(super) fn new(limit: Duration) -> Connection {
        Connection { waits: Budget::new(limit), given_up: Cell::default(), warned: Cell::default() }
    }

    /// Waits until the target answers again after a call that failed so. False where the failure has another reason, or the
    /// target stays away; after that it is never waited for again.
    pub(super) async fn reconnected(
        &self,
        target: &dyn Reach,
        announcer: &Announcer,
        error: &impl TargetError,
    ) -> bool {
        if error.retry() != Retry::Reconnect || self.given_up.get() {
            return false;
        }
        let counting = self.waits.count();
        let end = counting.deadline.min(Instant::now() + PATIENCE);
        while Instant::now() < end {
            tokio::time::sleep(PAUSE).await;
            if target.reach().await {
                if self.warned.take() {
                    announcer.note("the engine answers again".into());
                }
                return true;
            }
            if !self.warned.replace(true) {
                announcer.warn(format!("{error}; waiting for the engine to come back"));
            }
        }
        self.given_up.set(true);
        false
    }

    /// Waits until the fence is open, as long as for a target that does not answer.
    ///
    /// # Errors
    /// [`Closed`]; after that it is never waited for again.
    pub(super) async fn passes(&self, fence: &dyn Fence) -> Result<(), Closed> {
        if fence.check().is_ok() || self.given_up.get() {
            return fence.check();
        }
        let counting = self.waits.count();
        let left = counting.deadline.saturating_duration_since(Instant::now());
        let opened = fence.opens(left.min(PATIENCE)).await;
        self.given_up.set(opened.is_err());
        opened
    }
}
