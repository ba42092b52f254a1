//! The fence: whether the project's lock still allows this process to begin a change. The lock implements it.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

/// Closes before another process may take the lock over, so a process that was suspended begins nothing more when it wakes up.
pub trait Fence {
    /// # Errors
    /// [`Closed`] where no change may begin now.
    fn check(&self) -> Result<(), Closed>;

    /// Waits until a change may begin: after an outage, the next renewal shows whether the lock still belongs to this process.
    ///
    /// # Errors
    /// [`Closed`] where the lock belongs to another process, or was not renewed in this time.
    fn opens(&self, within: Duration) -> LocalBoxFuture<'_, Result<(), Closed>>;
}

/// The lock was not renewed in time, or is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not started: the lock of the project was not renewed in time, so another run may hold it")]
pub struct Closed;
