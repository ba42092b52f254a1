//! A lock as it was found: who holds it, and whether the holder may still be running.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::holder::{Holder, ProcessState};
use crate::util::elapsed::age;

/// How long a lock is valid after its last renewal, unless its holder says otherwise.
pub const LEASE: Duration = Duration::from_secs(30);

/// One lock as its storage names it. The next lock of the same project has another id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockId(pub String);

/// A lock as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub project: String,
    /// Every change of the lock names this id, so it never changes a later lock.
    pub id: LockId,
    /// None where this `sofa` cannot read who holds it.
    pub holder: Option<Holder>,
    /// By the storage's clock, as are the other times.
    pub since: Timestamp,
    pub renewed: Timestamp,
    /// When this was read.
    pub now: Timestamp,
}

impl Held {
    /// The rest of the lease.
    pub fn left(&self) -> Duration {
        let lease = self.holder.as_ref().map_or(LEASE, |holder| holder.lease);
        let passed = Duration::try_from(self.now.duration_since(self.renewed)).unwrap_or_default();
        lease.saturating_sub(passed)
    }

    /// Whether its holder may still be running.
    pub fn is_alive(&self) -> bool {
        self.process_state() != ProcessState::Ended && !self.is_expired()
    }

    pub(super) fn is_of(&self, holder: &Holder) -> bool {
        self.holder.as_ref().is_some_and(|found| found.nonce == holder.nonce)
    }

    pub(super) fn is_expired(&self) -> bool {
        self.left().is_zero()
    }

    pub(super) fn process_state(&self) -> ProcessState {
        let process = self.holder.as_ref().and_then(|holder| holder.process.as_ref());
        process.map_or(ProcessState::Unknown, |process| process.state())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago = |time| age(Duration::try_from(self.now.duration_since(time)).unwrap_or_default());
        match &self.holder {
            Some(Holder { operator, command, process, .. }) => {
                write!(f, "`{command}` by {operator}")?;
                if let Some(process) = process {
                    write!(f, " (pid {})", process.pid)?;
                }
            }
            None => f.write_str("unknown holder")?,
        }
        write!(f, ", since {:.0} ({} ago), renewed {} ago", self.since, ago(self.since), ago(self.renewed))
    }
}
