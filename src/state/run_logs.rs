//! What a failed run leaves to read: why it failed, and the logs of the containers that failed.

use serde::{Deserialize, Serialize};

use super::storage::RecordStorage;
use super::store::{RecordFile, StateError, Store};

/// The logs of a failed run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLogs {
    /// Why the run failed, as it was shown. Empty where it did not.
    pub failure: String,
    pub containers: Vec<ContainerLog>,
}

/// The log of a container that failed, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLog {
    pub service: String,
    pub container: String,
    /// Oldest first; the last 10,000 lines at most.
    pub lines: Vec<String>,
}

impl<S: RecordStorage> Store<S> {
    /// The logs of a run: one call.
    ///
    /// # Errors
    /// `Damaged` where none are kept: the run did not fail, or is too long ago.
    pub async fn run_logs(&self, run: u64) -> Result<RunLogs, StateError<S::Error>> {
        let file = self.part(RecordFile::Logs(run)).await?;
        // Earlier versions kept one text.
        let text =
            |_| RunLogs { failure: String::from_utf8_lossy(&file).into_owned(), containers: Vec::new() };
        Ok(serde_json::from_slice(&file).unwrap_or_else(text))
    }
}
