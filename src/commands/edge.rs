//! `sofa edge status`: the edge of a project, and the containers that it sends requests to. Reads no file.

use jiff::Timestamp;

use crate::commands::args::format::Format;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::edge::{COLUMNS, EdgeStatus, SERVER_COLUMNS};
use crate::ui::table;

/// Arguments of `edge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `status`, mode.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// What to do with the edge.
const STATUS: &str = "status";

impl Args {
    /// The words that select the project.
    pub fn scope_words(&self) -> Vec<String> {
        self.words.iter().skip(1).cloned().collect()
    }
}

/// Shows the edge and its servers.
///
/// # Errors
/// A project without an edge.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    if args.words.first().map(String::as_str) != Some(STATUS) {
        return Err(Failure::new(Kind::Usage, "`edge` needs `status`").hint("`sofa edge status`"));
    }
    let status = EdgeStatus::of(context).await?;
    let text = match args.format {
        Format::Json => status.json(),
        Format::Table => {
            let edge = table::render(&COLUMNS, &status.rows(Timestamp::now()));
            format!("{edge}\n{}", table::render(&SERVER_COLUMNS, &status.server_rows()))
        }
    };
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    status.notes().iter().for_each(|note| context.ui.note(note));
    Ok(Exit::Success)
}
