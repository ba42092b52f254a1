//! Does operations on a Docker Engine, and takes them back.

mod create;
pub mod failure;
mod hooks;
pub mod images;
mod networks;
pub mod preflight;
mod probe;
mod ready;
mod reconnect;
pub mod restart_policy;
mod retry;
mod secrets;
mod stability;
pub mod state;
mod tolerated;
mod undo;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use self::failure::OperationError;
use self::ready::{Candidate, Waiter};
use self::reconnect::Phase;
use self::tolerated::judged;
use self::watch::Watch;
use crate::apply::announce::{Announcer, subject};
use crate::apply::budget::Budget;
use crate::apply::executor::{Stopped, Target};
use crate::apply::tolerance::Tolerance;
use crate::compose::model::ServiceName;
use crate::engine::Endpoint;
use crate::engine::container::Removal;
use crate::engine::convert::NewNetwork;
use crate::engine::{Engine, EngineError, RestartPolicy, ignore_missing};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::desired::Desired;
use crate::plan::gate::Gate;
use crate::plan::observed::{Container, ContainerId, Observed};
use crate::plan::operation::{OpId, Operation, Plan, Undo};
use crate::state::Fence;
use crate::ui::event::EventSender;

/// How many stops begin at once: an engine takes networks of containers that end apart one after the other, and the more wait
/// for that, the longer each takes (20 at once 1.8 s, 6 at once 1.3 s, on Engine 28 and two cores).
const STOPS_AT_ONCE: usize = 6;
/// How long a stop keeps its turn: a program that needs longer to end is waited for beside the others.
const TURN: Duration = Duration::from_millis(300);

/// How a run behaves towards the engine.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Engine calls at once.
    pub parallel: usize,
    /// How long all waits together may take.
    pub wait: Duration,
    /// What must be open when a change begins, where the project is locked.
    pub fence: Option<Fence>,
    /// The run's number, for the labels of what it makes.
    pub run: Option<u64>,
    /// When the begin of the run is written down; nothing that anybody notices is done before.
    pub written: Option<Written>,
}

/// Whether the begin of a run is written down: nothing yet, then whether that succeeded.
pub type Written = tokio::sync::watch::Receiver<Option<bool>>;

/// Waits until the begin of a run is written down; false where it cannot be.
pub async fn is_written(written: &Written) -> bool {
    written.clone().wait_for(Option::is_some).await.is_ok_and(|written| *written == Some(true))
}

/// The Docker Engine as the target of a plan.
pub struct Docker<'a> {
    engine: &'a Engine,
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    /// By service, whose namespaces and mounts its new containers share.
    parents: BTreeMap<String, BTreeMap<ServiceName, ContainerRef>>,
    watch: Watch,
    announcer: Announcer,
    tolerance: RefCell<Tolerance>,
    paused: RefCell<Vec<(OpId, OperationError)>>,
    permits: Semaphore,
    /// Turns to begin a stop.
    stops: Semaphore,
    forward: Phase,
    backward: Phase,
    /// Whether the undo has begun.
    undoing: Cell<bool>,
    made: RefCell<BTreeMap<OpId, Made>>,
    /// The operations that the engine was asked for; of the others there is nothing to take back.
    asked: RefCell<BTreeSet<OpId>>,
    /// What an undo started again, and no gate tells of.
    restored: RefCell<Vec<Restored>>,
    fence: Option<Fence>,
    run: Option<u64>,
    written: Option<Written>,
}

/// What an operation left that its undo, or a later operation, must know.
#[derive(Debug, Clone)]
enum Made {
    Container {
        id: ContainerId,
    },
    Policy(RestartPolicy),
    /// A network that was removed.
    Network(NewNetwork),
    /// How a container was attached to the network that it was taken off.
    Attachment(Option<Endpoint>),
}

