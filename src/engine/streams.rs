//! The streams of a process in a container over one connection: its input, and its output.

use http::Method;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::wire;
use super::wire::frames::{Frames, Output};
use super::wire::query::Path;
use crate::plan::observed::ContainerId;

/// The largest piece of output that is read at once.
const PIECE: usize = 64 * 1024;

/// The columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// The input of a process.
#[derive(Debug)]
pub struct Input(WriteHalf<TokioIo<Upgraded>>);

/// The output of a process.
#[derive(Debug)]
pub struct Outputs {
    call: Call,
    connection: ReadHalf<TokioIo<Upgraded>>,
    frames: Frames,
    piece: Vec<u8>,
}

impl Engine {
    /// Attaches to the first process of a container. Before its start, so that no output is missed.
    ///
    /// # Errors
    /// `is_not_found` where the container does not exist.
    pub async fn attach(
        &self,
        id: &ContainerId,
        tty: bool,
        with_input: bool,
        detach_keys: Option<&str>,
    ) -> Result<(Input, Outputs), EngineError> {
        let call = Call::new(format!("attach to container `{id}`"));
        let mut path = Path::new(format!("/containers/{}/attach", id.as_str()))
            .with("stream", "1")
            .with("stdout", "1")
            .with("stderr", "1");
        if with_input {
            path = path.with("stdin", "1");
        }
        if let Some(keys) = detach_keys {
            path = path.with("detachKeys", keys);
        }
        let connection = self.wire().hijack(&call, path.as_str(), &serde_json::json!({})).await?;
        Ok(split(call, connection, tty))
    }

    /// Gives the terminal of a container a size. One that has just ended has none any more, so a failure means nothing.
    pub async fn resize(&self, id: &ContainerId, Size { columns, rows }: Size) {
        let call = Call::new(format!("size of the terminal of container `{id}`"));
        let path = format!("/containers/{}/resize?h={rows}&w={columns}", id.as_str());
        let _ = self.wire().bytes(&call, Method::POST, &path, None).await;
    }
}

/// Separates the two directions of a connection. With a terminal, all output is one stream.
pub(super) fn split(call: Call, connection: TokioIo<Upgraded>, tty: bool) -> (Input, Outputs) {
    let (read, write) = tokio::io::split(connection);
    (Input(write), Outputs { call, connection: read, frames: Frames::new(tty), piece: vec![0; PIECE] })
}

impl Input {
    /// Sends bytes; `false` where the process takes no more input.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok() && self.0.flush().await.is_ok()
    }

    /// Ends the input; output still comes.
    pub async fn end(mut self) {
        // A process that has ended needs no end of its input.
        let _ = self.0.shutdown().await;
    }
}

impl Outputs {
    /// The next pieces of output, in their order; `None` at the end.
    ///
    /// # Errors
    /// A connection that is lost, or that ends inside a frame.
    pub async fn next(&mut self) -> Result<Option<Vec<Output>>, EngineError> {
        let lost = |reason: String| EngineError::Stream { call: self.call.to_string(), reason };
        let read = self.connection.read(&mut self.piece).await;
        match read.map_err(|error| lost(wire::reason(&error)))? {
            0 if self.frames.is_torn() => Err(lost("it ends inside a frame".to_owned())),
            0 => Ok(None),
            read => match self.frames.feed(&self.piece[..read]) {
                Ok(outputs) => Ok(Some(outputs)),
                Err(reason) => Err(EngineError::Answer { call: self.call.to_string(), reason }),
            },
        }
    }
}
