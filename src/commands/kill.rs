//! `sofa kill`: sends a signal to the containers in scope, to all at once. Works from labels and reads no file.

use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::lifecycle::{Action, Lifecycle};
use crate::plan::operation::Plan;

/// Arguments of `kill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The signal, by name or number.
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    signal: String,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    fn action(&self) -> Action {
        Action::Kill { signal: self.signal.clone() }
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
