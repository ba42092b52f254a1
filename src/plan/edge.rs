//! The edge in plans: what it must serve, and the operations that send it to containers and away from them.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::desired::Desired;
use super::observed::{Container, Observed};
use super::operation::{Group, OpId, Operation, Plan, Undo};
use super::rewrite::{Pass, Place, Rewrite};
use crate::compose::model::{Http, Port, Project, Service};
use crate::edge::{HostPort, Route};

/// What the edge must serve after a deploy. Services outside the scope stay as they are.
pub(super) fn routes(desired: &Desired<'_>, observed: &Observed) -> BTreeMap<String, Route> {
    let found = observed.edge.iter().flat_map(|found| &found.edge.routes);
    let stays = |name: &str| {
        let is_behind =
            |container: &Container| container.service == name && container.behind_edge().is_some();
        let is_meant = desired.project.service(name).is_some_and(|service| service.http().is_some());
        desired.service(name).is_none() && (is_meant || observed.containers.iter().any(is_behind))
    };
    let mut routes: BTreeMap<String, Route> =
        found.filter(|(name, _)| stays(name)).map(|(name, route)| (name.clone(), route.clone())).collect();
    let scope = desired.services.values().map(|service| service.service);
    routes.extend(scope.filter_map(|service| {
        Some((service.name.to_string(), route(desired.project, service, service.http()?)))
    }));
    routes
}

fn route(project: &Project, service: &Service, http: &Http) -> Route {
    let published = service.ports.iter().filter(|port| http.takes(port));
    let host = |port: &Port| HostPort { address: port.host_ip.clone(), port: port.published.clone() };
    let networks = service.networks.iter().filter(|_| !http.containers_have_names);
    let names = networks.filter_map(|(key, attachment)| {
        let aliases = attachment.iter().flat_map(|attachment| attachment.aliases.iter().cloned());
        let names = std::iter::once(service.name.to_string()).chain(aliases).collect();
        Some((project.networks.get(key.as_str())?.name.clone(), names))
    });
    let others: BTreeSet<u16> = exposed(service).filter(|port| *port != http.port).collect();
    Route {
        port: http.port,
        published: published.map(host).collect(),
        hosts: http.host.clone(),
        path: http.path.clone(),
        check: http.check.clone(),
        timeout: http.timeout.0,
        drain: http.drain.0,
        names: names.collect(),
        others: others.into_iter().collect(),
    }
}

/// The TCP ports that a service says it has.
fn exposed(service: &Service) -> impl Iterator<Item = u16> + '_ {
    let published = service.ports.iter().filter(|port| matches!(port.protocol.as_str(), "tcp" | ""));
    let exposed = service.expose.iter().filter_map(|entry| {
        let (port, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        port.parse().ok().filter(|_| protocol == "tcp")
    });
    published.filter_map(|port| u16::try_from(port.target).ok()).chain(exposed)
}

/// The pass that has the edge send requests to containers that are ready, and forget those that are removed.
pub(super) struct Servers<'a> {
    desired: Option<&'a Desired<'a>>,
    observed: &'a Observed,
    /// The containers that the plan waits for: they get requests after that, and others after their start.
    awaited: Vec<ContainerRef>,
    /// The containers that the plan starts.
    started: Vec<ContainerRef>,
    /// The containers that the plan starts, waits for, stops or removes.
    changed: BTreeSet<String>,
}

impl<'a> Servers<'a> {
    pub(super) fn new(plan: &Plan, desired: Option<&'a Desired<'a>>, observed: &'a Observed) -> Servers<'a> {
        let actions = || plan.operations.iter().map(|operation| &operation.action);
        let awaited = actions().filter_map(|action| match action {
            Action::Await { container, .. } => Some(container.clone()),
            _ => None,
        });
        let changed = actions().filter_map(|action| match action.container() {
            Some(ContainerRef::Existing { id, .. }) => Some(id.0.clone()),
            _ => None,
        });
        let started = actions().filter_map(|action| match action {
            Action::StartContainer { container, .. } | Action::UnpauseContainer { container, .. } => {
                Some(container.clone())
            }
            _ => None,
        });
        Servers {
            desired,
            observed,
            awaited: awaited.collect(),
            started: started.collect(),
            changed: changed.collect(),
        }
    }

    /// Whether the edge does not know a container that runs, by its file.
    fn is_unknown(&self, container: &ContainerRef) -> bool {
        let ContainerRef::Existing { id, .. } = container else { return false };
        let edge = self.observed.edge.as_ref().filter(|edge| edge.container.is_some());
        edge.is_some_and(|edge| !edge.edge.servers.contains_key(id.short()))
    }

    fn is_behind(&self, container: &ContainerRef, service: &str) -> bool {
        match container {
            ContainerRef::Existing { id, .. } => {
                let found = self.observed.containers.iter().find(|found| found.id == *id);
                found.is_some_and(|found| found.behind_edge().is_some())
            }
            ContainerRef::Created(_) => {
                let model = self.desired.and_then(|desired| desired.service(service));
                model.is_some_and(|model| model.service.http().is_some())
            }
        }
    }

    fn add(
        &self,
        rewrite: &mut Rewrite,
        replica: &Replica,
        container: &ContainerRef,
        needs: Vec<OpId>,
        cause: Cause,
    ) -> OpId {
        let (replica, container) = (replica.clone(), container.clone());
        let group = Group::Service(replica.service.clone());
        let add = Operation::new(group, needs, Action::AddServer { replica, container }, cause);
        rewrite.add(Operation { undo: Some(Undo::RemoveServer), ..add })
    }
}

impl Pass for Servers<'_> {
    /// A container that a killed run left without requests gets them, where the files were read and the edge was asked.
    fn begin(&mut self, rewrite: &mut Rewrite) {
        let routes = self.observed.edge.as_ref().map(|edge| &edge.edge.routes);
        let is_left = |container: &&Container| {
            container.is_up()
                && container.behind_edge().is_some()
                && routes.is_some_and(|routes| routes.contains_key(&container.service))
                && self.is_unknown(&ContainerRef::of(container))
                && !self.changed.contains(&container.id.0)
        };
        for container in self.observed.containers.iter().filter(is_left) {
            let (replica, target) = (Replica::of(container), ContainerRef::of(container));
            self.add(rewrite, &replica, &target, Vec::new(), Cause::OfInterruptedRun);
        }
    }

    fn before(&mut self, rewrite: &mut Rewrite, operation: &Operation, _: Place) -> Vec<OpId> {
        let Action::RemoveContainer { replica, container, .. } = &operation.action else { return Vec::new() };
        if !self.is_behind(container, &replica.service) {
            return Vec::new();
        }
        let (replica, container) = (replica.clone(), container.clone());
        let group = operation.group.clone();
        let action = Action::RemoveServer { replica, container };
        vec![rewrite.add(Operation::new(group, operation.needs.clone(), action, Cause::None))]
    }

    fn after(&mut self, rewrite: &mut Rewrite, operation: &Operation) -> Option<OpId> {
        let (replica, container) = match &operation.action {
            Action::Await { replica, container, .. }
                if self.started.contains(container) || self.is_unknown(container) =>
            {
                (replica, container)
            }
            Action::StartContainer { replica, container } if !self.awaited.contains(container) => {
                (replica, container)
            }
            _ => return None,
        };
        let is_behind = self.is_behind(container, &replica.service);
        is_behind.then(|| self.add(rewrite, replica, container, vec![operation.id], Cause::None))
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
