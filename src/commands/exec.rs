//! `sofa exec`: runs a command in a container of a service. Reads no file.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::exec::{self, Options};

/// Arguments of `exec`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, service, and the command with its arguments.
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
    /// Return at once; the command goes on.
    #[arg(short, long)]
    detach: bool,
    /// Set a variable of the command's environment; `NAME` alone takes its value from this environment. Repeatable.
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The number of the container, where the service has several.
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// Use pipes, not a terminal. Without this the command has a terminal where both input and output are one.
    #[arg(short = 'T', long = "no-tty", visible_alias = "no-TTY")]
    no_tty: bool,
    /// Give the command all rights.
    #[arg(long)]
    privileged: bool,
    /// The user that runs the command.
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// The working directory of the command.
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The keys that detach from a terminal (default ctrl-p,ctrl-q).
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    // docker compose has both, always on.
    #[arg(short, long, hide = true)]
    interactive: bool,
    #[arg(short, long, hide = true)]
    tty: bool,
}

/// Runs the command; its exit code is that of `sofa`.
///
/// # Errors
/// A service without a container that is up; a program that cannot be started.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let Args { index, detach, no_tty, env, user, workdir, privileged, detach_keys, .. } = args;
    let options = Options { index, detach, no_tty, env, user, working_dir: workdir, privileged, detach_keys };
    Ok(Exit::Command(exec::exec(context, options).await?))
}
