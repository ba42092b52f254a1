//! `sofa start`: starts what is stopped, dependencies first, and waits until it is ready. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::ops::Context;
use crate::ops::labelled::{Standing, View};
use crate::ops::lifecycle::{Forward, Turn};
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
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Starts the scope.
pub fn forward<'a>(args: &'a Args, context: &Context) -> Forward<'a> {
    Forward {
        verb: "start",
        idle: "nothing to start; everything runs",
        view: View::Project,
        turn: Turn::Locks,
        plan: Box::new(move |Standing { project, observed, scope, .. }: &Standing| {
            plan::start(project, observed, scope)
        }),
        wait: context.settings.wait_timeout(args.wait_timeout),
        dry_run: args.dry_run,
        begun: Instant::now(),
    }
}
