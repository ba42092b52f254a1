//! `sofa ps`: lists the containers of the services in scope and their state. Reads no file.

use jiff::Timestamp;

use crate::commands::args::format::Format;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::ps::{COLUMNS, List};
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
    if args.watch {
        List::watch(context, args.all, |list| context.ui.clear().is_ok() && show(list, args.format, context))
            .await?;
    } else {
        show(&List::of(context, args.all).await?, args.format, context);
    }
    Ok(Exit::Success)
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
