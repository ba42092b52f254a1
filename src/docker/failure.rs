//! Why an operation failed, with what an operator needs to know: gate, time, exit code, health output, log tail.

use std::fmt;
use std::time::Duration;

use crate::apply::failure::{Attempt, FailedLog, Retry, TargetError};
use crate::apply::fence::Closed;
use crate::compose::secrecy::Secrets;
use crate::engine::EngineError;
use crate::plan::gate::Gate;
use crate::plan::hook::HookCall;
use crate::util::elapsed::elapsed;

/// How long an engine that shuts down may take between stopping its containers and closing its socket.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(2);
/// How many of its last log lines the report of a failed service shows.
pub const LOG_LINES: usize = 30;
/// The same in CI, where nobody can look at the container.
pub const LOG_LINES_IN_CI: usize = 200;
/// How many log lines the record of a run keeps.
pub const LOG_KEPT: u64 = 10_000;

/// What an engine or a program says that finds no room for its data.
pub(super) const DISK_FULL: &str = "no space left on device";

#[derive(Debug)]
pub enum OperationError {
    /// The engine refused a call, or does not answer.
    Engine(EngineError),
    /// A container did not pass its gate.
    Gate(Box<GateFailure>),
    Hook(Box<HookFailure>),
    HandOver(Box<HandOverFailure>),
    /// Another run may hold the project's lock.
    Fenced(Closed),
    /// The plan asks for something that cannot be done.
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
            OperationError::HandOver(failure) => failure.fmt(f),
            OperationError::Fenced(closed) => closed.fmt(f),
            OperationError::Impossible(reason) => f.write_str(reason),
        }
    }
}

impl OperationError {
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, OperationError::Engine(error) if error.is_not_found())
    }
}

impl TargetError for OperationError {
    fn retry(&self) -> Retry {
        match self {
            OperationError::Engine(EngineError::Unreachable { .. } | EngineError::Stream { .. }) => {
                Retry::Reconnect
            }
            OperationError::Engine(EngineError::Timeout { .. }) => Retry::Late,
            // An engine that shuts down fails calls before it stops answering.
            OperationError::Engine(error) if error.status() >= Some(500) => Retry::After(SHUTDOWN),
            _ => Retry::No,
        }
    }

    fn unready_service(&self) -> Option<&str> {
        match self {
            OperationError::Gate(failure) => Some(&failure.service),
            _ => None,
        }
    }

    fn explain(&self, attempt: &Attempt) -> String {
        match self {
            OperationError::Gate(_) | OperationError::Hook(_) => self.to_string(),
            OperationError::Engine(error) if error.is_container_not_found() && attempt.acts_on_container => {
                format!(
                    "{}: {}: the container is gone; somebody else removed it (`docker container prune`?)",
                    attempt.group, attempt.action
                )
            }
            _ => format!("{attempt}: {self}"),
        }
    }

    fn hints(&self) -> Vec<String> {
        let mut hints = Vec::new();
        if let OperationError::Gate(failure) = self {
            match (&failure.reason, &failure.gate) {
                (Reason::Exited { code: 0, .. }, Gate::Running) => {
                    let service = &failure.service;
                    hints.push(format!("if `{service}` is meant to end, say so: `x-sofa: {{role: job}}`"));
                }
                (Reason::Deadline { own: None, .. }, _) => {
                    hints.push("`--wait-timeout` gives it more time".into());
                }
                (Reason::Deadline { own: Some(_), .. }, _) => {
                    hints.push("`x-sofa.ready.deadline` of the service gives it more time".into());
                }
                (reason, _) if reason.is_out_of_memory() => {
                    hints.push(format!(
                        "give `{}` more memory: `deploy.resources.limits.memory`",
                        failure.service
                    ));
                }
                _ => {}
            }
        }
        if self.retry() == Retry::Late {
            hints.push("`--engine-timeout` gives the engine more time".into());
        }
        if self.is_not_found() && self.to_string().contains("network") {
            hints.push(
                "`sofa deploy` creates the network, and replaces the containers that were connected to it"
                    .into(),
            );
        }
        let is_disk_full = matches!(self, OperationError::Gate(failure) if failure.disk.is_some());
        if is_disk_full || self.to_string().contains(DISK_FULL) {
            hints.push("`docker system df` shows what takes the engine's disk".into());
        }
        hints
    }

    fn log(&self) -> Option<FailedLog> {
        match self {
            OperationError::Gate(failure) => Some(FailedLog {
                service: failure.service.clone(),
                container: failure.container.clone(),
                lines: failure.log.clone(),
            }),
            _ => None,
        }
    }

    fn inspection(project: &str) -> String {
        format!("docker ps -a --filter label=com.docker.compose.project={project}")
    }
}

impl std::error::Error for OperationError {}

/// A container that did not pass its gate.
#[derive(Debug)]
pub struct GateFailure {
    pub service: String,
    pub container: String,
    pub gate: Gate,
    pub reason: Reason,
    /// Its memory limit in bytes, if it has one.
    pub memory_limit: Option<u64>,
    pub waited: Duration,
    /// How long it was allowed to take: its own deadline, or what was left of the run's.
    pub limit: Option<Duration>,
    pub phase: Option<PhaseReached>,
    /// How often its restart policy restarted it during the wait.
    pub restarts: u64,
    /// The last answer that did not pass.
    pub answer: Option<String>,
    /// The output of its last failed health test.
    pub health_output: Option<String>,
    /// The state of each service that it depends on: `db healthy 3m`.
    pub depends_on: Vec<String>,
    /// The room on the engine's disk, where a program found none.
    pub disk: Option<String>,
    /// Its log. Operators see the last lines, the run's record keeps all.
    pub log: Vec<String>,
    /// Why its log cannot be read, for example because of its logging driver.
    pub log_error: Option<String>,
    /// How many lines of the log are shown.
    pub log_lines: usize,
}

