//! `sofa restart`: restarts the scope, one container after the other, and waits for each. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::forward::{Forward, Turn};
use crate::commands::labelled::{Standing, View};
use crate::error::CommandResult;
use crate::plan;
use crate::settings::parse_time;

/// Arguments of `restart`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// How long containers may take to stop, instead of their own grace period.
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

/// Restarts the scope.
///
/// # Errors
/// The first container that is not ready again; nothing after it was touched.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let forward = Forward {
        verb: "restart",
        idle: "nothing to restart",
        view: View::Project,
        turn: Turn::Locks,
        plan: &|Standing { project, observed, scope, .. }: &Standing| {
            plan::restart(project, observed, scope, &context.settings.backend, args.timeout)
        },
        wait: context.settings.wait_timeout(args.wait_timeout),
        begun,
    };
    forward.run(context).await
}
