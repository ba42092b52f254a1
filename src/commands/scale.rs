//! `sofa scale SERVICE=N…`: deploys services with so many containers, whatever the files say.

use std::time::Duration;

use crate::error::{CommandResult, Failure, Kind};
use crate::ops::Context;
use crate::ops::bring_up::{bring_up, foresee};
use crate::ops::deployment::Choices;
use crate::ops::replicas::{self, Scale};
use crate::plan::operation::Plan;
use crate::plan::scope::Deps;
use crate::settings::parse_time;

/// Arguments of `scale`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// SERVICE=NUMBER, several of them; mode.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// What happens to dependencies outside the scope.
    #[arg(long, value_name = "WHICH")]
    deps: Option<Deps>,
    /// End when everything is started; nothing is undone after that.
    #[arg(long)]
    no_wait: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// The words that select services: a number's service among them.
    pub fn scope_words(&self) -> Vec<String> {
        replicas::scope_words(&self.words)
    }

    fn choices(&self) -> Result<Choices, Failure> {
        let scale: Vec<Scale> = replicas::among(&self.words)?;
        if scale.is_empty() {
            return Err(Failure::new(Kind::Usage, "nothing to scale")
                .hint("name services with their numbers: sofa scale web=3"));
        }
        Ok(Choices {
            scale,
            deps: self.deps,
            no_wait: self.no_wait,
            wait_timeout: self.wait_timeout,
            ..Choices::default()
        })
    }
}

/// Scales the services that were named.
///
/// # Errors
/// As those of `deploy`; no number at all.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    bring_up("scale", &args.choices()?, args.dry_run, context).await
}

/// The plan of scaling.
///
/// # Errors
/// As those of `run`, before any change.
pub async fn plan(args: &Args, context: &Context) -> Result<Plan, Failure> {
    foresee("scale", &args.choices()?, context).await
}
