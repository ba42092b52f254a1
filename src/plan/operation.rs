//! A plan and its operations: plain data. What is shown, confirmed and run is this value.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::observed::{Container, ContainerId, NetworkId};
use crate::compose::fields::FieldChange;

/// An operation's number within its plan, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OpId(pub usize);

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A graph of operations: what will be done, in which order, why, and how it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The Compose project it acts on.
    pub project: String,
    /// The operations; each needs only earlier ones. `OpId(n)` is at index n − 1.
    pub operations: Vec<Operation>,
    /// The operation that ends the time in which the plan can be undone; everything that needs it settles.
    pub barrier: Option<OpId>,
    /// What happens when an operation fails.
    pub on_failure: OnFailure,
    /// Services of the scope that are as the files say, in order.
    pub unchanged: Vec<String>,
    /// What a person should know before it is confirmed.
    pub notes: Vec<String>,
}

/// What the executor does when an operation fails before the barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Take back what was done, in reverse (deploy, scale, rollback).
    Undo,
    /// Do everything that does not need the failed one (down, stop, rm, kill).
    GoOn,
    /// Begin nothing more (restart, deploy --no-undo).
    Halt,
}

/// One engine call, or one wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its number.
    pub id: OpId,
    /// What must be done before it.
    pub needs: Vec<OpId>,
    /// What it is done for.
    pub group: Group,
    /// What it does.
    pub action: Action,
    /// Why, in words a person understands.
    pub cause: String,
    /// The fields of the files that are not as they were, where that is the cause and it is known which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Whether somebody using the service notices it.
    pub disruptive: bool,
    /// Whether its effect cannot be taken back.
    pub one_way: bool,
    /// How it is taken back, if it can be.
    pub undo: Option<Undo>,
}

/// What an operation belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// The project's networks and volumes, and its barrier.
    Project,
    /// A service.
    Service(String),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Project => f.write_str("project"),
            Group::Service(name) => f.write_str(name),
        }
    }
}

/// A replica: a service and its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Replica {
    /// The service.
    pub service: String,
    /// The replica's number; 0 for one-offs.
    pub number: u32,
}

impl Replica {
    /// The replica that a container stands for.
    pub(super) fn of(container: &Container) -> Replica {
        Replica { service: container.service.clone(), number: container.number }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.number)
    }
}

/// A container that an operation acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerRef {
    /// One that the engine had when the plan was made.
    Existing {
        /// Its id: changes go to ids, so a name taken over by another cannot be hit.
        id: ContainerId,
        /// Its name, for people.
        name: String,
    },
    /// The one that an earlier operation of the plan creates.
    Created(OpId),
}

impl ContainerRef {
    /// The id of one that the engine had when the plan was made.
    pub(super) fn existing(&self) -> Option<&ContainerId> {
        match self {
            ContainerRef::Existing { id, .. } => Some(id),
            ContainerRef::Created(_) => None,
        }
    }

    /// A container that the engine has.
    pub(super) fn of(container: &Container) -> ContainerRef {
        ContainerRef::Existing { id: container.id.clone(), name: container.name.clone() }
    }
}

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContainerRef::Existing { name, .. } => f.write_str(name),
            ContainerRef::Created(op) => write!(f, "container of {op}"),
        }
    }
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Create the network that the model has under this key.
    CreateNetwork {
        /// The model's key.
        key: String,
        /// Its name on the engine.
        name: String,
    },
    /// Remove a network.
    RemoveNetwork {
        /// Its id.
        id: NetworkId,
        /// Its name.
        name: String,
    },
    /// Take a container off a network.
    DisconnectContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// The network's name.
        network: String,
    },
    /// Attach a container to a network as it was attached before an earlier operation took it off: under the same names,
    /// with the same addresses, links and options.
    ConnectContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// The network's name.
        network: String,
        /// The operation that took it off.
        as_before: OpId,
    },
    /// Create the volume that the model has under this key.
    CreateVolume {
        /// The model's key.
        key: String,
        /// Its name on the engine.
        name: String,
    },
    /// Remove a volume and what is in it.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Remove an image's name, and the image where that was its last one.
    RemoveImage {
        /// The name.
        name: String,
    },
    /// Create a container from the model's service.
    CreateContainer {
        /// Which replica.
        replica: Replica,
        /// Its name until it settles.
        name: String,
        /// The container that it takes the place of; anonymous volumes are carried over from it.
        replaces: Option<ContainerRef>,
    },
    /// Start a container.
    StartContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Let a frozen container go on.
    UnpauseContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Stop a container with its own grace period, or the one given.
    StopContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// Overrides the container's grace period.
        grace: Option<Duration>,
    },
    /// Send a container a signal.
    KillContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// The signal, by name or number.
        signal: String,
    },
    /// Remove a container.
    RemoveContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// Whether its anonymous volumes go with it.
        volumes: bool,
    },
    /// Give a container another name.
    RenameContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// The name it gets.
        name: String,
    },
    /// Set a container's restart policy to `no`, so that a restart of the engine does not bring it back.
    DisableRestart {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Wait until a container has passed its gate.
    Await {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// What must hold.
        gate: Gate,
        /// Whether a failure is only a warning: everyone who depends on the service says `required: false`.
        optional: bool,
        /// What a failure among the containers of the service means (`update_config`).
        tolerance: Tolerance,
    },
    /// Do nothing for a while, between two groups of a service's containers (`update_config.delay`).
    Delay {
        /// The service.
        service: String,
        /// How long.
        time: Duration,
    },
    /// Run a hook: `pre_start` in a container of its own beside this one, the others in this one.
    RunHook {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// Which hook.
        hook: HookCall,
    },
    /// Watch containers without a gate of their own for a while: no exit, no restart, no OOM.
    Steady {
        /// The containers.
        containers: Vec<(Replica, ContainerRef)>,
        /// How long, counted from its begin.
        window: Duration,
    },
}

