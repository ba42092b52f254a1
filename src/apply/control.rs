//! What the executor lends a target for one operation: permits, the deadline, cancellation, and the wait for a lost connection.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::announce::Announcer;
use super::budget::Counting;
use super::connection::{Connection, Reach};
use super::failure::TargetError;
use super::fence::{Closed, Fence};

/// The limits of one operation.
pub struct Control<'a> {
    pub(super) permits: &'a Semaphore,
    pub(super) fence: Option<&'a dyn Fence>,
    pub(super) connection: &'a Connection,
    pub(super) target: &'a dyn Reach,
    pub(super) announcer: &'a Announcer,
    pub(super) cancel: CancellationToken,
    /// Set while the time of waits is counted.
    pub(super) counting: Option<Counting<'a>>,
}

/// Leave to make one call. It ends with the value.
pub type Permit<'a> = Option<SemaphorePermit<'a>>;

impl<'a> Control<'a> {
    /// Waits for a permit to make one more call, and for the fence.
    ///
    /// # Errors
    /// [`Closed`] where the project's lock may belong to another process.
    pub async fn permit(&self) -> Result<Permit<'a>, Closed> {
        let permit = self.permits.acquire().await.ok();
        self.check_fence().await?;
        Ok(permit)
    }

    /// Makes sure that one more change may begin; waits for a renewal of the lock after an outage.
    ///
    /// # Errors
    /// [`Closed`] where the project's lock may belong to another process.
    pub async fn check_fence(&self) -> Result<(), Closed> {
        match self.fence {
            Some(fence) => self.connection.passes(fence).await,
            None => Ok(()),
        }
    }

    /// The same for a wait: it has a deadline, and its time counts as long as this value lives.
    #[must_use]
    pub fn waiting(&self) -> Control<'a> {
        Control { counting: Some(self.connection.waits.count()), cancel: self.cancel.clone(), ..*self }
    }

    /// When the run's time for waits is used up; `None` where no wait is counted.
    pub fn deadline(&self) -> Option<Instant> {
        self.counting.as_ref().map(|counting| counting.deadline)
    }

    /// Ends at the deadline.
    pub async fn expired(&self) {
        match self.deadline() {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Ends when the run is cancelled.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// After a failed call that only looked: waits until the target answers again. False where the failure has another reason
    /// or the target does not come back; then the failure is final.
    pub async fn reconnected(&self, error: &impl TargetError) -> bool {
        self.connection.reconnected(self.target, self.announcer, error).await
    }
}
