//! `sofa down`: stops and removes what a project has on the engine. Works from labels; no file is read.

use std::time::{Duration, Instant};

use crate::compose::load::Options;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::labelled::{Standing, View};
use crate::ops::lifecycle::{Forward, Turn};
use crate::plan::down;
use crate::settings::{WAIT_TIMEOUT, parse_time};

/// Arguments of `down`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Remove named volumes too.
    #[arg(long)]
    volumes: bool,
    /// Keep named volumes where the mode would remove them.
    #[arg(long, conflicts_with = "volumes")]
    keep_volumes: bool,
    /// Remove images too: `local` those that were built here under the name that they get without `image:`, `all` every one.
    #[arg(long, value_name = "WHICH")]
    rmi: Option<Rmi>,
    /// Remove containers of services that the files do not have any more; this reads the files.
    #[arg(long)]
    remove_orphans: bool,
    /// How long containers may take to stop, instead of their own grace period.
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Which images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rmi {
    /// Those that only a build here gave a name.
    Local,
    /// All.
    All,
}

/// Takes the scope down.
///
/// # Errors
/// With `--remove-orphans`, those of the files.
pub fn forward<'a>(args: &'a Args, context: &Context) -> Result<Forward<'a>, Failure> {
    let orphans = if args.remove_orphans { Some(context.load(Options::default())?) } else { None };
    let mode_removes = context.settings.mode.as_ref().is_some_and(|mode| mode.down_volumes);
    Ok(Forward {
        verb: "down",
        idle: "nothing to remove",
        view: View::Engine,
        turn: Turn::Locks,
        plan: Box::new(move |Standing { project, observed, scope, .. }: &Standing| {
            let volumes = args.volumes || (mode_removes && !args.keep_volumes);
            let images = match args.rmi {
                None => down::Images::Keep,
                Some(Rmi::Local) => down::Images::Local,
                Some(Rmi::All) => down::Images::All,
            };
            let scope = match &orphans {
                Some(files) => scope.with_orphans(files.project(), &observed.containers),
                None => scope.clone(),
            };
            let policy = down::Policy { scope, volumes, grace: args.timeout, images };
            down::down(project, observed, &policy)
        }),
        wait: WAIT_TIMEOUT,
        dry_run: args.dry_run,
        begun: Instant::now(),
    })
}
