//! The plan of `deploy`: networks and volumes (`objects`), which container is which replica (`assignment`), the operations of each
//! service (`service`), then the barrier and what is done behind it (`settle`).

use std::collections::BTreeMap;
use std::time::Duration;

mod assignment;
mod checks;
mod dependents;
mod edge;
mod exclusive;
mod objects;
mod replacement;
mod service;
mod settle;
mod state;
mod undo_created;

use state::{Deploy, EdgeSteps};

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::conflict;
use super::desired::Desired;
use super::draft::Draft;
use super::gate::STABILITY_WINDOW;
use super::observed::{Container, Observed};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::passes;
use super::policy::Policy;
use super::problem::Problem;
use super::strategy::Strategy;

fn names(observed: &Observed) -> BTreeMap<&str, Option<&Container>> {
    let foreign = observed.foreign.iter().map(|container| (container.name.as_str(), None));
    let own = observed.containers.iter().map(|container| (container.name.as_str(), Some(container)));
    foreign.chain(own).collect()
}

/// Plans a deploy.
///
/// # Errors
/// All problems at once: missing external networks and volumes, changed volumes, ports and names that other containers have,
/// dependencies on the health of services without a healthcheck.
pub fn deploy(desired: &Desired<'_>, observed: &Observed, policy: Policy) -> Result<Plan, Vec<Problem>> {
    let mut deploy = Deploy {
        desired,
        observed,
        policy,
        draft: Draft::default(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        detached: BTreeMap::new(),
        assignments: BTreeMap::new(),
        leaving: BTreeMap::new(),
        names: names(observed),
        ended: BTreeMap::new(),
        steps: BTreeMap::new(),
        edge: EdgeSteps::default(),
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
    deploy.undo_created();
    deploy.orphans();
    let order = deploy.order();
    deploy.assign(&order);
    deploy.note_stop_first();
    deploy.edge();
    for name in order {
        match desired.service(name) {
            Some(service) => deploy.service(service),
            None => deploy.service_outside_scope(name),
        }
    }
    deploy.problems.extend(conflict::find(desired, observed));
    deploy.attach_unstarted();
    deploy.open_edge();
    deploy.finish()
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
        self.remove_networks_of_undone_runs(&removals, barrier);
        let settled: Vec<OpId> = barrier.into_iter().chain(removals.values().copied()).collect();
        self.remove_edge(&settled);
        let plan = Plan {
            project: self.desired.project.name.to_string(),
            images: Vec::new(),
            operations: self.draft.finish(),
            barrier,
            on_failure: if self.policy.undo { OnFailure::Undo } else { OnFailure::Halt },
            unchanged: self.unchanged,
            notes: self.notes,
        };
        Ok(passes::run(plan, Some(self.desired), self.observed))
    }

    /// The end of all operations that can be undone. It watches all containers without a gate for one stability window.
    fn barrier(&mut self) -> Option<OpId> {
        let watched = if self.policy.wait { std::mem::take(&mut self.watched) } else { Vec::new() };
        if watched.is_empty() && self.settling.is_empty() {
            return None;
        }
        let ends = self.draft.ends();
        let action = match watched.is_empty() {
            true => Action::Barrier,
            false => Action::Steady { window: self.window(&watched), containers: watched },
        };
        Some(self.draft.add(Group::Project, &ends, action, Cause::None))
    }

    /// The longest `update_config.monitor` of the watched services, else the default.
    fn window(&self, watched: &[(Replica, ContainerRef)]) -> Duration {
        watched
            .iter()
            .filter_map(|(replica, _)| self.desired.service(&replica.service))
            .map(|service| {
                let strategy = Strategy::of(service, self.policy.rollback);
                strategy.monitor.unwrap_or(STABILITY_WINDOW)
            })
            .max()
            .unwrap_or(STABILITY_WINDOW)
    }
}
