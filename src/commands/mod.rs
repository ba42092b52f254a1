//! One file per verb: arguments in, an operation called, an exit status out. What several verbs need is in `context`.

mod asking;
mod back;
mod bring_up;
pub mod build;
pub mod check;
pub mod config;
mod contents;
pub mod context;
pub mod deploy;
pub mod deployment;
pub mod down;
mod dry_run;
mod forward;
mod guarding;
pub mod help;
pub mod history;
mod images;
mod interrupt;
pub mod kill;
mod labelled;
pub mod lock;
mod locked;
pub mod logs;
mod naming;
mod ownership;
mod pin;
pub mod plan;
pub mod planned;
pub mod ps;
mod recorded;
mod replicas;
pub mod restart;
pub mod rm;
pub mod rollback;
mod run;
pub mod scale;
pub mod start;
pub mod stop;
pub mod undo;
pub mod version;
mod work;

pub use context::Context;

use crate::cli::Verb;
use crate::error::CommandResult;

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
