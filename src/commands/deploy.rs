//! `sofa deploy`: brings the scope to what the files say, ready, or undone as a whole.

use crate::error::{CommandResult, Failure};
use crate::ops::Context;
use crate::ops::bring_up::{bring_up, foresee};
use crate::ops::deployment::Choices;
use crate::plan::operation::Plan;

/// Arguments of `deploy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    #[command(flatten)]
    choices: Choices,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Deploys the scope.
///
/// # Errors
/// Everything that can be known before a change is an error before any change; a failure on the way is undone.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    bring_up("deploy", &args.choices, args.dry_run, context).await
}

/// The plan of a deploy.
///
/// # Errors
/// As those of `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    foresee("deploy", &args.choices, context).await
}
