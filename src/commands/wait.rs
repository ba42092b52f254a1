//! `sofa wait`: waits until the first of the services ends. Reads no file.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::wait;

/// Arguments of `wait`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Waits; the exit code of the container is that of `sofa`.
///
/// # Errors
/// No container in scope.
pub async fn run(_: Args, context: &Context) -> CommandResult {
    let (service, code) = wait::first_end(context).await?;
    context.ui.note(&format!("{service} ended with exit code {code}"));
    Ok(Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)))
}