/// The phase of its start that a container had reached.
#[derive(Debug)]
pub struct PhaseReached {
    pub name: String,
    pub took: Duration,
    /// How long it took in earlier releases.
    pub usual: Option<Duration>,
}

impl PhaseReached {
    pub(super) fn scrubbed(self, secrets: &Secrets) -> PhaseReached {
        PhaseReached { name: secrets.scrub(&self.name), ..self }
    }
}

/// `` `installing packages`, 40.2s, usually 1m40s ``
impl fmt::Display for PhaseReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, {}", self.name, elapsed(self.took))?;
        self.usual.iter().try_for_each(|usual| write!(f, ", usually {}", elapsed(*usual)))
    }
}

/// Why a container did not pass its gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// `oom`: the kernel killed it because it reached its memory limit.
    Exited {
        code: i64,
        oom: bool,
    },
    /// Its restart policy restarts it again and again. `code` is the last exit code.
    Restarting {
        code: i64,
        oom: bool,
    },
    /// It was unhealthy, and still was after another round of tests.
    Unhealthy,
    /// A deadline passed while the container was in this state: its own, or that of the run.
    Deadline {
        own: Option<Duration>,
        state: String,
    },
    Gone,
    Paused,
    /// The probe cannot be run at all.
    Unreachable(String),
}

impl Reason {
    fn is_out_of_memory(&self) -> bool {
        matches!(self, Reason::Exited { oom: true, .. } | Reason::Restarting { oom: true, .. })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Exited { code, .. } => write!(f, "exited with code {code}"),
            Reason::Restarting { code, .. } => write!(f, "restarts again and again, last exit code {code}"),
            Reason::Unhealthy => f.write_str("is unhealthy"),
            Reason::Deadline { own: None, state } => write!(f, "not ready in time, still {state}"),
            Reason::Deadline { own: Some(own), state } => {
                write!(f, "not ready within its deadline of {}, still {state}", elapsed(*own))
            }
            Reason::Gone => f.write_str("container was removed by somebody else"),
            Reason::Paused => f.write_str("container is paused"),
            Reason::Unreachable(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for GateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}`: {}", self.service, self.reason)?;
        if self.reason.is_out_of_memory() {
            f.write_str(", killed for want of memory")?;
            self.memory_limit.iter().try_for_each(|bytes| write!(f, " (limit {} MiB)", bytes >> 20))?;
        }
        write!(f, " (waited {}", elapsed(self.waited))?;
        self.limit.iter().try_for_each(|limit| write!(f, " of {}", elapsed(*limit)))?;
        write!(f, " for: {})", self.gate)?;
        if self.restarts > 0 {
            write!(f, ", {} restart{}", self.restarts, if self.restarts == 1 { "" } else { "s" })?;
        }
        let mut about =
            |what: &str, text: &str| write!(f, "\n  {what}: {}", text.trim().replace('\n', "\n    "));
        self.phase.iter().try_for_each(|phase| about("phase", &phase.to_string()))?;
        self.answer.iter().try_for_each(|answer| about("last answer", answer))?;
        self.health_output.iter().try_for_each(|output| about("last health test", output))?;
        if !self.depends_on.is_empty() {
            about("depends on", &self.depends_on.join(", "))?;
        }
        self.disk.iter().try_for_each(|disk| about("disk", disk))?;
        match &self.log[self.log.len().saturating_sub(self.log_lines)..] {
            [] => match &self.log_error {
                Some(error) => write!(f, "\n  the log of `{}` cannot be read: {error}", self.container),
                None => write!(f, "\n  container `{}` printed nothing", self.container),
            },
            lines => {
                write!(f, "\n  last lines of `{}`:", self.container)?;
                lines.iter().try_for_each(|line| write!(f, "\n    {line}"))
            }
        }
    }
}

#[derive(Debug)]
pub struct HookFailure {
    pub service: String,
    pub hook: HookCall,
    pub reason: HookReason,
    pub tail: Vec<String>,
}

#[derive(Debug)]
pub enum HookReason {
    Exited(i64),
    /// It did not end within this time. In the container of a service it continues to run.
    TimedOut(Duration),
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

/// A worker whose work could not be handed over.
#[derive(Debug)]
pub struct HandOverFailure {
    pub service: String,
    pub reason: HandOverReason,
}

#[derive(Debug)]
pub enum HandOverReason {
    Command {
        name: &'static str,
        /// `None` where it did not end in time.
        code: Option<i64>,
        tail: Vec<String>,
    },
    /// Its stop took longer than its grace period.
    Killed,
}

impl fmt::Display for HandOverFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}`: hand-over: ", self.service)?;
        let tail = match &self.reason {
            HandOverReason::Killed => {
                return f.write_str(
                    "the worker was killed, since it did not end within its grace period: a task may be cut off",
                );
            }
            HandOverReason::Command { name, code: Some(code), tail } => {
                write!(f, "{name} exited with code {code}")?;
                tail
            }
            HandOverReason::Command { name, code: None, tail } => {
                write!(f, "{name} did not end in time")?;
                tail
            }
        };
        if !tail.is_empty() {
            f.write_str("\n  its last lines:")?;
        }
        tail.iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        write!(f, "\n  `sofa kill {}` ends a worker that cannot hand over; then deploy again", self.service)
    }
}
