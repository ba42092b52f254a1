//! The hand-over of a worker before each stop of its container: it takes no more work, finishes what it has, is stopped, and its end
//! is checked. It is woven into every plan, wherever one stops a worker, so that no verb can forget it.
//!
//! How a container does it is in its label, for verbs that read no files, and because the files may have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::desired::{Desired, DesiredService};
use super::observed::{Container, ContainerId, Observed};
use super::operation::{Group, OnFailure, OpId, Operation, Plan, Undo};
use super::rewrite::{Pass, Place, Rewrite};
use super::workers;
use crate::compose::model::HandOverCommands;
use crate::labels::{compose, sofa};
use crate::worker::celery::Command;

/// How long the work of a worker may take where nothing says it.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// How a container gives up its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    pub method: Method,
    /// How long the work that it has may take. Then it is stopped all the same, with its grace period.
    pub deadline: Duration,
    /// Whether it is replaced after the others of its kind, one at a time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_turn: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// By Celery's remote control, from inside the container.
    Celery,
    Commands(HandOverCommands),
    /// By the edge: it sends no more requests to the container.
    Edge,
}

impl Method {
    /// Whether a container that was stopped and started again may still take no work: the edge does not know of its start, and what a
    /// command did may be in its file system. The process of a Celery worker alone decides.
    pub fn outlives_a_stop(&self) -> bool {
        match self {
            Method::Celery => false,
            Method::Commands(commands) => commands.resume.is_some(),
            Method::Edge => true,
        }
    }
}

/// How the containers of a service give up their work; `None` where they have none.
pub fn of_service(service: &DesiredService<'_>) -> Option<HandOver> {
    let DesiredService { service, found, .. } = service;
    if let Some(http) = service.http() {
        return Some(HandOver { method: Method::Edge, deadline: http.drain.0, in_turn: false });
    }
    let said = service.sofa.as_ref().and_then(|sofa| sofa.handover.as_ref());
    let (method, limit) = match said.and_then(|said| said.commands.clone()) {
        Some(commands) => (Method::Commands(commands), None),
        None if !workers::is_celery(service) => return None,
        None => match workers::command(service, *found) {
            Ok(Command::Worker(worker)) => (Method::Celery, worker.time_limit),
            Ok(Command::Beat | Command::Other(_)) => return None,
            // The script in the container finds out.
            Err(_) => (Method::Celery, None),
        },
    };
    let deadline = said.and_then(|said| said.deadline).map(|deadline| deadline.0);
    Some(HandOver {
        method,
        deadline: deadline.or(limit).unwrap_or(DEADLINE),
        in_turn: workers::replaced_in_turn(service, *found),
    })
}

/// The label with the hand-over of a service's containers.
pub fn label(service: &DesiredService<'_>) -> Option<String> {
    serde_json::to_string(&of_service(service)?).ok()
}

/// The hand-over of a container that existed before the run: from its label, else from the files if docker compose created it from
/// the same configuration.
pub fn of_container(container: &Container, service: Option<&DesiredService<'_>>) -> Option<HandOver> {
    if let Some(text) = container.labels.get(sofa::HANDOVER) {
        return serde_json::from_str(text).ok();
    }
    let hash = container.label(compose::CONFIG_HASH).unwrap_or_default();
    let known = of_service(service.filter(|service| service.hashes.iter().any(|known| known == hash))?);
    // Without the label it is not behind the edge.
    known.filter(|handover| handover.method != Method::Edge)
}

/// The hand-over of a container that a plan names.
pub fn of(
    container: &ContainerRef,
    service: &str,
    desired: Option<&Desired<'_>>,
    observed: &Observed,
) -> Option<HandOver> {
    let model = desired.and_then(|desired| desired.service(service));
    match container {
        ContainerRef::Created(_) => of_service(model?),
        ContainerRef::Existing { id, .. } => {
            of_container(observed.containers.iter().find(|found| found.id == *id)?, model)
        }
    }
}

/// A stop of a worker that the draft has.
#[derive(Debug, Clone)]
struct WorkerStop {
    replica: Replica,
    container: ContainerRef,
    handover: HandOver,
    cause: Cause,
}

/// The pass that adds a hand-over around every stop of a worker.
pub(super) struct HandOvers<'a> {
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    /// Whether a stop may fail because a hand-over failed.
    may_refuse_stops: bool,
    /// The stops behind the barrier. Their workers are idle before it, so that a failure or an interrupt can be undone.
    settling: Vec<WorkerStop>,
    /// The last operations before the containers of workers count as ready that are replaced in turn, by service.
    in_turn: BTreeMap<String, Vec<OpId>>,
    /// The containers that the plan stops.
    stopped: BTreeSet<String>,
    /// The containers that the plan waits for.
    awaited: BTreeSet<String>,
}

