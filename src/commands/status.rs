//! `sofa status`: what `ps` lists, and what the queue workers are doing. Reads no file.

use jiff::Timestamp;

use crate::commands::args::format::Format;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::ps::{self, List, Shown};
use crate::ops::workers::{self, Workers};
use crate::ui::table;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Shows the containers and the workers.
///
/// # Errors
/// A named service that the project does not have.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let list = List::of(context, &Shown::default()).await?;
    let workers = Workers::of(context).await?;
    let text = match args.format {
        Format::Json => list.json() + &workers.json(),
        Format::Table => {
            let containers = table::render(&ps::COLUMNS, &list.rows(Timestamp::now()));
            match workers.is_empty() {
                true => containers,
                false => format!("{containers}\n{}", table::render(&workers::COLUMNS, &workers.rows())),
            }
        }
    };
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    workers.notes().iter().chain(&list.note()).for_each(|note| context.ui.note(note));
    Ok(Exit::Success)
}
