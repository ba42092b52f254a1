//! Does operations on a Docker Engine, and takes them back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::announce::{Announcer, subject};
use super::budget::Budget;
use super::executor::{Stopped, Target};
use super::failure::OperationError;
use super::lost::{ATTEMPTS, CLOSING, Phase};
use super::ready::{Candidate, Waiter};
use super::tolerance::Tolerance;
use super::tolerated::judged;
use super::watch::Watch;
use crate::engine::container::{Removal, RestartPolicy};
use crate::engine::convert::NewNetwork;
use crate::engine::labels::compose;
use crate::engine::network::Endpoint;
use crate::engine::{Engine, EngineError};
use crate::plan::desired::Desired;
use crate::plan::observed::{Container, ContainerId, NetworkId, Observed};
use crate::plan::operation::{Action, ContainerRef, Gate, HookPoint, OpId, Operation, Plan, Replica, Undo};
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
pub type Written = watch::Receiver<Option<bool>>;

/// Waits until the begin of a run is written down; false where it cannot be.
pub async fn is_written(written: &Written) -> bool {
    written.clone().wait_for(Option::is_some).await.is_ok_and(|written| *written == Some(true))
}

/// The Docker Engine as the target of a plan.
pub struct Docker<'a> {
    pub(super) engine: &'a Engine,
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    watch: Watch,
    announcer: Announcer,
    pub(super) tolerance: RefCell<Tolerance>,
    pub(super) paused: RefCell<Vec<(OpId, OperationError)>>,
    permits: Semaphore,
    /// Turns to begin a stop.
    stops: Semaphore,
    forward: Phase,
    backward: Phase,
    pub(super) made: RefCell<BTreeMap<OpId, Made>>,
    fence: Option<Fence>,
    pub(super) run: Option<u64>,
    written: Option<Written>,
}

/// What an operation left that its undo, or a later operation, must know.
#[derive(Debug, Clone)]
pub(super) enum Made {
    Container {
        id: ContainerId,
        service: String,
    },
    Policy(RestartPolicy),
    /// A network that was removed.
    Network(NewNetwork),
    /// How a container was attached to the network that it was taken off.
    Attachment(Option<Endpoint>),
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
            watch: Watch::begin(engine, &plan.project).await?,
            announcer: Announcer::new(plan, events),
            tolerance: RefCell::new(Tolerance::of(plan)),
            paused: RefCell::default(),
            permits: Semaphore::new(limits.parallel.max(1)),
            stops: Semaphore::new(STOPS_AT_ONCE),
            forward: Phase::new(limits.wait),
            backward: Phase::new(limits.wait),
            fence: limits.fence,
            run: limits.run,
            written: limits.written,
            made: RefCell::default(),
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

    /// One call that changes something: bounded by `--parallel`, finished even when the run is to end.
    async fn change(&self, operation: &Operation) -> Result<(), OperationError> {
        let _permit = self.permit().await?;
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
            Action::RemoveVolume { name } => gone_is_fine(engine.remove_volume(name).await)?,
            Action::RemoveImage { name } => gone_is_fine(engine.remove_image(name, false).await)?,
            Action::CreateContainer { replica, name, replaces } => {
                let id = self.create_container(replica, name, replaces.as_ref()).await?;
                self.made
                    .borrow_mut()
                    .insert(operation.id, Made::Container { id, service: replica.service.clone() });
            }
            Action::StartContainer { container, .. } => engine.start(&self.id(container)?).await?,
            Action::UnpauseContainer { container, .. } => engine.unpause(&self.id(container)?).await?,
            Action::StopContainer { container, grace, .. } => {
                gone_is_fine(self.stop(&self.id(container)?, *grace).await)?;
            }
            Action::KillContainer { container, signal, .. } => {
                ended_is_fine(engine.kill(&self.id(container)?, signal).await)?;
            }
            Action::RemoveContainer { container, volumes, .. } => {
                let removal = Removal { force: true, anonymous_volumes: *volumes };
                gone_is_fine(engine.remove(&self.id(container)?, removal).await)?;
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
                let id = self.id(container)?;
                let subject = subject(replica);
                let candidate =
                    Candidate { id: &id, service: &replica.service, subject: &subject, gate: &Gate::Running };
                let begun = Instant::now();
                match waiter.steady(&candidate, window).await? {
                    Ok(()) => Ok(()),
                    Err(reason) => self.judge(
                        operation,
                        replica,
                        waiter.explain(&candidate, reason, begun.elapsed()).await,
                    ),
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
        Waiter { engine: self.engine, watch: &self.watch, events: self.announcer.events(), phase, deadline }
    }

    /// The id behind a reference; one that an operation was to create may be missing only if that failed.
    pub(super) fn id(&self, container: &ContainerRef) -> Result<ContainerId, OperationError> {
        match container {
            ContainerRef::Existing { id, .. } => Ok(id.clone()),
            ContainerRef::Created(op) => match self.made.borrow().get(op) {
                Some(Made::Container { id, .. }) => Ok(id.clone()),
                _ => Err(OperationError::Impossible(format!("operation {op} created no container"))),
            },
        }
    }

    /// The container that this run created for a service; the first replica's.
    pub(super) fn created_for(&self, wanted: &str) -> Option<ContainerId> {
        self.made.borrow().values().find_map(|made| match made {
            Made::Container { id, service } if service == wanted => Some(id.clone()),
            _ => None,
        })
    }

    /// The first replica that a service had before the run.
    pub(super) fn first_of(&self, service: &str) -> Option<ContainerId> {
        let own = |container: &&Container| container.service == service && !container.oneoff;
        self.observed.containers.iter().find(own).map(|container| container.id.clone())
    }

    /// A container that was there before the run.
    pub(super) fn observed_container(&self, id: &ContainerId) -> Option<&Container> {
        self.observed.containers.iter().find(|container| container.id == *id)
    }

    /// What should exist; plans of verbs that read no files have none.
    pub(super) fn desired(&self) -> Result<&'a Desired<'a>, OperationError> {
        self.desired.ok_or_else(|| {
            OperationError::Impossible("the plan creates things, but no files were read".into())
        })
    }

    /// Leave to make one more call; the caller holds it as long as the call takes. None is given while the lock of the
    /// project may be another's.
    pub(super) async fn permit(&self) -> Result<Option<SemaphorePermit<'_>>, OperationError> {
        let permit = self.permits.acquire().await.ok();
        if let Some(fence) = &self.fence {
            fence.check()?;
        }
        Ok(permit)
    }

    pub(super) fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    pub(super) fn observed(&self) -> &'a Observed {
        self.observed
    }

