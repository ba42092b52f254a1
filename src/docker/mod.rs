//! The Docker target: does the operations of a plan on a Docker Engine and undoes them. When and how often that happens is the
//! executor's policy, in `apply`.

mod applied;
mod create;
pub mod edge;
mod explain;
pub mod failure;
pub mod gpus;
pub mod handover;
mod hooks;
pub mod images;
mod networks;
pub mod one_off;
pub mod preflight;
mod probe;
mod ready;
pub mod restart_policy;
mod secrets;
mod servers;
mod stability;
mod start_log;
mod start_phases;
pub mod state;
mod undo;
mod wait;
mod watch;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};

use self::failure::OperationError;
use self::wait::Waiter;
use self::watch::Watch;
use crate::apply::control::Control;
use crate::apply::failure::Stopped;
use crate::apply::target::Target;
use crate::compose::model::ServiceName;
use crate::edge::Edge;
use crate::engine::Endpoint;
use crate::engine::container::Removal;
use crate::engine::convert::NewNetwork;
use crate::engine::{Engine, EngineError, RestartPolicy, ignore_missing};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::desired::Desired;
use crate::plan::observed::{Container, ContainerId, Observed};
use crate::plan::operation::{OpId, Operation, Plan, Undo};
use crate::state::{Starts, UsualTimes};
use crate::ui::event::{Event, EventSender};

/// How many stops begin at once. An engine disconnects the networks of ended containers one after the other, and the more stops
/// wait for that, the longer each takes (20 at once 1.8 s, 6 at once 1.3 s, on Engine 28 and two cores).
const STOPS_AT_ONCE: usize = 6;
/// After this time the next stop may begin: a program that takes longer to end is waited for in parallel.
const STOP_ALONE: Duration = Duration::from_millis(300);

/// The Docker Engine as the target of one plan.
pub struct Docker<'a> {
    engine: &'a Engine,
    project: String,
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    /// The containers whose namespaces and mounts the new containers of a service share.
    parents: BTreeMap<String, BTreeMap<ServiceName, ContainerRef>>,
    watch: Watch,
    events: EventSender,
    /// The run's number, for the labels of what it creates.
    run: Option<u64>,
    log_lines: usize,
    usual: UsualTimes,
    /// How long the phases of the starts took, by service.
    starts: RefCell<Starts>,
    passed: RefCell<BTreeSet<ContainerId>>,
    stops: Semaphore,
    /// The containers that the run stopped.
    stopped: RefCell<BTreeSet<ContainerId>>,
    kept: RefCell<BTreeMap<OpId, Kept>>,
    restored: RefCell<Vec<Restored>>,
    /// What the file of the edge says, once it was read. One operation at a time changes it.
    edge: Mutex<Option<Edge>>,
    /// The addresses behind the edge that this run gave.
    given: RefCell<BTreeSet<Ipv4Addr>>,
}

/// What a later operation or the undo must know of an operation that was done.
#[derive(Debug, Clone)]
enum Kept {
    Container {
        id: ContainerId,
    },
    Policy(RestartPolicy),
    /// A network that was removed.
    Network(NewNetwork),
    /// What the edge was; `None` where there was none.
    Edge(Option<EdgeBefore>),
    /// The queues that a worker consumed from.
    Queues(Vec<String>),
    /// How a container was connected to the network that it was disconnected from.
    Attachment(Option<Endpoint>),
}

/// What an edge was before an operation changed it.
#[derive(Debug, Clone)]
struct EdgeBefore {
    edge: Edge,
    open: bool,
}

/// What a target must know of the run that it serves.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The run's number, where it has a record.
    pub number: Option<u64>,
    /// How many of its last log lines the failure of a container shows.
    pub log_lines: usize,
    /// How long the phases of starts took in earlier releases.
    pub usual: UsualTimes,
}

/// A container that an undo started again and that has no gate.
#[derive(Debug)]
struct Restored {
    operation: OpId,
    replica: Replica,
    id: ContainerId,
}

