//! Opens connections to the engine for hyper's pool. The address in the request is ignored: there is one engine.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::engine::host::Host;

/// Opens one connection per call.
#[derive(Clone)]
pub(super) struct Connector {
    host: Host,
}

impl Connector {
    pub(super) fn new(host: Host) -> Connector {
        Connector { host }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Host::Unix(path) = self.host.clone();
        Box::pin(open_unix(path))
    }
}

/// Opens the socket. A full queue (`EAGAIN` on a unix socket) is waited for: otherwise one of many parallel calls to a
/// busy engine would fail.
async fn open_unix(path: PathBuf) -> Result<Stream, io::Error> {
    const PATIENCE: std::time::Duration = std::time::Duration::from_millis(20);
    for _ in 0..250 {
        match UnixStream::connect(&path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(PATIENCE).await,
            other => return other.map(|stream| Stream(TokioIo::new(stream))),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the engine accepts no more connections"))
}

pub(super) struct Stream(TokioIo<UnixStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
