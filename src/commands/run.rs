//! `sofa run`: runs a command once, in a container of its own made from a service.

use crate::commands::args::deploy::{PullWhen, WaitArgs};
use crate::error::CommandResult;
use crate::ops::Context;
use crate::ops::deployment::Options as DeployOptions;
use crate::ops::run::{self, Options};
use crate::plan::policy::{Build, ImagePolicy, Pull};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, service, and the command with its arguments; without a command, the service's own.
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
    /// Build the image first, even if nothing changed.
    #[arg(long)]
    build: bool,
    /// Return at once, and print the container's name.
    #[arg(short, long)]
    detach: bool,
    /// The program, instead of the service's entrypoint.
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Set a variable of the container's environment; `NAME` alone takes its value from this environment. Repeatable.
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Keep the input open; always on unless it is `false`.
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    interactive: bool,
    /// Add a label. Repeatable.
    #[arg(short, long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// The container's name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Use pipes, not a terminal. Without this the command has a terminal where both input and output are one.
    #[arg(short = 'T', long = "no-tty", visible_alias = "no-TTY")]
    no_tty: bool,
    /// Publish a port, as a service's `ports` do. Repeatable.
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,
    /// When to pull the image, instead of what the service says.
    #[arg(long, value_name = "WHEN")]
    pull: Option<PullWhen>,
    /// Remove the container afterwards, with its anonymous volumes.
    #[arg(long)]
    rm: bool,
    /// Publish the service's ports.
    #[arg(short = 'P', long)]
    service_ports: bool,
    /// Give the container the service's names in its networks.
    #[arg(long)]
    use_aliases: bool,
    /// The user that runs the command.
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Mount a volume or a folder, as a service's `volumes` do. Repeatable.
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
    /// The working directory of the command.
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Runs the command; its exit code is that of `sofa`.
///
/// # Errors
/// Errors in the files or the options; a dependency that does not get ready.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let build = if args.build { Build::Always } else { Build::default() };
    let deploy = DeployOptions {
        images: ImagePolicy { build, pull: args.pull.map(Pull::from), no_cache: false },
        deps: args.wait.deps(),
        wait_timeout: args.wait.wait_timeout,
        ..DeployOptions::default()
    };
    let options = Options {
        deploy,
        detach: args.detach,
        remove: args.rm,
        no_tty: args.no_tty,
        no_input: !args.interactive,
        entrypoint: args.entrypoint,
        env: args.env,
        labels: args.label,
        name: args.name,
        publish: args.publish,
        service_ports: args.service_ports,
        aliases: args.use_aliases,
        user: args.user,
        volumes: args.volume,
        working_dir: args.workdir,
    };
    run::run(context, options).await
}
