//! The edge on a Docker Engine: its networks, its container and its file, and commands to its proxy.
//!
//! A change is first in the file, then in the proxy that runs, and is read back. So a proxy that ends and is started again serves the
//! same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::TryStreamExt;

use super::failure::OperationError;
use super::{Docker, EdgeBefore, Kept};
use crate::compose::model::{Ipam, IpamPool, Network};
use crate::edge::process::Script;
use crate::edge::{self, Behind, Edge, Published, Route, Server, address, config, process};
use crate::engine::container::Removal;
use crate::engine::convert::{self, FileUpload};
use crate::engine::edge_container::EdgeContainer;
use crate::engine::exec::{ExecCommand, ExecOutcome};
use crate::engine::image::Reference;
use crate::engine::{ContainerDetails, Endpoint, Engine, EngineError, ignore_missing};
use crate::labels;
use crate::plan::observed::{ContainerId, Observed, State};
use crate::plan::operation::OpId;

/// How long a command to the proxy may take; the scripts give up before.
pub(super) const COMMAND: Duration = Duration::from_secs(60);
/// The largest file of an edge that is read.
const LARGEST: usize = 4 << 20;
/// How many further subnets are tried where another network takes the one that the engine chose.
const SUBNETS: u32 = 10;
/// Where the volume of an edge is mounted.
const FOLDER: &str = "/edge";

/// Reads the file of the project's edge, where there is one.
///
/// # Errors
/// Those of the engine.
pub async fn add_file(engine: &Engine, observed: &mut Observed) -> Result<(), EngineError> {
    if let Some(found) = &mut observed.edge
        && let Some(container) = &found.container
    {
        found.edge = file(engine, &container.id).await?.unwrap_or_default();
    }
    Ok(())
}

/// What the file of an edge says; `None` where it has none.
///
/// # Errors
/// Those of the engine.
pub async fn file(engine: &Engine, id: &ContainerId) -> Result<Option<Edge>, EngineError> {
    Ok(engine.download_text(id, config::FILE, LARGEST).await?.as_deref().and_then(config::parse))
}

