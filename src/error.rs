//! How a command ends badly: a kind that decides the exit code, what happened, and what to do about it.

use std::fmt;
use std::process::ExitCode;

/// Why a command did not succeed. The numbers are the exit codes of the command line and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The engine or the work itself failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A Compose file, an env file or the settings are wrong.
    Invalid = 3,
    /// Something was not ready in time; what was changed has been undone.
    NotReady = 4,
    /// A protection, an owner or a lock forbids it.
    Refused = 5,
    /// The engine does not answer.
    Unreachable = 6,
    /// The undo could not finish, or what was replaced could not be cleared away; the message says what is left.
    Incomplete = 7,
    /// `plan --exit-code` found changes: no failure, but not 0 either.
    Changes = 10,
    /// Interrupted by a person or a signal; what was changed has been undone.
    Interrupted = 130,
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> ExitCode {
        ExitCode::from(kind as u8)
    }
}

/// A command's failure: its kind, what happened (each message may span lines) and hints, each printed on a line of its own.
#[derive(Debug)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened, one entry for each thing; lower case, noun first. Rendered diagnostics stand here whole.
    pub messages: Vec<String>,
    /// Whether the messages already carry their own `error:` heads (rendered diagnostics do).
    pub rendered: bool,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure of that kind, without hints.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure::all(kind, vec![message.into()])
    }

    /// A failure with several things to tell.
    pub fn all(kind: Kind, messages: Vec<String>) -> Failure {
        Failure { kind, messages, rendered: false, hints: Vec::new() }
    }

    /// A failure whose message is rendered diagnostics.
    pub fn rendered(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { rendered: true, ..Failure::new(kind, message) }
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("\n"))
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Failure::new(Kind::Failed, format!("{error:#}")),
        }
    }
}

/// What a command returns: how it ended well, or its failure.
pub type CommandResult = Result<Exit, Failure>;

/// How a command ended, where it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Success,
    /// `plan --exit-code` found changes: 10.
    Changes,
    /// `check` found and showed what makes this kind of failure.
    Found(Kind),
    /// `exec`, `run` and `wait` end with the command's own code.
    Command(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Success => ExitCode::SUCCESS,
            Exit::Changes => Kind::Changes.into(),
            Exit::Found(kind) => kind.into(),
            Exit::Command(code) => ExitCode::from(code),
        }
    }
}
