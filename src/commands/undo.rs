//! `sofa undo`: takes back an unfinished run, to the last release. What runs as that release had it is
//! found on the engine and kept, whatever the run had begun.

use std::time::{Duration, Instant};

use crate::docker::state::Store;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::context::engine_failure;
use crate::ops::labelled::{Standing, View, look};
use crate::ops::lock::clear;
use crate::ops::rollback::{self, Back, Unfinished, kept_releases};
use crate::settings::parse_time;

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

/// Takes an unfinished run back.
///
/// # Errors
/// No release to go back to; else as those of `deploy`.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let standing = look(context, View::Project).await?;
    let head = kept_releases(&standing).await?;
    let Standing { project, engine, observed, .. } = standing;
    // A run that was killed as it began may have been too early for its record.
    let marked = Store::of(&engine, &project).is_marked_unfinished().await.map_err(engine_failure)?;
    if head.unfinished().is_none() && !marked {
        // Killed before it wrote anything down, a run may have left its lock.
        clear(&engine, &project).await?;
        context.ui.note(&format!("{project}: no run is unfinished; `sofa rollback` goes back to a release"));
        return Ok(Exit::Success);
    }
    let back = Back {
        context,
        engine: &engine,
        verb: "undo",
        release: rollback::last(&head, &project)?,
        current_env: false,
        wait_timeout: args.wait_timeout,
        begun,
        undoes: Some(Unfinished::of(&head, &observed)),
    };
    back.go(&project, args.dry_run).await
}
