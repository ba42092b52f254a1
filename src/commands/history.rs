//! `sofa history`: the releases that can be rolled back to, the newest first. Reads no file.

use jiff::Timestamp;

use crate::commands::args::format::Format;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::history::{COLUMNS, History};
use crate::ui::table;

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Lists the releases.
///
/// # Errors
/// Records that a newer `sofa` wrote.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let history = History::of(context).await?;
    if history.is_empty() {
        let project = &history.project;
        context.ui.note(&format!("project `{project}` has no kept releases; the next deploy makes one"));
        return Ok(Exit::Success);
    }
    let text = match args.format {
        Format::Table => table::render(&COLUMNS, &history.rows(Timestamp::now())),
        Format::Json => history.json(),
    };
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}
