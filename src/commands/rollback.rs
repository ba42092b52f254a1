//! `sofa rollback [RELEASE]`: back to what a release was, its model, its images and its environment.

use std::time::{Duration, Instant};

use crate::error::{CommandResult, Failure};
use crate::ops::Context;
use crate::ops::labelled::{Standing, View, look};
use crate::ops::rollback::{self, Back, kept_releases};
use crate::plan::operation::Plan;
use crate::settings::parse_time;

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number of a release (default: the last where something else runs, else the one before it), mode, services.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Keep the environment that services have by today's files.
    #[arg(long)]
    current_env: bool,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

impl Args {
    /// The words that are not the number of a release.
    pub fn scope_words(&self) -> Vec<String> {
        rollback::scope_words(&self.words)
    }

    /// Finds the release that is meant among those that are kept, and goes on from there.
    async fn find<T>(
        &self,
        context: &Context,
        then: impl AsyncFnOnce(Back<'_>, &str) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        let standing = look(context, View::Project).await?;
        let head = kept_releases(&standing).await?;
        let Standing { project, engine, .. } = standing;
        let back = Back {
            context,
            engine: &engine,
            verb: "rollback",
            release: rollback::target(&head, rollback::number(&self.words), &project)?,
            current_env: self.current_env,
            wait_timeout: self.wait_timeout,
            begun,
            undoes: None,
        };
        then(back, &project).await
    }
}

/// Brings a release back.
///
/// # Errors
/// No such release; images that are gone; else as those of `deploy`.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    args.find(context, async |back, project| back.go(project, args.dry_run).await).await
}

/// The plan of going back.
///
/// # Errors
/// As those of `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    args.find(context, async |back, project| back.plan(project).await).await
}
