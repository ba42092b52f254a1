//! `sofa version`: the versions of this program and of the engine.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::build_info::BuildInfo;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the version number only
    #[arg(long)]
    short: bool,
}

/// Prints the versions. An engine that does not answer is reported and is not a failure.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let text = if args.short {
        format!("{}\n", BuildInfo::VERSION)
    } else {
        let engine = match context.engine().await {
            Ok(engine) => format!("{} (API {})", engine.server().product, engine.api()),
            Err(failure) => failure.to_string(),
        };
        format!("sofa {}\nengine {engine}\n", context.build)
    };
    // Nobody reads the output any more: nothing to report.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}
