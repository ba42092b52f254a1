//! `sofa kill`: sends the scope's containers a signal, all at once. Works from labels; no file is read.

use std::time::Instant;

use crate::ops::labelled::{Standing, View};
use crate::ops::lifecycle::{Forward, Turn};
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
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Kills the scope.
pub fn forward(args: &Args) -> Forward<'_> {
    Forward {
        verb: "kill",
        idle: "nothing runs",
        view: View::Project,
        turn: Turn::Interrupts,
        plan: Box::new(move |Standing { project, observed, scope, .. }: &Standing| {
            plan::kill(project, observed, scope, &args.signal)
        }),
        wait: WAIT_TIMEOUT,
        dry_run: args.dry_run,
        begun: Instant::now(),
    }
}
