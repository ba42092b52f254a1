//! What runs that are taken back made and the release does not have: services and networks that were new in them.

use std::collections::BTreeMap;

use super::state::{Deploy, Settling};
use crate::plan::action::Action;
use crate::plan::cause::Cause;
use crate::plan::labelled;
use crate::plan::observed::{Container, ContainerId, Network};
use crate::plan::operation::{Group, OpId};

impl<'a> Deploy<'a> {
    /// Whether something with these labels was made by the runs that are taken back.
    pub(super) fn is_of_undone_run(&self, labels: &BTreeMap<String, String>) -> bool {
        self.policy.undoes_runs_from.zip(labelled::run(labels)).is_some_and(|(first, made)| made >= first)
    }

    /// Containers of services that the model does not have; those of the others are dealt with as replicas are.
    pub(super) fn undo_created(&mut self) {
        let project = self.desired.project;
        let going: Vec<&'a Container> = self
            .observed
            .containers
            .iter()
            .filter(|container| {
                self.is_of_undone_run(&container.labels) && project.service(&container.service).is_none()
            })
            .collect();
        self.leaving.extend(going.iter().map(|container| (&container.id, Cause::OfUndoneRun)));
        self.settling.extend(going.into_iter().map(Settling::Drop));
    }

    /// The networks that the model does not have, once what used them is gone.
    pub(super) fn remove_networks_of_undone_runs(
        &mut self,
        removals: &BTreeMap<&ContainerId, OpId>,
        barrier: Option<OpId>,
    ) {
        for network in self.networks_of_undone_runs() {
            let all = self.observed.containers.iter().chain(&self.observed.foreign);
            let users: Vec<&Container> =
                all.filter(|container| container.networks.contains_key(&network.name)).collect();
            let staying = users.iter().filter(|container| !removals.contains_key(&container.id));
            let staying: Vec<&str> = staying.map(|container| container.name.as_str()).collect();
            if !staying.is_empty() {
                self.notes.push(format!("network {} stays: used by {}", network.name, staying.join(", ")));
                continue;
            }
            let removed = users.iter().filter_map(|container| removals.get(&container.id).copied());
            let needs: Vec<OpId> = removed.chain(barrier).collect();
            let action = Action::RemoveNetwork { id: network.id.clone(), name: network.name.clone() };
            self.draft.add(Group::Project, &needs, action, Cause::OfUndoneRun);
        }
    }

    fn networks_of_undone_runs(&self) -> Vec<&'a Network> {
        let known = |network: &Network| {
            self.desired.project.networks.values().any(|wanted| wanted.name == network.name)
        };
        let made = |network: &&Network| self.is_of_undone_run(&network.labels) && !known(network);
        self.observed.networks.iter().filter(made).collect()
    }
}
