//! How a run behaves, whatever its target is.

use std::time::Duration;

use tokio::sync::watch;

use super::fence::Fence;
use crate::ui::event::EventSender;

/// The rules of one run.
pub struct RunOptions<'a> {
    /// Calls to the target at once.
    pub parallel: usize,
    /// How long all waits together may take; an undo has the same time once more.
    pub wait: Duration,
    /// What must be open when a change begins, where the project is locked.
    pub fence: Option<&'a dyn Fence>,
    /// Where the run has a record: nothing that a user notices begins before its start is recorded.
    pub record: Option<RecordStart>,
    pub events: EventSender,
}

/// Whether the start of a run is recorded: `None` at first, then whether that succeeded.
pub type RecordStart = watch::Receiver<Option<bool>>;

/// Waits until the start of a run is recorded; false where that failed.
pub async fn is_recorded(record: &RecordStart) -> bool {
    record.clone().wait_for(Option::is_some).await.is_ok_and(|recorded| *recorded == Some(true))
}
