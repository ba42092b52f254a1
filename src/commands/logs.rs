//! `sofa logs`: shows what services print, in one stream. Reads no file.

use jiff::Timestamp;

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::logs::{Options, Until, show};
use crate::ops::run_logs;
use crate::settings::moment;

/// Without `--tail` so many lines of each container are shown.
const DEFAULT_TAIL: u64 = 100;

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Continue with new lines; the default on a terminal.
    #[arg(short, long, overrides_with = "no_follow")]
    follow: bool,
    /// Print the existing lines and end.
    #[arg(long)]
    no_follow: bool,
    /// The number of lines of each container from the end, or `all`. [default: 100; `all` with `--run`]
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<String>,
    /// Show what the containers printed that failed in this run; an undo has removed them.
    #[arg(long, value_name = "N", conflicts_with_all = ["follow", "since", "until", "timestamps"])]
    run: Option<u64>,
    /// Nothing older: a time (2026-01-31T10:00:00Z) or how long ago (10m).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Nothing newer: a time or how long ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Show the time of each line.
    #[arg(short, long)]
    timestamps: bool,
    /// Print lines without the service's name.
    #[arg(long, visible_alias = "no-log-prefix")]
    no_prefix: bool,
}

/// Shows the logs of the containers in scope.
///
/// # Errors
/// A named service that the project does not have, a `--tail` that is not a number.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let tail = match args.tail.as_deref() {
        None if args.run.is_none() => Some(DEFAULT_TAIL),
        None | Some("all") => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Failure::new(Kind::Usage, format!("`--tail {text}`: not a number of lines"))
                .hint("or `--tail all`")
        })?),
    };
    if let Some(run) = args.run {
        run_logs::show(context, run, tail, !args.no_prefix).await?;
        return Ok(Exit::Success);
    }
    let follow = args.follow || (!args.no_follow && context.ui.is_watched());
    let Args { since, until, timestamps, no_prefix, .. } = args;
    let follow = follow.then_some(Until::Gone);
    let (only, without) = (Vec::new(), Vec::new());
    show(context, &Options { tail, since, until, follow, timestamps, prefix: !no_prefix, only, without })
        .await?;
    Ok(Exit::Success)
}
