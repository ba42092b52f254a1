//! `sofa attach`: attaches to the first process of a service's container. Reads no file.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::attach;

/// Arguments of `attach`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, service.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The number of the container, where the service has several.
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// Send no input.
    #[arg(long)]
    no_stdin: bool,
    /// The keys that detach (default ctrl-p,ctrl-q).
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
}

/// Attaches; the exit code of the container is that of `sofa`.
///
/// # Errors
/// A service without a container that is up.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let Args { index, no_stdin, detach_keys, .. } = args;
    Ok(Exit::Command(attach::attach(context, index, !no_stdin, detach_keys).await?))
}
