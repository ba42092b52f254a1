//! `sofa deploy`: brings the services in scope to what the files say: all ready, or undone as a whole.

use crate::commands::args::deploy::DeployArgs;
use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::deploy::Deploy;
use crate::plan::operation::Plan;

/// Arguments of `deploy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    #[command(flatten)]
    deploy: DeployArgs,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Deploys the scope.
///
/// # Errors
/// Everything that is known to be wrong, before any change; else the failure of a run that was undone.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    if args.dry_run {
        return Ok(context.show_plan(&plan(args, context).await?));
    }
    Deploy::of_files(context, "deploy", args.deploy.options()).await?.run().await?;
    Ok(Exit::Success)
}

/// The plan of a deploy.
///
/// # Errors
/// As those of `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    Deploy::of_files(context, "deploy", args.deploy.options()).await?.plan().await
}
