//! The state of a project's edge: its container, and the servers behind it with their counters. Works from labels and reads no file.

use std::time::Duration;

use futures_util::future::try_join;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::compat::ports;
use crate::docker::edge::file;
use crate::edge::{Edge, answer, config, process};
use crate::engine::exec::ExecCommand;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;
use crate::ops::ps::all_ports;
use crate::plan::observed::Container;
use crate::util::elapsed::age;

/// The heads of [`EdgeStatus::rows`].
pub const COLUMNS: [&str; 5] = ["EDGE", "STATE", "PROXY", "PORTS", "AGE"];
/// The heads of [`EdgeStatus::server_rows`].
pub const SERVER_COLUMNS: [&str; 7] =
    ["SERVICE", "CONTAINER", "STATE", "REQUESTS", "ERRORS", "UNDER WAY", "ANSWER TIME"];

/// How long the proxy may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// An edge and its servers.
pub struct EdgeStatus {
    container: Container,
    /// What its file says.
    edge: Edge,
    /// What its proxy answered; empty where it does not run.
    answer: String,
    /// The project's containers.
    containers: Vec<Container>,
}

impl EdgeStatus {
    /// Asks the edge.
    ///
    /// # Errors
    /// The project has no edge; those of the engine.
    pub async fn of(context: &Context) -> Result<EdgeStatus, Failure> {
        let live = context.live_project(View::Engine).await?;
        let found = live.observed.edge.and_then(|found| found.container);
        let Some(container) = found else {
            let message = format!("project `{}` has no edge", live.project);
            let hint = "a deploy of a service with `x-sofa.http` makes one: `sofa help x-sofa`";
            return Err(Failure::new(Kind::Failed, message).hint(hint));
        };
        let look = process::look();
        let command = ExecCommand { argv: look.argv, env: look.env, ..ExecCommand::default() };
        let answer = async {
            match container.is_up() {
                true => live.engine.exec(&container.id, &command, ANSWER).await.map(|outcome| outcome.stdout),
                false => Ok(Vec::new()),
            }
        };
        let (file, answer) =
            try_join(file(&live.engine, &container.id), answer).await.map_err(engine_failure)?;
        Ok(EdgeStatus {
            edge: file.unwrap_or_default(),
            answer: String::from_utf8_lossy(&answer).into_owned(),
            containers: live.observed.containers,
            container,
        })
    }

    /// The row of the edge itself.
    pub fn rows(&self, now: Timestamp) -> Vec<Vec<String>> {
        let version = answer::value(&self.answer, "Version").unwrap_or("-");
        vec![vec![
            self.container.image.clone(),
            self.container.state.to_string(),
            version.to_owned(),
            ports::display(&all_ports(&self.container)),
            age(Duration::from_secs(u64::try_from(now.as_second() - self.container.created).unwrap_or(0))),
        ]]
    }

    /// A row for each server.
    pub fn server_rows(&self) -> Vec<Vec<String>> {
        let counters = answer::counters(&self.answer);
        let rows = self.edge.servers.iter().map(|(name, server)| {
            let found = counters.iter().find(|row| row.backend == server.service && row.server == *name);
            let text = |of: fn(&answer::Counters) -> String| found.map_or_else(|| "-".to_owned(), of);
            vec![
                server.service.clone(),
                self.container_of(name),
                text(|row| row.status.to_ascii_lowercase()),
                text(|row| row.requests.to_string()),
                text(|row| row.errors.to_string()),
                text(|row| row.sessions.to_string()),
                text(|row| format!("{} ms", row.answer_time)),
            ]
        });
        rows.collect()
    }

    /// One JSON object a line: the edge, then its servers.
    pub fn json(&self) -> String {
        let edge = json!({
            "Edge": self.container.name,
            "Image": self.container.image,
            "State": self.container.state.to_string(),
            "Proxy": answer::value(&self.answer, "Version"),
            "Ports": ports::display(&all_ports(&self.container)),
            "Services": self.edge.routes.keys().collect::<Vec<_>>(),
        });
        let counters = answer::counters(&self.answer);
        let servers = self.edge.servers.iter().map(|(name, server)| {
            let found = counters.iter().find(|row| row.backend == server.service && row.server == *name);
            let number = |of: fn(&answer::Counters) -> u64| found.map_or(Value::Null, |row| of(row).into());
            json!({
                "Service": server.service,
                "Container": self.container_of(name),
                "State": found.map(|row| row.status.to_ascii_lowercase()),
                "Requests": number(|row| row.requests),
                "Errors": number(|row| row.errors),
                "UnderWay": number(|row| row.sessions),
                "AnswerTimeMs": number(|row| row.answer_time),
            })
        });
        std::iter::once(edge).chain(servers).map(|object| object.to_string() + "\n").collect()
    }

    /// What is not as it should be.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.container.is_up() {
            notes.push(format!("the edge is {}; a deploy starts it", self.container.state));
            return notes;
        }
        if answer::value(&self.answer, config::DIGEST) != Some(config::digest(&self.edge).as_str()) {
            notes.push(format!(
                "the proxy does not run what its file says; `docker restart {}` has it read the file",
                self.container.name
            ));
        }
        for service in
            self.edge.routes.keys().filter(|service| self.edge.servers_of(service).next().is_none())
        {
            notes.push(format!("{service} has no container; its requests are answered with 503"));
        }
        let is_lost = |container: &&Container| {
            container.behind_edge().is_some()
                && container.is_up()
                && !self.edge.servers.contains_key(container.id.short())
        };
        for container in self.containers.iter().filter(is_lost) {
            notes.push(format!("{} gets no requests; `sofa deploy` sends them", container.name));
        }
        notes
    }

    /// The name of the container that a server is.
    fn container_of(&self, server: &str) -> String {
        let found = self.containers.iter().find(|container| container.id.short() == server);
        found.map_or_else(|| server.to_owned(), |container| container.name.clone())
    }
}