impl<'a> HandOvers<'a> {
    pub(super) fn new(
        plan: &Plan,
        desired: Option<&'a Desired<'a>>,
        observed: &'a Observed,
    ) -> HandOvers<'a> {
        let mut pass = HandOvers {
            desired,
            observed,
            may_refuse_stops: plan.on_failure != OnFailure::GoOn,
            settling: Vec::new(),
            in_turn: BTreeMap::new(),
            stopped: BTreeSet::new(),
            awaited: BTreeSet::new(),
        };
        for operation in &plan.operations {
            if let Action::Await { container: ContainerRef::Existing { id, .. }, .. } = &operation.action {
                pass.awaited.insert(id.0.clone());
            }
            if let Action::StopContainer { container: ContainerRef::Existing { id, .. }, .. } =
                &operation.action
            {
                pass.stopped.insert(id.0.clone());
            }
            if plan.barrier.is_some_and(|barrier| operation.id > barrier) {
                pass.settling.extend(pass.stop_of(operation));
            }
        }
        pass
    }

    /// The stop of a worker that an operation is.
    fn stop_of(&self, operation: &Operation) -> Option<WorkerStop> {
        let Action::StopContainer { replica, container, grace } = &operation.action else { return None };
        let mut handover = self.handover(container, &replica.service)?;
        // Who says how long a stop may take does not want to wait longer for the work.
        handover.deadline = grace.map_or(handover.deadline, |grace| grace.min(handover.deadline));
        let (replica, container) = (replica.clone(), container.clone());
        Some(WorkerStop { replica, container, handover, cause: operation.cause.clone() })
    }

    fn handover(&self, container: &ContainerRef, service: &str) -> Option<HandOver> {
        of(container, service, self.desired, self.observed)
    }

    /// Ends the consumption of a worker, and waits until it has nothing to do. Returns the wait.
    fn drain(&self, rewrite: &mut Rewrite, stop: &WorkerStop, needs: Vec<OpId>, required: bool) -> OpId {
        let WorkerStop { replica, container, handover, cause } = stop;
        let group = Group::Service(replica.service.clone());
        let (subject, target) = (replica.clone(), container.clone());
        let quiesce = Action::Quiesce { replica: subject, container: target, required };
        let quiesce = Operation::new(group.clone(), needs, quiesce, cause.clone());
        let quiesced = rewrite.add(Operation { undo: Some(Undo::Resume), ..quiesce });
        let (replica, container) = (replica.clone(), container.clone());
        let drain = Action::Drain { replica, container, deadline: handover.deadline, required };
        rewrite.add(Operation::new(group, vec![quiesced], drain, Cause::None))
    }

    /// Has a worker take work again that is started after a hand-over, where its stop does not end that it takes none. The edge has
    /// operations of its own for that.
    fn resume_after_start(&self, operation: &Operation) -> Option<Operation> {
        let (replica, container) = match &operation.action {
            Action::Await { replica, container, .. } => (replica, container),
            Action::StartContainer { replica, container } => match container {
                ContainerRef::Existing { id, .. } if !self.awaited.contains(&id.0) => (replica, container),
                _ => return None,
            },
            _ => return None,
        };
        let ContainerRef::Existing { id, .. } = container else { return None };
        let method = self.handover(container, &replica.service)?.method;
        let is_quiet = self.stopped.contains(&id.0) || self.is_stopped_and_quiesced(id);
        if method == Method::Edge || !method.outlives_a_stop() || !is_quiet {
            return None;
        }
        let (replica, container) = (replica.clone(), container.clone());
        let action = Action::Resume { replica, container };
        Some(Operation::new(operation.group.clone(), vec![operation.id], action, Cause::None))
    }

    fn is_stopped_and_quiesced(&self, id: &ContainerId) -> bool {
        let mut stopped = self.observed.containers.iter().filter(|container| !container.is_up());
        stopped.any(|container| container.id == *id && container.quiesced)
    }

    /// The operations that must be done before the next worker of those replaced in turn stops.
    fn turn(&self, stop: &WorkerStop) -> Vec<OpId> {
        let others = self.in_turn.iter().filter(|(service, _)| **service != stop.replica.service);
        match stop.handover.in_turn {
            true => others.flat_map(|(_, ready)| ready).copied().collect(),
            false => Vec::new(),
        }
    }
}

impl Pass for HandOvers<'_> {
    /// A worker that a killed run left without consumption consumes again, unless this plan stops it.
    fn begin(&mut self, rewrite: &mut Rewrite) {
        let left = self.observed.containers.iter().filter(|container| {
            container.quiesced && container.is_up() && !self.stopped.contains(&container.id.0)
        });
        for container in left {
            let (replica, target) = (Replica::of(container), ContainerRef::of(container));
            let action = match container.behind_edge() {
                Some(_) => Action::AddServer { replica, container: target },
                None => Action::Resume { replica, container: target },
            };
            let group = Group::Service(container.service.clone());
            rewrite.add(Operation::new(group, Vec::new(), action, Cause::OfInterruptedRun));
        }
    }

    fn before(&mut self, rewrite: &mut Rewrite, operation: &Operation, place: Place) -> Vec<OpId> {
        match place {
            Place::Settles => Vec::new(),
            Place::Barrier => {
                let drains = self.settling.iter();
                drains.map(|stop| self.drain(rewrite, stop, operation.needs.clone(), true)).collect()
            }
            Place::Before => match self.stop_of(operation) {
                Some(stop) => {
                    let needs = [operation.needs.clone(), self.turn(&stop)].concat();
                    vec![self.drain(rewrite, &stop, needs, self.may_refuse_stops)]
                }
                None => Vec::new(),
            },
        }
    }

    fn after(&mut self, rewrite: &mut Rewrite, operation: &Operation) -> Option<OpId> {
        if let Action::StartContainer { replica, container } | Action::Await { replica, container, .. } =
            &operation.action
            && self.handover(container, &replica.service).is_some_and(|handover| handover.in_turn)
        {
            self.in_turn.entry(replica.service.clone()).or_default().push(operation.id);
        }
        if let Some(resume) = self.resume_after_start(operation) {
            return Some(rewrite.add(resume));
        }
        let stop = self.stop_of(operation).filter(|stop| stop.handover.method != Method::Edge)?;
        let (replica, container) = (stop.replica.clone(), stop.container.clone());
        let action = Action::VerifyEnd { replica, container, required: self.may_refuse_stops };
        let group = Group::Service(stop.replica.service);
        Some(rewrite.add(Operation::new(group, vec![operation.id], action, Cause::None)))
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
