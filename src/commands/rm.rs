//! `sofa rm`: removes the stopped containers in scope. Works from labels and reads no file.

use std::time::Duration;

use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::lifecycle::{Action, Lifecycle};
use crate::plan::operation::Plan;
use crate::settings::parse_time;

/// Arguments of `rm`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Stop running containers, and remove them too.
    #[arg(short, long)]
    stop: bool,
    /// Remove anonymous volumes too.
    #[arg(short, long)]
    volumes: bool,
    /// Answer yes to the question of a protected mode, as `--yes` does.
    #[arg(short, long)]
    pub force: bool,
    /// How long containers may take to stop, instead of their own grace period.
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    fn action(&self) -> Action {
        Action::Remove { stop: self.stop, volumes: self.volumes, grace: self.timeout }
    }
}

/// Runs the verb.
///
/// # Errors
/// The run's failure, with what is left.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    if args.dry_run {
        return Ok(context.show_plan(&plan(args, context).await?));
    }
    Lifecycle::new(context, args.action())?.run().await?;
    Ok(Exit::Success)
}

/// The plan of the verb.
///
/// # Errors
/// Those of the engine.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    Lifecycle::new(context, args.action())?.plan().await
}
