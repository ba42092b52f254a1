//! The verbs that make a plan and run it; `sofa plan VERB` makes the same plan and shows it.

use clap::Subcommand;

use crate::commands::{deploy, down, kill, restart, rm, rollback, scale, start, stop};
use crate::error::{CommandResult, Failure};
use crate::ops::Context;
use crate::plan::operation::Plan;

/// The verbs that have a plan.
#[derive(Debug, Subcommand)]
pub enum Planned {
    /// Bring services to what the files say, ready or undone.
    Deploy(deploy::Args),
    /// Stop containers, dependants first; `start` brings them back.
    Stop(stop::Args),
    /// Start what is stopped, dependencies first, and wait until it is ready.
    Start(start::Args),
    /// Restart services one after the other, waiting for each; jobs are left alone.
    Restart(restart::Args),
    /// Stop and remove containers, networks and, where the mode says so, volumes.
    Down(down::Args),
    /// Give services more or fewer containers: `sofa scale web=3`.
    Scale(scale::Args),
    /// Go back to a release: its model, images and environment.
    Rollback(rollback::Args),
    /// Send containers a signal, all at once.
    Kill(kill::Args),
    /// Remove containers that do not run.
    Rm(rm::Args),
}

impl Planned {
    /// Runs the verb.
    ///
    /// # Errors
    /// The verb's failure, with its exit code.
    pub async fn run(&self, context: &Context) -> CommandResult {
        match self {
            Planned::Deploy(args) => deploy::run(args, context).await,
            Planned::Scale(args) => scale::run(args, context).await,
            Planned::Rollback(args) => rollback::run(args, context).await,
            Planned::Stop(args) => stop::forward(args).run(context).await,
            Planned::Start(args) => start::forward(args, context).run(context).await,
            Planned::Restart(args) => restart::forward(args, context).run(context).await,
            Planned::Down(args) => down::forward(args, context)?.run(context).await,
            Planned::Kill(args) => kill::forward(args).run(context).await,
            Planned::Rm(args) => rm::forward(args).run(context).await,
        }
    }

    /// Makes the plan; changes nothing.
    ///
    /// # Errors
    /// As the verb's, before any change.
    pub async fn plan(&self, context: &Context) -> Result<Plan, Failure> {
        match self {
            Planned::Deploy(args) => deploy::plan(args, context).await,
            Planned::Scale(args) => scale::plan(args, context).await,
            Planned::Rollback(args) => rollback::plan(args, context).await,
            Planned::Stop(args) => stop::forward(args).plan(context).await,
            Planned::Start(args) => start::forward(args, context).plan(context).await,
            Planned::Restart(args) => restart::forward(args, context).plan(context).await,
            Planned::Down(args) => down::forward(args, context)?.plan(context).await,
            Planned::Kill(args) => kill::forward(args).plan(context).await,
            Planned::Rm(args) => rm::forward(args).plan(context).await,
        }
    }

    /// Whether the verb needs the project's files: the others work from labels.
    pub fn reads_files(&self) -> bool {
        matches!(self, Planned::Deploy(_) | Planned::Scale(_))
    }

    /// The words that select modes and services.
    pub fn scope_words(&self) -> Vec<String> {
        match self {
            Planned::Deploy(args) => args.words.clone(),
            Planned::Stop(args) => args.words.clone(),
            Planned::Start(args) => args.words.clone(),
            Planned::Restart(args) => args.words.clone(),
            Planned::Down(args) => args.words.clone(),
            Planned::Scale(args) => args.scope_words(),
            Planned::Rollback(args) => args.scope_words(),
            Planned::Kill(args) => args.words.clone(),
            Planned::Rm(args) => args.words.clone(),
        }
    }
}
