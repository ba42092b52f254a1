//! A socket in front of the engine's that passes everything on, both ways, and ends a program at one of its calls.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use sofa::testing::engine::Engine;
use tempfile::TempDir;

use crate::support::kill::{When, kill};

/// A running proxy. Dropping it closes its socket; connections end with those who made them.
pub struct Proxy {
    shared: Arc<Shared>,
    socket: PathBuf,
    _folder: TempDir,
}

struct Shared {
    engine: PathBuf,
    /// The calls so far, pings left out.
    calls: Mutex<Vec<String>>,
    /// The call at which the program is ended, from 1.
    end: Option<(usize, When)>,
    program: OnceLock<u32>,
    stopped: AtomicBool,
    /// The connections whose requests are still read.
    open: Mutex<usize>,
    closed: Condvar,
}

impl Proxy {
    /// A proxy in front of an engine; at this call, counted from 1, [`Proxy::program`] is ended.
    pub fn new(engine: &Engine, end: Option<(usize, When)>) -> Proxy {
        let folder = tempfile::Builder::new().prefix("sofatest-proxy-").tempdir().expect("folder");
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("socket");
        let shared = Arc::new(Shared {
            engine: engine.host().socket().expect("an engine behind a socket").to_owned(),
            calls: Mutex::default(),
            end,
            program: OnceLock::new(),
            stopped: AtomicBool::new(false),
            open: Mutex::new(0),
            closed: Condvar::new(),
        });
        std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Proxy { shared, socket, _folder: folder }
    }

    /// Its address, as `DOCKER_HOST` takes it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Names the program that is to be ended; calls wait for that.
    pub fn program(&self, pid: u32) {
        self.shared.program.set(pid).expect("one program");
    }

    /// The calls so far, pings left out: `GET /v1.41/networks`.
    pub fn calls(&self) -> Vec<String> {
        self.shared.calls.lock().expect("calls").clone()
    }

    /// All calls of a program that has ended, those included that were still on their way to the proxy when it did.
    pub fn calls_of_ended_program(&self) -> Vec<String> {
        // Connections are accepted in order: once this one was, those of the program were too.
        let mut last = UnixStream::connect(&self.socket).expect("proxy");
        last.shutdown(Shutdown::Write).expect("proxy");
        last.read_to_end(&mut Vec::new()).expect("proxy");
        let open = self.shared.open.lock().expect("open");
        drop(self.shared.closed.wait_while(open, |open| *open > 0).expect("open"));
        self.calls()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        drop(UnixStream::connect(&self.socket));
    }
}

impl Shared {
    /// Counts a call and returns its number; 0 for a ping.
    fn count(&self, bytes: &[u8]) -> usize {
        let line = String::from_utf8_lossy(bytes);
        let call = line.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
        if call.ends_with("/_ping") {
            return 0;
        }
        let mut calls = self.calls.lock().expect("calls");
        calls.push(call.to_owned());
        calls.len()
    }

    /// Ends the program if this is the moment.
    fn ends(&self, call: usize, when: When) -> bool {
        let now = self.end == Some((call, when));
        if now {
            kill(*self.program.wait());
        }
        now
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(engine) = UnixStream::connect(&shared.engine) else { continue };
        let connection = Arc::new(Connection {
            client,
            engine,
            call: AtomicUsize::new(0),
            answered: AtomicBool::new(true),
        });
        *shared.open.lock().expect("open") += 1;
        std::thread::spawn({
            let (shared, connection) = (shared.clone(), connection.clone());
            move || {
                connection.requests(&shared);
                *shared.open.lock().expect("open") -= 1;
                shared.closed.notify_all();
                connection.close();
            }
        });
        let shared = shared.clone();
        std::thread::spawn(move || {
            connection.answers(&shared);
            connection.close();
        });
    }
}

/// One connection: a call at a time, since no client of the engine sends a second one before the first is answered.
struct Connection {
    client: UnixStream,
    engine: UnixStream,
    call: AtomicUsize,
    answered: AtomicBool,
}

impl Connection {
    fn requests(&self, shared: &Shared) {
        pass(&self.client, &self.engine, |bytes| {
            if is_request(bytes) && self.answered.swap(false, Ordering::SeqCst) {
                self.call.store(shared.count(bytes), Ordering::SeqCst);
                return !shared.ends(self.call.load(Ordering::SeqCst), When::Before);
            }
            true
        });
    }

    fn answers(&self, shared: &Shared) {
        pass(&self.engine, &self.client, |_| {
            self.answered.swap(true, Ordering::SeqCst)
                || !shared.ends(self.call.load(Ordering::SeqCst), When::After)
        });
    }

    fn close(&self) {
        for stream in [&self.client, &self.engine] {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

/// Whether bytes begin a request. The input of a command in a container does not.
fn is_request(bytes: &[u8]) -> bool {
    ["GET /", "HEAD /", "POST /", "PUT /", "DELETE /"].iter().any(|start| bytes.starts_with(start.as_bytes()))
}

/// Passes bytes on until there are no more, one side closes, or `may` returns false.
fn pass(mut from: &UnixStream, mut to: &UnixStream, may: impl Fn(&[u8]) -> bool) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        if !may(&chunk[..read]) || to.write_all(&chunk[..read]).is_err() {
            return;
        }
    }
}
