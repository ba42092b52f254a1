//! `sofa rollback [RELEASE]`: deploys an older release again, with its model, its images and its environment.

use std::time::Duration;

use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::rollback::Rollback;
use crate::plan::operation::Plan;
use crate::settings::parse_time;

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number of a release; mode, services. Without a number: the last release if something else runs, else the one before it.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Keep the environment that services have by today's files.
    #[arg(long)]
    current_env: bool,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

impl Args {
    /// The words that are not the number of a release. A service whose name is a number is reached by SERVICES=.
    pub fn scope_words(&self) -> Vec<String> {
        self.words.iter().filter(|word| word.parse::<u64>().is_err()).cloned().collect()
    }

    async fn prepare<'a>(&self, context: &'a Context) -> Result<Rollback<'a>, Failure> {
        let number = self.words.iter().find_map(|word| word.parse().ok());
        Rollback::to_release(context, number, self.current_env, self.wait_timeout).await
    }
}

/// Rolls back to a release.
///
/// # Errors
/// No such release; images that were removed; else as those of `deploy`.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    let rollback = args.prepare(context).await?;
    if args.dry_run {
        return Ok(context.show_plan(&rollback.into_plan()));
    }
    rollback.run().await?;
    Ok(Exit::Success)
}

/// The plan of the rollback.
///
/// # Errors
/// As those of `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    Ok(args.prepare(context).await?.into_plan())
}
