//! `sofa wait`: waits until the first of the services ends. Reads no file.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::lifecycle::{Action, Down, Lifecycle};
use crate::ops::wait;

/// Arguments of `wait`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Take the services down when the first one ends.
    #[arg(long)]
    down_project: bool,
}

/// Waits; the exit code of the container is that of `sofa`.
///
/// # Errors
/// No container in scope.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let (service, code) = wait::first_end(context).await?;
    context.ui.note(&format!("{service} ended with exit code {code}"));
    if args.down_project {
        Lifecycle::new(context, Action::Down(Down::default()))?.run().await?;
    }
    Ok(Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)))
}
