//! `sofa scale SERVICE=N…`: deploys services with these numbers of containers, whatever the files say.

use crate::commands::args::deploy::{DeployArgs, WaitArgs};
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::advise::advise;
use crate::ops::deploy::Deploy;
use crate::ops::deployment::Options;
use crate::ops::scale;
use crate::plan::operation::Plan;

/// Arguments of `scale`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// SERVICE=NUMBER, repeatable; mode. With --advise: mode, services.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    wait: WaitArgs,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Say how many containers the load asks for, by `x-sofa.scale`, and change nothing.
    #[arg(long, conflicts_with = "dry_run")]
    advise: bool,
}

impl Args {
    /// The words that select services; SERVICE=N selects its service.
    pub fn scope_words(&self) -> Vec<String> {
        scale::scope_words(&self.words)
    }

    fn options(&self) -> Result<Options, Failure> {
        let scale = scale::among(&self.words)?;
        if scale.is_empty() {
            return Err(Failure::new(Kind::Usage, "no number of containers given")
                .hint("name services with their numbers: sofa scale web=3"));
        }
        Ok(DeployArgs { scale, wait: self.wait.clone(), ..DeployArgs::default() }.options())
    }
}

/// Scales the named services.
///
/// # Errors
/// As those of `deploy`; no number at all.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    if args.advise {
        let advice = advise(context).await?;
        // The reader may be gone: that is no failure.
        let _ = context.ui.print(&advice.iter().map(|line| format!("{line}\n")).collect::<String>());
        return Ok(Exit::Success);
    }
    if args.dry_run {
        return Ok(context.show_plan(&plan(args, context).await?));
    }
    Deploy::of_files(context, "scale", args.options()?).await?.run().await?;
    Ok(Exit::Success)
}

/// The plan of scaling.
///
/// # Errors
/// As those of `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    Deploy::of_files(context, "scale", args.options()?).await?.plan().await
}
