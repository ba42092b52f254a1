//! Runs a command in a container of a service. Works from labels and reads no file.

use crate::engine::exec::{Attach, ExecCommand};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;
use crate::ops::streams::{self, End, Process};

/// How the command runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The number of the container; none for the first one that runs.
    pub index: Option<u32>,
    /// Whether it goes on without anybody attached.
    pub detach: bool,
    pub no_tty: bool,
    /// `NAME=value`, or `NAME` for the value of the environment.
    pub env: Vec<String>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub privileged: bool,
    pub detach_keys: Option<String>,
}

/// Runs the command of the command line, with its streams and its terminal. Returns its exit code; 0 for one that runs on.
///
/// # Errors
/// A service that has no such container up; those of the engine.
pub async fn exec(context: &Context, options: Options) -> Result<u8, Failure> {
    let words = &context.settings.words;
    let service = streams::service_of(words, "exec")?;
    if words.command.is_empty() {
        return Err(Failure::new(Kind::Usage, format!("`exec {service}`: no command"))
            .hint(format!("for example `sofa exec {service} sh`")));
    }
    let live = context.live_project(View::Project).await?;
    let container = live.container_up(service, options.index)?;
    let environment = &context.settings.environment;
    let value = |entry: String| match entry.contains('=') {
        true => Some(entry),
        false => environment.get(&entry).map(|value| format!("{entry}={value}")),
    };
    let command = ExecCommand {
        argv: words.command.clone(),
        user: options.user,
        working_dir: options.working_dir,
        env: options.env.into_iter().filter_map(value).collect(),
        privileged: options.privileged,
    };
    let tty = streams::wants_terminal(options.no_tty);
    let engine = &live.engine;
    if options.detach {
        engine.exec_detached(&container.id, &command, tty).await.map_err(engine_failure)?;
        return Ok(0);
    }
    let attach = Attach { input: true, tty, size: streams::size(), detach_keys: options.detach_keys };
    let started = engine.exec_attached(&container.id, &command, &attach).await;
    let (exec, streams) = started.map_err(engine_failure)?;
    match streams::pass_on(&context.ui, engine, Process::Exec(&exec), streams, &attach).await? {
        End::Output => {
            let code = engine.exec_end(&exec).await.map_err(engine_failure)?;
            Ok(u8::try_from(code).unwrap_or(u8::MAX))
        }
        End::Detached => Ok(0),
        End::Signal(signal) => Ok(128 + signal),
    }
}