/// One hook of a service. What it runs is not in the plan: it may hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HookCall {
    /// At which point.
    pub point: HookPoint,
    /// The how manieth at that point, from 1.
    pub number: usize,
    /// How many there are at that point.
    pub of: usize,
    /// Whether what comes after it may only be done when it succeeded; else a failure is a warning.
    pub required: bool,
    /// Overrides the grace period of the container, which bounds `pre_stop`.
    pub grace: Option<Duration>,
}

/// A point of a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// Before the first start of a service's containers.
    PreStart,
    /// After a container's start.
    PostStart,
    /// Before a container's stop.
    PreStop,
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HookPoint::PreStart => "pre_start",
            HookPoint::PostStart => "post_start",
            HookPoint::PreStop => "pre_stop",
        })
    }
}

/// `post_start`, or where there are several `post_start 2/3`.
impl fmt::Display for HookCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            1 => self.point.fmt(f),
            of => write!(f, "{} {}/{of}", self.point, self.number),
        }
    }
}

/// How an operation is taken back. What it acts on is what the operation acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// Remove the container or network that it created.
    Remove,
    /// Make the network that it removed again, of what that was made of.
    Recreate,
    /// Attach the container that it took off a network again, as it was.
    Connect,
    /// Take the container that it attached off the network.
    Disconnect,
    /// Stop the container that it started.
    Stop,
    /// Start the container that it stopped.
    Start,
    /// Give the container its restart policy back.
    EnableRestart,
}

/// What must hold before a container counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// It runs; the stability window judges it once more.
    Running,
    /// Its healthcheck passes, by the engine's verdict or by the same test run through exec (`probe`).
    Healthy {
        /// Whether the test may be run through exec too.
        probe: bool,
    },
    /// `x-sofa.ready`: an HTTP request to the container is answered with this status.
    Http {
        /// The path.
        path: String,
        /// The container's port.
        port: u16,
        /// The status that counts as ready.
        expect: u16,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// `x-sofa.ready`: the container accepts connections on this port.
    Tcp {
        /// The container's port.
        port: u16,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// `x-sofa.ready`: a command in the container ends with 0.
    Command {
        /// The command.
        command: Vec<String>,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// It is a job: it ended with exit code 0.
    Completed,
}

/// What a failure of one of a service's containers means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tolerance {
    /// How many failures are only warnings.
    pub failures: u32,
    /// Whether one more leaves the containers that were not begun yet as they are, and lets everything else go on; else the
    /// run fails.
    pub pauses: bool,
}

/// ` (2 may fail)`, ` (pauses on failure)`; nothing where every failure ends the run.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures > 0 {
            write!(f, " ({} may fail)", self.failures)?;
        }
        if self.pauses { f.write_str(" (pauses on failure)") } else { Ok(()) }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gate::Running => f.write_str("running"),
            Gate::Healthy { .. } => f.write_str("healthy"),
            Gate::Http { path, port, expect, .. } => write!(f, "http {expect} on :{port}{path}"),
            Gate::Tcp { port, .. } => write!(f, "tcp :{port} open"),
            Gate::Command { command, .. } => write!(f, "command `{}` succeeds", command.join(" ")),
            Gate::Completed => f.write_str("completed"),
        }
    }
}

impl Action {
    /// Whether it changes anything on the engine; waits do not.
    pub fn changes(&self) -> bool {
        !matches!(self, Action::Await { .. } | Action::Steady { .. } | Action::Delay { .. })
    }

    /// The replica it acts on, where it acts on one.
    pub fn replica(&self) -> Option<&Replica> {
        match self {
            Action::CreateContainer { replica, .. }
            | Action::StartContainer { replica, .. }
            | Action::UnpauseContainer { replica, .. }
            | Action::StopContainer { replica, .. }
            | Action::KillContainer { replica, .. }
            | Action::RemoveContainer { replica, .. }
            | Action::RenameContainer { replica, .. }
            | Action::DisableRestart { replica, .. }
            | Action::RunHook { replica, .. }
            | Action::DisconnectContainer { replica, .. }
            | Action::ConnectContainer { replica, .. }
            | Action::Await { replica, .. } => Some(replica),
            _ => None,
        }
    }

