//! The store of a project: reading and writing its head and what the head points to.
//!
//! An upload is not atomic: cut, it leaves a new file short and the old one gone. So the head lies in two files that are
//! written in turn, each with length and checksum; a write that is cut leaves the other. What the head points to is
//! written before it, into places that nothing points to yet.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;

use super::head::{Head, RELEASES, RunEntry};
use super::key::ContentKey;
use super::seal::{Unsealed, seal, unseal};
use crate::compose::model::Project;
use crate::engine::convert::FileUpload;
use crate::engine::labels::sofa;
use crate::engine::shelf::{Shelf, ShelfVolume, store_name};
use crate::engine::{Engine, EngineError};
use crate::plan::observed::ContainerId;

/// Where the volume lies in the container.
const FOLDER: &str = "/state";
/// The head alone is small.
const LARGEST_HEAD: usize = 4 << 20;
/// Plans and models of thousands of services fit.
const LARGEST: usize = 64 << 20;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The engine's part.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A newer `sofa` wrote it in a format that this one does not know.
    #[error("records of project `{project}` were written by a newer sofa")]
    Newer {
        /// The project.
        project: String,
        /// The version of `sofa` that wrote them.
        needs: String,
    },
    /// A part that the head points to is not there whole.
    #[error("records of project `{project}`: {what} is damaged")]
    Damaged {
        /// The project.
        project: String,
        /// Which part.
        what: String,
    },
    /// Something cannot be put into the form of the store.
    #[error("records of project `{project}`: {reason}")]
    Form {
        /// The project.
        project: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What was found where the store should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No store: the project was never deployed by `sofa`, or its store was pruned.
    Missing,
    /// Files that are not ours, or all of them damaged.
    Damaged,
    /// The records.
    Whole(Box<Snapshot>),
}

impl Found {
    /// The number of the last release, where there is one.
    pub fn last_release(&self) -> Option<u64> {
        match self {
            Found::Whole(snapshot) => Some(snapshot.head.releases.last()?.number),
            Found::Missing | Found::Damaged => None,
        }
    }

    /// The run that did not finish, where there is one.
    pub fn unfinished(&self) -> Option<&RunEntry> {
        match self {
            Found::Whole(snapshot) => snapshot.head.unfinished(),
            Found::Missing | Found::Damaged => None,
        }
    }

    /// The records; empty ones where there are none.
    pub fn or_empty(self) -> Snapshot {
        match self {
            Found::Whole(snapshot) => *snapshot,
            Found::Missing | Found::Damaged => Snapshot::default(),
        }
    }
}

/// The head as it was read, and how often it was written before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The head.
    pub head: Head,
    number: u64,
}

impl Snapshot {
    /// What is read after the next write.
    pub(super) fn followed_by(&self, head: Head) -> Snapshot {
        Snapshot { head, number: self.number + 1 }
    }
}

/// A place for what the head points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The plan of the run of this number; that of the run before it is kept.
    Plan(u64),
    /// The logs of what failed in the run of this number.
    Logs(u64),
    /// The model of the release of this number.
    Release(u64),
}

impl Place {
    /// Its file. Numbers go round, so nothing needs to be removed: what is overwritten is no longer pointed to.
    fn file(self) -> String {
        let releases = RELEASES as u64 + 1;
        match self {
            Place::Plan(number) => format!("plan/{}", number % 2),
            Place::Logs(number) => format!("logs/{}", number % 2),
            Place::Release(number) => format!("release/{}", number % releases),
        }
    }

    fn number(self) -> u64 {
        match self {
            Place::Plan(number) | Place::Logs(number) | Place::Release(number) => number,
        }
    }
}

/// The store of one project. Only the holder of the project's lock writes.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    project: String,
}

impl Store {
    /// The store of a project; no call is made.
    pub fn of(engine: &Engine, project: &str) -> Store {
        Store { engine: engine.clone(), project: project.to_owned() }
    }

