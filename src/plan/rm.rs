//! The plan of `rm`: removes containers that do not run. Networks and named volumes stay. Works from labels alone.

use std::time::Duration;

use super::cause::Cause;
use super::down::{remove_anonymous_volumes, remove_containers};
use super::draft::Draft;
use super::labelled::Scope;
use super::observed::{Container, Observed};
use super::operation::{OnFailure, Plan};
use super::passes;

/// What is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The services.
    pub scope: Scope,
    /// Whether containers that run are stopped first; else they are left alone.
    pub stop: bool,
    /// Whether anonymous volumes go too.
    pub volumes: bool,
    /// Overrides the containers' grace periods.
    pub grace: Option<Duration>,
}

/// Plans an `rm`. One-offs are left alone, as docker compose does.
pub fn rm(project: &str, observed: &Observed, policy: &Policy) -> Plan {
    let mut draft = Draft::default();
    let mut containers: Vec<&Container> = policy.scope.pick(&observed.containers);
    containers.retain(|container| !container.oneoff);
    let running = containers.iter().filter(|container| container.is_up()).count();
    containers.retain(|container| policy.stop || !container.is_up());
    let removals =
        remove_containers(&mut draft, &containers, policy.grace, policy.volumes, &Cause::Verb("rm"));
    if policy.volumes {
        remove_anonymous_volumes(&mut draft, observed, &containers, &removals, &Cause::Verb("rm"));
    }
    let left = if policy.stop { 0 } else { running };
    let plan = Plan {
        project: project.to_string(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::GoOn,
        unchanged: Vec::new(),
        notes: (left > 0)
            .then(|| {
                format!("{left} running stay{}: `--stop` stops them first", if left == 1 { "s" } else { "" })
            })
            .into_iter()
            .collect(),
    };
    passes::run(plan, None, observed)
}
