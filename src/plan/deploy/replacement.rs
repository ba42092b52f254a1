//! Replaces networks under their names, since an engine changes no network. All connected containers of the project are stopped
//! and disconnected, the network is removed and created, and the kept containers are connected as before and started again.

use std::collections::BTreeMap;

use super::state::{Deploy, Detached};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::desired::DesiredNetwork;
use crate::plan::observed::{Container, ContainerId, Network, label_of};
use crate::plan::operation::{Group, OpId, Undo};
use crate::plan::problem::Problem;
use crate::plan::stop;

use crate::labels::compose;

impl<'a> Deploy<'a> {
    /// Replaces these networks, each with the reason. Containers that are not the project's are in the way.
    pub(super) fn replace_networks(&mut self, changed: &[(&'a DesiredNetwork<'a>, &'a Network, Cause)]) {
        let strangers_before = self.problems.len();
        for (_, network, cause) in changed {
            self.refuse_strangers(network, cause);
        }
        if self.problems.len() > strangers_before || changed.is_empty() {
            return;
        }
        let attached: Vec<&'a Container> = self
            .observed
            .containers
            .iter()
            .filter(|container| {
                changed.iter().any(|(_, network, _)| container.networks.contains_key(&network.name))
            })
            .collect();
        let names = changed.iter().map(|(_, network, _)| network.name.clone()).collect();
        let cause = Cause::NetworkReplaced { names };
        for (container, stopped) in stop::dependants_first(&mut self.draft, &attached, None, &cause) {
            if let Some(id) = stopped {
                self.draft.undo(id, Undo::Start);
            }
            let detached = Detached { container, stopped, networks: Vec::new(), attached: false };
            self.detached.insert(&container.id, detached);
        }
        for (desired, network, cause) in changed {
            self.replace_network(desired, network, cause);
        }
    }

    /// Disconnects all containers from one network, removes it and creates it again.
    fn replace_network(&mut self, desired: &'a DesiredNetwork<'a>, network: &'a Network, cause: &Cause) {
        let name = network.name.as_str();
        let mut taken_off: Vec<(&'a ContainerId, OpId)> = Vec::new();
        for (id, detached) in &self.detached {
            let container = detached.container;
            if !container.networks.contains_key(name) {
                continue;
            }
            let action = Action::DisconnectContainer {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                network: name.into(),
            };
            let needs: Vec<OpId> = detached.stopped.into_iter().collect();
            let off = self.draft.add(Group::Service(container.service.clone()), &needs, action, Cause::None);
            self.draft.undo(off, Undo::Connect);
            taken_off.push((id, off));
        }
        let needs: Vec<OpId> = taken_off.iter().map(|(_, off)| *off).collect();
        let removal = Action::RemoveNetwork { id: network.id.clone(), name: name.into() };
        let removed = self.draft.add(Group::Project, &needs, removal, cause.clone());
        self.draft.undo(removed, Undo::Recreate);
        self.draft.disruptive(removed);
        let creation = Action::CreateNetwork { key: desired.key.into(), name: name.into() };
        let created = self.draft.add(Group::Project, &[removed], creation, cause.clone());
        self.draft.undo(created, Undo::Remove);
        self.networks.insert(desired.key, created);
        for (id, off) in taken_off {
            if let Some(detached) = self.detached.get_mut(id) {
                detached.networks.push((name, off, created));
            }
        }
    }

    /// Connected containers that the project may not stop: containers of others, and running one-offs.
    fn refuse_strangers(&mut self, network: &Network, cause: &Cause) {
        let busy = self.observed.containers.iter().filter(|container| container.oneoff && container.is_up());
        let strangers: Vec<&str> = self
            .observed
            .foreign
            .iter()
            .chain(busy)
            .filter(|container| container.networks.contains_key(&network.name))
            .map(|container| container.name.as_str())
            .collect();
        if strangers.is_empty() {
            return;
        }
        let (name, users) = (&network.name, strangers.join(", "));
        let message = format!(
            "network `{name}` must be replaced ({cause}), and containers that are not this project's use it: {users}"
        );
        let hint = format!("take them off: docker network disconnect {name} {}", strangers[0]);
        self.problems.push(Problem::new(message).hint(hint).conflict());
    }

    /// Attaches a container again that is kept; returns the operations after which it is, none where it never was off.
    pub(super) fn attach_again(&mut self, container: &Container) -> Vec<OpId> {
        let Some(detached) = self.detached.get_mut(&container.id) else {
            return Vec::new();
        };
        detached.attached = true;
        let group = Group::Service(container.service.clone());
        let draft = &mut self.draft;
        let connects = detached.networks.iter().map(|(network, off, created)| {
            let action = Action::ConnectContainer {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                network: (*network).into(),
                as_before: *off,
            };
            let on = draft.add(group.clone(), &[*created], action, Cause::None);
            draft.undo(on, Undo::Disconnect);
            on
        });
        connects.collect()
    }

    /// Removes networks that the project has under an older name, if nothing uses them any more. Runs behind the barrier, when it
    /// is known which containers are removed.
    pub(super) fn remove_renamed_networks(&mut self, removals: &BTreeMap<&ContainerId, OpId>, barrier: OpId) {
        for desired in self.desired.networks.iter().filter(|desired| self.networks.contains_key(desired.key))
        {
            let older = self.observed.networks.iter().filter(|network| {
                let label = |name: &str| label_of(&network.labels, name);
                network.name != desired.network.name
                    && label(compose::NETWORK) == Some(desired.key)
                    && label(compose::PROJECT) == Some(self.desired.project.name.as_str())
                    && !self.desired.project.networks.values().any(|other| other.name == network.name)
            });
            for network in older {
                let all = self.observed.containers.iter().chain(&self.observed.foreign);
                let users: Vec<&Container> =
                    all.filter(|container| container.networks.contains_key(&network.name)).collect();
                let staying: Vec<&str> = users
                    .iter()
                    .filter(|container| !removals.contains_key(&container.id))
                    .map(|container| container.name.as_str())
                    .collect();
                if !staying.is_empty() {
                    self.notes.push(format!(
                        "network {} stays: used by {}",
                        network.name,
                        staying.join(", ")
                    ));
                    continue;
                }
                let mut needs = vec![barrier];
                needs.extend(users.iter().filter_map(|container| removals.get(&container.id)));
                let action = Action::RemoveNetwork { id: network.id.clone(), name: network.name.clone() };
                let cause = Cause::Renamed { to: desired.network.name.clone() };
                self.draft.add(Group::Project, &needs, action, cause);
            }
        }
    }
}
