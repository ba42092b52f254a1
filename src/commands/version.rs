//! `sofa version`: of this program, and of the engine where one answers.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;

/// Arguments of `version`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the version number.
    #[arg(long)]
    short: bool,
}

/// Prints the versions. An engine that does not answer is said, and is no failure.
///
/// # Errors
/// None of its own.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let own = env!("CARGO_PKG_VERSION");
    let text = if args.short {
        format!("{own}\n")
    } else {
        let engine = match context.engine().await {
            Ok(engine) => format!("{} (API {})", engine.server().product, engine.api()),
            Err(failure) => failure.to_string(),
        };
        format!("sofa {own}\nengine {engine}\n")
    };
    // A reader that is gone needs no version.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}
