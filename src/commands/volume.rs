//! `sofa volume rm`: removes volumes by name, those too that `down --volumes` keeps. Reads no file.

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::lifecycle::{Action, Lifecycle};
use crate::plan::operation::Plan;

/// Arguments of `volume`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `rm`, mode, volumes: their keys in the Compose files, or their names on the engine.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What to do with volumes.
const REMOVE: &str = "rm";

impl Args {
    /// The words that select the project and its volumes.
    pub fn scope_words(&self) -> Vec<String> {
        self.words.iter().skip(1).cloned().collect()
    }

    fn action(&self) -> Result<Action, Failure> {
        match self.words.first().map(String::as_str) {
            Some(REMOVE) => Ok(Action::RemoveVolumes),
            _ => Err(Failure::new(Kind::Usage, "`volume` needs `rm`").hint("`sofa volume rm NAME`")),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// A volume that the project does not have, or that a container uses; else the run's failure.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    if args.dry_run {
        return Ok(context.show_plan(&plan(args, context).await?));
    }
    Lifecycle::new(context, args.action()?)?.run().await?;
    Ok(Exit::Success)
}

/// The plan of the verb.
///
/// # Errors
/// As `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    Lifecycle::new(context, args.action()?)?.plan().await
}