/// A container that an undo started again and that is still to be watched.
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
        limits: Limits,
    ) -> Result<Docker<'a>, EngineError> {
        Ok(Docker {
            engine,
            desired,
            observed,
            parents: plan.operations.iter().filter_map(parents_of).collect(),
            watch: Watch::begin(engine, &plan.project).await?,
            announcer: Announcer::new(plan, events),
            tolerance: RefCell::new(Tolerance::of(plan)),
            paused: RefCell::default(),
            permits: Semaphore::new(limits.parallel.max(1)),
            stops: Semaphore::new(STOPS_AT_ONCE),
            forward: Phase::new(limits.wait),
            backward: Phase::new(limits.wait),
            undoing: Cell::default(),
            fence: limits.fence,
            run: limits.run,
            written: limits.written,
            made: RefCell::default(),
            asked: RefCell::default(),
            restored: RefCell::default(),
        })
    }

    /// Waits until the begin of the run is written down. What is only created meanwhile touches nobody: the writing hides
    /// behind it.
    async fn written(&self, action: &Action) -> Result<(), Stopped<OperationError>> {
        let touches_nobody = matches!(
            action,
            Action::CreateNetwork { .. } | Action::CreateVolume { .. } | Action::CreateContainer { .. }
        );
        match &self.written {
            Some(written) if !touches_nobody && !is_written(written).await => Err(Stopped::Cancelled),
            _ => Ok(()),
        }
    }

    /// Stops a container when it is its turn. One that takes its time to end gives its turn to the next.
    async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), EngineError> {
        let turn = self.stops.acquire().await.ok();
        let mut stop = std::pin::pin!(self.engine.stop(id, grace));
        tokio::select! {
            stopped = &mut stop => return stopped,
            () = tokio::time::sleep(TURN) => drop(turn),
        }
        stop.await
    }

    /// One call that changes something, finished even when the run is to end. The caller has leave for it.
    async fn change(&self, operation: &Operation) -> Result<(), OperationError> {
        let engine = self.engine;
        match &operation.action {
            Action::CreateNetwork { key, .. } => self.create_network(key).await?,
            Action::RemoveNetwork { id, .. } => self.remove_network(operation, id).await?,
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
                self.made.borrow_mut().insert(operation.id, Made::Container { id });
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
                let removal = Removal { force: true, anonymous_volumes: *volumes };
                ignore_missing(engine.remove(&self.id(container)?, removal).await)?;
            }
            Action::RenameContainer { container, name, .. } => {
                engine.rename(&self.id(container)?, name).await?
            }
            Action::DisableRestart { container, .. } => {
                let id = self.id(container)?;
                let policy = engine.inspect(id.as_str()).await?.restart_policy;
                // Asked a second time, it may be off already.
                self.made.borrow_mut().entry(operation.id).or_insert(Made::Policy(policy));
                engine.set_restart_policy(&id, RestartPolicy::No).await?;
            }
            Action::RunHook { .. } | Action::Await { .. } | Action::Steady { .. } | Action::Delay { .. } => {}
        }
        Ok(())
    }

    /// Waits for one container's gate. Where the service is optional, a failure is a warning.
    async fn wait(
        &self,
        replica: &Replica,
        container: &ContainerRef,
        gate: &Gate,
        optional: bool,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<OperationError>> {
        let id = self.id(container)?;
        let subject = subject(replica);
        let candidate = Candidate { id: &id, service: &replica.service, subject: &subject, gate };
        let counting = self.forward.waits.count();
        match self.waiter(&self.forward, counting.deadline).wait(&candidate, cancel).await {
            Err(Stopped::Failed(error)) if optional => {
                self.announcer.warn(format!("{error}\n  nobody requires it, so the run goes on"));
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Watches all of them at once.
    async fn steady(
        &self,
        operation: OpId,
        containers: &[(Replica, ContainerRef)],
        window: Duration,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<OperationError>> {
        let counting = self.forward.waits.count();
        let waiter = self.waiter(&self.forward, counting.deadline + window);
        let left_out = |replica: &Replica| self.tolerance.borrow().leaves_out(replica);
        let watched = containers.iter().filter(|(replica, _)| !left_out(replica));
        let watches = watched.map(|(replica, container)| {
            let waiter = &waiter;
            async move {
                match waiter.steady(replica, &self.id(container)?, window).await? {
                    Ok(()) => Ok(()),
                    Err(error) => self.judge(operation, replica, error),
                }
            }
        });
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Stopped::Cancelled),
            outcome = try_join_all(watches) => Ok(outcome.map(drop)?),
        }
    }

    fn waiter<'w>(&'w self, phase: &'w Phase, deadline: Instant) -> Waiter<'w> {
        Waiter {
            engine: self.engine,
            watch: &self.watch,
            events: self.announcer.events(),
            phase,
            deadline,
            desired: self.desired,
        }
    }

    /// The id behind a reference; one that an operation was to create may be missing only if that failed.
    fn id(&self, container: &ContainerRef) -> Result<ContainerId, OperationError> {
        match container {
            ContainerRef::Existing { id, .. } => Ok(id.clone()),
            ContainerRef::Created(op) => match self.made.borrow().get(op) {
                Some(Made::Container { id }) => Ok(id.clone()),
                _ => Err(OperationError::Impossible(format!("operation {op} created no container"))),
            },
        }
    }

    /// The ids behind references.
    fn ids(
        &self,
        containers: &BTreeMap<ServiceName, ContainerRef>,
    ) -> Result<BTreeMap<ServiceName, ContainerId>, OperationError> {
        containers.iter().map(|(name, container)| Ok((name.clone(), self.id(container)?))).collect()
    }

    /// A container that was there before the run.
    fn observed_container(&self, id: &ContainerId) -> Option<&Container> {
        self.observed.containers.iter().find(|container| container.id == *id)
    }

    /// What should exist; plans of verbs that read no files have none.
    fn desired(&self) -> Result<&'a Desired<'a>, OperationError> {
        self.desired.ok_or_else(|| {
            OperationError::Impossible("the plan creates things, but no files were read".into())
        })
    }

    /// Leave to make one more call; the caller holds it as long as the call takes. None is given while the lock of the
    /// project may be another's.
    async fn permit(&self) -> Result<Option<SemaphorePermit<'_>>, OperationError> {
        let permit = self.permits.acquire().await.ok();
        self.fenced().await?;
        Ok(permit)
    }

    /// Makes sure that the lock of the project is this run's, so that one more change may begin. After an outage that is
    /// known when the lock is renewed.
    async fn fenced(&self) -> Result<(), OperationError> {
        match &self.fence {
            Some(fence) => Ok(self.phase().locked(fence).await?),
            None => Ok(()),
        }
    }

    /// The part of the run that is going on.
    fn phase(&self) -> &Phase {
        if self.undoing.get() { &self.backward } else { &self.forward }
    }

    fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    fn observed(&self) -> &'a Observed {
        self.observed
    }

    fn undo_waits(&self) -> &Budget {
        &self.backward.waits
    }
}

