//! Clients that send requests without a pause and without a second try, and count what goes wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How many clients of each kind there are, and the pause between two requests of one.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub keep_alive: usize,
    pub fresh: usize,
    /// Each stream lasts so many seconds.
    pub streams: (usize, u64),
    pub websockets: usize,
    pub pause: Duration,
}

/// Clients at work.
pub struct Clients {
    state: Arc<State>,
    thread: std::thread::JoinHandle<()>,
}

struct State {
    begun: Instant,
    ended: AtomicBool,
    sent: AtomicU64,
    posts: AtomicU64,
    failures: Mutex<BTreeMap<String, u64>>,
    versions: Mutex<BTreeMap<String, u64>>,
}

/// What the clients saw.
#[derive(Debug)]
pub struct Seen {
    pub requests: u64,
    pub posts: u64,
    /// Failures in words, with their number.
    pub failures: BTreeMap<String, u64>,
    /// Answers by the version of the server.
    pub versions: BTreeMap<String, u64>,
}

/// Status, body, and whether the server closes the connection after it.
type Answer = Result<(u16, String, bool), String>;

impl Clients {
    /// Starts the clients against a port of this machine.
    pub fn begin(port: u16, load: Load) -> Clients {
        let state = Arc::new(State {
            begun: Instant::now(),
            ended: AtomicBool::default(),
            sent: AtomicU64::default(),
            posts: AtomicU64::default(),
            failures: Mutex::default(),
            versions: Mutex::default(),
        });
        let thread = std::thread::spawn({
            let state = state.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(Clients::run(state, port, load));
            }
        });
        Clients { state, thread }
    }

    async fn run(state: Arc<State>, port: u16, load: Load) {
        let mut tasks: Vec<JoinHandle<()>> = Vec::new();
        for number in 0..load.keep_alive {
            tasks.push(tokio::spawn(keep_alive(state.clone(), port, number, load.pause)));
        }
        for _ in 0..load.fresh {
            tasks.push(tokio::spawn(fresh(state.clone(), port, load.pause)));
        }
        for _ in 0..load.streams.0 {
            tasks.push(tokio::spawn(streams(state.clone(), port, load.streams.1)));
        }
        for _ in 0..load.websockets {
            tasks.push(tokio::spawn(websocket(state.clone(), port)));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }

    /// How many requests were answered until now.
    pub fn answered(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests were answered.
    pub fn answer(&self, more: u64) {
        let end = self.answered() + more;
        while self.answered() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the clients after what they are doing.
    pub fn end(self) -> Seen {
        self.state.ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let state = &self.state;
        Seen {
            requests: state.sent.load(Ordering::Relaxed),
            posts: state.posts.load(Ordering::Relaxed),
            failures: state.failures.lock().unwrap().clone(),
            versions: state.versions.lock().unwrap().clone(),
        }
    }
}

impl State {
    fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    /// Counts an answer; returns whether it was one.
    fn count(&self, kind: &str, answer: Answer, expected: &str) -> bool {
        match answer {
            Ok((200 | 101, body, _)) if body.ends_with(expected) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                let version = body.split(' ').next().unwrap_or_default().to_owned();
                *self.versions.lock().unwrap().entry(version).or_default() += 1;
                return true;
            }
            Ok((200, body, _)) => {
                self.fail(format!("{kind}: answer of another request: {body} for {expected}"))
            }
            Ok((status, ..)) => self.fail(format!("{kind}: status {status}")),
            Err(error) => self.fail(format!("{kind}: {error}")),
        }
        false
    }

    fn fail(&self, failure: String) {
        let failure = format!("{failure}, after {} s", self.begun.elapsed().as_secs());
        *self.failures.lock().unwrap().entry(failure).or_default() += 1;
    }
}

async fn connect(port: u16) -> Result<BufReader<TcpStream>, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.kind().to_string())?;
    Ok(BufReader::new(stream))
}

async fn ask(connection: &mut BufReader<TcpStream>, request: &str) -> Answer {
    let in_words = |error: std::io::Error| error.kind().to_string();
    connection.get_mut().write_all(request.as_bytes()).await.map_err(in_words)?;
    let mut line = String::new();
    if connection.read_line(&mut line).await.map_err(in_words)? == 0 {
        return Err("connection closed".to_owned());
    }
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
    let (mut length, mut chunked, mut closes) = (0, false, false);
    loop {
        line.clear();
        connection.read_line(&mut line).await.map_err(in_words)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| "no length")?;
        }
        chunked |= header == "transfer-encoding: chunked";
        closes |= header == "connection: close";
    }
    if !chunked {
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await.map_err(in_words)?;
        return Ok((status, String::from_utf8_lossy(&body).into_owned(), closes));
    }
    let mut text = String::new();
    loop {
        line.clear();
        connection.read_line(&mut line).await.map_err(in_words)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| "stream cut".to_owned())?;
        let mut chunk = vec![0; size + 2];
        connection.read_exact(&mut chunk).await.map_err(in_words)?;
        if size == 0 {
            return Ok((status, text, closes));
        }
        text.push_str(&String::from_utf8_lossy(&chunk[..size]));
    }
}

async fn keep_alive(state: Arc<State>, port: u16, client: usize, pause: Duration) {
    let mut connection = None;
    let mut number = 0;
    while state.goes_on() {
        number += 1;
        let body = format!("{client}-{number}");
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if connection.is_none() {
            match connect(port).await {
                Ok(new) => connection = Some(new),
                Err(error) => state.fail(format!("keep-alive: {error}")),
            }
        }
        if let Some(open) = &mut connection {
            let answer = ask(open, &request).await;
            let closes = !matches!(answer, Ok((.., false)));
            if state.count("keep-alive", answer, &format!(" {body}")) {
                state.posts.fetch_add(1, Ordering::Relaxed);
            }
            if closes {
                connection = None;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

async fn fresh(state: Arc<State>, port: u16, pause: Duration) {
    while state.goes_on() {
        let answer = async { ask(&mut connect(port).await?, "GET /fresh HTTP/1.0\r\nHost: x\r\n\r\n").await };
        state.count("fresh", answer.await, " /fresh ");
        tokio::time::sleep(pause).await;
    }
}

async fn streams(state: Arc<State>, port: u16, seconds: u64) {
    let request = format!("GET /stream/{seconds} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    let whole = "line".repeat(usize::try_from(seconds).unwrap() * 2);
    while state.goes_on() {
        let answer = async { ask(&mut connect(port).await?, &request).await };
        if !state.count("stream", answer.await, &whole) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Echoes for some seconds, then closes: so the drain of its container ends.
async fn websocket(state: Arc<State>, port: u16) {
    const REQUEST: &str = "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                           Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    while state.goes_on() {
        let echo = async {
            let mut connection = connect(port).await?;
            match ask(&mut connection, REQUEST).await? {
                (101, ..) => {}
                (status, ..) => return Err(format!("status {status}")),
            }
            for number in 0..40 {
                let word = format!("word {number}\n");
                connection
                    .get_mut()
                    .write_all(word.as_bytes())
                    .await
                    .map_err(|error| error.kind().to_string())?;
                let mut line = String::new();
                connection.read_line(&mut line).await.map_err(|error| error.kind().to_string())?;
                if line != word {
                    return Err("cut".to_owned());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok::<_, String>(())
        };
        let answer = echo.await.map(|()| (101, String::new(), true));
        if !state.count("websocket", answer, "") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
