//! `sofa up`: `deploy` under docker compose's name. Without `-d` it follows what the services print, and Ctrl-C stops them.

use jiff::Timestamp;

use crate::commands::args::deploy::DeployArgs;
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::deploy::Deploy;
use crate::ops::up::{self, Abort, Options};

/// Arguments of `up`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Return when everything is ready.
    #[arg(short, long)]
    detach: bool,
    /// As `--detach`; `up` always waits until everything is ready.
    #[arg(long)]
    wait: bool,
    /// Stop all containers when one ends, and end with its exit code.
    #[arg(long, conflicts_with_all = ["detach", "wait"])]
    abort_on_container_exit: bool,
    /// Stop all containers when one ends with another exit code than 0.
    #[arg(long, conflicts_with_all = ["detach", "wait", "abort_on_container_exit"])]
    abort_on_container_failure: bool,
    /// Stop all containers when one ends, and end with the exit code of this service.
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["detach", "wait", "abort_on_container_failure"])]
    exit_code_from: Option<String>,
    /// Show the output of these services only. Repeatable.
    #[arg(long, value_name = "SERVICE")]
    attach: Vec<String>,
    /// Do not show the output of these services. Repeatable.
    #[arg(long, value_name = "SERVICE")]
    no_attach: Vec<String>,
    /// Print lines without the service's name.
    #[arg(long, visible_alias = "no-prefix")]
    no_log_prefix: bool,
    /// Show the time of each line.
    #[arg(long)]
    timestamps: bool,
    #[command(flatten)]
    deploy: DeployArgs,
    /// Show the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    fn abort(&self) -> Abort {
        match (&self.exit_code_from, self.abort_on_container_exit, self.abort_on_container_failure) {
            (Some(service), ..) => Abort::ExitCodeFrom(service.clone()),
            (None, true, _) => Abort::OnExit,
            (None, false, true) => Abort::OnFailure,
            (None, false, false) => Abort::Never,
        }
    }
}

/// Deploys the scope, then follows it.
///
/// # Errors
/// As those of `deploy`; an interrupt, after the services are stopped.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let since = Timestamp::now();
    let mut deploy = Deploy::of_files(context, "up", args.deploy.options()).await?;
    if args.dry_run {
        return Ok(context.show_plan(&deploy.plan().await?));
    }
    deploy.run().await?;
    if args.detach || args.wait {
        return Ok(Exit::Success);
    }
    let abort = args.abort();
    let Args { timestamps, no_log_prefix, attach, no_attach, .. } = args;
    let options = Options { abort, timestamps, prefix: !no_log_prefix, attach, no_attach, since };
    up::follow(context, options).await
}
