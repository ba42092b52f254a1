//! `sofa ps`: lists the containers of the services in scope and their state. Reads no file.

use jiff::Timestamp;

use crate::commands::args::format::Format;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::ps::{COLUMNS, List, STATES, Shown};
use crate::ui::table;

/// Arguments of `ps`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// List stopped containers and one-off containers too.
    #[arg(short, long)]
    all: bool,
    /// Print only the ids of the containers.
    #[arg(short, long)]
    quiet: bool,
    /// Print only the names of the services.
    #[arg(long, conflicts_with = "quiet")]
    services: bool,
    /// List only containers in this state: created, running, paused, restarting, removing, exited or dead. Repeatable.
    #[arg(long, value_name = "STATE", value_parser = state)]
    status: Vec<String>,
    /// The same as `--status`, as `status=STATE`. Repeatable.
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    filter: Vec<String>,
    /// Show the list again whenever something happens, until interrupted.
    #[arg(long)]
    watch: bool,
    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Lists the project's containers.
///
/// # Errors
/// A named service that the project does not have.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let shown = Shown { all: args.all, states: args.status.into_iter().chain(args.filter).collect() };
    if args.quiet || args.services {
        let list = List::of(context, &shown).await?;
        let lines = if args.quiet { list.ids() } else { list.services() };
        // The reader may be gone: that is no failure.
        let _ = context.ui.print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    } else if args.watch {
        List::watch(context, &shown, |list| context.ui.clear().is_ok() && show(list, args.format, context))
            .await?;
    } else {
        show(&List::of(context, &shown).await?, args.format, context);
    }
    Ok(Exit::Success)
}

/// Reads the name of a state.
fn state(text: &str) -> Result<String, String> {
    match STATES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("one of: {}", STATES.join(", "))),
    }
}

/// Reads a filter.
fn filter(text: &str) -> Result<String, String> {
    state(text.strip_prefix("status=").ok_or("the only filter is `status=STATE`")?)
}

/// Prints the list; returns whether anybody reads it.
fn show(list: &List, format: Format, context: &Context) -> bool {
    let text = match format {
        Format::Json => list.json(),
        Format::Table if list.is_empty() && list.note().is_none() => {
            context.ui.note(&format!("project `{}`: no containers in scope", list.project));
            return true;
        }
        Format::Table if list.is_empty() => String::new(),
        Format::Table => table::render(&COLUMNS, &list.rows(Timestamp::now())),
    };
    if format == Format::Table && list.has_starting() {
        context.ui.note("`starting`: the engine has not yet run the healthcheck to an end; `deploy` and `start` run it themselves");
    }
    let read = context.ui.print(&text).is_ok();
    if let Some(note) = list.note().filter(|_| format == Format::Table) {
        context.ui.note(&note);
    }
    read
}
