//! The edge of the project in a deploy: it is there before the first container behind it, and gets its host ports when the containers
//! that have them are stopped.

use super::state::Deploy;
use crate::edge;
use crate::plan::action::{Action, Replica};
use crate::plan::cause::Cause;
use crate::plan::conflict;
use crate::plan::edge::routes;
use crate::plan::observed::Container;
use crate::plan::operation::{Group, OpId, Undo};
use crate::plan::problem::Problem;

impl<'a> Deploy<'a> {
    /// Plans the edge, as far as it has to change. The containers of all services are assigned.
    pub(super) fn edge(&mut self) {
        let project = self.desired.project.name.as_str();
        let routes = routes(self.desired, self.observed);
        let found = self.observed.edge.as_ref();
        if routes.is_empty() && found.is_none_or(|found| found.edge.routes.is_empty()) {
            return;
        }
        let front = edge::front_network(project);
        for name in routes.values().flat_map(|route| route.names.keys()).filter(|name| **name < front) {
            let message =
                format!("network `{name}` sorts before `{front}`, so the edge would lose its ports in it");
            self.problems.push(Problem::new(message).hint("give it another `name:`"));
        }
        let wanted = edge::Edge { routes, ..edge::Edge::default() };
        self.edge.holders = self.holders(&wanted);
        let open = self.edge.holders.is_empty() && !wanted.routes.is_empty();
        let container = found.and_then(|found| found.container.as_ref());
        let cause = match (found, container) {
            (Some(found), Some(container)) => {
                let before = &found.edge.routes;
                let changed = |name: &&String| before.get(*name) != wanted.routes.get(*name);
                let names = before.keys().chain(wanted.routes.keys()).filter(changed);
                let services: std::collections::BTreeSet<String> = names.cloned().collect();
                match services.is_empty() {
                    false => Cause::Routes { services: services.into_iter().collect() },
                    true if !container.is_up() => Cause::InState(container.state.clone()),
                    true if found.is_open(project) == open => return,
                    true => Cause::None,
                }
            }
            _ => Cause::Missing,
        };
        let moves = found.is_some_and(|found| found.edge.published() != wanted.published());
        let action = Action::EnsureEdge { name: edge::name(project), routes: wanted.routes, open };
        let networks: Vec<OpId> = self.networks.values().copied().collect();
        let id = self.draft.add(Group::Project, &networks, action, cause);
        self.draft.undo(id, Undo::RestoreEdge);
        if container.is_some() && moves {
            self.draft.disruptive(id);
        }
        self.edge.ready = Some(id);
    }

    /// The project's own containers that publish what the edge must publish. One that stays is a problem.
    fn holders(&mut self, wanted: &edge::Edge) -> Vec<(&'a Container, String)> {
        let own =
            self.observed.containers.iter().filter(|found| found.is_up() && found.behind_edge().is_none());
        let published = wanted.published();
        let mut holders = Vec::new();
        for container in own {
            let held = published.iter().find(|port| {
                let number = port.host.port.parse::<u16>().unwrap_or_default();
                number != 0 && conflict::publishes(container, &port.host.address, number, "tcp")
            });
            let Some(held) = held else { continue };
            let port = held.host.port.clone();
            if !self.leaving.contains_key(&container.id) {
                let service = held.services.first().and_then(|name| self.desired.service(name));
                if let Some(service) = service {
                    self.refuse(service, &format!("host port {port}/tcp"), container);
                }
            }
            holders.push((container, port));
        }
        holders
    }

    /// Stops the containers that have the edge's host ports once all servers of the edge get requests, and publishes the ports.
    pub(super) fn open_edge(&mut self) {
        if self.edge.holders.is_empty() {
            return;
        }
        let behind = self.desired.services.values().filter(|service| service.service.http().is_some());
        let steps = behind.filter_map(|service| self.steps.get(service.service.name.as_str()));
        let mut needs: Vec<OpId> =
            steps.flat_map(|steps| steps.started.iter().chain(&steps.ready)).copied().collect();
        needs.extend(self.edge.ready);
        let holders = std::mem::take(&mut self.edge.holders);
        let mut ends = Vec::new();
        for (container, port) in holders {
            self.notes.push(format!(
                "disruptive: host port {port} moves from {} to the edge; requests are refused from the stop of that container until 0.3 s \
                 after it, this once",
                container.name
            ));
            let cause = Cause::TakesPort { port };
            ends.push(self.end(&Replica::of(container), container, &needs, cause));
        }
        needs.extend(ends);
        let name = edge::name(&self.desired.project.name);
        let opened = self.draft.add(Group::Project, &needs, Action::OpenEdge { name }, Cause::None);
        self.draft.undo(opened, Undo::CloseEdge);
    }

    /// Removes an edge that has no services left.
    pub(super) fn remove_edge(&mut self, needs: &[OpId]) {
        let is_wanted = !routes(self.desired, self.observed).is_empty();
        let others = self.desired.project.services.values().any(|service| service.http().is_some());
        if self.observed.edge.is_some() && !is_wanted && !others {
            let name = edge::name(&self.desired.project.name);
            self.draft.add(Group::Project, needs, Action::RemoveEdge { name }, Cause::LeavesEdge);
        }
    }
}
