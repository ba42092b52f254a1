//! `sofa ps`: the services' containers and their state. Works from labels; no file is read.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::commands::Context;
use crate::commands::labelled::{Standing, View, look};
use crate::error::{CommandResult, Exit};
use crate::plan::observed::{Container, Health, State};
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
    let Standing { project, observed, scope, .. } = look(context, View::Project).await?;
    let named = !context.settings.words.services.is_empty();
    let shown: Vec<&Container> = scope
        .pick(&observed.containers)
        .into_iter()
        .filter(|container| args.all || named || is_of_interest(container))
        .collect();
    let now = Timestamp::now().as_second();
    let text = match args.format {
        Format::Table if shown.is_empty() => {
            context.ui.note(&format!("project `{project}`: the scope has no containers"));
            return Ok(Exit::Success);
        }
        Format::Table => table::render(
            &["SERVICE", "STATE", "READY", "IMAGE", "PORTS", "AGE", "CONTAINER"],
            &shown.iter().map(|container| row(container, now)).collect::<Vec<_>>(),
        ),
        Format::Json => shown.iter().map(|container| object(container) + "\n").collect(),
    };
    if args.format == Format::Table && shown.iter().any(|container| readiness(container) == "starting") {
        context.ui.note("`starting`: the engine has not passed its verdict since the start; `deploy` and `start` run the same test themselves");
    }
    // A reader that is gone needs no list.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}

/// Without `--all`: what runs, and what does not although it should: a service that exited is news, a job that
/// succeeded and a finished one-off are not hidden either, since they are part of the project's state.
fn is_of_interest(container: &Container) -> bool {
    !container.oneoff
}

fn row(container: &Container, now: i64) -> Vec<String> {
    let seconds = u64::try_from(now - container.created).unwrap_or(0);
    vec![
        if container.number > 1 {
            format!("{} {}", container.service, container.number)
        } else {
            container.service.clone()
        },
        container.state.to_string(),
        readiness(container).to_string(),
        container.image.clone(),
        ports(container),
        age(Duration::from_secs(seconds)),
        container.name.clone(),
    ]
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

fn object(container: &Container) -> String {
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
        "Status": container.status,
        "Created": container.created,
        "Ports": ports(container),
    })
    .to_string()
}

/// The engine's word for a state, without the exit code.
fn state_word(state: &State) -> String {
    match state {
        State::Exited(_) => "exited".into(),
        state => state.to_string(),
    }
}
