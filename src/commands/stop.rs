//! `sofa stop`: stops the scope's containers, dependants first. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::forward::{Forward, Turn};
use crate::commands::labelled::{Standing, View};
use crate::error::CommandResult;
use crate::plan;
use crate::settings::{WAIT_TIMEOUT, parse_time};

/// Arguments of `stop`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// How long containers may take to stop, instead of their own grace period.
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
}

/// Stops the scope.
///
/// # Errors
/// What could not be stopped; everything else was.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let forward = Forward {
        verb: "stop",
        idle: "nothing to stop",
        view: View::Project,
        turn: Turn::Interrupts,
        plan: &|Standing { project, observed, scope, .. }: &Standing| {
            plan::stop(project, observed, scope, args.timeout)
        },
        wait: WAIT_TIMEOUT,
        begun,
    };
    forward.run(context).await
}
