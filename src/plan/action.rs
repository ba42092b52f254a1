//! What an operation does, and to what: one engine call, or one wait.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::gate::{Gate, Tolerance};
use super::hook::{HookCall, HookPoint};
use super::observed::{Container, ContainerId, NetworkId};
use crate::compose::model::ServiceName;
use crate::edge::Route;
use crate::util::elapsed::elapsed;

/// An operation's number within its plan, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OpId(pub usize);

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
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
    /// Remove a volume with its data.
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
        /// The containers whose namespaces and mounts it shares, by their services.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        parents: BTreeMap<ServiceName, ContainerRef>,
    },
    /// Start a container.
    StartContainer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Unpause a container.
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
        /// The condition. JSON has it in words, which hide the values of variables.
        #[serde(serialize_with = "in_words")]
        gate: Gate,
        /// How long the container may take, if its service says so; the run's own deadline ends the wait too.
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Duration>,
        /// Whether a failure is only a warning, because every service that depends on this one says `required: false`.
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
    /// Run a hook: `pre_start` in a separate container, the others in this one.
    RunHook {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// Which hook.
        hook: HookCall,
    },
    /// Have a worker take no more work. What it has goes on.
    Quiesce {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// Whether what comes after it may only be done when it succeeded; else a failure is a warning.
        required: bool,
    },
    /// Wait until a worker has no work left.
    Drain {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// How long at most; then the worker is stopped all the same.
        deadline: Duration,
        /// As that of `Quiesce`.
        required: bool,
    },
    /// Make sure that a stopped worker ended by itself and was not killed.
    VerifyEnd {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
        /// As that of `Quiesce`.
        required: bool,
    },
    /// Have a worker take work again.
    Resume {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Have the project's edge serve this: its networks, its container, its configuration.
    EnsureEdge {
        /// Its name.
        name: String,
        /// What it serves.
        routes: BTreeMap<String, Route>,
        /// Whether it publishes its ports; else another container has them still.
        open: bool,
    },
    /// Publish the ports of the edge, and give it the names of its services.
    OpenEdge {
        /// Its name.
        name: String,
    },
    /// Remove the edge with its networks and its volume.
    RemoveEdge {
        /// Its name.
        name: String,
    },
    /// Have the edge send requests to a container.
    AddServer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Have the edge forget a container.
    RemoveServer {
        /// Which replica.
        replica: Replica,
        /// The container.
        container: ContainerRef,
    },
    /// Do nothing. The operations behind it settle the plan.
    Barrier,
    /// Watch containers without a gate for a while: they must not exit, restart or run out of memory.
    Steady {
        /// The containers.
        containers: Vec<(Replica, ContainerRef)>,
        /// How long, counted from its begin.
        window: Duration,
    },
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
    /// The replica that a container is.
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

impl Action {
    /// Whether it changes anything on the engine; waits do not.
    pub fn changes(&self) -> bool {
        self.change().is_some()
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
            | Action::Quiesce { replica, .. }
            | Action::Drain { replica, .. }
            | Action::VerifyEnd { replica, .. }
            | Action::Resume { replica, .. }
            | Action::AddServer { replica, .. }
            | Action::RemoveServer { replica, .. }
            | Action::DisconnectContainer { replica, .. }
            | Action::ConnectContainer { replica, .. }
            | Action::Await { replica, .. } => Some(replica),
            Action::CreateNetwork { .. }
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::EnsureEdge { .. }
            | Action::OpenEdge { .. }
            | Action::RemoveEdge { .. }
            | Action::Delay { .. }
            | Action::Barrier
            | Action::Steady { .. } => None,
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
            | Action::Quiesce { container, .. }
            | Action::Drain { container, .. }
            | Action::VerifyEnd { container, .. }
            | Action::Resume { container, .. }
            | Action::AddServer { container, .. }
            | Action::RemoveServer { container, .. }
            | Action::DisconnectContainer { container, .. }
            | Action::ConnectContainer { container, .. }
            | Action::Await { container, .. } => Some(container),
            Action::CreateContainer { .. }
            | Action::CreateNetwork { .. }
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::EnsureEdge { .. }
            | Action::OpenEdge { .. }
            | Action::RemoveEdge { .. }
            | Action::Delay { .. }
            | Action::Barrier
            | Action::Steady { .. } => None,
        }
    }

    /// Does something with every container that it names.
    pub(super) fn for_each_container(&mut self, mut act: impl FnMut(&mut ContainerRef)) {
        match self {
            Action::CreateContainer { replaces, parents, .. } => {
                replaces.iter_mut().chain(parents.values_mut()).for_each(act);
            }
            Action::StartContainer { container, .. }
            | Action::UnpauseContainer { container, .. }
            | Action::StopContainer { container, .. }
            | Action::RemoveContainer { container, .. }
            | Action::RenameContainer { container, .. }
            | Action::DisableRestart { container, .. }
            | Action::KillContainer { container, .. }
            | Action::RunHook { container, .. }
            | Action::Quiesce { container, .. }
            | Action::Drain { container, .. }
            | Action::VerifyEnd { container, .. }
            | Action::Resume { container, .. }
            | Action::AddServer { container, .. }
            | Action::RemoveServer { container, .. }
            | Action::DisconnectContainer { container, .. }
            | Action::ConnectContainer { container, .. }
            | Action::Await { container, .. } => act(container),
            Action::Steady { containers, .. } => {
                containers.iter_mut().for_each(|(_, container)| act(container))
            }
            Action::Delay { .. }
            | Action::Barrier
            | Action::CreateNetwork { .. }
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::EnsureEdge { .. }
            | Action::OpenEdge { .. }
            | Action::RemoveEdge { .. }
            | Action::RemoveImage { .. } => {}
        }
    }
}