    /// The existing or created container it acts on, where it acts on one.
    pub fn container(&self) -> Option<&ContainerRef> {
        match self {
            Action::StartContainer { container, .. }
            | Action::UnpauseContainer { container, .. }
            | Action::StopContainer { container, .. }
            | Action::KillContainer { container, .. }
            | Action::RemoveContainer { container, .. }
            | Action::RenameContainer { container, .. }
            | Action::DisableRestart { container, .. }
            | Action::RunHook { container, .. }
            | Action::DisconnectContainer { container, .. }
            | Action::ConnectContainer { container, .. }
            | Action::Await { container, .. } => Some(container),
            _ => None,
        }
    }

    /// Does something with every container that it names.
    pub(super) fn for_each_container(&mut self, mut act: impl FnMut(&mut ContainerRef)) {
        match self {
            Action::CreateContainer { replaces: Some(container), .. }
            | Action::StartContainer { container, .. }
            | Action::UnpauseContainer { container, .. }
            | Action::StopContainer { container, .. }
            | Action::RemoveContainer { container, .. }
            | Action::RenameContainer { container, .. }
            | Action::DisableRestart { container, .. }
            | Action::KillContainer { container, .. }
            | Action::RunHook { container, .. }
            | Action::DisconnectContainer { container, .. }
            | Action::ConnectContainer { container, .. }
            | Action::Await { container, .. } => act(container),
            Action::Steady { containers, .. } => {
                containers.iter_mut().for_each(|(_, container)| act(container))
            }
            Action::CreateContainer { replaces: None, .. }
            | Action::Delay { .. }
            | Action::CreateNetwork { .. }
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. } => {}
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::CreateNetwork { name, .. } => write!(f, "create network {name}"),
            Action::RemoveNetwork { name, .. } => write!(f, "remove network {name}"),
            Action::DisconnectContainer { container, network, .. } => {
                write!(f, "disconnect {container} from {network}")
            }
            Action::ConnectContainer { container, network, .. } => {
                write!(f, "connect {container} to {network}")
            }
            Action::CreateVolume { name, .. } => write!(f, "create volume {name}"),
            Action::RemoveVolume { name } => write!(f, "remove volume {name}"),
            Action::RemoveImage { name } => write!(f, "remove image {name}"),
            Action::CreateContainer { name, .. } => write!(f, "create container {name}"),
            Action::StartContainer { container, .. } => write!(f, "start {container}"),
            Action::UnpauseContainer { container, .. } => write!(f, "unpause {container}"),
            Action::StopContainer { container, .. } => write!(f, "stop {container}"),
            Action::KillContainer { container, signal, .. } => write!(f, "send {signal} to {container}"),
            Action::RemoveContainer { container, volumes, .. } => {
                write!(f, "remove {container}{}", if *volumes { " and its anonymous volumes" } else { "" })
            }
            Action::RenameContainer { container, name, .. } => write!(f, "rename {container} to {name}"),
            Action::DisableRestart { container, .. } => write!(f, "disable restart of {container}"),
            Action::Await { container, gate, optional, tolerance, .. } => {
                let optional = if *optional { " (optional)" } else { "" };
                write!(f, "await {container}: {gate}{optional}{tolerance}")
            }
            Action::Delay { time, .. } => write!(f, "wait {time:?}"),
            Action::RunHook { container, hook, .. } => {
                let place = if hook.point == HookPoint::PreStart { "beside" } else { "in" };
                let optional = if hook.required { "" } else { " (optional)" };
                write!(f, "run {hook} {place} {container}{optional}")
            }
            Action::Steady { containers, .. } if containers.is_empty() => f.write_str("settle"),
            Action::Steady { containers, window } => {
                let names: Vec<String> = containers.iter().map(|(replica, _)| replica.to_string()).collect();
                write!(f, "watch {} for {window:?}", names.join(", "))
            }
        }
    }
}

impl Plan {
    /// Whether nothing on the engine would change (it may still wait for what is not ready yet).
    pub fn changes_nothing(&self) -> bool {
        !self.operations.iter().any(|operation| operation.action.changes())
    }

    /// Whether another plan does the same, whatever it says of the causes.
    pub fn does_as(&self, other: &Plan) -> bool {
        let deed =
            |one: &Operation, other: &Operation| one.action == other.action && one.needs == other.needs;
        self.operations.len() == other.operations.len()
            && self.operations.iter().zip(&other.operations).all(|(one, other)| deed(one, other))
    }

    /// The operation of that number.
    pub fn operation(&self, id: OpId) -> Option<&Operation> {
        self.operations.get(id.0.checked_sub(1)?)
    }
}

/// The plan as stable text, an operation a line: `[needs] -> #id group: action, cause`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for operation in &self.operations {
            let needs: Vec<String> = operation.needs.iter().map(|id| id.0.to_string()).collect();
            write!(f, "[{}] -> {} {}: {}", needs.join(","), operation.id, operation.group, operation.action)?;
            if !operation.cause.is_empty() {
                write!(f, ", {}", operation.cause)?;
            }
            for (mark, holds) in [
                ("disruptive", operation.disruptive),
                ("one-way", operation.one_way),
                ("barrier", self.barrier == Some(operation.id)),
            ] {
                if holds {
                    write!(f, " [{mark}]")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
