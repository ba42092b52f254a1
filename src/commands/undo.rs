//! `sofa undo`: undoes an unfinished run and restores the last release. What already runs as that release says is kept.

use std::time::Duration;

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::rollback::Rollback;
use crate::settings::parse_time;

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

/// Undoes the unfinished run.
///
/// # Errors
/// No release to restore; else as those of `deploy`.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let Some(rollback) = Rollback::of_unfinished_run(context, args.wait_timeout).await? else {
        return Ok(Exit::Success);
    };
    if args.dry_run {
        return Ok(context.show_plan(&rollback.into_plan()));
    }
    rollback.run().await?;
    Ok(Exit::Success)
}
