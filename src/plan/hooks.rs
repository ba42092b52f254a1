//! Hooks: commands around a container's starts and stops. They are woven into every plan, wherever it starts or stops one,
//! so that no verb can forget them.
//!
//! What a container's `post_start` and `pre_stop` hooks are stands in its label, for verbs that read no files and because the
//! files may say something else by now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{Action, ContainerRef, Replica};
use super::deploy::Problem;
use super::desired::{Desired, DesiredService};
use super::observed::{Container, Observed};
use super::operation::{Group, OnFailure, OpId, Operation, Plan, Undo};
use crate::compose::model::{Hook, Service};

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
use crate::labels::{compose, sofa};

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

/// The hooks that run in a container, as its label holds them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Labelled {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    post_start: Vec<Hook>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pre_stop: Vec<Hook>,
}

/// What a container's label says of its hooks; nothing for a service without any. A value that did not stand in the files as
/// it is is left out: the container has it in its environment ([`problems`] sees to that), and so have its hooks.
pub fn label(service: &Service) -> Option<String> {
    let bare = |hooks: &[Hook]| -> Vec<Hook> { hooks.iter().map(without_withheld).collect() };
    let hooks = Labelled { post_start: bare(&service.post_start), pre_stop: bare(&service.pre_stop) };
    if hooks == Labelled::default() {
        return None;
    }
    serde_json::to_string(&hooks).ok()
}

fn without_withheld(hook: &Hook) -> Hook {
    let mut bare = Hook { withheld: Vec::new(), extensions: BTreeMap::new(), ..hook.clone() };
    bare.environment.retain(|name, _| !hook.withheld.contains(&format!("environment.{name}")));
    bare
}

/// The hooks that could run now and not be told from a label later, each with the way out.
pub(super) fn problems(service: &Service) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, hooks) in [("post_start", &service.post_start), ("pre_stop", &service.pre_stop)] {
        for (index, hook) in hooks.iter().enumerate() {
            let inherited = |part: &str| {
                let variable = part.strip_prefix("environment.").unwrap_or_default();
                let own = hook.environment.get(variable);
                own.is_some() && own == service.environment.get(variable)
            };
            problems.extend(hook.withheld.iter().filter(|part| !inherited(part)).map(|part| Problem {
                message: format!(
                    "service `{}`: `{key}[{index}].{part}` comes from a variable and may be a secret, but `stop` and \
                     `start` know a hook from the container's label alone",
                    service.name
                ),
                hint: Some(match part.strip_prefix("environment.") {
                    Some(variable) => format!("give `{variable}` to the service's `environment`, which its hooks inherit"),
                    None => "give the value to the service's `environment` and let the hook read it there: \
                             `sh -c '… $$NAME'`"
                        .into(),
                }),
                owned: false,
            }));
        }
    }
    problems
}

/// The hooks of a container that was there before the run: by its label, else, where docker compose made it as the files
/// still say, by the files. `Err` where the label cannot be read.
fn of_container(
    container: &Container,
    service: Option<&DesiredService<'_>>,
) -> Result<Labelled, serde_json::Error> {
    if let Some(text) = container.labels.get(sofa::HOOKS) {
        return serde_json::from_str(text);
    }
    let hash = container.label(compose::CONFIG_HASH).unwrap_or_default();
    let same = service.filter(|service| service.hashes.iter().any(|known| known == hash));
    Ok(same.map(|service| of_service(service.service)).unwrap_or_default())
}

fn of_service(service: &Service) -> Labelled {
    Labelled { post_start: service.post_start.clone(), pre_stop: service.pre_stop.clone() }
}

/// The hooks of a container at a point of its life.
pub fn hooks(
    container: &ContainerRef,
    service: &str,
    point: HookPoint,
    desired: Option<&Desired<'_>>,
    observed: &Observed,
) -> Vec<Hook> {
    let model = desired.and_then(|desired| desired.service(service));
    if point == HookPoint::PreStart {
        return model.map(|model| model.service.pre_start.clone()).unwrap_or_default();
    }
    let found = match container {
        ContainerRef::Created(_) => model.map(|model| of_service(model.service)),
        ContainerRef::Existing { id, .. } => {
            let found = observed.containers.iter().find(|container| container.id == *id);
            found.and_then(|container| of_container(container, model).ok())
        }
    };
    let found = found.unwrap_or_default();
    if point == HookPoint::PostStart { found.post_start } else { found.pre_stop }
}

/// Puts the hooks of every container that a plan starts or stops around that operation.
pub(super) fn weave(plan: Plan, desired: Option<&Desired<'_>>, observed: &Observed) -> Plan {
    let mut weaver = Weaver {
        desired,
        observed,
        stopped: stopped(&plan.operations),
        go_on: plan.on_failure == OnFailure::GoOn,
        operations: Vec::with_capacity(plan.operations.len()),
        places: BTreeMap::new(),
        prepared: BTreeMap::new(),
        leftovers: Vec::new(),
    };
    weaver.remove_leftovers();
    for operation in plan.operations {
        let behind = plan.barrier.is_some_and(|barrier| operation.id > barrier);
        weaver.add(operation, behind);
    }
    let mut notes = plan.notes;
    notes.extend(unreadable(observed));
    let barrier = plan.barrier.and_then(|barrier| Some(weaver.places.get(&barrier)?.own));
    Plan { operations: weaver.operations, barrier, notes, ..plan }
}

/// The containers that a plan stops.
fn stopped(operations: &[Operation]) -> BTreeSet<String> {
    let stops = operations.iter().filter_map(|operation| match &operation.action {
        Action::StopContainer { container: ContainerRef::Existing { id, .. }, .. } => Some(id.0.clone()),
        _ => None,
    });
    stops.collect()
}

