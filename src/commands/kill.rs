//! `sofa kill`: sends the scope's containers a signal, all at once. Works from labels; no file is read.

use std::time::Instant;

use crate::commands::Context;
use crate::commands::forward::{Forward, Turn};
use crate::commands::labelled::{Standing, View};
use crate::error::CommandResult;
use crate::plan;
use crate::settings::WAIT_TIMEOUT;

/// Arguments of `kill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The signal, by name or number.
    #[arg(long, value_name = "SIGNAL", default_value = "SIGKILL")]
    signal: String,
}

/// Kills the scope.
///
/// # Errors
/// What could not be reached; everything else was.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let forward = Forward {
        verb: "kill",
        idle: "nothing runs",
        view: View::Project,
        turn: Turn::Interrupts,
        plan: &|Standing { project, observed, scope, .. }: &Standing| {
            plan::kill(project, observed, scope, &args.signal)
        },
        wait: WAIT_TIMEOUT,
        begun,
    };
    forward.run(context).await
}
