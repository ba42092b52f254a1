//! `sofa down`: stops and removes the containers and networks of a project, and its volumes where asked or where the mode says so. Works from labels and reads no file.

use std::time::Duration;

use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::lifecycle::{Action, Down, Lifecycle, Volumes};
use crate::plan::down::Images;
use crate::plan::operation::Plan;
use crate::settings::parse_time;

/// Arguments of `down`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Remove named volumes too.
    #[arg(short, long)]
    volumes: bool,
    /// Keep named volumes where the mode would remove them.
    #[arg(long, conflicts_with = "volumes")]
    keep_volumes: bool,
    /// Remove images too: `local` removes images that were built here and have no `image:` name, `all` removes every image.
    #[arg(long, value_name = "WHICH")]
    rmi: Option<Rmi>,
    /// Remove containers of services that the files no longer have; this reads the files.
    #[arg(long)]
    remove_orphans: bool,
    /// How long containers may take to stop, instead of their own grace period.
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Which images are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rmi {
    /// Images that were built here and have no `image:` name.
    Local,
    /// All images.
    All,
}

impl Args {
    fn action(&self) -> Action {
        let volumes = match (self.volumes, self.keep_volumes) {
            (true, _) => Volumes::Remove,
            (_, true) => Volumes::Keep,
            _ => Volumes::ByMode,
        };
        let images = match self.rmi {
            None => Images::Keep,
            Some(Rmi::Local) => Images::Local,
            Some(Rmi::All) => Images::All,
        };
        Action::Down(Down { volumes, images, remove_orphans: self.remove_orphans, grace: self.timeout })
    }
}

/// Runs the verb.
///
/// # Errors
/// The run's failure, with what is left.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    if args.dry_run {
        return Ok(context.show_plan(&plan(args, context).await?));
    }
    Lifecycle::new(context, args.action())?.run().await?;
    Ok(Exit::Success)
}

/// The plan of the verb.
///
/// # Errors
/// Those of the engine.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    Lifecycle::new(context, args.action())?.plan().await
}
