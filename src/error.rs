//! The failure of a command: its kind, which decides the exit code, its messages and its hints.

use std::fmt;
use std::process::ExitCode;

/// Why a command failed. The numbers are the exit codes of the command line and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call to the engine or an operation failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A Compose file, an env file or the settings are wrong.
    Invalid = 3,
    /// A service was not ready in time, and the run was undone.
    NotReady = 4,
    /// A protection, another owner or a lock forbids the command.
    Refused = 5,
    /// The engine does not answer.
    Unreachable = 6,
    /// The undo, or the removal of old resources, could not finish. The message lists what is left.
    Incomplete = 7,
    /// `plan --exit-code` found changes. This is not a failure.
    Changes = 10,
    /// Interrupted by a person or a signal, and the run was undone.
    Interrupted = 130,
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> ExitCode {
        ExitCode::from(kind as u8)
    }
}

#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    /// One entry per problem: what failed, why and where. Lower case, noun first. An entry may have several lines.
    pub messages: Vec<String>,
    /// Whether the messages already begin with `error:`, as rendered diagnostics do.
    pub rendered: bool,
    /// What to do next, one line each.
    pub hints: Vec<String>,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure::all(kind, vec![message.into()])
    }

    pub fn all(kind: Kind, messages: Vec<String>) -> Failure {
        Failure { kind, messages, rendered: false, hints: Vec::new() }
    }

    /// A failure whose message is a rendered diagnostic.
    pub fn rendered(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { rendered: true, ..Failure::new(kind, message) }
    }

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

pub type CommandResult = Result<Exit, Failure>;

/// How a command ended without a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Success,
    /// `plan --exit-code` found changes.
    Changes,
    /// `check` found and showed problems of this kind.
    Found(Kind),
    /// The exit code of the command that `exec`, `run` or `wait` ran.
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
