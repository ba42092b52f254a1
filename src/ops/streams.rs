//! The streams of a process in a container, passed on to and from those of this process: a terminal with its size, or pipes.

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::exec::{Attach, Exec};
use crate::engine::logs::OutputStream;
use crate::engine::streams::{Input, Outputs, Size};
use crate::engine::{Engine, EngineError};
use crate::error::{Failure, Kind};
use crate::ops::failure::engine_failure;
use crate::ops::session::received;
use crate::plan::observed::ContainerId;
use crate::settings::Words;
use crate::ui::Ui;
use crate::ui::terminal::{self, RawMode};

/// The largest piece of input that is read at once.
const PIECE: usize = 64 * 1024;
/// The number of the signal that ends a process whose reader is gone.
const SIGPIPE: u8 = 13;
/// The interrupt that kills a container: the first process of one may ignore signals, and some programs take two.
const KILLS: u32 = 3;
/// The keys that detach where none are typed; the engine has the same.
const DETACH_KEYS: &str = "ctrl-p,ctrl-q";

/// How the streams ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process closed its output.
    Output,
    /// The keys that detach were typed. The process runs on.
    Detached,
    /// A signal, or the reader of the output is gone. The process may still run.
    Signal(u8),
}

/// Whose streams are passed on.
#[derive(Debug, Clone, Copy)]
pub enum Process<'a> {
    /// A command in a container. The engine cannot send it a signal.
    Exec(&'a Exec),
    /// The first process of a container; it gets the signals that this process gets.
    Container(&'a ContainerId),
}

/// Whether a command gets a terminal: where a person types and reads, unless `-T` is typed.
pub fn wants_terminal(no_tty: bool) -> bool {
    !no_tty && terminal::is_interactive()
}

/// The size of the operator's terminal.
pub fn size() -> Option<Size> {
    terminal::size().map(|(columns, rows)| Size { columns, rows })
}

/// The service of a verb that runs a command in a container.
///
/// # Errors
/// No service, or several, before the command.
pub fn service_of<'a>(words: &'a Words, verb: &str) -> Result<&'a str, Failure> {
    match words.services.as_slice() {
        [service] if !service.starts_with('-') => Ok(service),
        [option] => Err(Failure::new(Kind::Usage, format!("`{verb}` has no option `{option}`"))
            .hint(format!("`sofa {verb} --help` lists its options; they stand before the service"))),
        _ => Err(Failure::new(Kind::Usage, format!("`{verb}` needs one service"))
            .hint(format!("`sofa help {verb}` shows what it takes"))),
    }
}

/// Passes the streams on until the process closes its output. On a terminal each key goes to the process, and the terminal is as
/// before afterwards.
///
/// # Errors
/// Unknown keys to detach; a connection that is lost.
pub async fn pass_on(
    ui: &Ui,
    engine: &Engine,
    process: Process<'_>,
    (input, mut outputs): (Input, Outputs),
    attach: &Attach,
) -> Result<End, Failure> {
    let keys = detach_keys(attach.detach_keys.as_deref().unwrap_or(DETACH_KEYS))?;
    let keys = attach.tty.then_some(Keys { keys, typed: 0 });
    let raw = (attach.tty && attach.input).then(RawMode::enter).and_then(Result::ok);
    let read = async {
        while let Some(pieces) = outputs.next().await? {
            for piece in pieces {
                if ui.pass_on(&piece.bytes, piece.stream == OutputStream::Stderr).is_err() {
                    return Ok(End::Signal(SIGPIPE));
                }
            }
        }
        Ok::<End, EngineError>(End::Output)
    };
    let end = tokio::select! {
        end = read => end.map_err(engine_failure),
        () = feed(input, keys), if attach.input => Ok(End::Detached),
        () = resized(engine, process), if attach.tty => Ok(End::Output),
        signal = ended(engine, process, raw.is_some()) => Ok(End::Signal(signal)),
    };
    drop(raw);
    end
}

/// Sends what is typed or piped, then the end of it. Returns only when the keys that detach are typed: else the output decides when the
/// process has ended. The keys are not sent, since an engine before 23 ends a command that it detaches from.
async fn feed(mut input: Input, mut keys: Option<Keys>) {
    let mut stdin = tokio::io::stdin();
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = stdin.read(&mut piece).await {
        let is_sent = match &mut keys {
            Some(keys) => match keys.without(&piece[..read]) {
                Some(typed) => input.send(&typed).await,
                None => return,
            },
            None => input.send(&piece[..read]).await,
        };
        if !is_sent {
            return std::future::pending().await;
        }
    }
    input.end().await;
    std::future::pending().await
}

