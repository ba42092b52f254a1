//! The containers of a project and their state. Works from labels and reads no file.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::compat::ports;
use crate::docker::state::Store;
use crate::error::{Failure, Kind};
use crate::labels;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::{LiveProject, View};
use crate::plan::labelled;
use crate::plan::observed::{Container, Health, Port, State};
use crate::state::Found;
use crate::util::elapsed::age;

/// The heads of [`List::rows`].
pub const COLUMNS: [&str; 9] =
    ["SERVICE", "STATE", "READY", "RESTARTS", "IMAGE", "PORTS", "AGE", "RELEASE", "CONTAINER"];

/// The names of the states that a container can have.
pub const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/// Which containers of the scope are listed.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Also those that have ended, and one-off containers.
    pub all: bool,
    /// Only those in one of these states; empty means any.
    pub states: Vec<String>,
}

/// The containers in scope.
pub struct List {
    pub project: String,
    rows: Vec<Row>,
    /// The containers that have ended and are not listed, as `service (state)`.
    hidden: Vec<String>,
}

impl List {
    /// Lists the containers of the command's scope. Without `all` and states these are the containers that are up, and jobs that
    /// succeeded.
    ///
    /// # Errors
    /// A named service that the project does not have.
    pub async fn of(context: &Context, shown: &Shown) -> Result<List, Failure> {
        Ok(List::of_live(&context.live_project(View::Project).await?, shown).await)
    }

    async fn of_live(live: &LiveProject, Shown { all, states }: &Shown) -> List {
        let jobs = labelled::jobs(&live.observed.containers);
        let is_shown = |container: &&Container| {
            let succeeded = container.state == State::Exited(0) && jobs.contains(container.service.as_str());
            let in_state = states.contains(&state_word(&container.state));
            match states.is_empty() {
                true => *all || !container.oneoff && (container.is_up() || succeeded),
                false => in_state && (*all || !container.oneoff),
            }
        };
        let (shown, hidden): (Vec<&Container>, Vec<&Container>) =
            live.scope.pick(&live.observed.containers).into_iter().partition(is_shown);
        let hidden = hidden.into_iter().filter(|container| !container.oneoff && states.is_empty());
        let hidden = hidden.map(|container| format!("{} ({})", label(container), container.state)).collect();
        List { project: live.project.clone(), rows: details(live, shown).await, hidden }
    }

    /// Calls `show` with the list, again and again whenever something happens, until it returns false.
    ///
    /// # Errors
    /// The engine ends the stream of events.
    pub async fn watch(
        context: &Context,
        shown: &Shown,
        mut show: impl FnMut(&List) -> bool,
    ) -> Result<(), Failure> {
        let live = context.live_project(View::Project).await?;
        // Subscribed before the first list, so that no event is missed between the two.
        let mut events = live.engine.events(&live.project, None).await.map_err(engine_failure)?;
        loop {
            if !show(&List::of(context, shown).await?) {
                return Ok(());
            }
            if !matches!(events.next().await, Some(Ok(_))) {
                return Err(Failure::new(Kind::Unreachable, "the engine ended the stream of events"));
            }
        }
    }

