//! What a place for state must offer: a lock, record files and a mark for each project. The Docker Engine is one such
//! place (`docker::state`); the rules of the lock and of the records are in this module and are the same for all.

use std::fmt;
use std::future::Future;

use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::held::{Held, LockId};
use super::holder::Holder;
use super::key::ContentKey;

/// An error of a storage.
pub trait StorageError: std::error::Error + Send + Sync + 'static {
    /// What the error means for the caller.
    fn kind(&self) -> ErrorKind;
}

/// What a failed call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The object exists already, or another change of it is under way.
    Conflict,
    /// The object does not exist.
    Missing,
    /// There was no clear answer: the connection was lost or the call timed out. The change may have been made.
    Unclear,
    /// The storage refused for a reason that may pass. The change was not made.
    Unavailable,
    /// Another attempt fails in the same way.
    Final,
}

/// A change of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockChange {
    /// By the storage's clock.
    pub time: Option<Timestamp>,
    pub kind: LockChangeKind,
}

/// How a lock changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockChangeKind {
    /// It was renewed, or somebody asked its holder to cancel.
    Written,
    /// Somebody took it away from its holder.
    TakenAway,
    /// It was removed, by its holder or by somebody who did not know what it is.
    Removed,
    Other,
}

/// Where the lock of a project is. At most one lock of a project exists at a time.
pub trait LockStorage: Clone + fmt::Debug + Send + Sync + 'static {
    type Error: StorageError;

    /// The storage's time, as far as it is known without a call. Leases are judged by this clock alone.
    fn now(&self) -> Timestamp;

    /// Creates the lock of a project.
    ///
    /// # Errors
    /// `Conflict` where the project is locked.
    fn create_lock(
        &self,
        project: &str,
        holder: &Holder,
    ) -> impl Future<Output = Result<LockId, Self::Error>> + Send;

    /// Finds the lock of a project, if it is locked.
    fn find_lock(&self, project: &str) -> impl Future<Output = Result<Option<Held>, Self::Error>> + Send;

    /// Writes the storage's time into a lock.
    ///
    /// # Errors
    /// `Missing` where the lock does not exist any more.
    fn renew_lock(&self, lock: &LockId) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Asks the holder of a lock to cancel. `by` says who asks, and by which command.
    ///
    /// # Errors
    /// `Missing` where the lock does not exist any more.
    fn request_cancel(&self, lock: &LockId, by: &str)
    -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Reads who asked the holder of a lock to cancel.
    fn cancel_request(
        &self,
        lock: &LockId,
    ) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Watches a lock from now on, or from `since` on as far as the storage remembers its changes. The stream ends where
    /// the connection ends; the caller then watches again.
    fn watch_lock(
        &self,
        lock: &LockId,
        since: Option<Timestamp>,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<LockChange, Self::Error>>, Self::Error>> + Send;

    /// Takes a lock away from a holder that may be running: the holder sees `TakenAway` before the lock is removed. A lock
    /// that is removed already is a success.
    fn take_away_lock(
        &self,
        project: &str,
        lock: &LockId,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes a lock. A lock that is removed already is a success; a later lock of the project is not touched.
    fn remove_lock(&self, lock: &LockId) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits until a lock is removed.
    fn wait_until_released(&self, lock: &LockId) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A file of records, by its path in the place of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordContent {
    pub path: String,
    pub content: Vec<u8>,
}

/// Where the records of a project are. Only the holder of the project's lock writes.
pub trait RecordStorage: Clone + fmt::Debug + Send + Sync + 'static {
    type Error: StorageError;

    /// Creates the place for the records of a project, where it does not exist. An existing one keeps its files and its
    /// key; `key` is for a new one.
    fn create_place(
        &self,
        project: &str,
        key: Option<&ContentKey>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Reads a file, or all files of a folder, of at most `largest` bytes in total.
    ///
    /// # Errors
    /// `Missing` where there is no such file, folder or place.
    fn read_files(
        &self,
        project: &str,
        path: &str,
        largest: usize,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, Self::Error>> + Send;

    /// Writes files in this order. A write that is interrupted may leave the first files whole, one file truncated and
    /// the last ones unchanged.
    fn write_files(
        &self,
        project: &str,
        files: Vec<RecordContent>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Marks that a run of the project begins. Reading the mark is cheaper than reading the records. After an error the
    /// mark is not set.
    fn mark_unfinished(&self, project: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes the mark. A mark that is removed already is a success.
    fn clear_unfinished(&self, project: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether the mark is set. It may have been removed by a person, so the records decide.
    fn is_marked_unfinished(&self, project: &str) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}
