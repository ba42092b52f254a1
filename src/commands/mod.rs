//! One file per verb: arguments in, one call of `ops`, an exit status out.

pub mod build;
pub mod check;
pub mod config;
pub mod deploy;
pub mod down;
pub mod help;
pub mod history;
pub mod kill;
pub mod lock;
pub mod logs;
pub mod plan;
pub mod ps;
pub mod restart;
pub mod rm;
pub mod rollback;
pub mod scale;
pub mod start;
pub mod stop;
pub mod undo;
pub mod version;

use crate::cli::Verb;
use crate::error::CommandResult;
use crate::ops::Context;

/// Runs a verb.
///
/// # Errors
/// The verb's failure, with its exit code.
pub async fn run(verb: Verb, context: &Context) -> CommandResult {
    match verb {
        Verb::Planned(planned) => planned.run(context).await,
        Verb::History(args) => history::run(args, context).await,
        Verb::Undo(args) => undo::run(args, context).await,
        Verb::Build(args) => build::run(args, context).await,
        Verb::Logs(args) => logs::run(args, context).await,
        Verb::Ps(args) => ps::run(args, context).await,
        Verb::Plan(args) => plan::run(args, context).await,
        Verb::Check(args) => check::run(args, context).await,
        Verb::Config(args) => config::run(&args, context).await,
        Verb::Help(args) => help::run(&args, context),
        Verb::Lock(args) => lock::run(args, context).await,
        Verb::Version(args) => version::run(args, context).await,
    }
}
