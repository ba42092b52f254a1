//! Why a plan cannot be made.

use crate::compose::model::ServiceName;

/// A reason why no plan can be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The service that has the problem, where it is one service's.
    pub service: Option<ServiceName>,
    /// What is wrong, without the service.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether a resource of another project is in the way. The files are right then.
    pub is_conflict: bool,
}

impl Problem {
    /// A problem of the project.
    pub(super) fn new(message: impl Into<String>) -> Problem {
        Problem { service: None, message: message.into(), hint: None, is_conflict: false }
    }

    /// A problem of one service.
    pub fn of(service: &ServiceName, message: impl Into<String>) -> Problem {
        Problem { service: Some(service.clone()), ..Problem::new(message) }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into()), ..self }
    }

    /// The same problem, caused by a resource of another project.
    #[must_use]
    pub fn conflict(self) -> Problem {
        Problem { is_conflict: true, ..self }
    }
}

/// ``service `web`: …``, or the message of a project's problem.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.service {
            Some(service) => write!(f, "service `{service}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
