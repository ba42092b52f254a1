//! Attaches to the first process of a container. Works from labels and reads no file.

use crate::engine::container::WaitFor;
use crate::engine::exec::Attach;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;
use crate::ops::streams::{self, End, Process};
use crate::ui::terminal;

/// Passes the streams of a service's container on until it ends. Returns its exit code; 0 where the operator detached.
///
/// # Errors
/// A service that has no such container up; those of the engine.
pub async fn attach(
    context: &Context,
    index: Option<u32>,
    with_input: bool,
    detach_keys: Option<String>,
) -> Result<u8, Failure> {
    let service = streams::service_of(&context.settings.words, "attach")?;
    let live = context.live_project(View::Project).await?;
    let id = &live.container_up(service, index)?.id;
    let engine = &live.engine;
    let details = engine.inspect(id.as_str()).await.map_err(engine_failure)?;
    let tty = details.tty;
    let input = with_input && details.open_stdin;
    let attach = Attach {
        input: input && (!tty || terminal::is_interactive()),
        tty,
        size: streams::size(),
        detach_keys,
    };
    let streams =
        engine.attach(id, tty, attach.input, attach.detach_keys.as_deref()).await.map_err(engine_failure)?;
    if let Some(size) = attach.size.filter(|_| tty) {
        engine.resize(id, size).await;
    }
    match streams::pass_on(&context.ui, engine, Process::Container(id), streams, &attach).await? {
        End::Output => {
            let code = engine.wait(id, WaitFor::NotRunning).await.map_err(engine_failure)?;
            Ok(u8::try_from(code).unwrap_or(u8::MAX))
        }
        End::Detached => Ok(0),
        End::Signal(signal) => Ok(128 + signal),
    }
}
