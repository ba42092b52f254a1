//! When the engine starts a container again.

use bollard::models::{RestartPolicy as PolicyBody, RestartPolicyNameEnum};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    #[default]
    No,
    /// After every exit, and when the engine starts.
    Always,
    /// As `Always`, unless it was stopped by a user.
    UnlessStopped,
    /// After an exit code other than 0, at most this many times in a row (0: no limit).
    OnFailure(u32),
}

impl RestartPolicy {
    /// From the engine's words. An unknown word is `No`.
    pub(crate) fn of(name: &str, maximum: u32) -> RestartPolicy {
        match name {
            "always" => RestartPolicy::Always,
            "unless-stopped" => RestartPolicy::UnlessStopped,
            "on-failure" => RestartPolicy::OnFailure(maximum),
            _ => RestartPolicy::No,
        }
    }

    /// As part of a request.
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
