//! `sofa build`: builds the images of the services in scope; touches no container.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::build::{ImageBuild, Options};

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Use nothing from earlier builds.
    #[arg(long)]
    no_cache: bool,
    /// Pull base images even if the engine has them.
    #[arg(long)]
    pull: bool,
    /// Push the images to their registries afterwards.
    #[arg(long)]
    push: bool,
    /// A build argument that wins over the files': NAME=VALUE, or NAME with its value from the environment; repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    build_arg: Vec<String>,
}

/// Builds the images of the services in scope that have a `build:`.
///
/// # Errors
/// Every image that could not be built, with the last lines of its build.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let Args { words: _, no_cache, pull, push, build_arg: arguments } = args;
    if let Some(build) = ImageBuild::prepare(context, Options { no_cache, pull, push, arguments }).await? {
        build.run().await?;
    }
    Ok(Exit::Success)
}
