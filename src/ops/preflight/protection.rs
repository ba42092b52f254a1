//! The rules that hold before a deploy, applied to a loaded project: `check` shows the findings, `deploy` refuses on errors.

use std::collections::BTreeSet;

use crate::diag::finding::{Finding, Severity};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::guard::{self, Candidate};
use crate::ops::Context;
use crate::ops::preflight::{acknowledgement, gpus};
use crate::ops::project::LoadedProject;
use crate::ui::findings;

/// What the rules look at.
pub fn candidate<'a>(context: &'a Context, loaded: &'a LoadedProject) -> Candidate<'a> {
    Candidate {
        loaded: &loaded.loaded,
        sources: &loaded.sources,
        env_files: &context.settings.env_files,
        root: &context.settings.directory,
        protected: context.settings.mode.as_ref().is_some_and(|mode| mode.protected),
        wait_timeout: context.settings.wait_timeout(None),
    }
}

/// Refuses a deploy that breaks a protection of its mode; needs no engine.
///
/// # Errors
/// Every finding, with its fix; exit code 5.
pub async fn protect(context: &Context, loaded: &LoadedProject) -> Result<(), Failure> {
    refuse(context, guard::protections(&candidate(context, loaded)).await)
}

/// Refuses a deploy that mounts missing files or folders. An unprotected mode creates them, with a warning.
///
/// # Errors
/// Every finding; exit code 5 in a protected mode, else 3.
pub fn mounts(context: &Context, loaded: &LoadedProject, scope: &[String]) -> Result<(), Failure> {
    let scope: BTreeSet<&str> = scope.iter().map(String::as_str).collect();
    refuse(context, guard::sources(&candidate(context, loaded), &scope))
}

/// The findings about workers that need an engine.
///
/// # Errors
/// Those of the engine.
pub async fn of_workers(
    context: &Context,
    engine: &Engine,
    candidate: &Candidate<'_>,
) -> Result<Vec<Finding>, Failure> {
    let mut found = gpus::in_use(context, engine, candidate).await?;
    found.extend(acknowledgement::early(engine, candidate).await?);
    Ok(found)
}

/// Refuses a deploy whose workers would share a GPU with a container of another project, or whose hand-over cannot keep every task.
///
/// # Errors
/// Every finding; exit code 5. Those of the engine.
pub async fn workers(context: &Context, loaded: &LoadedProject, engine: &Engine) -> Result<(), Failure> {
    refuse(context, of_workers(context, engine, &candidate(context, loaded)).await?)
}

/// Shows the warnings; errors become the failure.
fn refuse(context: &Context, found: Vec<Finding>) -> Result<(), Failure> {
    let (errors, rest): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|finding| finding.severity == Severity::Error);
    if !rest.is_empty() {
        context.ui.warnings(&findings::render(&rest));
    }
    match kind(&errors) {
        None => Ok(()),
        Some(kind) => Err(Failure::rendered(kind, findings::render(&errors)).hint("nothing was changed")),
    }
}

/// The kind of failure: refused where a protection or another owner forbids the deploy, else invalid. None without errors.
pub fn kind(found: &[Finding]) -> Option<Kind> {
    let mut errors = found.iter().filter(|finding| finding.severity == Severity::Error).peekable();
    errors.peek()?;
    Some(if errors.any(|finding| finding.refusal) { Kind::Refused } else { Kind::Invalid })
}
