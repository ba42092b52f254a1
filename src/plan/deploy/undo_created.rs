//! Services and networks that undone runs created and that the release does not have.

use std::collections::BTreeMap;

use super::state::{Deploy, Settling};
use crate::plan::action::Action;
use crate::plan::cause::Cause;
use crate::plan::labelled;
use crate::plan::observed::{Container, ContainerId, Network};
use crate::plan::operation::{Group, OpId};

impl<'a> Deploy<'a> {
    /// Whether an undone run created something with these labels.
    pub(super) fn is_of_undone_run(&self, labels: &BTreeMap<String, String>) -> bool {
        self.policy.undoes_runs_from.zip(labelled::run(labels)).is_some_and(|(first, made)| made >= first)
    }

    /// Removes containers of services that the model does not have. Those of other services are treated as replicas.
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

    /// Removes the networks that the model does not have, after their containers.
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