impl<'a> Docker<'a> {
    /// Subscribes to the project's events.
    ///
    /// # Errors
    /// Those of the subscription.
    pub async fn begin(
        engine: &'a Engine,
        plan: &Plan,
        desired: Option<&'a Desired<'a>>,
        observed: &'a Observed,
        events: EventSender,
        run: RunFacts,
    ) -> Result<Docker<'a>, EngineError> {
        let RunFacts { number, log_lines, usual } = run;
        Ok(Docker {
            engine,
            project: plan.project.clone(),
            desired,
            observed,
            parents: plan.operations.iter().filter_map(parents_of).collect(),
            watch: Watch::begin(engine, &plan.project).await?,
            events,
            run: number,
            log_lines,
            usual,
            starts: RefCell::default(),
            passed: RefCell::default(),
            stops: Semaphore::new(STOPS_AT_ONCE),
            stopped: RefCell::default(),
            kept: RefCell::default(),
            restored: RefCell::default(),
            edge: Mutex::default(),
            given: RefCell::default(),
        })
    }

    async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), EngineError> {
        self.stopped.borrow_mut().insert(id.clone());
        let alone = self.stops.acquire().await.ok();
        let mut stop = std::pin::pin!(self.engine.stop(id, grace));
        tokio::select! {
            stopped = &mut stop => return stopped,
            () = tokio::time::sleep(STOP_ALONE) => drop(alone),
        }
        stop.await
    }

    fn waiter<'w>(&'w self, control: &'w Control<'w>) -> Waiter<'w> {
        Waiter {
            engine: self.engine,
            watch: &self.watch,
            events: &self.events,
            control,
            desired: self.desired,
            usual: &self.usual,
            passed: &self.passed,
            log_lines: self.log_lines,
        }
    }

    /// How long the phases of the starts took that were waited for, by service.
    pub fn take_starts(&self) -> Starts {
        self.starts.take()
    }

    /// The id behind a reference. It is unknown only where the operation that creates the container failed.
    fn id(&self, container: &ContainerRef) -> Result<ContainerId, OperationError> {
        match container {
            ContainerRef::Existing { id, .. } => Ok(id.clone()),
            ContainerRef::Created(op) => match self.kept.borrow().get(op) {
                Some(Kept::Container { id }) => Ok(id.clone()),
                _ => Err(OperationError::Impossible(format!("operation {op} created no container"))),
            },
        }
    }

    fn ids(
        &self,
        containers: &BTreeMap<ServiceName, ContainerRef>,
    ) -> Result<BTreeMap<ServiceName, ContainerId>, OperationError> {
        containers.iter().map(|(name, container)| Ok((name.clone(), self.id(container)?))).collect()
    }

    /// A container that existed before the run.
    fn observed_container(&self, id: &ContainerId) -> Option<&Container> {
        self.observed.containers.iter().find(|container| container.id == *id)
    }

    /// The desired state. Plans of verbs that read no files have none, and create nothing.
    fn desired(&self) -> Result<&'a Desired<'a>, OperationError> {
        self.desired.ok_or_else(|| {
            OperationError::Impossible("the plan creates things, but no files were read".into())
        })
    }

    fn warn(&self, text: String) {
        // A run continues when nobody watches it.
        let _ = self.events.send(Event::Warning(text));
    }
}

