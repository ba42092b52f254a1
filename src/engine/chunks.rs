//! Bytes that one side writes and the other reads, a few chunks at a time: an archive is never in memory as a whole.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use http_body_util::{Either, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::wire::Body;

/// The size of a chunk that is sent.
pub const CHUNK: usize = 64 * 1024;
/// At most so many chunks are in memory.
const CHUNKS: usize = 8;

/// The chunks that a thread writes, and the error that ended it, if one did.
pub type Chunks = mpsc::Receiver<io::Result<Bytes>>;

/// The chunks that a thread of its own writes.
pub fn written_by(write: impl FnOnce(&mut ChunkWriter) -> io::Result<()> + Send + 'static) -> Chunks {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        let mut writer = ChunkWriter { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) };
        if let Err(error) = write(&mut writer).and_then(|()| writer.flush()) {
            // Fails only where the reader is gone; then nobody needs the error.
            drop(sender.blocking_send(Err(error)));
        }
    });
    receiver
}

/// Chunks as the body of a request. `on_error` learns why they end early.
pub(super) fn body(chunks: Chunks, on_error: impl Fn(&io::Error) + Send + 'static) -> Body {
    let chunks =
        stream::unfold(chunks, |mut chunks| async move { chunks.recv().await.map(|chunk| (chunk, chunks)) });
    let frames = chunks.map(move |chunk| chunk.map(Frame::data).inspect_err(&on_error));
    Either::Right(StreamBody::new(Box::pin(frames)))
}

/// Collects bytes into chunks and sends them; waits where the reader is slower.
#[derive(Debug)]
pub struct ChunkWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK)));
        self.sender.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads chunks in a thread of its own, where that may block.
#[derive(Debug)]
pub struct ChunkReader {
    receiver: Chunks,
    rest: Bytes,
}

/// A channel for chunks, and its reader.
pub(super) fn channel() -> (mpsc::Sender<io::Result<Bytes>>, ChunkReader) {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    (sender, ChunkReader { receiver, rest: Bytes::new() })
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.rest = chunk?,
                None => return Ok(0),
            }
        }
        let read = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
