//! The records of a project in a volume, read and written through a container that is never started. A name of `sofa`'s
//! empty image marks an unfinished run: the engine answers for an image from a table, for a file only after a mount.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;

use super::tags::component;
use crate::engine::convert::FileUpload;
use crate::engine::image::{NotAReference, Reference};
use crate::engine::state_container::{self, StateContainer, StateVolume, store_name};
use crate::engine::{Engine, EngineError, ignore_missing};
use crate::labels::sofa;
use crate::plan::observed::ContainerId;
use crate::state::{ContentKey, ErrorKind, RecordContent, RecordStorage, StorageError};

/// Where the container mounts the volume.
const FOLDER: &str = "/state";

impl RecordStorage for Engine {
    type Error = EngineError;

    async fn create_place(&self, project: &str, key: Option<&ContentKey>) -> Result<(), EngineError> {
        let name = store_name(project);
        let labels = BTreeMap::from([(sofa::PROJECT.to_owned(), project.to_owned())]);
        let mut of_volume = labels.clone();
        of_volume.extend(key.map(|key| (sofa::KEY.to_owned(), key.to_text())));
        let volume = StateVolume { name: name.clone(), labels: of_volume, folder: FOLDER.to_owned() };
        let container = StateContainer { name, labels, volume: Some(volume) };
        match self.create_state_container(&container).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            created => created.map(drop),
        }
    }

    async fn read_files(
        &self,
        project: &str,
        path: &str,
        largest: usize,
    ) -> Result<Vec<Vec<u8>>, EngineError> {
        let path = format!("{FOLDER}/{path}");
        let archive = self.download(&container(project), &path, largest).await?;
        unpack(&archive).map_err(|error| EngineError::Answer {
            call: format!("download of `{path}` of the records of project `{project}`"),
            reason: error.to_string(),
        })
    }

    async fn write_files(&self, project: &str, files: Vec<RecordContent>) -> Result<(), EngineError> {
        let upload = |file: RecordContent| FileUpload {
            target: format!("{FOLDER}/{}", file.path),
            content: file.content,
            uid: 0,
            gid: 0,
            mode: 0o600,
        };
        let files: Vec<FileUpload> = files.into_iter().map(upload).collect();
        self.upload_files(&container(project), &files).await
    }

    /// The empty image exists: the container of the project's lock was created from it.
    async fn mark_unfinished(&self, project: &str) -> Result<(), EngineError> {
        let marked = self.tag_image(state_container::IMAGE, &mark(project)?).await;
        if marked.is_err() {
            // The engine may have set the mark although its answer was lost.
            let _ = self.clear_unfinished(project).await;
        }
        marked
    }

    async fn clear_unfinished(&self, project: &str) -> Result<(), EngineError> {
        let mark = mark(project)?.to_string();
        match ignore_missing(self.remove_image(&mark, false).await) {
            // The mark is the last name of an image that containers use: somebody removed the image's own name. It gets that again.
            Err(error) if error.is_conflict() => {
                self.tag_image(&mark, &reference(state_container::IMAGE)?).await?;
                ignore_missing(self.remove_image(&mark, false).await)
            }
            removed => removed,
        }
    }

    async fn is_marked_unfinished(&self, project: &str) -> Result<bool, EngineError> {
        Ok(self.inspect_image(&mark(project)?.to_string()).await?.is_some())
    }
}

fn container(project: &str) -> ContainerId {
    ContainerId(store_name(project))
}

fn unpack(archive: &Bytes) -> std::io::Result<Vec<Vec<u8>>> {
    let mut archive = tar::Archive::new(&archive[..]);
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.push(content);
        }
    }
    Ok(files)
}

/// `sofa.unfinished/<project>:run`.
fn mark(project: &str) -> Result<Reference, EngineError> {
    reference(&format!("sofa.unfinished/{}:run", component(project)))
}

fn reference(text: &str) -> Result<Reference, EngineError> {
    text.parse().map_err(|error: NotAReference| EngineError::Answer {
        call: format!("name of image `{text}`"),
        reason: error.to_string(),
    })
}
