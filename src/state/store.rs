//! The store of a project's records: its head, and the larger parts that the head points to.
//!
//! An upload is not atomic: an interrupted one leaves the new file truncated and the old one gone. So the head is in two
//! files that are written in turn, each with length and checksum; an interrupted write leaves the other one. The parts are
//! written before the head, into files that no head points to yet.

use super::head::{Head, RELEASES, RUN_LOGS, RunEntry};
use super::key::ContentKey;
use super::seal::{Unsealed, seal, unseal};
use super::storage::{ErrorKind, RecordContent, RecordStorage, StorageError};
use crate::compose::model::Project;

const LARGEST_HEAD: usize = 4 << 20;
/// Enough for plans and models of thousands of services.
const LARGEST: usize = 64 << 20;

/// Why the records cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError<E: StorageError> {
    #[error(transparent)]
    Storage(#[from] E),
    #[error("records of project `{project}` were written by a newer sofa")]
    Newer {
        project: String,
        /// The version of `sofa` that wrote them.
        needs: String,
    },
    #[error("records of project `{project}`: {file} is damaged")]
    Damaged { project: String, file: String },
    #[error("records of project `{project}`: {reason}")]
    Form { project: String, reason: String },
}

/// The records as they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// `sofa` never deployed the project, or its records were pruned.
    Missing,
    /// All files are damaged or were not written by `sofa`.
    Damaged,
    Whole(Box<Snapshot>),
}

impl Found {
    pub fn last_release(&self) -> Option<u64> {
        match self {
            Found::Whole(snapshot) => Some(snapshot.head.releases.last()?.number),
            Found::Missing | Found::Damaged => None,
        }
    }

    pub fn unfinished(&self) -> Option<&RunEntry> {
        match self {
            Found::Whole(snapshot) => snapshot.head.unfinished(),
            Found::Missing | Found::Damaged => None,
        }
    }

    /// The records; empty where none could be read.
    pub fn or_empty(self) -> Snapshot {
        match self {
            Found::Whole(snapshot) => *snapshot,
            Found::Missing | Found::Damaged => Snapshot::default(),
        }
    }
}

/// The head as it was read, with the number of its last write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub head: Head,
    number: u64,
}

impl Snapshot {
    /// The snapshot after the next write.
    pub(super) fn followed_by(&self, head: Head) -> Snapshot {
        Snapshot { head, number: self.number + 1 }
    }
}

/// A file that the head points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFile {
    /// The plan of the run with this number. The plan of the run before it is kept.
    Plan(u64),
    /// The logs of the containers that failed in the run with this number.
    Logs(u64),
    /// The model of the release with this number.
    Release(u64),
}

impl RecordFile {
    /// File names are used again in turn, so none has to be removed: no head points to a file that is overwritten.
    fn path(self) -> String {
        let releases = RELEASES as u64 + 1;
        match self {
            RecordFile::Plan(number) => format!("plan/{}", number % 2),
            RecordFile::Logs(number) => format!("logs/{}", number % RUN_LOGS),
            RecordFile::Release(number) => format!("release/{}", number % releases),
        }
    }

    fn number(self) -> u64 {
        match self {
            RecordFile::Plan(number) | RecordFile::Logs(number) | RecordFile::Release(number) => number,
        }
    }
}

/// The store of one project. Only the holder of the project's lock writes.
#[derive(Debug, Clone)]
pub struct Store<S> {
    storage: S,
    project: String,
}

impl<S: RecordStorage> Store<S> {
    /// The store of a project; makes no call.
    pub fn of(storage: &S, project: &str) -> Store<S> {
        Store { storage: storage.clone(), project: project.to_owned() }
    }

