//! What the executor and the display need to know of an operation: what it waits for, what kind of change it is, what it
//! concerns.

use std::time::Duration;

use super::action::OpId;
use super::action::{Action, ContainerRef, Replica};
use super::gate::{Gate, Tolerance};
use super::hook::HookPoint;
use crate::util::elapsed::elapsed;

/// Why the failure of a hook or a hand-over before a stop is only a warning.
pub const IGNORED_BEFORE_STOP: &str = "the container is stopped anyway";

/// How an operation is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait<'a> {
    /// It is one change, without a wait.
    No,
    Gate(&'a Gate),
    /// Containers must stay up for this long.
    Steady(Duration),
    Delay(Duration),
    /// A command runs until it ends. `bounded` means that the run's total wait time applies to it; a hook before a stop
    /// has its container's grace period instead.
    Hook {
        bounded: bool,
    },
    /// A worker finishes its work. It has a time of its own, which the run's total wait time does not bound.
    Drain,
    /// Nothing is done: the operations behind it settle the plan.
    Barrier,
}

/// What kind of change an operation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It adds something that nothing uses yet, so no user of the project notices it.
    Create,
    Start,
    /// It unpauses a container.
    Resume,
    Stop,
    /// It sends a signal. A second signal is not the same as one, so it must not be repeated.
    Signal,
    Remove,
    /// It brings the edge to what the plan says, and creates it where it is missing.
    Configure,
    /// It changes a setting of what exists: a name, a restart policy, a network attachment.
    Adjust,
    Hook,
    /// A worker takes no more work.
    Quiesce,
    /// A worker takes work again.
    Consume,
}