/// The keys that detach, and how many of them were typed.
#[derive(Debug)]
struct Keys {
    keys: Vec<u8>,
    typed: usize,
}

impl Keys {
    /// Takes the keys out of typed bytes: one that may begin them is held back until the next byte. `None` where all were typed.
    fn without(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut sent = Vec::new();
        for byte in bytes {
            if *byte != self.keys[self.typed] {
                sent.extend_from_slice(&self.keys[..self.typed]);
                self.typed = 0;
            }
            if *byte != self.keys[self.typed] {
                sent.push(*byte);
                continue;
            }
            self.typed += 1;
            if self.typed == self.keys.len() {
                return None;
            }
        }
        Some(sent)
    }
}

/// Passes on each new size of the terminal. Never returns.
async fn resized(engine: &Engine, process: Process<'_>) {
    let Ok(mut changes) = signal(SignalKind::window_change()) else { return std::future::pending().await };
    while changes.recv().await.is_some() {
        if let Some(size) = size() {
            match process {
                Process::Exec(exec) => engine.resize_exec(exec, size).await,
                Process::Container(id) => engine.resize(id, size).await,
            }
        }
    }
    std::future::pending().await
}

/// Waits for a signal that ends this process. A container gets it in place of this process. For a command it ends the wait, so that
/// the terminal is given back first; without a terminal nothing is listened to, and the signal does what it always does.
async fn ended(engine: &Engine, process: Process<'_>, has_terminal: bool) -> u8 {
    if matches!(process, Process::Exec(_)) && !has_terminal {
        return std::future::pending().await;
    }
    let [mut hangup, mut interrupt, mut terminate] =
        [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()]
            .map(|kind| signal(kind).ok());
    let mut interrupts = 0;
    loop {
        let (number, name) = tokio::select! {
            () = received(&mut hangup) => (1, "SIGHUP"),
            () = received(&mut interrupt) => {
                interrupts += 1;
                (2, if interrupts < KILLS { "SIGINT" } else { "SIGKILL" })
            }
            () = received(&mut terminate) => (15, "SIGTERM"),
        };
        match process {
            // One that has just ended needs no signal.
            Process::Container(id) => drop(engine.kill(id, name).await),
            Process::Exec(_) => return number,
        }
    }
}

/// The bytes of keys such as `ctrl-p,ctrl-q` or `a,b`.
fn detach_keys(keys: &str) -> Result<Vec<u8>, Failure> {
    let byte = |key: &str| match key.strip_prefix("ctrl-").map(str::as_bytes) {
        Some([letter @ (b'a'..=b'z' | b'@' | b'['..=b'_')]) => Some(letter & 0x1f),
        None => key.bytes().next().filter(|_| key.len() == 1),
        Some(_) => None,
    };
    keys.split(',').map(byte).collect::<Option<_>>().ok_or_else(|| {
        Failure::new(Kind::Usage, format!("`--detach-keys {keys}`: unknown keys"))
            .hint("letters, or ctrl- and a letter, separated by commas: ctrl-p,ctrl-q")
    })
}

#[cfg(test)]
mod tests {
    use super::{Keys, detach_keys};

    #[test]
    fn keys_that_may_detach_are_held_back_and_never_lost() {
        let typed = |pieces: &[&[u8]]| -> Vec<Option<Vec<u8>>> {
            let mut keys = Keys { keys: vec![16, 17], typed: 0 };
            pieces.iter().map(|piece| keys.without(piece)).collect()
        };
        assert_eq!(typed(&[b"ab", b"c"]), [Some(b"ab".to_vec()), Some(b"c".to_vec())]);
        assert_eq!(typed(&[&[16], &[16], b"x"]), [Some(vec![]), Some(vec![16]), Some(vec![16, b'x'])]);
        assert_eq!(typed(&[&[b'a', 16], &[17]]), [Some(b"a".to_vec()), None]);
        assert_eq!(typed(&[&[17, 16, b'a', 16, 17]]), [None]);
    }

    #[test]
    fn detach_keys_are_letters_with_or_without_control() {
        assert_eq!(detach_keys("ctrl-p,ctrl-q").unwrap(), [16, 17]);
        assert_eq!(detach_keys("ctrl-@,x,ctrl-_").unwrap(), [0, b'x', 31]);
        for wrong in ["ctrl-", "ctrl-P", "xy", "", "a,"] {
            assert!(detach_keys(wrong).is_err(), "{wrong}");
        }
    }
}
