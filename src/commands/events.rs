//! `sofa events`: shows what happens to the containers in scope. Reads no file.

use jiff::Timestamp;

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::events::{follow, line, object};
use crate::settings::moment;

/// Arguments of `events`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Also what happened since a time (2026-01-31T10:00:00Z) or for how long (10m), as far as the engine remembers.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// End at a time, or after what happened until so long ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
}

/// Shows events until it is interrupted.
///
/// # Errors
/// A named service that the project does not have; the engine is gone.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    follow(context, args.since, args.until, |event| {
        let text = if args.json { object(event) } else { line(event) };
        context.ui.print(&format!("{text}\n")).is_ok()
    })
    .await?;
    Ok(Exit::Success)
}