    /// The ids of the containers.
    pub fn ids(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.container.id.as_str().to_owned()).collect()
    }

    /// The names of the services, each once.
    pub fn services(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.rows.iter().map(|row| row.container.service.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the engine has not yet judged the health of some container.
    pub fn has_starting(&self) -> bool {
        self.rows.iter().any(|row| readiness(&row.container) == "starting")
    }

    /// The note about containers that are not listed; none where all are.
    pub fn note(&self) -> Option<String> {
        let hidden = match self.hidden.as_slice() {
            [] => return None,
            [first, second, third, rest @ ..] if rest.len() > 1 => {
                format!("{first}, {second}, {third} and {} more", rest.len())
            }
            few => few.join(", "),
        };
        Some(format!("not running: {hidden}; `sofa ps --all` lists them"))
    }

    /// The cells of a table, a row for each container.
    pub fn rows(&self, now: Timestamp) -> Vec<Vec<String>> {
        self.rows.iter().map(|row| row.cells(now.as_second())).collect()
    }

    /// One JSON object a line, with docker compose's names.
    pub fn json(&self) -> String {
        self.rows.iter().map(|row| row.object() + "\n").collect()
    }
}

/// A container with details that the engine's list does not have.
struct Row {
    container: Container,
    /// None where the container is gone.
    restarts: Option<u64>,
    /// None where no kept release made the container.
    release: Option<u64>,
}

/// Looks at every container at once. Records that cannot be read hide no container.
async fn details(live: &LiveProject, shown: Vec<&Container>) -> Vec<Row> {
    let engine = &live.engine;
    let store = Store::of(engine, &live.project);
    let looks = shown.into_iter().map(async |container| {
        let found = engine.inspect(container.id.as_str()).await;
        (container, found.ok().map(|found| found.restarts))
    });
    let (found, looked) = join(store.read(), join_all(looks)).await;
    let head = found.map(Found::or_empty).unwrap_or_default().head;
    let release = |container: &Container| {
        let run: u64 = container.labels.get(labels::sofa::RUN)?.parse().ok()?;
        head.releases.iter().find(|release| release.run == run).map(|release| release.number)
    };
    let row = |(container, restarts): (&Container, _)| Row {
        container: container.clone(),
        restarts,
        release: release(container),
    };
    looked.into_iter().map(row).collect()
}

/// `web`, or `web 2` for a further replica.
fn label(container: &Container) -> String {
    match container.number {
        0 | 1 => container.service.clone(),
        number => format!("{} {number}", container.service),
    }
}

fn or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

impl Row {
    fn cells(&self, now: i64) -> Vec<String> {
        let container = &self.container;
        let seconds = u64::try_from(now - container.created).unwrap_or(0);
        vec![
            label(container),
            container.state.to_string(),
            readiness(container).to_string(),
            or_dash(self.restarts),
            container.image.clone(),
            published_ports(container),
            age(Duration::from_secs(seconds)),
            or_dash(self.release),
            container.name.clone(),
        ]
    }

    fn object(&self) -> String {
        let container = &self.container;
        json!({
            "ID": container.id.as_str(),
            "Name": container.name,
            "Service": container.service,
            "Project": container.project(),
            "Number": container.number,
            "Image": container.image,
            "State": state_word(&container.state),
            "ExitCode": match container.state { State::Exited(code) => code, _ => 0 },
            "Health": match container.health { Health::None => String::new(), health => health.to_string() },
            "Ready": readiness(container),
            "Restarts": self.restarts,
            "Release": self.release,
            "Status": container.status,
            "Created": container.created,
            "Ports": ports::display(&all_ports(container)),
            "Publishers": publishers(container),
        })
        .to_string()
    }
}

/// What is known of a container's readiness from the list alone.
fn readiness(container: &Container) -> &'static str {
    match (&container.state, container.health) {
        (State::Running, Health::Healthy | Health::None) => "yes",
        (State::Running, Health::Starting) => "starting",
        (State::Running, Health::Unhealthy) => "unhealthy",
        (State::Exited(0), _) => "done",
        _ => "no",
    }
}

/// `127.0.0.1:8000→8000`, published ports only; each once, though engines list IPv4 and IPv6 apart.
fn published_ports(container: &Container) -> String {
    let published: BTreeSet<String> = container
        .ports
        .iter()
        .filter_map(|port| {
            let address = match port.address.as_deref() {
                None | Some("" | "0.0.0.0" | "::") => String::new(),
                Some(address) => format!("{address}:"),
            };
            let protocol = if port.protocol == "tcp" { String::new() } else { format!("/{}", port.protocol) };
            Some(format!("{address}{}→{}{protocol}", port.published?, port.target))
        })
        .collect();
    published.into_iter().collect::<Vec<_>>().join(", ")
}

/// The published and the exposed ports.
pub fn all_ports(container: &Container) -> Vec<ports::Port<'_>> {
    fn port(port: &Port) -> ports::Port<'_> {
        ports::Port {
            target: port.target,
            address: port.address.as_deref(),
            published: port.published,
            protocol: &port.protocol,
        }
    }
    container.ports.iter().map(port).collect()
}

/// The ports as docker compose writes them in JSON. An exposed port that is not published has no address and the number 0.
fn publishers(container: &Container) -> Vec<Value> {
    let mut ports = all_ports(container);
    ports.sort_unstable();
    let publisher = |port: ports::Port<'_>| {
        json!({
            "URL": port.address.unwrap_or_default(),
            "TargetPort": port.target,
            "PublishedPort": port.published.unwrap_or_default(),
            "Protocol": port.protocol,
        })
    };
    ports.into_iter().map(publisher).collect()
}

/// The engine's word for a state, without the exit code.
pub(super) fn state_word(state: &State) -> String {
    match state {
        State::Exited(_) => "exited".into(),
        state => state.to_string(),
    }
}
