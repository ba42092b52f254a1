//! `sofa ls`: lists the projects of the engine. Reads no file.

use crate::commands::args::format::Format;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::projects::{COLUMNS, projects};
use crate::ui::table;

/// Arguments of `ls`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List projects without a running container too.
    #[arg(short, long)]
    all: bool,
    /// Print only the names.
    #[arg(short, long)]
    quiet: bool,
    /// List only projects whose name contains this, as `name=TEXT`.
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    filter: Vec<String>,
    /// The output format; JSON is one list, as in docker compose.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Lists the projects.
///
/// # Errors
/// Those of the engine.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let mut found = projects(context, args.all).await?;
    found.retain(|project| args.filter.iter().all(|text| project.name.contains(text)));
    let text = match args.format {
        _ if args.quiet => found.iter().map(|project| format!("{}\n", project.name)).collect(),
        Format::Json => {
            let objects: Vec<_> = found.iter().map(|project| project.object()).collect();
            format!("{}\n", serde_json::Value::from(objects))
        }
        Format::Table => {
            table::render(&COLUMNS, &found.iter().map(|project| project.cells()).collect::<Vec<_>>())
        }
    };
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}

/// Reads a filter.
fn filter(text: &str) -> Result<String, String> {
    Ok(text.strip_prefix("name=").ok_or("the only filter is `name=TEXT`")?.to_owned())
}
