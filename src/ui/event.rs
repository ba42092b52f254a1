//! What happens during a run, as typed events: producers send them, printers render them. No wording of layout here.

use std::fmt;
use std::time::Duration;

/// Where producers send events. Sending never blocks and never fails: a run does not depend on being watched.
pub type EventSender = tokio::sync::mpsc::UnboundedSender<Event>;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A run begins: what is done to which project («deploy coordinator-local»), and how long its waits may take.
    Begin {
        /// One line for a person.
        title: String,
        /// The total deadline of its waits, where there is one.
        deadline: Option<Duration>,
    },
    /// A service of the scope (or `network x`, `volume y`) entered a phase; the first one announces its line.
    Phase {
        /// Who: a service, a replica (`web 2`), `network front`, `volume data`, `image app`.
        subject: Subject,
        /// What it is doing, or how it ended.
        phase: Phase,
        /// More for a person: the cause, the gate waited for, the error's first line.
        detail: Option<String>,
    },
    /// The last log line of a service that is being waited for.
    LogLine {
        /// Whose.
        subject: Subject,
        /// The line, without its newline.
        line: String,
    },
    /// A line that a service's hook printed.
    HookLine {
        /// Whose.
        subject: Subject,
        /// Which hook (`post_start`, `pre_stop 2/3`).
        hook: String,
        /// The line, without its newline.
        line: String,
    },
    /// Progress of a pull, build context upload, …
    Progress {
        /// Whose.
        subject: Subject,
        /// What is counted («downloading», «sending context»).
        what: String,
        /// Bytes done.
        current: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// A line of a build's output.
    BuildLine {
        /// Whose.
        subject: Subject,
        /// The line, without its newline.
        line: String,
    },
    /// Something worth knowing that is no failure.
    Note(String),
    /// Something that may become a failure.
    Warning(String),
    /// The last event of a run that succeeded. One that failed ends with the command's failure.
    Outcome {
        /// One line for a person.
        text: String,
        /// How long the run took.
        elapsed: Duration,
    },
}

/// What an event is about. Ordered as displays show it: images, networks, volumes, then services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An image, by reference or by the service that builds it.
    Image(String),
    /// A network, by its name on the engine.
    Network(String),
    /// A volume, by its name on the engine.
    Volume(String),
    /// A container of a service: service name and replica number. Displays drop the number of the first.
    Container {
        /// The service.
        service: String,
        /// The replica number, from 1.
        number: u32,
    },
}

/// What a subject is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing to do: it is as the files say.
    Unchanged,
    /// An image is being fetched.
    Pulling,
    /// It is sent to its registry.
    Pushing,
    /// An image is being built.
    Building,
    /// It is being created.
    Creating,
    /// It is being created to take the place of another; the detail is why.
    Replacing,
    /// It exists and waits for its dependencies.
    Created,
    /// It is being started.
    Starting,
    /// It was started, and nobody waits for more.
    Started,
    /// It runs and is not ready yet.
    Waiting,
    /// It is ready (healthy, answering, or running where nothing says more).
    Ready,
    /// A job ended with exit code 0.
    Completed,
    /// It is being stopped.
    Stopping,
    /// It was stopped.
    Stopped,
    /// It was sent a signal.
    Killed,
    /// It is being removed.
    Removing,
    /// It was removed.
    Removed,
    /// What was done to it is being taken back.
    Undoing,
    /// What was done to it was taken back.
    Undone,
    /// An image was pulled or built.
    Done,
    /// It failed.
    Failed,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Image(name) => write!(f, "image {name}"),
            Subject::Network(name) => write!(f, "network {name}"),
            Subject::Volume(name) => write!(f, "volume {name}"),
            Subject::Container { service, number: 0 | 1 } => f.write_str(service),
            Subject::Container { service, number } => write!(f, "{service} {number}"),
        }
    }
}

impl Phase {
    /// Whether nothing more is expected to happen to the subject without another event.
    pub fn is_final(self) -> bool {
        use Phase::{Completed, Done, Failed, Killed, Ready, Removed, Stopped, Unchanged, Undone};
        matches!(self, Unchanged | Ready | Completed | Stopped | Killed | Removed | Undone | Done | Failed)
    }

    /// The word that printers show.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Unchanged => "unchanged",
            Phase::Pulling => "pulling",
            Phase::Pushing => "pushing",
            Phase::Building => "building",
            Phase::Creating => "creating",
            Phase::Replacing => "replacing",
            Phase::Created => "created",
            Phase::Starting => "starting",
            Phase::Started => "started",
            Phase::Waiting => "waiting",
            Phase::Ready => "ready",
            Phase::Completed => "completed",
            Phase::Stopping => "stopping",
            Phase::Stopped => "stopped",
            Phase::Killed => "killed",
            Phase::Removing => "removing",
            Phase::Removed => "removed",
            Phase::Undoing => "undoing",
            Phase::Undone => "undone",
            Phase::Done => "done",
            Phase::Failed => "failed",
        }
    }
}
