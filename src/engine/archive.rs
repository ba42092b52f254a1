//! Copies files into and out of a container, running or not, as tar archives.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::Method;
use http_body_util::BodyExt;

use super::call::Call;
use super::client::Engine;
use super::convert::FileUpload;
use super::error::EngineError;
use super::wire;
use super::wire::query::Path;
use crate::plan::observed::ContainerId;

impl Engine {
    /// Copies files into a container in one upload. Missing folders are created.
    ///
    /// # Errors
    /// As `upload`.
    pub async fn upload_files(&self, id: &ContainerId, files: &[FileUpload]) -> Result<(), EngineError> {
        let tar = pack(files).map_err(|source| EngineError::File {
            what: "upload".to_owned(),
            path: files.iter().map(|file| file.target.as_str()).collect::<Vec<_>>().join(", "),
            source,
        })?;
        self.upload(id, "/", tar).await
    }

    /// Unpacks a tar archive into a folder of a container, volumes included. Not atomic: an interrupted upload may
    /// leave a truncated file.
    ///
    /// # Errors
    /// `is_not_found` where the container or folder does not exist; refused where its root is read-only.
    pub async fn upload(&self, id: &ContainerId, folder: &str, tar: Bytes) -> Result<(), EngineError> {
        let call = Call::new(format!("upload into `{folder}` of container `{id}`")).slow();
        let path = Path::new(format!("/containers/{}/archive", id.as_str())).with("path", folder);
        let headers = [("content-type", "application/x-tar".to_owned())];
        self.wire()
            .within(&call, async {
                let body = bollard::body_full(tar);
                let response = self.wire().upload(&call, Method::PUT, path.as_str(), &headers, body).await?;
                wire::collect(&call, response).await.map(drop)
            })
            .await
    }

    /// Downloads a file or folder of a container as a tar archive of at most `limit` bytes.
    ///
    /// # Errors
    /// `is_not_found` where the container or file does not exist; `Answer` where the archive is larger.
    pub async fn download(&self, id: &ContainerId, file: &str, limit: usize) -> Result<Bytes, EngineError> {
        let call = Call::new(format!("download of `{file}` of container `{id}`")).slow();
        let path = Path::new(format!("/containers/{}/archive", id.as_str())).with("path", file);
        self.wire()
            .within(&call, async {
                let response = self.wire().open(&call, Method::GET, path.as_str(), None).await?;
                let mut chunks = response.into_body().into_data_stream();
                let mut archive = BytesMut::new();
                while let Some(chunk) = chunks.next().await {
                    let chunk = chunk.map_err(|error| EngineError::Stream {
                        call: call.to_string(),
                        reason: wire::reason(&error),
                    })?;
                    if archive.len() + chunk.len() > limit {
                        let reason = format!("it is larger than {limit} bytes");
                        return Err(EngineError::Answer { call: call.to_string(), reason });
                    }
                    archive.extend_from_slice(&chunk);
                }
                Ok(archive.freeze())
            })
            .await
    }
}

impl Engine {
    /// Downloads one text file of a container; `None` where it does not exist, or is no UTF-8.
    ///
    /// # Errors
    /// As `download`, except for a missing file.
    pub async fn download_text(
        &self,
        id: &ContainerId,
        file: &str,
        limit: usize,
    ) -> Result<Option<String>, EngineError> {
        let archive = match self.download(id, file, limit).await {
            Err(error) if error.is_not_found() => return Ok(None),
            archive => archive?,
        };
        let mut archive = tar::Archive::new(&archive[..]);
        let mut text = String::new();
        let read = archive.entries().and_then(|mut entries| match entries.next() {
            Some(entry) => entry?.read_to_string(&mut text),
            None => Ok(0),
        });
        Ok(read.ok().map(|_| text))
    }
}

/// Packs files, by their absolute paths, into a tar archive.
fn pack(files: &[FileUpload]) -> std::io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_size(file.content.len() as u64);
        archive.append_data(&mut header, file.target.trim_start_matches('/'), &file.content[..])?;
    }
    archive.into_inner().map(Bytes::from)
}
