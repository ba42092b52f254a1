//! Copies trees of files into and out of a container, running or not, as tar archives that are never in memory as a whole.

use base64::Engine as _;
use futures_util::StreamExt;
use http::{Method, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;

use super::call::Call;
use super::chunks::{self, ChunkReader, Chunks};
use super::client::Engine;
use super::error::EngineError;
use super::wire;
use super::wire::query::Path;
use crate::plan::observed::ContainerId;

/// A file or folder of a container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PathStat {
    pub name: String,
    /// Go's file mode: the highest bit is that of a folder.
    mode: u32,
    /// Where a link leads to; empty for everything else.
    #[serde(rename = "linkTarget", default)]
    pub link: String,
}

impl PathStat {
    pub fn is_folder(&self) -> bool {
        self.mode & (1 << 31) != 0
    }
}

impl Engine {
    /// Looks at a path of a container; `None` where nothing is.
    ///
    /// # Errors
    /// Those of the engine; a container that does not exist is `None` too.
    pub async fn path_stat(&self, id: &ContainerId, path: &str) -> Result<Option<PathStat>, EngineError> {
        let call = Call::new(format!("look at `{path}` of container `{id}`"));
        let url = archive(id).with("path", path);
        match self.wire().open(&call, Method::HEAD, url.as_str(), None).await {
            Err(error) if error.is_not_found() => Ok(None),
            response => stat(&call, &response?).map(Some),
        }
    }

    /// Unpacks a tar archive into a folder of a container. With `keep_owner` files keep their users and groups; else they are those of
    /// root.
    ///
    /// # Errors
    /// `is_not_found` where the container or the folder does not exist; refused where its root is read-only.
    pub async fn copy_in(
        &self,
        id: &ContainerId,
        folder: &str,
        tar: Chunks,
        keep_owner: bool,
    ) -> Result<(), EngineError> {
        let call = Call::new(format!("copy into `{folder}` of container `{id}`"));
        let mut url = archive(id).with("path", folder).with("noOverwriteDirNonDir", "true");
        if keep_owner {
            url = url.with("copyUIDGID", "true");
        }
        let unread = std::sync::Arc::new(std::sync::Mutex::new(None));
        let remember = {
            let (unread, path) = (unread.clone(), folder.to_owned());
            move |error: &std::io::Error| {
                let source = std::io::Error::new(error.kind(), error.to_string());
                let failure = EngineError::File { what: "copy to".to_owned(), path: path.clone(), source };
                *unread.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(failure);
            }
        };
        let headers = [("content-type", "application/x-tar".to_owned())];
        let body = chunks::body(tar, remember);
        let sent = async {
            let response = self.wire().upload(&call, Method::PUT, url.as_str(), &headers, body).await?;
            wire::collect(&call, response).await.map(drop)
        };
        let outcome = sent.await;
        let unread = unread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match unread {
            Some(failure) => Err(failure),
            None => outcome,
        }
    }

    /// A file or folder of a container as a tar archive. Reading blocks, so it needs a thread of its own; the second value must be
    /// awaited meanwhile.
    ///
    /// # Errors
    /// `is_not_found` where the container or the path does not exist.
    pub async fn copy_out(
        &self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(ChunkReader, impl Future<Output = Result<(), EngineError>>), EngineError> {
        let call = Call::new(format!("copy of `{path}` of container `{id}`"));
        let url = archive(id).with("path", path);
        let response = self.wire().open(&call, Method::GET, url.as_str(), None).await?;
        let (sender, reader) = chunks::channel();
        let sent = async move {
            let mut body = response.into_body().into_data_stream();
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| EngineError::Stream {
                    call: call.to_string(),
                    reason: wire::reason(&error),
                })?;
                // A reader that is gone has its own reason for that.
                if sender.send(Ok(chunk)).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        Ok((reader, sent))
    }
}

fn archive(id: &ContainerId) -> Path {
    Path::new(format!("/containers/{}/archive", id.as_str()))
}

/// The header that describes what an archive is of (Engine API, «archive»).
fn stat(call: &Call, response: &Response<Incoming>) -> Result<PathStat, EngineError> {
    let header = response.headers().get("x-docker-container-path-stat");
    let decoded = header.and_then(|value| base64::engine::general_purpose::STANDARD.decode(value).ok());
    let stat = decoded.and_then(|json| serde_json::from_slice(&json).ok());
    stat.ok_or_else(|| EngineError::Answer {
        call: call.to_string(),
        reason: "it does not describe the path".to_owned(),
    })
}
