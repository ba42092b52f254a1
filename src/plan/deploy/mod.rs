//! The plan of `deploy`: networks and volumes (`objects`), what becomes of every container (`lineup`), then per service what its
//! containers need (`service`), then the barrier and what settles behind it (`settle`).

use std::collections::BTreeMap;
use std::time::Duration;

mod checks;
mod lineup;
mod objects;
mod outside;
mod replacement;
mod service;
mod settle;
mod taken_back;
mod way;

use lineup::Lineup;
use replacement::Detached;
use service::Standing;
use settle::Settling;

use super::action::{Action, ContainerRef, Replica};
use super::conflict;
use super::desired::Desired;
use super::draft::Draft;
use super::gate::STABILITY_WINDOW;
use super::hooks;
use super::observed::{Container, ContainerId, Observed};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::strategy::Strategy;

/// What the command line decides about a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which containers are replaced.
    pub recreate: Recreate,
    /// Whether the plan ends when everything is ready, not when everything is started (`--no-wait`).
    pub wait: bool,
    /// Whether a failure takes everything back (`--no-undo`).
    pub undo: bool,
    /// Whether containers of services that the files no longer have are removed.
    pub remove_orphans: bool,
    /// Whether new containers get new anonymous volumes.
    pub renew_volumes: bool,
    /// Whether jobs are left as they are: what one did to data is not taken back by running an older one.
    pub leave_jobs: bool,
    /// Whether it goes back to what was: `rollback_config` counts then, not `update_config`.
    pub rollback: bool,
    /// The first of the runs that are taken back: what they made and the model does not have goes.
    pub takes_back: Option<u64>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            recreate: Recreate::Diverged,
            wait: true,
            undo: true,
            remove_orphans: false,
            renew_volumes: false,
            leave_jobs: false,
            rollback: false,
            takes_back: None,
        }
    }
}

/// Which containers are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recreate {
    /// Those that are not as the files say.
    Diverged,
    /// All of them.
    Force,
    /// None.
    Never,
}

/// Why a plan cannot be made; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it is somebody else's property that stands in the way, not the files.
    pub owned: bool,
}

impl Problem {
    /// The service that the message begins with, where it is about one.
    pub fn service(&self) -> Option<&str> {
        self.message.strip_prefix("service `")?.split('`').next()
    }
}

fn names(observed: &Observed) -> BTreeMap<&str, Option<&Container>> {
    let foreign = observed.foreign.iter().map(|container| (container.name.as_str(), None));
    let own = observed.containers.iter().map(|container| (container.name.as_str(), Some(container)));
    foreign.chain(own).collect()
}

/// Plans a deploy.
///
/// # Errors
/// Every problem at once: missing external networks and volumes, networks and volumes whose configuration changed,
/// ports and names that others hold, dependencies whose health nobody can tell.
pub fn deploy(desired: &Desired<'_>, observed: &Observed, policy: Policy) -> Result<Plan, Vec<Problem>> {
    let mut deploy = Deploy {
        desired,
        observed,
        policy,
        draft: Draft::default(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        detached: BTreeMap::new(),
        lineups: BTreeMap::new(),
        leaving: BTreeMap::new(),
        names: names(observed),
        ended: BTreeMap::new(),
        standings: BTreeMap::new(),
        settling: Vec::new(),
        watched: Vec::new(),
        unchanged: Vec::new(),
        notes: Vec::new(),
        problems: Vec::new(),
    };
    deploy.networks();
    deploy.volumes();
    deploy.dependencies_have_health();
    deploy.everything_asked_for_is_done();
    deploy.taken_back();
    deploy.orphans();
    let order = deploy.order();
    deploy.line_up(&order);
    for name in order {
        match desired.service(name) {
            Some(service) => deploy.service(service),
            None => deploy.service_outside(name),
        }
    }
    deploy.problems.extend(conflict::find(desired, observed));
    deploy.attach_the_rest();
    deploy.finish()
}

struct Deploy<'a> {
    desired: &'a Desired<'a>,
    observed: &'a Observed,
    policy: Policy,
    draft: Draft,
    networks: BTreeMap<&'a str, OpId>,
    volumes: BTreeMap<&'a str, OpId>,
    /// The containers that are off their networks while these are replaced.
    detached: BTreeMap<&'a ContainerId, Detached<'a>>,
    /// What becomes of the containers of each service.
    lineups: BTreeMap<&'a str, Lineup<'a>>,
    /// The containers that are removed when the plan settles, and why.
    leaving: BTreeMap<&'a ContainerId, String>,
    /// Every container name that is taken, with the container where it is the project's.
    names: BTreeMap<&'a str, Option<&'a Container>>,
    /// Those of them that are ended before that, each with the operation that does it.
    ended: BTreeMap<&'a ContainerId, OpId>,
    standings: BTreeMap<&'a str, Standing>,
    settling: Vec<Settling<'a>>,
    watched: Vec<(Replica, ContainerRef)>,
    unchanged: Vec<String>,
    notes: Vec<String>,
    problems: Vec<Problem>,
}

impl Deploy<'_> {
    fn finish(mut self) -> Result<Plan, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let barrier = self.barrier();
        let mut removals = BTreeMap::new();
        if let Some(barrier) = barrier {
            removals = self.settle(barrier);
            self.remove_renamed_networks(&removals, barrier);
        }
        self.remove_networks_taken_back(&removals, barrier);
        let plan = Plan {
            project: self.desired.project.name.to_string(),
            images: Vec::new(),
            operations: self.draft.finish(),
            barrier,
            on_failure: if self.policy.undo { OnFailure::Undo } else { OnFailure::Halt },
            unchanged: self.unchanged,
            notes: self.notes,
        };
        Ok(hooks::weave(plan, Some(self.desired), self.observed))
    }

    /// The end of everything that can be undone: one stability window for all that has no gate of its own.
    fn barrier(&mut self) -> Option<OpId> {
        let watched = if self.policy.wait { std::mem::take(&mut self.watched) } else { Vec::new() };
        if watched.is_empty() && self.settling.is_empty() {
            return None;
        }
        let window = if watched.is_empty() { Duration::ZERO } else { self.window(&watched) };
        let ends = self.draft.ends();
        Some(self.draft.add(Group::Project, &ends, Action::Steady { containers: watched, window }, ""))
    }

    /// The longest `update_config.monitor` of the watched services, else the default.
    fn window(&self, watched: &[(Replica, ContainerRef)]) -> Duration {
        watched
            .iter()
            .filter_map(|(replica, _)| self.desired.service(&replica.service))
            .map(|service| {
                let strategy = Strategy::of(service, self.policy.rollback).unwrap_or_default();
                strategy.monitor.unwrap_or(STABILITY_WINDOW)
            })
            .max()
            .unwrap_or(STABILITY_WINDOW)
    }

    fn problem(&mut self, message: String, hint: Option<String>) {
        self.problems.push(Problem { message, hint, owned: false });
    }
}
