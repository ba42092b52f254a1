//! `sofa config`: the resolved model.

use crate::commands::Context;
use crate::compose::load::Options;
use crate::error::{CommandResult, Exit};

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Prints the model.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn run(_args: &Args, context: &Context) -> CommandResult {
    let _loaded = context.load(Options::default())?;
    Ok(Exit::Success)
}
