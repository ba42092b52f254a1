//! The servers of the edge on a Docker Engine: a container gets requests, gets no more, has none left, and is forgotten.

use std::time::Duration;

use super::Docker;
use super::edge::{COMMAND, server};
use super::failure::OperationError;
use crate::apply::announce::subject;
use crate::edge::{Edge, Server, answer, process};
use crate::engine::exec::ExecCommand;
use crate::labels;
use crate::plan::action::{ContainerRef, Replica};
use crate::plan::observed::ContainerId;
use crate::ui::event::{Event, Phase};

impl Docker<'_> {
    /// Has the edge send requests to a container.
    pub(super) async fn add_server(
        &self,
        replica: &Replica,
        container: &ContainerRef,
    ) -> Result<(), OperationError> {
        let id = self.id(container)?;
        let Some(server) = self.server(replica, &id).await? else { return Ok(()) };
        self.send_requests(id.short(), &server).await?;
        match self.observed_container(&id) {
            Some(_) => Ok(self.unmark(&id).await?),
            None => Ok(()),
        }
    }

    /// Has the edge send requests to a server, and waits until it does.
    pub(super) async fn send_requests(&self, name: &str, server: &Server) -> Result<(), OperationError> {
        let mut state = self.edge_file().await?;
        let edge = state.get_or_insert_default();
        edge.servers.insert(name.to_owned(), server.clone());
        // An undo gives the edge its routes back after that.
        if !edge.routes.contains_key(&server.service) {
            return Ok(());
        }
        let script = process::add(edge, name, server);
        let outcome = self.run_in_edge(&self.edge_id(), &script, |_| ()).await?;
        match outcome.exit_code {
            Some(0) => Ok(()),
            Some(3) => Err(OperationError::Impossible(format!(
                "the edge cannot reach a container of {}: nothing answers at port {}; a healthcheck or `x-sofa.ready` shows when it does",
                server.service, server.port
            ))),
            _ => Err(self.edge_failed(&outcome)),
        }
    }

    /// Has the edge end the requests of a container that an undo removes, and forget it.
    pub(super) async fn undo_add_server(
        &self,
        replica: &Replica,
        container: &ContainerRef,
    ) -> Result<(), OperationError> {
        let Ok(id) = self.id(container) else { return Ok(()) };
        self.quiesce_server(&id).await?;
        let route =
            self.edge_file().await?.as_ref().and_then(|edge| edge.routes.get(&replica.service).cloned());
        let drain = route.map(|route| route.drain).unwrap_or_default();
        self.drain_server(replica, &id, drain).await?;
        self.remove_server(container).await
    }

    pub(super) async fn remove_server(&self, container: &ContainerRef) -> Result<(), OperationError> {
        let Ok(id) = self.id(container) else { return Ok(()) };
        let mut state = self.edge_file().await?;
        let Some(edge) = &mut *state else { return Ok(()) };
        let Some(server) = edge.servers.remove(id.short()) else { return Ok(()) };
        self.ask(&self.edge_id(), &process::remove(edge, id.short(), &server)).await
    }

    /// Sends no more requests to a container.
    pub(super) async fn quiesce_server(&self, id: &ContainerId) -> Result<(), OperationError> {
        let state = self.edge_file().await?;
        let Some((edge, server)) = known(&state, id) else { return Ok(()) };
        self.ask(&self.edge_id(), &process::quiesce(edge, id.short(), server)).await
    }

    /// Waits until a container has no requests. Returns how many are left at the end of the time.
    pub(super) async fn drain_server(
        &self,
        replica: &Replica,
        id: &ContainerId,
        deadline: Duration,
    ) -> Result<u64, OperationError> {
        let script = {
            let state = self.edge_file().await?;
            let Some((edge, server)) = known(&state, id) else { return Ok(0) };
            process::drain(edge, id.short(), server, deadline.as_secs())
        };
        let mut left = 0;
        let mut show = |line: &str| {
            if let Some(requests) = answer::requests_left(line) {
                left = requests;
                let detail = Some(format!("{requests} requests")).filter(|_| requests > 0);
                let phase = Phase::Draining;
                let _ = self.events.send(Event::Phase { subject: subject(replica), phase, detail });
            }
        };
        let command = ExecCommand { argv: script.argv, env: script.env, ..ExecCommand::default() };
        let limit = deadline + COMMAND;
        let outcome =
            self.engine.exec_watched(&self.edge_id(), &command, limit, |line| show(&line.text)).await?;
        match outcome.exit_code {
            Some(0) => Ok(0),
            Some(3) => Ok(left),
            _ => Err(self.edge_failed(&outcome)),
        }
    }

    /// The server that a container is, by its label; `None` where it is not behind the edge.
    async fn server(&self, replica: &Replica, id: &ContainerId) -> Result<Option<Server>, OperationError> {
        let label = match self.observed_container(id) {
            Some(container) => container.behind_edge(),
            None => {
                let details = self.engine.inspect(id.as_str()).await?;
                details.labels.get(labels::sofa::BEHIND).and_then(|text| serde_json::from_str(text).ok())
            }
        };
        Ok(label.map(|behind| server(&replica.service, behind)))
    }
}

fn known<'e>(state: &'e Option<Edge>, id: &ContainerId) -> Option<(&'e Edge, &'e Server)> {
    let edge = state.as_ref()?;
    Some((edge, edge.servers.get(id.short())?))
}
