//! Why an operation failed, with everything a person needs to go on: gate, time, exit code, health output, log tail.

use std::fmt;
use std::time::Duration;

use crate::engine::EngineError;
use crate::plan::gate::Gate;
use crate::plan::hooks::HookCall;
use crate::state::fence::Closed;
use crate::util::elapsed::elapsed;

/// How many of its last log lines a failed service shows.
pub const LOG_TAIL: u64 = 15;
/// How many the record of the run keeps.
pub const LOG_KEPT: u64 = 10_000;

/// Why an operation failed.
#[derive(Debug)]
pub enum OperationError {
    /// The engine refused, or cannot be talked to.
    Engine(EngineError),
    /// A container did not pass its gate.
    Gate(Box<GateFailure>),
    /// A hook did not succeed.
    Hook(Box<HookFailure>),
    /// The lock of the project may be another's by now.
    Fenced(Closed),
    /// The plan asks for what cannot be done, in words.
    Impossible(String),
}

impl From<EngineError> for OperationError {
    fn from(error: EngineError) -> OperationError {
        OperationError::Engine(error)
    }
}

impl From<Closed> for OperationError {
    fn from(closed: Closed) -> OperationError {
        OperationError::Fenced(closed)
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperationError::Engine(error) => error.fmt(f),
            OperationError::Gate(failure) => failure.fmt(f),
            OperationError::Hook(failure) => failure.fmt(f),
            OperationError::Fenced(closed) => closed.fmt(f),
            OperationError::Impossible(reason) => f.write_str(reason),
        }
    }
}

impl OperationError {
    /// Whether the engine does not answer: the connection to it failed, or it takes too long.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, OperationError::Engine(error) if error.is_connection())
    }

    /// Whether the engine took too long to answer, so that only looking tells whether it did what was asked.
    pub fn is_late(&self) -> bool {
        matches!(self, OperationError::Engine(EngineError::Timeout { .. }))
    }
}

impl std::error::Error for OperationError {}

/// A container that did not pass its gate.
#[derive(Debug)]
pub struct GateFailure {
    /// The service.
    pub service: String,
    /// The container's name.
    pub container: String,
    /// What should have held.
    pub gate: Gate,
    /// What held instead.
    pub reason: Reason,
    /// How long it was waited for.
    pub waited: Duration,
    /// How often its restart policy started it again meanwhile.
    pub restarts: u64,
    /// What its last failed health test printed.
    pub health_output: Option<String>,
    /// Its log; people are shown its end.
    pub log: Vec<String>,
}

/// What held instead of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its process ended.
    Exited {
        /// With this code.
        code: i64,
        /// Because the kernel killed it for want of memory.
        oom: bool,
    },
    /// Its restart policy starts it again and again.
    Restarting {
        /// The last exit code.
        code: i64,
        /// Whether the kernel killed it for want of memory.
        oom: bool,
    },
    /// Its healthcheck says so, and still did after another round of tests.
    Unhealthy,
    /// The deadline passed; the container was in this state.
    Deadline(String),
    /// Somebody removed it.
    Gone,
    /// It was frozen by hand.
    Paused,
    /// The probe cannot be run at all, in words.
    Unreachable(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed = |oom: bool| if oom { ", killed for want of memory" } else { "" };
        match self {
            Reason::Exited { code, oom } => write!(f, "exited with code {code}{}", killed(*oom)),
            Reason::Restarting { code, oom } => {
                write!(f, "restarts again and again, last exit code {code}{}", killed(*oom))
            }
            Reason::Unhealthy => f.write_str("is unhealthy"),
            Reason::Deadline(state) => write!(f, "not ready in time, still {state}"),
            Reason::Gone => f.write_str("container was removed by somebody else"),
            Reason::Paused => f.write_str("container is paused"),
            Reason::Unreachable(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for GateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited = self.waited.as_secs_f64();
        write!(f, "service `{}`: {} (waited {waited:.1}s for: {})", self.service, self.reason, self.gate)?;
        if self.restarts > 0 {
            write!(f, ", {} restart{}", self.restarts, if self.restarts == 1 { "" } else { "s" })?;
        }
        if let Some(output) = &self.health_output {
            write!(f, "\n  last health test: {}", output.trim().replace('\n', "\n    "))?;
        }
        match &self.log[self.log.len().saturating_sub(LOG_TAIL as usize)..] {
            [] => write!(f, "\n  container `{}` printed nothing", self.container),
            lines => {
                write!(f, "\n  last lines of `{}`:", self.container)?;
                lines.iter().try_for_each(|line| write!(f, "\n    {line}"))
            }
        }
    }
}

/// A hook that did not succeed.
#[derive(Debug)]
pub struct HookFailure {
    /// The service.
    pub service: String,
    /// Which hook.
    pub hook: HookCall,
    /// Why.
    pub reason: HookReason,
    /// The last lines that it printed.
    pub tail: Vec<String>,
}

/// Why a hook did not succeed.
#[derive(Debug)]
pub enum HookReason {
    /// It ended with this code.
    Exited(i64),
    /// It had not ended after this time; in the container of a service it goes on.
    TimedOut(Duration),
    /// It could not be run.
    Engine(EngineError),
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}`: hook `{}` ", self.service, self.hook)?;
        match &self.reason {
            HookReason::Exited(code) => write!(f, "exited with code {code}")?,
            HookReason::TimedOut(after) => write!(f, "did not end within {}", elapsed(*after))?,
            HookReason::Engine(error) => write!(f, "could not be run: {error}")?,
        }
        if !self.tail.is_empty() {
            f.write_str("\n  its last lines:")?;
        }
        self.tail.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