fn optional(required: bool) -> &'static str {
    if required { "" } else { " (optional)" }
}

fn in_words<S: Serializer>(gate: &Gate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(gate)
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
            Action::Await { container, gate, deadline, optional, tolerance, .. } => {
                let within = deadline.map_or_else(String::new, |time| format!(" within {}", elapsed(time)));
                let required = crate::plan::action::optional(!*optional);
                write!(f, "await {container}: {gate}{within}{required}{tolerance}")
            }
            Action::Delay { time, .. } => write!(f, "wait {time:?}"),
            Action::RunHook { container, hook, .. } => {
                let place = if hook.point == HookPoint::PreStart { "beside" } else { "in" };
                write!(f, "run {hook} {place} {container}{}", optional(hook.required))
            }
            Action::Quiesce { container, required, .. } => {
                write!(f, "quiesce {container}{}", optional(*required))
            }
            Action::Drain { container, deadline, required, .. } => {
                write!(f, "drain {container} within {}{}", elapsed(*deadline), optional(*required))
            }
            Action::VerifyEnd { container, required, .. } => {
                write!(f, "verify the end of {container}{}", optional(*required))
            }
            Action::Resume { container, .. } => write!(f, "resume {container}"),
            Action::EnsureEdge { name, routes, open } => {
                let services: Vec<&str> = routes.keys().map(String::as_str).collect();
                let services = if services.is_empty() { "nothing".to_owned() } else { services.join(", ") };
                let without = if *open { "" } else { ", without its host ports" };
                write!(f, "have {name} serve {services}{without}")
            }
            Action::OpenEdge { name } => write!(f, "publish the host ports of {name}"),
            Action::RemoveEdge { name } => write!(f, "remove {name}"),
            Action::AddServer { container, .. } => write!(f, "send requests to {container}"),
            Action::RemoveServer { container, .. } => write!(f, "take {container} off the edge"),
            Action::Barrier => f.write_str("settle"),
            Action::Steady { containers, window } => {
                let names: Vec<String> = containers.iter().map(|(replica, _)| replica.to_string()).collect();
                write!(f, "watch {} for {window:?}", names.join(", "))
            }
        }
    }
}
