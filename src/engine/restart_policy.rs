//! When the engine starts a container again.

use bollard::models::{RestartPolicy as PolicyBody, RestartPolicyNameEnum};

/// When the engine starts a container again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whenever it ended, and when the engine starts.
    Always,
    /// As `Always`, unless it was stopped by hand.
    UnlessStopped,
    /// When it ended with a code that is not 0, at most so many times in a row (0: without bound).
    OnFailure(u32),
}

impl RestartPolicy {
    /// A policy in the engine's words; an unknown word is `No`.
    pub(crate) fn of(name: &str, maximum: u32) -> RestartPolicy {
        match name {
            "always" => RestartPolicy::Always,
            "unless-stopped" => RestartPolicy::UnlessStopped,
            "on-failure" => RestartPolicy::OnFailure(maximum),
            _ => RestartPolicy::No,
        }
    }

    /// The policy as a request holds it.
    pub(crate) fn body(self) -> PolicyBody {
        let (name, maximum) = match self {
            RestartPolicy::No => (RestartPolicyNameEnum::NO, None),
            RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, None),
            RestartPolicy::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
            RestartPolicy::OnFailure(0) => (RestartPolicyNameEnum::ON_FAILURE, None),
            RestartPolicy::OnFailure(n) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(n))),
        };
        PolicyBody { name: Some(name), maximum_retry_count: maximum }
    }
}
