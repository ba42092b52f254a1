//! Hooks: commands around a container's starts and stops. They are woven into every plan, wherever it starts or stops one,
//! so that no verb can forget them.
//!
//! The `post_start` and `pre_stop` hooks of a container are in its label, for verbs that read no files, and because the files may
//! have changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::desired::{Desired, DesiredService};
use super::hook::{HookCall, HookPoint};
use super::observed::{Container, Observed};
use super::operation::{Group, OnFailure, OpId, Operation, Plan, Undo};
use super::problem::Problem;
use super::rewrite::{Pass, Place, Rewrite};
use crate::compose::model::{Hook, Service};
use crate::labels::{compose, sofa};

/// The hooks of a container, as its label stores them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Labelled {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    post_start: Vec<Hook>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pre_stop: Vec<Hook>,
}

/// The label with a service's hooks; `None` if it has none. Values of variables are left out: the container has them in its
/// environment ([`problems`] checks that), and so have its hooks.
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

/// The hooks that could not be read from a label later, each with a way out.
pub(super) fn problems(service: &Service) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, hooks) in [("post_start", &service.post_start), ("pre_stop", &service.pre_stop)] {
        for (index, hook) in hooks.iter().enumerate() {
            let inherited = |part: &str| {
                let variable = part.strip_prefix("environment.").unwrap_or_default();
                let own = hook.environment.get(variable);
                own.is_some() && own == service.environment.get(variable)
            };
            problems.extend(hook.withheld.iter().filter(|part| !inherited(part)).map(|part| {
                let message = format!(
                    "`{key}[{index}].{part}` comes from a variable and may be a secret, but `stop` and `start` know a hook \
                     only from the container's label"
                );
                Problem::of(&service.name, message).hint(match part.strip_prefix("environment.") {
                    Some(variable) => {
                        format!("give `{variable}` to the service's `environment`, which its hooks inherit")
                    }
                    None => "give the value to the service's `environment` and let the hook read it there: \
                             `sh -c '… $$NAME'`"
                        .into(),
                })
            }));
        }
    }
    problems
}

/// The hooks of a container that existed before the run: from its label, else from the files if docker compose created it from
/// the same configuration. `Err` if the label cannot be read.
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

/// The containers that a plan stops.
fn stopped(operations: &[Operation]) -> BTreeSet<String> {
    let stops = operations.iter().filter_map(|operation| match &operation.action {
        Action::StopContainer { container: ContainerRef::Existing { id, .. }, .. } => Some(id.0.clone()),
        _ => None,
    });
    stops.collect()
}

/// Names the containers whose hooks are unknown and do not run.
fn unreadable(observed: &Observed) -> Vec<String> {
    let broken = observed.containers.iter().filter(|container| of_container(container, None).is_err());
    broken
        .map(|container| {
            format!("label {} of {} is not readable: its hooks do not run", sofa::HOOKS, container.name)
        })
        .collect()
}

/// The pass that adds hooks around every start and stop of a container.
pub(super) struct Hooks<'a> {
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    stopped: BTreeSet<String>,
    /// Whether a stop may fail because a hook before it failed.
    may_refuse_stops: bool,
    /// By service, the last operation before its first start.
    prepared: BTreeMap<String, OpId>,
    /// The removals of containers that an interrupted run left.
    leftovers: Vec<OpId>,
}

impl<'a> Hooks<'a> {
    pub(super) fn new(plan: &Plan, desired: Option<&'a Desired<'a>>, observed: &'a Observed) -> Hooks<'a> {
        Hooks {
            desired,
            observed,
            stopped: stopped(&plan.operations),
            may_refuse_stops: plan.on_failure != OnFailure::GoOn,
            prepared: BTreeMap::new(),
            leftovers: Vec::new(),
        }
    }

    /// The service's `pre_start` hooks before the first start of its containers, unless one of its containers stays up. Compose
    /// runs them once for a service, if no replica runs.
    fn prepare(
        &mut self,
        rewrite: &mut Rewrite,
        replica: &Replica,
        container: &ContainerRef,
        needs: &[OpId],
    ) -> Option<OpId> {
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
        let last = self.chain(rewrite, replica, container, call(HookPoint::PreStart), needs)?;
        self.prepared.insert(replica.service.clone(), last);
        Some(last)
    }

    /// Adds the hooks of a container at a point, one after the other. Returns the last.
    fn chain(
        &self,
        rewrite: &mut Rewrite,
        replica: &Replica,
        container: &ContainerRef,
        call: HookCall,
        mut needs: Vec<OpId>,
    ) -> Option<OpId> {
        let of = hooks(container, &replica.service, call.point, self.desired, self.observed).len();
        let mut last = None;
        for number in 1..=of {
            let action = Action::RunHook {
                replica: replica.clone(),
                container: container.clone(),
                hook: HookCall { number, of, ..call },
            };
            let runs_before_start = call.point == HookPoint::PreStart;
            let id = rewrite.add(Operation {
                one_way: runs_before_start,
                undo: runs_before_start.then_some(Undo::Remove),
                ..Operation::new(Group::Service(replica.service.clone()), needs, action, Cause::None)
            });
            needs = vec![id];
            last = Some(id);
        }
        last
    }
}

impl Pass for Hooks<'_> {
    /// Removes the containers of `pre_start` hooks that an interrupted run left.
    fn begin(&mut self, rewrite: &mut Rewrite) {
        let Some(desired) = self.desired else { return };
        let left = self.observed.containers.iter().filter(|container| {
            container.label(compose::HOOK).is_some() && desired.service(&container.service).is_some()
        });
        for container in left {
            let action = Action::RemoveContainer {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                volumes: true,
            };
            let group = Group::Service(container.service.clone());
            let removal = Operation::new(group, Vec::new(), action, Cause::OfInterruptedRun);
            self.leftovers.push(rewrite.add(removal));
        }
    }

    fn before(&mut self, rewrite: &mut Rewrite, operation: &Operation, place: Place) -> Vec<OpId> {
        let last = match &operation.action {
            Action::StartContainer { replica, container } => {
                self.prepare(rewrite, replica, container, &operation.needs)
            }
            Action::StopContainer { replica, container, grace } => {
                let required = self.may_refuse_stops && place != Place::Settles;
                let call = HookCall { required, grace: *grace, ..call(HookPoint::PreStop) };
                self.chain(rewrite, replica, container, call, operation.needs.clone())
            }
            _ => None,
        };
        last.into_iter().collect()
    }

    fn after(&mut self, rewrite: &mut Rewrite, operation: &Operation) -> Option<OpId> {
        let Action::StartContainer { replica, container } = &operation.action else { return None };
        self.chain(rewrite, replica, container, call(HookPoint::PostStart), vec![operation.id])
    }

    fn notes(&self) -> Vec<String> {
        unreadable(self.observed)
    }
}

fn call(point: HookPoint) -> HookCall {
    HookCall { point, number: 1, of: 1, required: true, grace: None }
}