/// What an operation concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    Network(&'a str),
    Volume(&'a str),
    Image(&'a str),
    Edge(&'a str),
    Replica(&'a Replica),
}

impl Action {
    pub fn wait(&self) -> Wait<'_> {
        match self {
            Action::Await { gate, .. } => Wait::Gate(gate),
            Action::Barrier => Wait::Barrier,
            Action::Steady { window, .. } => Wait::Steady(*window),
            Action::Delay { time, .. } => Wait::Delay(*time),
            Action::RunHook { hook, .. } => Wait::Hook { bounded: hook.point.is_bounded() },
            Action::Drain { .. } => Wait::Drain,
            Action::CreateNetwork { .. }
            | Action::RemoveNetwork { .. }
            | Action::DisconnectContainer { .. }
            | Action::ConnectContainer { .. }
            | Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::CreateContainer { .. }
            | Action::StartContainer { .. }
            | Action::UnpauseContainer { .. }
            | Action::StopContainer { .. }
            | Action::KillContainer { .. }
            | Action::RemoveContainer { .. }
            | Action::RenameContainer { .. }
            | Action::Quiesce { .. }
            | Action::VerifyEnd { .. }
            | Action::Resume { .. }
            | Action::EnsureEdge { .. }
            | Action::OpenEdge { .. }
            | Action::RemoveEdge { .. }
            | Action::AddServer { .. }
            | Action::RemoveServer { .. }
            | Action::DisableRestart { .. } => Wait::No,
        }
    }

    /// The kind of change; `None` for an operation that only waits.
    pub fn change(&self) -> Option<Change> {
        match self {
            Action::CreateNetwork { .. } | Action::CreateVolume { .. } | Action::CreateContainer { .. } => {
                Some(Change::Create)
            }
            Action::StartContainer { .. } => Some(Change::Start),
            Action::UnpauseContainer { .. } => Some(Change::Resume),
            Action::StopContainer { .. } => Some(Change::Stop),
            Action::KillContainer { .. } => Some(Change::Signal),
            Action::RemoveNetwork { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::RemoveEdge { .. }
            | Action::RemoveContainer { .. } => Some(Change::Remove),
            Action::DisconnectContainer { .. }
            | Action::ConnectContainer { .. }
            | Action::RenameContainer { .. }
            | Action::AddServer { .. }
            | Action::RemoveServer { .. }
            | Action::DisableRestart { .. } => Some(Change::Adjust),
            Action::EnsureEdge { .. } | Action::OpenEdge { .. } => Some(Change::Configure),
            Action::RunHook { .. } => Some(Change::Hook),
            Action::Quiesce { .. } => Some(Change::Quiesce),
            Action::Resume { .. } => Some(Change::Consume),
            Action::Await { .. } | Action::Steady { .. } | Action::Delay { .. } | Action::Barrier => None,
            Action::Drain { .. } | Action::VerifyEnd { .. } => None,
        }
    }

    /// What the operation concerns; `None` where that is more than one thing, or nothing.
    pub fn object(&self) -> Option<Object<'_>> {
        match self {
            Action::CreateNetwork { name, .. } | Action::RemoveNetwork { name, .. } => {
                Some(Object::Network(name))
            }
            Action::CreateVolume { name, .. } | Action::RemoveVolume { name } => Some(Object::Volume(name)),
            Action::RemoveImage { name } => Some(Object::Image(name)),
            Action::EnsureEdge { name, .. } | Action::OpenEdge { name } | Action::RemoveEdge { name } => {
                Some(Object::Edge(name))
            }
            Action::CreateContainer { .. }
            | Action::StartContainer { .. }
            | Action::UnpauseContainer { .. }
            | Action::StopContainer { .. }
            | Action::KillContainer { .. }
            | Action::RemoveContainer { .. }
            | Action::RenameContainer { .. }
            | Action::DisableRestart { .. }
            | Action::RunHook { .. }
            | Action::DisconnectContainer { .. }
            | Action::ConnectContainer { .. }
            | Action::Quiesce { .. }
            | Action::Drain { .. }
            | Action::VerifyEnd { .. }
            | Action::Resume { .. }
            | Action::AddServer { .. }
            | Action::RemoveServer { .. }
            | Action::Await { .. } => self.replica().map(Object::Replica),
            Action::Steady { .. } | Action::Delay { .. } | Action::Barrier => None,
        }
    }

    /// The replicas of a stability window.
    pub fn watched(&self) -> impl Iterator<Item = &Replica> {
        let containers = match self {
            Action::Steady { containers, .. } => containers.as_slice(),
            _ => &[],
        };
        containers.iter().map(|(replica, _)| replica)
    }

    /// The replica that a failure of the operation is a failure of, where `update_config` decides what that means.
    pub fn judged_replica(&self) -> Option<&Replica> {
        match self {
            Action::Await { replica, .. } | Action::StartContainer { replica, .. } => Some(replica),
            Action::RunHook { replica, hook, .. } if hook.point == HookPoint::PostStart => Some(replica),
            _ => None,
        }
    }

    /// What `update_config` tolerates among the containers of the service that is waited for.
    pub fn tolerance(&self) -> Option<(&Replica, Tolerance)> {
        match self {
            Action::Await { replica, tolerance, .. } => Some((replica, *tolerance)),
            _ => None,
        }
    }

    /// Why a failure of the operation is only a warning, where it is.
    pub fn why_failure_is_ignored(&self) -> Option<&'static str> {
        match self {
            Action::Await { optional: true, .. } => {
                Some("no required service depends on it, so the run continues")
            }
            Action::RunHook { hook, .. } if !hook.required => Some(IGNORED_BEFORE_STOP),
            Action::Quiesce { required: false, .. } | Action::Drain { required: false, .. } => {
                Some(IGNORED_BEFORE_STOP)
            }
            Action::VerifyEnd { required: false, .. } => Some("the container is stopped already"),
            _ => None,
        }
    }

    /// The gate or the hook that is waited for, in words.
    pub fn condition(&self) -> Option<String> {
        match self {
            Action::Await { gate: Gate::Unknown, .. } => None,
            Action::Await { gate, .. } => Some(gate.to_string()),
            Action::RunHook { hook, .. } => Some(hook.to_string()),
            _ => None,
        }
    }

    /// The gate or the hook that is waited for, and how long at most if the service says so.
    pub fn bounded_condition(&self) -> Option<String> {
        let condition = self.condition()?;
        Some(match self {
            Action::Await { deadline: Some(deadline), .. } => {
                format!("{condition}, within {}", elapsed(*deadline))
            }
            _ => condition,
        })
    }

    /// What the edge does after the operation, in words.
    pub fn edge_state(&self) -> Option<String> {
        match self {
            Action::EnsureEdge { routes, .. } if routes.is_empty() => Some("serves nothing".to_owned()),
            Action::EnsureEdge { routes, .. } => {
                let services: Vec<&str> = routes.keys().map(String::as_str).collect();
                Some(format!("serves {}", services.join(", ")))
            }
            Action::OpenEdge { .. } => Some("publishes its host ports".to_owned()),
            _ => None,
        }
    }

    /// The signal that is sent.
    pub fn signal(&self) -> Option<&str> {
        match self {
            Action::KillContainer { signal, .. } => Some(signal),
            _ => None,
        }
    }

    /// The operation whose container gets its final name: a successor is created under a temporary name.
    pub fn renamed_creation(&self) -> Option<OpId> {
        match self {
            Action::RenameContainer { container: ContainerRef::Created(creation), .. } => Some(*creation),
            _ => None,
        }
    }
}