impl Target for Docker<'_> {
    type Error = OperationError;

    async fn run(
        &self,
        operation: &Operation,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<OperationError>> {
        self.written(&operation.action).await?;
        if !self.tolerance.borrow_mut().begins(operation) {
            return self.leave_out(operation).await;
        }
        self.announcer.begin(operation);
        let outcome = match &operation.action {
            Action::Await { replica, container, gate, optional, .. } => {
                self.wait(replica, container, gate, *optional, cancel).await
            }
            Action::Steady { containers, window } => {
                self.steady(operation.id, containers, *window, cancel).await
            }
            Action::Delay { time, .. } => tokio::select! {
                () = cancel.cancelled() => Err(Stopped::Cancelled),
                () = tokio::time::sleep(*time) => Ok(()),
            },
            Action::RunHook { replica, container, hook } => {
                self.run_hook(replica, container, *hook, &self.forward.waits, cancel).await
            }
            _ => self.change_surely(operation, cancel).await,
        };
        let outcome = match (outcome, judged(&operation.action)) {
            (Err(Stopped::Failed(error)), Some(replica)) => {
                return Ok(self.judge(operation.id, replica, error).inspect_err(|error| {
                    self.announcer.failed(operation, &error.to_string());
                })?);
            }
            (outcome, _) => outcome,
        };
        match &outcome {
            Ok(()) => self.announcer.done(operation),
            Err(Stopped::Failed(error)) => self.announcer.failed(operation, &error.to_string()),
            Err(Stopped::Cancelled) => {}
        }
        outcome
    }

    async fn undo(&self, operation: &Operation) -> Result<(), OperationError> {
        let Some(undo) = operation.undo else { return Ok(()) };
        let left_out = |replica| self.tolerance.borrow().leaves_out(replica);
        if undo != Undo::Remove && operation.action.replica().is_some_and(left_out) {
            return Ok(());
        }
        let is_hook = matches!(operation.action, Action::RunHook { .. });
        if !is_hook && !self.asked.borrow().contains(&operation.id) {
            self.announcer.undone(operation);
            return Ok(());
        }
        self.undoing.set(true);
        self.announcer.undoing(operation);
        let outcome = self.take_back_surely(operation, undo).await;
        match &outcome {
            Ok(()) => self.announcer.undone(operation),
            Err(error) => self.announcer.failed(operation, &error.to_string()),
        }
        outcome
    }

    async fn watch_restored(&self) -> Vec<(OpId, OperationError)> {
        self.fallen().await
    }
}

/// The service of a container that is created, and whose namespaces and mounts it shares.
fn parents_of(operation: &Operation) -> Option<(String, BTreeMap<ServiceName, ContainerRef>)> {
    match &operation.action {
        Action::CreateContainer { replica, parents, .. } => Some((replica.service.clone(), parents.clone())),
        _ => None,
    }
}

/// A container that ended by itself needs no signal any more, and cannot be frozen.
fn ended_is_fine(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match ignore_missing(outcome) {
        Err(error) if error.is_conflict() => Ok(()),
        outcome => outcome,
    }
}
