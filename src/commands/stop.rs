//! `sofa stop`: stops the scope's containers, dependants first. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::ops::labelled::{Standing, View};
use crate::ops::lifecycle::{Forward, Turn};
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
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Stops the scope.
pub fn forward(args: &Args) -> Forward<'_> {
    Forward {
        verb: "stop",
        idle: "nothing to stop",
        view: View::Project,
        turn: Turn::Interrupts,
        plan: Box::new(move |Standing { project, observed, scope, .. }: &Standing| {
            plan::stop(project, observed, scope, args.timeout)
        }),
        wait: WAIT_TIMEOUT,
        dry_run: args.dry_run,
        begun: Instant::now(),
    }
}