impl Target for Docker<'_> {
    type Error = OperationError;

    async fn apply(&self, operation: &Operation) -> Result<(), OperationError> {
        let engine = self.engine;
        match &operation.action {
            Action::CreateNetwork { key, name } => {
                self.create_network(key).await?;
                self.join_network(name).await?;
            }
            Action::RemoveNetwork { id, name } => {
                self.leave_network(name).await?;
                self.remove_network(operation, id).await?;
            }
            Action::DisconnectContainer { container, network, .. } => {
                self.disconnect(operation.id, &self.id(container)?, network).await?;
            }
            Action::ConnectContainer { container, network, as_before, .. } => {
                self.connect_as_before(*as_before, &self.id(container)?, network).await?;
            }
            Action::CreateVolume { key, .. } => self.create_volume(key).await?,
            Action::RemoveVolume { name } => ignore_missing(engine.remove_volume(name).await)?,
            Action::RemoveImage { name } => ignore_missing(engine.remove_image(name, false).await)?,
            Action::CreateContainer { replica, name, replaces, parents } => {
                let parents = self.ids(parents)?;
                let id = self.create_container(replica, name, replaces.as_ref(), parents).await?;
                self.kept.borrow_mut().insert(operation.id, Kept::Container { id });
            }
            Action::StartContainer { container, .. } => engine.start(&self.id(container)?).await?,
            Action::UnpauseContainer { container, .. } => engine.unpause(&self.id(container)?).await?,
            Action::StopContainer { container, grace, .. } => {
                ignore_missing(self.stop(&self.id(container)?, *grace).await)?;
            }
            Action::KillContainer { container, signal, .. } => {
                ended_is_fine(engine.kill(&self.id(container)?, signal).await)?;
            }
            Action::RemoveContainer { container, volumes, .. } => {
                let (id, removal) =
                    (self.id(container)?, Removal { force: true, anonymous_volumes: *volumes });
                ignore_missing(engine.remove(&id, removal).await)?;
                self.unmark_removed(&id).await?;
            }
            Action::RenameContainer { container, name, .. } => {
                engine.rename(&self.id(container)?, name).await?
            }
            Action::DisableRestart { container, .. } => {
                let id = self.id(container)?;
                let policy = engine.inspect(id.as_str()).await?.restart_policy;
                // On a second attempt the policy may be switched off already.
                self.kept.borrow_mut().entry(operation.id).or_insert(Kept::Policy(policy));
                engine.set_restart_policy(&id, RestartPolicy::No).await?;
            }
            Action::Quiesce { replica, container, .. } => {
                self.quiesce(Some(operation.id), replica, container).await?;
            }
            Action::EnsureEdge { routes, open, .. } => self.ensure_edge(operation.id, routes, *open).await?,
            Action::OpenEdge { .. } => self.open_edge().await?,
            Action::RemoveEdge { .. } => self.remove_edge().await?,
            Action::AddServer { replica, container } => self.add_server(replica, container).await?,
            Action::RemoveServer { container, .. } => self.remove_server(container).await?,
            Action::VerifyEnd { replica, container, .. } => self.verify_end(replica, container).await?,
            Action::Resume { replica, container } => self.resume(replica, container, &[]).await?,
            Action::RunHook { .. }
            | Action::Await { .. }
            | Action::Drain { .. }
            | Action::Steady { .. }
            | Action::Delay { .. }
            | Action::Barrier => {}
        }
        Ok(())
    }

    async fn was_applied(&self, operation: &Operation) -> Result<bool, OperationError> {
        self.is_applied(operation).await
    }

    async fn wait(&self, operation: &Operation, control: &Control<'_>) -> Result<(), OperationError> {
        let Action::Await { replica, container, gate, deadline, .. } = &operation.action else {
            return Ok(());
        };
        let times = self.waiter(control).wait(replica, &self.id(container)?, gate, *deadline).await?;
        if !times.is_empty() {
            self.starts.borrow_mut().insert(replica.service.clone(), times);
        }
        Ok(())
    }

    async fn drain(&self, operation: &Operation) -> Result<(), OperationError> {
        let Action::Drain { replica, container, deadline, .. } = &operation.action else { return Ok(()) };
        self.drain_worker(replica, container, *deadline).await
    }

    async fn watch(
        &self,
        operation: &Operation,
        replica: &Replica,
        window: Duration,
        control: &Control<'_>,
    ) -> Result<(), OperationError> {
        let Action::Steady { containers, .. } = &operation.action else { return Ok(()) };
        let found = containers.iter().find(|(watched, _)| watched == replica);
        let Some((_, container)) = found else { return Ok(()) };
        self.waiter(control).watch(replica, &self.id(container)?, window).await
    }

    async fn run_hook(
        &self,
        operation: &Operation,
        control: &Control<'_>,
    ) -> Result<(), Stopped<OperationError>> {
        let Action::RunHook { replica, container, hook } = &operation.action else { return Ok(()) };
        self.hook(replica, container, *hook, control).await
    }

    async fn leave_out(&self, operation: &Operation) -> Result<(), OperationError> {
        if let Action::StartContainer { container: container @ ContainerRef::Created(_), .. } =
            &operation.action
            && let Ok(id) = self.id(container)
        {
            let removal = Removal { force: true, anonymous_volumes: true };
            ignore_missing(self.engine.remove(&id, removal).await)?;
        }
        Ok(())
    }

    async fn undo(
        &self,
        operation: &Operation,
        undo: Undo,
        control: &Control<'_>,
    ) -> Result<(), OperationError> {
        self.undo_operation(operation, undo, control).await
    }

    async fn watch_restored(&self, control: &Control<'_>) -> Vec<(OpId, OperationError)> {
        self.failed_restorations(control).await
    }

    async fn is_reachable(&self) -> bool {
        self.engine.ping().await.is_ok()
    }
}

/// The service of a container that is created, and the containers whose namespaces and mounts it shares.
fn parents_of(operation: &Operation) -> Option<(String, BTreeMap<ServiceName, ContainerRef>)> {
    match &operation.action {
        Action::CreateContainer { replica, parents, .. } => Some((replica.service.clone(), parents.clone())),
        _ => None,
    }
}

/// A container that has ended needs no signal, and cannot be paused.
fn ended_is_fine(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match ignore_missing(outcome) {
        Err(error) if error.is_conflict() => Ok(()),
        outcome => outcome,
    }
}