/// Containers whose hooks nobody knows are named: that they do not run must not be silent.
fn unreadable(observed: &Observed) -> Vec<String> {
    let broken = observed.containers.iter().filter(|container| of_container(container, None).is_err());
    broken
        .map(|container| {
            format!("label {} of {} is not readable: its hooks do not run", sofa::HOOKS, container.name)
        })
        .collect()
}

/// Where an operation of the plan went.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its new number.
    own: OpId,
    /// What must be done where it had to be: the last of its hooks.
    done: OpId,
}

struct Weaver<'a> {
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    stopped: BTreeSet<String>,
    go_on: bool,
    operations: Vec<Operation>,
    places: BTreeMap<OpId, Place>,
    /// By service, the last operation before its first start.
    prepared: BTreeMap<String, OpId>,
    /// The removals of what an interrupted run left.
    leftovers: Vec<OpId>,
}

impl Weaver<'_> {
    fn add(&mut self, mut operation: Operation, behind_barrier: bool) {
        let old = operation.id;
        operation.needs =
            operation.needs.iter().filter_map(|need| Some(self.places.get(need)?.done)).collect();
        self.renumber(&mut operation.action);
        let action = operation.action.clone();
        operation.needs.extend(self.before(&action, &operation.needs, behind_barrier));
        let own = self.push(operation);
        let done = self.after(&action, own).unwrap_or(own);
        self.places.insert(old, Place { own, done });
    }

    /// The hooks before an operation; returns the last.
    fn before(&mut self, action: &Action, needs: &[OpId], behind_barrier: bool) -> Option<OpId> {
        match action {
            Action::StartContainer { replica, container } => self.prepare(replica, container, needs),
            Action::StopContainer { replica, container, grace } => {
                // What only goes forward is not kept from stopping by a hook that fails.
                let required = !behind_barrier && !self.go_on;
                let call = HookCall { required, grace: *grace, ..self.call(HookPoint::PreStop) };
                self.chain(replica, container, call, needs.to_vec())
            }
            _ => None,
        }
    }

    /// The hooks behind an operation; returns the last.
    fn after(&mut self, action: &Action, own: OpId) -> Option<OpId> {
        let Action::StartContainer { replica, container } = action else { return None };
        self.chain(replica, container, self.call(HookPoint::PostStart), vec![own])
    }

    /// The service's `pre_start` hooks, before the first of its containers starts, unless one of them stays up throughout
    /// (Compose: once for a service, and only where no replica runs). Returns the last of them.
    fn prepare(&mut self, replica: &Replica, container: &ContainerRef, needs: &[OpId]) -> Option<OpId> {
        if let Some(last) = self.prepared.get(&replica.service) {
            return Some(*last);
        }
        let stays_up = self.observed.containers.iter().any(|found| {
            found.service == replica.service
                && !found.oneoff
                && found.is_up()
                && !self.stopped.contains(&found.id.0)
        });
        if stays_up {
            return None;
        }
        let needs = needs.iter().chain(&self.leftovers).copied().collect();
        let last = self.chain(replica, container, self.call(HookPoint::PreStart), needs)?;
        self.prepared.insert(replica.service.clone(), last);
        Some(last)
    }

    fn call(&self, point: HookPoint) -> HookCall {
        HookCall { point, number: 1, of: 1, required: true, grace: None }
    }

    /// Adds the hooks of a container at a point, one after the other; returns the last.
    fn chain(
        &mut self,
        replica: &Replica,
        container: &ContainerRef,
        call: HookCall,
        mut needs: Vec<OpId>,
    ) -> Option<OpId> {
        let of = hooks(container, &replica.service, call.point, self.desired, self.observed).len();
        let mut last = None;
        for number in 1..=of {
            let id = self.push(Operation {
                id: OpId(0),
                needs,
                group: Group::Service(replica.service.clone()),
                action: Action::RunHook {
                    replica: replica.clone(),
                    container: container.clone(),
                    hook: HookCall { number, of, ..call },
                },
                cause: String::new(),
                fields: Vec::new(),
                disruptive: false,
                one_way: call.point == HookPoint::PreStart,
                undo: (call.point == HookPoint::PreStart).then_some(Undo::Remove),
            });
            needs = vec![id];
            last = Some(id);
        }
        last
    }

    /// Removes what `pre_start` hooks of an interrupted run left.
    fn remove_leftovers(&mut self) {
        let Some(desired) = self.desired else { return };
        let left = self.observed.containers.iter().filter(|container| {
            container.label(compose::HOOK).is_some() && desired.service(&container.service).is_some()
        });
        for container in left {
            let removed = self.push(Operation {
                id: OpId(0),
                needs: Vec::new(),
                group: Group::Service(container.service.clone()),
                action: Action::RemoveContainer {
                    replica: Replica::of(container),
                    container: ContainerRef::of(container),
                    volumes: true,
                },
                cause: "left by an interrupted run".into(),
                fields: Vec::new(),
                disruptive: false,
                one_way: false,
                undo: None,
            });
            self.leftovers.push(removed);
        }
    }

    fn push(&mut self, mut operation: Operation) -> OpId {
        operation.id = OpId(self.operations.len() + 1);
        operation.needs.sort_unstable();
        operation.needs.dedup();
        self.operations.push(operation);
        OpId(self.operations.len())
    }

    /// Operations that name another one (the creation of a container, what took it off a network) name it by its new number.
    fn renumber(&self, action: &mut Action) {
        let places = &self.places;
        if let Action::ConnectContainer { as_before, .. } = action
            && let Some(place) = places.get(as_before)
        {
            *as_before = place.own;
        }
        action.for_each_container(|container| {
            if let ContainerRef::Created(op) = container
                && let Some(place) = places.get(op)
            {
                *op = place.own;
            }
        });
    }
}
