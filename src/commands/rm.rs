//! `sofa rm`: removes the scope's containers that do not run. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::ops::labelled::{Standing, View};
use crate::ops::lifecycle::{Forward, Turn};
use crate::plan::rm;
use crate::settings::{WAIT_TIMEOUT, parse_time};

/// Arguments of `rm`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Stop containers that run, and remove them too.
    #[arg(long)]
    stop: bool,
    /// Remove anonymous volumes with them.
    #[arg(long)]
    volumes: bool,
    /// How long containers may take to stop, instead of their own grace period.
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Removes the scope's containers.
pub fn forward(args: &Args) -> Forward<'_> {
    Forward {
        verb: "rm",
        idle: "nothing to remove",
        view: View::Project,
        turn: Turn::Locks,
        plan: Box::new(move |Standing { project, observed, scope, .. }: &Standing| {
            let scope = scope.clone();
            let policy = rm::Policy { scope, stop: args.stop, volumes: args.volumes, grace: args.timeout };
            rm::rm(project, observed, &policy)
        }),
        wait: WAIT_TIMEOUT,
        dry_run: args.dry_run,
        begun: Instant::now(),
    }
}
