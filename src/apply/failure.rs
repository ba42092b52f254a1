//! What the executor and its report must know of a failure, whatever the target is.

use std::fmt;
use std::time::Duration;

use super::fence::Closed;

/// Why a target could not do an operation: what the executor and its report must know of it.
pub trait TargetError: fmt::Display + From<Closed> {
    fn retry(&self) -> Retry;

    /// The service that did not get ready, where that is the failure. A service of an operation may have failed in another way.
    fn unready_service(&self) -> Option<&str>;

    /// The failure for people. `attempt` is what was tried (``service `web`: start web-1``); a failure that says so itself
    /// leaves it out.
    fn explain(&self, attempt: &Attempt) -> String;

    /// What a person may do about it.
    fn hints(&self) -> Vec<String>;

    /// The whole log of the container that failed, for the run's record.
    fn log(&self) -> Option<FailedLog>;

    /// A command that shows what is left of a project on the target.
    fn inspection(project: &str) -> String;
}

/// The log of a container that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLog {
    pub service: String,
    pub container: String,
    pub lines: Vec<String>,
}

/// What was tried, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub group: String,
    /// The service, where the operation acts on one of its containers.
    pub service: Option<String>,
    pub action: String,
    pub acts_on_container: bool,
}

/// ``service `web`: start web-1``
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "service `{service}`: {}", self.action),
            None => f.write_str(&self.action),
        }
    }
}

/// Whether another try may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The failure is final.
    No,
    /// The connection broke. Once the target answers again, it shows whether the change was made.
    Reconnect,
    /// No answer came in time. The change may still happen, so it must not be made a second time.
    Late,
    /// The target refused, and may be shutting down: an undo tries again after this time.
    After(Duration),
}

impl Retry {
    /// Whether the target did not answer.
    pub fn is_unanswered(self) -> bool {
        matches!(self, Retry::Reconnect | Retry::Late)
    }
}

/// Why an operation did not get done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped<E> {
    Cancelled,
    Failed(E),
}

impl<E> From<E> for Stopped<E> {
    fn from(error: E) -> Stopped<E> {
        Stopped::Failed(error)
    }
}
