//! `sofa start`: starts what is stopped, dependencies first, and waits until it is ready. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::forward::{Forward, Turn};
use crate::commands::labelled::{Standing, View};
use crate::error::CommandResult;
use crate::plan;
use crate::settings::parse_time;

/// Arguments of `start`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

/// Starts the scope.
///
/// # Errors
/// What is not ready in time, and what could not be started because of it.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let forward = Forward {
        verb: "start",
        idle: "nothing to start; everything runs",
        view: View::Project,
        turn: Turn::Locks,
        plan: &|Standing { project, observed, scope, .. }: &Standing| plan::start(project, observed, scope),
        wait: context.settings.wait_timeout(args.wait_timeout),
        begun,
    };
    forward.run(context).await
}
