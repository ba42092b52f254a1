//! `sofa restart`: restarts the scope, one container after the other, and waits for each. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::ops::Context;
use crate::ops::labelled::{Standing, View};
use crate::ops::lifecycle::{Forward, Turn};
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
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Restarts the scope.
pub fn forward<'a>(args: &'a Args, context: &'a Context) -> Forward<'a> {
    Forward {
        verb: "restart",
        idle: "nothing to restart",
        view: View::Project,
        turn: Turn::Locks,
        plan: Box::new(move |Standing { project, observed, scope, .. }: &Standing| {
            plan::restart(project, observed, scope, &context.settings.backend, args.timeout)
        }),
        wait: context.settings.wait_timeout(args.wait_timeout),
        dry_run: args.dry_run,
        begun: Instant::now(),
    }
}