    pub(super) fn undo_waits(&self) -> &Budget {
        &self.backward.waits
    }

    /// Whether the engine answers again after a call that failed so.
    async fn reconnected(&self, phase: &Phase, error: &OperationError) -> bool {
        match error {
            OperationError::Engine(error) => {
                phase.reconnected(self.engine, self.announcer.events(), error).await
            }
            _ => false,
        }
    }

    /// One call that changes something, made again where the connection broke: after looking at what became of it. What
    /// the engine takes too long for it may do yet, so that is not made again; that it is done counts.
    async fn change_surely(
        &self,
        operation: &Operation,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<OperationError>> {
        let mut attempt = 1;
        loop {
            let Err(error) = self.change(operation).await else { return Ok(()) };
            // A signal twice is another thing than a signal.
            let repeatable = !matches!(operation.action, Action::KillContainer { .. });
            if attempt == ATTEMPTS || !repeatable {
                return Err(error.into());
            }
            if error.is_late() {
                return match self.is_done(operation).await {
                    Ok(true) => Ok(()),
                    _ => Err(error.into()),
                };
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(error.into()),
                again = self.reconnected(&self.forward, &error) => if !again { return Err(error.into()) },
            }
            attempt += 1;
            if self.is_done(operation).await? {
                return Ok(());
            }
        }
    }

    /// Looks at whether an operation whose answer was lost was done; what was half done is cleared away.
    async fn is_done(&self, operation: &Operation) -> Result<bool, OperationError> {
        match &operation.action {
            Action::CreateNetwork { name, .. } => {
                let project = self.desired()?.project.name.as_str();
                let own = |labels: &BTreeMap<String, String>| {
                    labels.get(compose::PROJECT).is_some_and(|label| label == project)
                };
                let networks = self.engine.list_networks().await?;
                Ok(networks.iter().any(|network| network.name == *name && own(&network.labels)))
            }
            Action::RemoveNetwork { id, .. } => {
                Ok(!self.engine.list_networks().await?.iter().any(|network| network.id == *id))
            }
            // Looked at once more, it would be remembered as never attached.
            Action::DisconnectContainer { container, network, .. } => {
                Ok(self.engine.attachment(network, &self.id(container)?).await?.is_none())
            }
            Action::CreateContainer { name, .. } => {
                self.remove_created(operation.id, name).await?;
                Ok(false)
            }
            Action::RemoveContainer { container, .. } => {
                match self.engine.inspect(self.id(container)?.as_str()).await {
                    Err(error) if error.is_not_found() => Ok(true),
                    found => Ok(found.map(|_| false)?),
                }
            }
            Action::RenameContainer { container, name, .. } => {
                Ok(self.engine.inspect(self.id(container)?.as_str()).await?.name == *name)
            }
            _ => Ok(false),
        }
    }

    /// Takes one operation back, again where the connection broke or no answer came: every way back may be gone twice.
    async fn take_back_surely(&self, operation: &Operation, undo: Undo) -> Result<(), OperationError> {
        let mut attempt = 1;
        loop {
            let Err(error) = self.take_back(operation, undo).await else { return Ok(()) };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            // An engine that shuts down refuses with odd words before it is gone.
            if !self.reconnected(&self.backward, &error).await {
                match &error {
                    late if late.is_late() && attempt == 2 => {}
                    OperationError::Engine(refused) if refused.status() >= Some(500) => {
                        tokio::time::sleep(CLOSING).await;
                    }
                    _ => return Err(error),
                }
            }
        }
    }

    /// Takes one operation back.
    async fn take_back(&self, operation: &Operation, undo: Undo) -> Result<(), OperationError> {
        // Hooks, and the wait for what runs again, have their own leave.
        match (undo, &operation.action) {
            (Undo::Stop, Action::StartContainer { container, replica }) if self.id(container).is_ok() => {
                self.run_hooks(replica, container, HookPoint::PreStop).await?;
            }
            (Undo::Start, Action::StopContainer { container, replica, .. }) => {
                return self.restore(container, replica).await;
            }
            _ => {}
        }
        let _permit = self.permit().await?;
        match (undo, &operation.action) {
            (Undo::Remove, Action::CreateNetwork { name, .. }) => {
                gone_is_fine(self.engine.remove_network(&NetworkId(name.clone())).await)?;
            }
            (Undo::Remove, Action::CreateContainer { name, .. }) => {
                self.remove_created(operation.id, name).await?
            }
            (Undo::Recreate, Action::RemoveNetwork { .. }) => self.recreate_network(operation.id).await?,
            (Undo::Connect, Action::DisconnectContainer { container, network, .. }) => {
                self.connect_as_before(operation.id, &self.id(container)?, network).await?;
            }
            (Undo::Disconnect, Action::ConnectContainer { container, network, .. }) => {
                gone_is_fine(self.engine.disconnect(network, &self.id(container)?, true).await)?;
            }
            (Undo::Stop, Action::StartContainer { container, .. }) => {
                // Where its creation failed there is nothing to stop.
                if let Ok(id) = self.id(container) {
                    gone_is_fine(self.stop(&id, None).await)?;
                }
            }
            (Undo::Remove, Action::RunHook { replica, hook, .. }) => {
                self.remove_hook_container(replica, *hook).await?;
            }
            (Undo::EnableRestart, Action::DisableRestart { container, .. }) => {
                let policy = self.made.borrow().get(&operation.id).cloned();
                if let Some(Made::Policy(policy)) = policy {
                    self.engine.set_restart_policy(&self.id(container)?, policy).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Removes a container that the run created. Where the answer to its creation was lost, it is looked for by name:
    /// one that was there before the run is left alone.
    async fn remove_created(&self, op: OpId, name: &str) -> Result<(), OperationError> {
        let known = match self.made.borrow().get(&op) {
            Some(Made::Container { id, .. }) => Some(id.clone()),
            _ => None,
        };
        let id = match known {
            Some(id) => id,
            None => match self.engine.inspect(name).await {
                Err(error) if error.is_not_found() => return Ok(()),
                found => found?.id,
            },
        };
        let before =
            self.observed.containers.iter().chain(&self.observed.foreign).any(|container| container.id == id);
        if !before {
            gone_is_fine(self.engine.remove(&id, Removal { force: true, anonymous_volumes: true }).await)?;
        }
        Ok(())
    }

    /// Starts an old container again and waits until it is as ready as it can be seen to be.
    async fn restore(&self, container: &ContainerRef, replica: &Replica) -> Result<(), OperationError> {
        let id = &self.id(container)?;
        let permit = self.permit().await?;
        self.engine.start(id).await?;
        drop(permit);
        self.run_hooks(replica, container, HookPoint::PostStart).await?;
        let details = self.engine.inspect(id.as_str()).await?;
        let gate = match details.healthcheck {
            Some(_) => Gate::Healthy { probe: !details.has_gpu },
            None => Gate::Running,
        };
        let subject = subject(replica);
        let candidate = Candidate { id, service: &replica.service, subject: &subject, gate: &gate };
        let counting = self.backward.waits.count();
        let waiter = self.waiter(&self.backward, counting.deadline);
        match waiter.wait(&candidate, &CancellationToken::new()).await {
            Err(Stopped::Failed(error)) => Err(error),
            _ => Ok(()),
        }
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
        self.announcer.undoing(operation);
        let outcome = self.take_back_surely(operation, undo).await;
        match &outcome {
            Ok(()) => self.announcer.undone(operation),
            Err(error) => self.announcer.failed(operation, &error.to_string()),
        }
        outcome
    }
}

/// A container that ended by itself needs no signal any more.
fn ended_is_fine(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match gone_is_fine(outcome) {
        Err(error) if error.is_conflict() => Ok(()),
        outcome => outcome,
    }
}

/// Removing or stopping what is gone already is success: somebody else did the work.
pub(super) fn gone_is_fine(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match outcome {
        Err(error) if error.is_not_found() => Ok(()),
        outcome => outcome,
    }
}
