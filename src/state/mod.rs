//! What `sofa` keeps for each project at its target: the records of runs and releases, the key of its digests, and the
//! lock that one run holds at a time. All of it may be lost without harm: running containers do not depend on it.
//!
//! The rules are here; where the state is kept is behind the traits of `storage`, so this module names no engine.

pub mod fence;
pub mod head;
pub mod held;
pub mod holder;
pub mod key;
pub mod lease;
pub mod lock;
#[cfg(test)]
mod memory;
pub mod record;
pub mod release;
pub mod run_logs;
mod seal;
pub mod storage;
pub mod store;
pub mod usual_times;

pub use fence::Fence;
pub use head::{Head, Operator, Starts};
pub use held::{Held, LEASE, LockId};
pub use holder::{Holder, Process, ProcessState};
pub use key::{ContentKey, hex};
pub use lease::{LockSignal, LockTokens};
pub use lock::{Lock, LockError};
pub use run_logs::{ContainerLog, RunLogs};
pub use storage::{
    ErrorKind, LockChange, LockChangeKind, LockStorage, RecordContent, RecordStorage, StorageError,
};
pub use store::{Found, RecordFile, Snapshot, StateError, Store};
pub use usual_times::UsualTimes;
