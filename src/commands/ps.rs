//! `sofa ps`: the services' containers and their state. Works from labels; no file is read.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use jiff::Timestamp;
use serde_json::json;

use crate::docker::state::Store;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::labels;
use crate::ops::Context;
use crate::ops::context::engine_failure;
use crate::ops::labelled::{Standing, View, look};
use crate::plan::observed::{Container, Health, State};
use crate::state::Found;
use crate::ui::table;
use crate::util::elapsed::age;

/// Arguments of `ps`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Show stopped containers and one-offs too.
    #[arg(short, long)]
    all: bool,
    /// Show the list again whenever something happens, until it is interrupted.
    #[arg(long)]
    watch: bool,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns.
    Table,
    /// One JSON object a line, as docker compose prints.
    Json,
}

/// Lists the project's containers.
///
/// # Errors
/// A named service that the project does not have.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let standing = look(context, View::Project).await?;
    if !args.watch {
        show(&args, context, &standing).await;
        return Ok(Exit::Success);
    }
    // Subscribed before the first look: nothing that happens between the two is missed.
    let mut events = standing.engine.events(&standing.project, None).await.map_err(engine_failure)?;
    loop {
        let standing = look(context, View::Project).await?;
        if context.ui.clear().is_err() || !show(&args, context, &standing).await {
            return Ok(Exit::Success);
        }
        if !matches!(events.next().await, Some(Ok(_))) {
            return Err(Failure::new(Kind::Unreachable, "the engine ended the watch"));
        }
    }
}

/// Prints the list; returns whether anybody reads it.
async fn show(args: &Args, context: &Context, standing: &Standing) -> bool {
    let named = !context.settings.words.services.is_empty();
    let shown: Vec<&Container> = standing
        .scope
        .pick(&standing.observed.containers)
        .into_iter()
        .filter(|container| args.all || named || is_of_interest(container))
        .collect();
    if args.format == Format::Table && shown.is_empty() {
        context.ui.note(&format!("project `{}`: the scope has no containers", standing.project));
        return true;
    }
    let rows = details(standing, shown).await;
    let text = match args.format {
        Format::Table => table::render(
            &["SERVICE", "STATE", "READY", "RESTARTS", "IMAGE", "PORTS", "AGE", "RELEASE", "CONTAINER"],
            &rows.iter().map(|row| row.cells(Timestamp::now().as_second())).collect::<Vec<_>>(),
        ),
        Format::Json => rows.iter().map(|row| row.object() + "\n").collect(),
    };
    if args.format == Format::Table && rows.iter().any(|row| readiness(row.container) == "starting") {
        context.ui.note("`starting`: the engine has not passed its verdict since the start; `deploy` and `start` run the same test themselves");
    }
    context.ui.print(&text).is_ok()
}

/// A container with what the engine's list does not tell.
struct Row<'a> {
    container: &'a Container,
    /// None where it went away meanwhile.
    restarts: Option<u64>,
    /// None for what no kept release made.
    release: Option<u64>,
}

/// Looks at every container at once. Records that cannot be read hide no container.
async fn details<'a>(standing: &Standing, shown: Vec<&'a Container>) -> Vec<Row<'a>> {
    let engine = &standing.engine;
    let store = Store::of(engine, &standing.project);
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
    let row = |(container, restarts)| Row { container, restarts, release: release(container) };
    looked.into_iter().map(row).collect()
}

/// Without `--all`: what runs, and what does not although it should: a service that exited is news, a job that
/// succeeded and a finished one-off are not hidden either, since they are part of the project's state.
fn is_of_interest(container: &Container) -> bool {
    !container.oneoff
}

fn or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

impl Row<'_> {
    fn cells(&self, now: i64) -> Vec<String> {
        let container = self.container;
        let seconds = u64::try_from(now - container.created).unwrap_or(0);
        vec![
            if container.number > 1 {
                format!("{} {}", container.service, container.number)
            } else {
                container.service.clone()
            },
            container.state.to_string(),
            readiness(container).to_string(),
            or_dash(self.restarts),
            container.image.clone(),
            ports(container),
            age(Duration::from_secs(seconds)),
            or_dash(self.release),
            container.name.clone(),
        ]
    }

    fn object(&self) -> String {
        let container = self.container;
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
            "Ports": ports(container),
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
fn ports(container: &Container) -> String {
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

/// The engine's word for a state, without the exit code.
fn state_word(state: &State) -> String {
    match state {
        State::Exited(_) => "exited".into(),
        state => state.to_string(),
    }
}