    /// Reads the head: one call.
    ///
    /// # Errors
    /// `Newer`, and the storage's. A store that does not exist is no error.
    pub async fn read(&self) -> Result<Found, StateError<S::Error>> {
        let files = match self.storage.read_files(&self.project, "head", LARGEST_HEAD).await {
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(Found::Missing),
            files => files?,
        };
        let mut newest: Option<(u64, Unsealed<'_>)> = None;
        for file in &files {
            let found = unseal(file);
            let (Unsealed::Whole { number, .. } | Unsealed::Newer { number, .. }) = found else {
                continue;
            };
            if newest.as_ref().is_none_or(|(best, _)| number > *best) {
                newest = Some((number, found));
            }
        }
        match newest {
            None | Some((_, Unsealed::Broken)) => Ok(Found::Damaged),
            Some((_, Unsealed::Newer { version, .. })) => Err(self.newer(version)),
            Some((number, Unsealed::Whole { content, .. })) => {
                let head = serde_json::from_slice(content).map_err(|error| self.form(&error))?;
                Ok(Found::Whole(Snapshot { head, number }.into()))
            }
        }
    }

    /// Creates the store where it does not exist and reads the head. An existing store keeps its files and its key; `key`
    /// is for a new one.
    ///
    /// # Errors
    /// As `read`.
    pub async fn ensure(&self, key: &ContentKey) -> Result<Snapshot, StateError<S::Error>> {
        self.storage.create_place(&self.project, Some(key)).await?;
        Ok(self.read().await?.or_empty())
    }

    /// Reads the head of a store whose volume exists but whose container was removed: creates the container first.
    ///
    /// # Errors
    /// As `read`.
    pub async fn open_again(&self) -> Result<Found, StateError<S::Error>> {
        self.storage.create_place(&self.project, None).await?;
        self.read().await
    }

    /// Writes parts and the head that points to them in one call, the head last. Returns the snapshot for the next write.
    ///
    /// # Errors
    /// The storage's. Also after an interrupted write, `read` returns either the old or the new head, and all its parts
    /// are whole.
    pub async fn write(
        &self,
        before: &Snapshot,
        head: Head,
        parts: &[(RecordFile, Vec<u8>)],
    ) -> Result<Snapshot, StateError<S::Error>> {
        let Snapshot { head, number } = before.followed_by(head);
        let text = self.encode(&head)?;
        let part = |(file, content): &(RecordFile, Vec<u8>)| RecordContent {
            path: file.path(),
            content: seal(file.number(), content),
        };
        let mut files: Vec<RecordContent> = parts.iter().map(part).collect();
        files.push(RecordContent { path: format!("head/{}", number % 2), content: seal(number, &text) });
        self.storage.write_files(&self.project, files).await?;
        Ok(Snapshot { head, number })
    }

    /// Reads a part.
    ///
    /// # Errors
    /// `Damaged` where the file is not whole, does not exist, or has been used again for another number.
    pub async fn part(&self, file: RecordFile) -> Result<Vec<u8>, StateError<S::Error>> {
        let damaged = || StateError::Damaged { project: self.project.clone(), file: file.path() };
        let files = match self.storage.read_files(&self.project, &file.path(), LARGEST).await {
            Err(error) if error.kind() == ErrorKind::Missing => return Err(damaged()),
            files => files?,
        };
        match files.first().map(|content| unseal(content)) {
            Some(Unsealed::Whole { number, content }) if number == file.number() => Ok(content.to_vec()),
            Some(Unsealed::Newer { version, .. }) => Err(self.newer(version)),
            _ => Err(damaged()),
        }
    }

    /// The model of a release.
    ///
    /// # Errors
    /// As `part`.
    pub async fn release(&self, number: u64) -> Result<Project, StateError<S::Error>> {
        let text = self.part(RecordFile::Release(number)).await?;
        serde_json::from_slice(&text).map_err(|error| self.form(&error))
    }

    /// Marks that a run begins: a deploy without changes reads this mark instead of the records.
    ///
    /// # Errors
    /// The storage's. The mark is then not set.
    pub async fn mark_unfinished(&self) -> Result<(), S::Error> {
        self.storage.mark_unfinished(&self.project).await
    }

    /// Removes the mark of an unfinished run.
    ///
    /// # Errors
    /// The storage's. A mark that remains costs the next deploy a read of the records, and is then removed.
    pub async fn clear_unfinished(&self) -> Result<(), S::Error> {
        self.storage.clear_unfinished(&self.project).await
    }

    /// Whether a run is marked as unfinished. A person may have removed the mark (`docker image prune`), so the records
    /// decide.
    ///
    /// # Errors
    /// The storage's.
    pub async fn is_marked_unfinished(&self) -> Result<bool, S::Error> {
        self.storage.is_marked_unfinished(&self.project).await
    }

    pub(super) fn encode(&self, value: &impl serde::Serialize) -> Result<Vec<u8>, StateError<S::Error>> {
        serde_json::to_vec(value).map_err(|error| self.form(&error))
    }

    fn newer(&self, version: &str) -> StateError<S::Error> {
        StateError::Newer { project: self.project.clone(), needs: version.to_owned() }
    }

    fn form(&self, error: &dyn std::fmt::Display) -> StateError<S::Error> {
        StateError::Form { project: self.project.clone(), reason: error.to_string() }
    }
}
