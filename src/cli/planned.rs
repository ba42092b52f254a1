//! The verbs that make a plan and run it. `sofa plan VERB` makes the same plan and shows it.

use clap::{Args, Subcommand};

use crate::commands::{deploy, down, kill, plan, restart, rm, rollback, scale, start, stop, volume};
use crate::error::CommandResult;
use crate::ops::Context;

/// `plan`, and the verb whose plan it shows.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub show: plan::Args,
    /// The verb; `deploy` without one.
    #[command(subcommand)]
    pub verb: Planned,
}

/// The verbs that have a plan.
#[derive(Debug, Subcommand)]
pub enum Planned {
    /// Deploy services as the files describe them; if one is not ready in time, undo everything.
    Deploy(deploy::Args),
    /// Stop containers, dependants first.
    Stop(stop::Args),
    /// Start stopped containers, dependencies first, and wait until they are ready.
    Start(start::Args),
    /// Restart services one after the other and wait until each is ready; jobs are skipped.
    Restart(restart::Args),
    /// Stop and remove containers and networks; volumes too where the mode says so.
    Down(down::Args),
    /// Change the number of containers of services: `sofa scale web=3`.
    Scale(scale::Args),
    /// Deploy an older release: its model, images and environment.
    Rollback(rollback::Args),
    /// Send a signal to containers, all at the same time.
    Kill(kill::Args),
    /// Remove stopped containers.
    Rm(rm::Args),
    /// Remove volumes with their data, by name: `sofa volume rm cache`.
    Volume(volume::Args),
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
            Planned::Stop(args) => stop::run(args, context).await,
            Planned::Start(args) => start::run(args, context).await,
            Planned::Restart(args) => restart::run(args, context).await,
            Planned::Down(args) => down::run(args, context).await,
            Planned::Kill(args) => kill::run(args, context).await,
            Planned::Rm(args) => rm::run(args, context).await,
            Planned::Volume(args) => volume::run(args, context).await,
        }
    }

    /// Shows the verb's plan and changes nothing.
    ///
    /// # Errors
    /// As the verb's, before any change.
    pub async fn show_plan(&self, show: &plan::Args, context: &Context) -> CommandResult {
        let plan = match self {
            Planned::Deploy(args) => deploy::plan(args, context).await,
            Planned::Scale(args) => scale::plan(args, context).await,
            Planned::Rollback(args) => rollback::plan(args, context).await,
            Planned::Stop(args) => stop::plan(args, context).await,
            Planned::Start(args) => start::plan(args, context).await,
            Planned::Restart(args) => restart::plan(args, context).await,
            Planned::Down(args) => down::plan(args, context).await,
            Planned::Kill(args) => kill::plan(args, context).await,
            Planned::Rm(args) => rm::plan(args, context).await,
            Planned::Volume(args) => volume::plan(args, context).await,
        };
        plan::run(show, &plan?, context)
    }

    /// Whether the verb needs the project's files. The others work from labels.
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
            Planned::Volume(args) => args.scope_words(),
        }
    }
}
