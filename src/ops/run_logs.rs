//! The logs of the containers that failed in a run, from its record: an undo removed the containers.

use crate::docker::state::{StateError, Store};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::state_failure;
use crate::ops::project::View;
use crate::state::ContainerLog;
use crate::ui::logs::Prefixes;

/// Shows the logs that a run kept, of the services that the command names or of all; `tail` lines of each, or all.
///
/// # Errors
/// A run that kept no logs, a service of which it kept none; those of the engine.
pub async fn show(context: &Context, run: u64, tail: Option<u64>, prefix: bool) -> Result<(), Failure> {
    let found = context.found_project(View::Project).await?;
    let project = &found.project;
    let logs = match Store::of(&found.engine, project).run_logs(run).await {
        Err(StateError::Damaged { .. }) => {
            let text = format!("project `{project}`: no logs of run {run}");
            let hint = "the logs of the last ten runs are kept, of those containers that failed";
            return Err(Failure::new(Kind::Usage, text).hint(hint));
        }
        logs => logs.map_err(state_failure)?,
    };
    let named = &context.settings.words.services;
    let kept = || logs.containers.iter().map(|log| log.service.as_str());
    if let Some(unknown) = named.iter().find(|name| !kept().any(|service| service == name.as_str())) {
        let text = format!("project `{project}`: run {run} kept no log of `{unknown}`");
        let names: Vec<&str> = kept().collect();
        let failure = Failure::new(Kind::Usage, text);
        return Err(match names.is_empty() {
            true => failure.hint("no container failed in it"),
            false => failure.hint(format!("it kept those of: {}", names.join(", "))),
        });
    }
    if logs.containers.is_empty() {
        // The reader may be gone: that is no failure.
        let _ = context.ui.print(&logs.failure);
        return Ok(());
    }
    let chosen = || logs.containers.iter().filter(|log| named.is_empty() || named.contains(&log.service));
    let prefixes = Prefixes::new(chosen().map(|log| log.container.clone()), prefix);
    for ContainerLog { container, lines, .. } in chosen() {
        let tail = tail.map_or(lines.len(), |tail| usize::try_from(tail).unwrap_or(usize::MAX));
        for line in &lines[lines.len().saturating_sub(tail)..] {
            if context.ui.print(&prefixes.line(container, line)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