    /// Reads the head: one call.
    ///
    /// # Errors
    /// `Newer`, and those of the engine; that there is no store is none.
    pub async fn read(&self) -> Result<Found, StateError> {
        let folder = format!("{FOLDER}/head");
        let archive = match self.engine.download(&self.container(), &folder, LARGEST_HEAD).await {
            Err(error) if error.is_not_found() => return Ok(Found::Missing),
            archive => archive?,
        };
        let files = self.unpack(&archive)?;
        let mut newest: Option<(u64, Unsealed<'_>)> = None;
        for file in files.values() {
            let found = unseal(file);
            let (Unsealed::Whole { number, .. } | Unsealed::Newer { number, .. }) = found else {
                continue;
            };
            if newest.as_ref().is_none_or(|(best, _)| number > *best) {
                newest = Some((number, found));
            }
        }
        match newest {
            None => Ok(Found::Damaged),
            Some((_, Unsealed::Newer { version, .. })) => Err(self.newer(version)),
            Some((number, Unsealed::Whole { content, .. })) => {
                let head = serde_json::from_slice(content).map_err(|error| self.form(&error))?;
                Ok(Found::Whole(Snapshot { head, number }.into()))
            }
            Some((_, Unsealed::Broken)) => Ok(Found::Damaged),
        }
    }

    /// Makes what is missing of the store and reads the head. A volume that is there is kept with all that is in it,
    /// its key included; `key` is for a new one.
    ///
    /// # Errors
    /// As `read`.
    pub async fn ensure(&self, key: &ContentKey) -> Result<Snapshot, StateError> {
        self.create(Some(key)).await?;
        Ok(self.read().await?.or_empty())
    }

    /// Reads the head of a volume that is there, without the container through which it is read: that is made again.
    ///
    /// # Errors
    /// As `read`.
    pub async fn open_again(&self) -> Result<Found, StateError> {
        self.create(None).await?;
        self.read().await
    }

    /// Makes the container, and the volume where it is not there; the key is for a new one.
    async fn create(&self, key: Option<&ContentKey>) -> Result<(), StateError> {
        let name = store_name(&self.project);
        let labels = BTreeMap::from([(sofa::PROJECT.to_owned(), self.project.clone())]);
        let mut of_volume = labels.clone();
        of_volume.extend(key.map(|key| (sofa::KEY.to_owned(), key.label())));
        let volume = ShelfVolume { name: name.clone(), labels: of_volume, folder: FOLDER.to_owned() };
        match self.engine.create_shelf(&Shelf { name, labels, volume: Some(volume) }).await {
            Err(error) if error.is_conflict() => Ok(()),
            created => Ok(created.map(drop)?),
        }
    }

    /// Writes parts and the head that points to them: one upload, the head last. Returns what a later write begins from.
    ///
    /// # Errors
    /// Those of the engine. Whatever is cut, either the old or the new head is read afterwards, with all its parts.
    pub async fn write(
        &self,
        before: &Snapshot,
        head: Head,
        parts: &[(Place, Vec<u8>)],
    ) -> Result<Snapshot, StateError> {
        let Snapshot { head, number } = before.followed_by(head);
        let text = self.encode(&head)?;
        let file = |name: String, content: Vec<u8>| FileUpload {
            target: format!("{FOLDER}/{name}"),
            content,
            uid: 0,
            gid: 0,
            mode: 0o600,
        };
        let mut files: Vec<FileUpload> =
            parts.iter().map(|(place, content)| file(place.file(), seal(place.number(), content))).collect();
        files.push(file(format!("head/{}", number % 2), seal(number, &text)));
        self.engine.upload_files(&self.container(), &files).await?;
        Ok(Snapshot { head, number })
    }

    /// Reads a part.
    ///
    /// # Errors
    /// `Damaged` where it is not there whole, or is of another number by now.
    pub async fn part(&self, place: Place) -> Result<Vec<u8>, StateError> {
        let damaged = || StateError::Damaged { project: self.project.clone(), what: place.file() };
        let path = format!("{FOLDER}/{}", place.file());
        let archive = match self.engine.download(&self.container(), &path, LARGEST).await {
            Err(error) if error.is_not_found() => return Err(damaged()),
            archive => archive?,
        };
        let files = self.unpack(&archive)?;
        match files.values().next().map(|file| unseal(file)) {
            Some(Unsealed::Whole { number, content }) if number == place.number() => Ok(content.to_vec()),
            Some(Unsealed::Newer { version, .. }) => Err(self.newer(version)),
            _ => Err(damaged()),
        }
    }

    /// The model of a release.
    ///
    /// # Errors
    /// As `part`.
    pub async fn release(&self, number: u64) -> Result<Project, StateError> {
        let text = self.part(Place::Release(number)).await?;
        serde_json::from_slice(&text).map_err(|error| self.form(&error))
    }

    /// A value as a part.
    pub(super) fn encode(&self, value: &impl serde::Serialize) -> Result<Vec<u8>, StateError> {
        serde_json::to_vec(value).map_err(|error| self.form(&error))
    }

    fn container(&self) -> ContainerId {
        ContainerId(store_name(&self.project))
    }

    /// The files of an archive by their names.
    fn unpack(&self, archive: &Bytes) -> Result<BTreeMap<String, Vec<u8>>, StateError> {
        let mut archive = tar::Archive::new(&archive[..]);
        let mut read = || {
            let mut files = BTreeMap::new();
            for entry in archive.entries()? {
                let mut entry = entry?;
                if entry.header().entry_type().is_file() {
                    let name = entry.path()?.display().to_string();
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    files.insert(name, content);
                }
            }
            Ok::<_, std::io::Error>(files)
        };
        read().map_err(|error| self.form(&error))
    }

    fn newer(&self, version: &str) -> StateError {
        StateError::Newer { project: self.project.clone(), needs: version.to_owned() }
    }

    fn form(&self, error: &dyn std::fmt::Display) -> StateError {
        StateError::Form { project: self.project.clone(), reason: error.to_string() }
    }
}