impl Docker<'_> {
    /// Brings the edge to what the plan says, and keeps what it was for the undo.
    pub(super) async fn ensure_edge(
        &self,
        operation: OpId,
        routes: &BTreeMap<String, Route>,
        open: bool,
    ) -> Result<(), OperationError> {
        let before = self.observed.edge.as_ref().filter(|found| found.container.is_some());
        let before =
            before.map(|found| EdgeBefore { edge: found.edge.clone(), open: found.is_open(&self.project) });
        self.kept.borrow_mut().insert(operation, Kept::Edge(before));
        self.serve(routes, open).await
    }

    /// Undoes what `ensure_edge` did.
    pub(super) async fn restore_edge(&self, operation: OpId) -> Result<(), OperationError> {
        let kept = self.kept.borrow().get(&operation).cloned();
        match kept {
            Some(Kept::Edge(Some(EdgeBefore { edge, open }))) => {
                // A service that left the edge took its servers along.
                if let Some(state) = &mut *self.edge.lock().await {
                    state.servers.extend(edge.servers.clone());
                }
                self.serve(&edge.routes, open).await?;
                let was_up = |name: &str| {
                    let mut own = self.observed.containers.iter().filter(|container| container.is_up());
                    own.any(|container| container.id.short() == name)
                };
                for (name, server) in edge.servers.iter().filter(|(name, _)| was_up(name)) {
                    self.send_requests(name, server).await?;
                }
                Ok(())
            }
            Some(Kept::Edge(None)) => self.remove_edge().await,
            _ => Ok(()),
        }
    }

    async fn serve(&self, routes: &BTreeMap<String, Route>, open: bool) -> Result<(), OperationError> {
        let mut state = self.edge.lock().await;
        let name = edge::name(&self.project);
        let next = format!("{name}.next");
        let all = Removal { force: true, anonymous_volumes: true };
        // A killed run may have left it.
        ignore_missing(self.engine.remove(&ContainerId(next.clone()), all).await)?;
        let subnet = self.edge_networks().await?;
        let found = self.edge_details().await?;
        let mut wanted = match (&*state, &found) {
            (Some(edge), _) => edge.clone(),
            (None, Some(details)) => file(self.engine, &details.id).await?.unwrap_or_default(),
            (None, None) => Edge::default(),
        };
        wanted.routes.clone_from(routes);
        // What is running behind it is in the labels too, where the file was lost.
        for container in self.observed.containers.iter().filter(|container| container.is_up()) {
            if let Some(behind) = container.behind_edge().filter(|_| found.is_none()) {
                wanted.servers.insert(container.id.short().to_owned(), server(&container.service, behind));
            }
        }
        wanted.servers.retain(|_, server| routes.contains_key(&server.service));
        let ports = wanted.published();
        let same = found.as_ref().filter(|details| published_by(details) == Some(ports_label(&ports)));
        match (same, &found) {
            // Without services it needs no ports: its networks are taken from it.
            (_, Some(details)) if routes.is_empty() => self.close(&details.id).await?,
            (Some(details), _) => {
                if details.state != State::Running {
                    self.engine.start(&details.id).await?;
                    self.ask(&details.id, &process::await_start(&wanted)).await?;
                }
                self.ask(&details.id, &process::reload(&wanted)).await?;
                match open {
                    true => self.open(&details.id, &wanted).await?,
                    false => self.close(&details.id).await?,
                }
            }
            (None, Some(old)) => {
                let next = self.start_edge(&next, &wanted, &ports, &subnet).await?;
                self.close(&old.id).await?;
                if open {
                    self.open(&next, &wanted).await?;
                }
                ignore_missing(self.engine.stop(&old.id, None).await)?;
                ignore_missing(self.engine.remove(&old.id, all).await)?;
                self.engine.rename(&next, &name).await?;
            }
            (None, None) => {
                let id = self.start_edge(&name, &wanted, &ports, &subnet).await?;
                if open {
                    self.open(&id, &wanted).await?;
                }
            }
        }
        *state = Some(wanted);
        Ok(())
    }

    /// Creates and starts the container of an edge. It publishes no ports yet.
    async fn start_edge(
        &self,
        name: &str,
        edge: &Edge,
        ports: &[Published],
        subnet: &str,
    ) -> Result<ContainerId, OperationError> {
        let project = (labels::sofa::PROJECT.to_owned(), self.project.clone());
        let own = [
            project.clone(),
            (labels::sofa::EDGE.to_owned(), edge::FORMAT.to_string()),
            (labels::sofa::EDGE_PORTS.to_owned(), ports_label(ports)),
        ];
        let image = self.edge_image().await?;
        let address = match self.edge_details().await? {
            None => address::of_edge(subnet),
            // Its successor needs another one for a while, and keeps it.
            Some(_) => address::free(subnet, &self.taken_addresses()),
        };
        let address = address.ok_or_else(|| no_address(subnet))?;
        self.given.borrow_mut().insert(address);
        let network = edge::name(&self.project);
        let file = FileUpload {
            target: config::FILE.to_owned(),
            content: config::render(edge).into_bytes(),
            uid: 0,
            gid: 0,
            mode: 0o644,
        };
        let container = EdgeContainer {
            name,
            image: &image,
            labels: own.into_iter().collect(),
            ports,
            volume: (&network, FOLDER),
            volume_labels: [project].into_iter().collect(),
            network: (&network, address),
            command: ["/bin/sh", "-c", process::FIRST].map(String::from).to_vec(),
            file,
        };
        let id = self.engine.create_edge(container).await?;
        self.engine.start(&id).await?;
        self.ask(&id, &process::await_start(edge)).await?;
        Ok(id)
    }

    /// The networks of the edge; missing ones are created. Returns the subnet of the one between the edge and its servers. Fixed
    /// addresses need a subnet that is written down, so the network is made once for the engine to choose one, and made again with it.
    async fn edge_networks(&self) -> Result<String, OperationError> {
        let found = self.engine.list_networks().await?;
        let (back, front) = (edge::name(&self.project), edge::front_network(&self.project));
        let labels = || BTreeMap::from([(labels::sofa::PROJECT.to_owned(), self.project.clone())]);
        if !found.iter().any(|network| network.name == front) {
            let network = Network { name: front, driver: "bridge".into(), ..Network::default() };
            self.engine.create_network(&convert::network(&network, labels())).await?;
        }
        let subnet = |networks: &[crate::plan::observed::Network]| {
            let found = networks.iter().find(|network| network.name == back)?;
            let subnet = found.settings.subnets.iter().find(|subnet| address::of_edge(subnet).is_some())?;
            Some(subnet.clone())
        };
        if let Some(subnet) = subnet(&found) {
            return Ok(subnet);
        }
        let network = |subnet: Option<String>| {
            let pool = |subnet| IpamPool { subnet, ..IpamPool::default() };
            let ipam = Ipam { config: subnet.map(pool).into_iter().collect(), ..Ipam::default() };
            Network {
                name: back.clone(),
                driver: "bridge".into(),
                internal: true,
                ipam,
                ..Network::default()
            }
        };
        let mut attempts = 0;
        loop {
            let chosen = self.engine.create_network(&convert::network(&network(None), labels())).await?;
            let chosen_subnet = subnet(&self.engine.list_networks().await?);
            self.engine.remove_network(&chosen).await?;
            let subnet = chosen_subnet.ok_or_else(|| no_address("without IPv4"))?;
            let fixed = convert::network(&network(Some(subnet.clone())), labels());
            match self.engine.create_network(&fixed).await {
                // Another deploy has taken it meanwhile.
                Err(error) if attempts < SUBNETS && error.reason().contains("overlaps") => attempts += 1,
                created => return created.map(|_| subnet).map_err(OperationError::from),
            }
        }
    }

    /// The image of the edge: the project's own where the engine has it, else the official one.
    async fn edge_image(&self) -> Result<String, OperationError> {
        for image in [edge::OWN_IMAGE, edge::OFFICIAL_IMAGE] {
            if self.engine.inspect_image(image).await?.is_some() {
                return Ok(image.to_owned());
            }
        }
        let image = edge::OFFICIAL_IMAGE;
        let reference: Reference = image.parse().map_err(|_| no_image("it is no reference"))?;
        let pulled =
            async { self.engine.pull(&reference, None, None).await?.try_for_each(async |_| Ok(())).await };
        match pulled.await {
            Ok(()) => Ok(image.to_owned()),
            Err(error) => Err(no_image(&error.to_string())),
        }
    }

    /// Publishes the ports of the edge, and gives it the names of its services.
    async fn open(&self, id: &ContainerId, edge: &Edge) -> Result<(), OperationError> {
        let details = self.engine.inspect(id.as_str()).await?;
        let front = edge::front_network(&self.project);
        let back = edge::name(&self.project);
        // First of all networks: the ports are published through it.
        if !details.aliases.contains_key(&front) {
            self.engine.connect_container(&front, id, Endpoint::default()).await?;
        }
        let names = edge.networks();
        let left = details.aliases.keys().filter(|name| **name != front && **name != back);
        for network in left.filter(|name| !names.contains_key(*name)) {
            ignore_missing(self.engine.disconnect(network, id, true).await)?;
        }
        for (network, names) in names {
            let had = details.aliases.get(&network);
            if had.is_some_and(|had| names.iter().all(|name| had.contains(name))) {
                continue;
            }
            if had.is_some() {
                ignore_missing(self.engine.disconnect(&network, id, true).await)?;
            }
            // The network of a service that is taken down may be gone.
            let connected = self.engine.connect_container(&network, id, Endpoint::with_names(&names)).await;
            ignore_missing(connected)?;
        }
        Ok(())
    }

    /// Takes all networks from an edge but the one to its servers. Its ports go with them. An engine before 28 publishes them again
    /// through any network that is left, so it leaves that one too, and joins it again.
    async fn close(&self, id: &ContainerId) -> Result<(), OperationError> {
        let details = match self.engine.inspect(id.as_str()).await {
            Err(error) if error.is_not_found() => return Ok(()),
            details => details?,
        };
        let (back, front) = (edge::name(&self.project), edge::front_network(&self.project));
        if !details.aliases.contains_key(&front) {
            return Ok(());
        }
        let rest = details.aliases.keys().filter(|name| **name != back && **name != front);
        for network in rest.chain([&front, &back]) {
            ignore_missing(self.engine.disconnect(network, id, true).await)?;
        }
        let address = match details.addresses.get(&back) {
            Some(std::net::IpAddr::V4(address)) => Endpoint::at(*address),
            _ => Endpoint::default(),
        };
        Ok(self.engine.connect_container(&back, id, address).await?)
    }

    pub(super) async fn open_edge(&self) -> Result<(), OperationError> {
        let state = self.edge_file().await?;
        let id = self.edge_id();
        match &*state {
            Some(edge) => self.open(&id, edge).await,
            None => Ok(()),
        }
    }

    pub(super) async fn close_edge(&self) -> Result<(), OperationError> {
        self.close(&self.edge_id()).await
    }

    /// Removes the edge with its networks and its volume.
    pub(super) async fn remove_edge(&self) -> Result<(), OperationError> {
        let mut state = self.edge.lock().await;
        let name = edge::name(&self.project);
        let all = Removal { force: true, anonymous_volumes: true };
        for container in [name.clone(), format!("{name}.next")] {
            ignore_missing(self.engine.remove(&ContainerId(container), all).await)?;
        }
        let own = [name.clone(), edge::front_network(&self.project)];
        for network in self.engine.list_networks().await? {
            let is_own = network.labels.get(labels::sofa::PROJECT) == Some(&self.project);
            if is_own && own.contains(&network.name) {
                ignore_missing(self.engine.remove_network(&network.id).await)?;
            }
        }
        ignore_missing(self.engine.remove_volume(&name).await)?;
        *state = None;
        Ok(())
    }

    /// A free address for a new container behind the edge.
    pub(super) async fn edge_address(&self) -> Result<Ipv4Addr, OperationError> {
        let known = self.observed.edge.as_ref().map(|found| found.subnet.clone());
        let subnet = match known.filter(|subnet| !subnet.is_empty()) {
            Some(subnet) => subnet,
            None => self.edge_networks().await?,
        };
        let address = address::free(&subnet, &self.taken_addresses()).ok_or_else(|| no_address(&subnet))?;
        self.given.borrow_mut().insert(address);
        Ok(address)
    }

    /// The addresses of the project's containers behind the edge, and those that this run gave.
    fn taken_addresses(&self) -> BTreeSet<Ipv4Addr> {
        let own = self.observed.containers.iter().filter_map(|container| container.behind_edge());
        let back = edge::name(&self.project);
        let edge = self.observed.edge.iter().filter_map(|found| found.container.as_ref());
        let edge = edge.filter_map(|container| container.networks.get(&back)?.address.parse().ok());
        own.map(|behind| behind.address).chain(edge).chain(self.given.borrow().iter().copied()).collect()
    }

    /// Takes the edge off a network that is removed.
    pub(super) async fn leave_network(&self, network: &str) -> Result<(), EngineError> {
        if self.observed.edge.is_none() {
            return Ok(());
        }
        match self.engine.attachment(network, &self.edge_id()).await {
            Ok(Some(_)) => ignore_missing(self.engine.disconnect(network, &self.edge_id(), true).await),
            found => ignore_missing(found.map(drop)),
        }
    }

    /// Gives the edge its names in a network that was created again.
    pub(super) async fn join_network(&self, network: &str) -> Result<(), OperationError> {
        let Some(found) = self.observed.edge.as_ref().filter(|found| found.is_open(&self.project)) else {
            return Ok(());
        };
        let state = self.edge.lock().await;
        let edge = state.as_ref().unwrap_or(&found.edge);
        match edge.networks().get(network) {
            Some(names) => {
                let endpoint = Endpoint::with_names(names);
                Ok(self.engine.connect_container(network, &self.edge_id(), endpoint).await?)
            }
            None => Ok(()),
        }
    }

    pub(super) fn edge_id(&self) -> ContainerId {
        ContainerId(edge::name(&self.project))
    }

    async fn edge_details(&self) -> Result<Option<ContainerDetails>, OperationError> {
        match self.engine.inspect(self.edge_id().as_str()).await {
            Err(error) if error.is_not_found() => Ok(None),
            details => Ok(Some(details?)),
        }
    }

    /// What the edge's file says, read once. Only the holder of the lock changes the edge.
    pub(super) async fn edge_file(
        &self,
    ) -> Result<tokio::sync::MutexGuard<'_, Option<Edge>>, OperationError> {
        let mut state = self.edge.lock().await;
        if state.is_none() {
            *state = match file(self.engine, &self.edge_id()).await {
                Err(error) if error.is_not_found() => None,
                found => found?,
            };
        }
        Ok(state)
    }

    pub(super) async fn ask(&self, id: &ContainerId, script: &Script) -> Result<(), OperationError> {
        let outcome = self.run_in_edge(id, script, |_| ()).await?;
        match outcome.exit_code {
            Some(0) => Ok(()),
            _ => Err(self.edge_failed(&outcome)),
        }
    }

    pub(super) async fn run_in_edge(
        &self,
        id: &ContainerId,
        script: &Script,
        show: impl FnMut(crate::engine::logs::LogLine),
    ) -> Result<ExecOutcome, EngineError> {
        let Script { argv, env } = script.clone();
        let command = ExecCommand { argv, env, ..ExecCommand::default() };
        self.engine.exec_watched(id, &command, COMMAND, show).await
    }

    pub(super) fn edge_failed(&self, outcome: &ExecOutcome) -> OperationError {
        let printed = [&outcome.stdout[..], &outcome.stderr[..]].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let code = outcome
            .exit_code
            .map_or_else(|| "no exit code in time".to_owned(), |code| format!("exit code {code}"));
        OperationError::Impossible(format!("the edge: {code}: {}", printed.trim()))
    }
}

pub(super) fn server(service: &str, Behind { address, port }: Behind) -> Server {
    Server { service: service.to_owned(), address, port }
}

/// The label with the published ports: another set of ports needs another container.
fn ports_label(ports: &[Published]) -> String {
    let ports: Vec<_> = ports.iter().map(|port| (&port.host, port.inside)).collect();
    serde_json::to_string(&ports).unwrap_or_default()
}

fn published_by(details: &ContainerDetails) -> Option<String> {
    details.labels.get(labels::sofa::EDGE_PORTS).cloned()
}

fn no_address(subnet: &str) -> OperationError {
    OperationError::Impossible(format!("the network of the edge has no free address ({subnet})"))
}

fn no_image(reason: &str) -> OperationError {
    OperationError::Impossible(format!(
        "the engine has no image for the edge, and `{}` cannot be pulled: {reason}; `tools/edge-image` builds one from Debian packages",
        edge::OFFICIAL_IMAGE
    ))
}
