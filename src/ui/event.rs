//! Typed events of a run. The run sends them; printers choose the layout.

use std::fmt;
use std::time::Duration;

/// Sending never blocks, and a closed receiver is ignored: a run does not depend on its display.
pub type EventSender = tokio::sync::mpsc::UnboundedSender<Event>;

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Begin {
        /// The verb and the project: `deploy coordinator-local`.
        title: String,
        /// How long all waits together may take.
        deadline: Option<Duration>,
    },
    /// A subject entered a phase. The first event of a subject adds its line to the display.
    Phase {
        subject: Subject,
        phase: Phase,
        /// The cause, the gate that is waited for, or the first line of the error.
        detail: Option<String>,
    },
    /// A container that is waited for begins another phase of its start, such as `loading the model`.
    StartPhase {
        subject: Subject,
        name: String,
        /// How long it took in earlier releases.
        usual: Option<Duration>,
        /// How long the whole start may take, if the service says so.
        deadline: Option<Duration>,
    },
    /// The last log line of a service that a run waits for.
    LogLine {
        subject: Subject,
        /// Without its newline.
        line: String,
    },
    /// A line of a hook's output.
    HookLine {
        subject: Subject,
        /// Which hook: `post_start`, `pre_stop 2/3`.
        hook: String,
        /// Without its newline.
        line: String,
    },
    /// Progress of a pull or of the upload of a build context, in bytes.
    Progress {
        subject: Subject,
        /// `downloading`, `sending context`.
        what: String,
        current: u64,
        /// The sum, where it is known.
        total: Option<u64>,
    },
    /// A line of a build's output.
    BuildLine {
        subject: Subject,
        /// Without its newline.
        line: String,
    },
    Note(String),
    Warning(String),
    /// The last event of a run that succeeded. A failed run ends with the failure of the command instead.
    Outcome {
        /// One line.
        text: String,
        elapsed: Duration,
    },
}

/// What an event is about. The order is that of displays: images, networks, volumes, services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A reference, or the service that builds the image.
    Image(String),
    /// The name on the engine.
    Network(String),
    /// The name on the engine.
    Volume(String),
    /// The project's edge: the name on the engine.
    Edge(String),
    /// A container of a service. Displays do not show the number of the first replica.
    Container {
        service: String,
        /// From 1.
        number: u32,
    },
}

/// What a subject is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is as the files say.
    Unchanged,
    Pulling,
    Pushing,
    Building,
    Creating,
    /// The edge gets another configuration; the detail is the cause.
    Configuring,
    /// It is created and replaces another; the detail is the cause.
    Replacing,
    /// It waits for its dependencies.
    Created,
    Starting,
    /// It is started, and the run does not wait for it.
    Started,
    /// It is started but not ready yet.
    Waiting,
    /// It passed its gate.
    Ready,
    /// A job ended with exit code 0.
    Completed,
    /// A worker takes no more work and finishes what it has; the detail is what is left.
    Draining,
    Stopping,
    Stopped,
    /// A signal was sent to it.
    Killed,
    Removing,
    Removed,
    Undoing,
    Undone,
    /// An image was pulled or built.
    Done,
    Failed,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Image(name) => write!(f, "image {name}"),
            Subject::Network(name) => write!(f, "network {name}"),
            Subject::Volume(name) => write!(f, "volume {name}"),
            Subject::Edge(_) => f.write_str("edge"),
            Subject::Container { service, number: 0 | 1 } => f.write_str(service),
            Subject::Container { service, number } => write!(f, "{service} {number}"),
        }
    }
}

impl Phase {
    /// Whether the subject is at rest: only another event changes it.
    pub fn is_final(self) -> bool {
        use Phase::{Completed, Done, Failed, Killed, Ready, Removed, Stopped, Unchanged, Undone};
        matches!(self, Unchanged | Ready | Completed | Stopped | Killed | Removed | Undone | Done | Failed)
    }

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
            Phase::Draining => "draining",
            Phase::Configuring => "configuring",
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
