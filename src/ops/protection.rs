//! The rules known before a deploy, put to a loaded project: what `check` shows and `deploy` refuses on.

use std::collections::BTreeSet;

use crate::diag::finding::{Finding, Severity};
use crate::error::{Failure, Kind};
use crate::guard::{self, Candidate};
use crate::ops::Context;
use crate::ops::context::LoadedProject;
use crate::ui::findings;

/// The project that the rules judge.
pub fn candidate<'a>(context: &'a Context, loaded: &'a LoadedProject) -> Candidate<'a> {
    Candidate {
        loaded: &loaded.loaded,
        sources: &loaded.sources,
        env_files: &context.settings.env_files,
        root: &context.settings.directory,
        protected: context.settings.mode.as_ref().is_some_and(|mode| mode.protected),
    }
}

/// Refuses a deploy whose mode's protections do not hold; needs no engine.
///
/// # Errors
/// Every finding, with what mends it; exit code 5.
pub async fn protect(context: &Context, loaded: &LoadedProject) -> Result<(), Failure> {
    refuse(context, guard::protections(&candidate(context, loaded)).await)
}

/// Refuses a deploy that mounts what is not there; what an unprotected mode creates instead is a warning.
///
/// # Errors
/// Every finding; exit code 5 in a protected mode, else 3.
pub fn mounts(context: &Context, loaded: &LoadedProject, scope: &[&str]) -> Result<(), Failure> {
    let scope: BTreeSet<&str> = scope.iter().copied().collect();
    refuse(context, guard::sources(&candidate(context, loaded), &scope))
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

/// The exit code of errors: 5 where a protection or another owner forbids, else 3. None where there is no error.
pub fn kind(found: &[Finding]) -> Option<Kind> {
    let mut errors = found.iter().filter(|finding| finding.severity == Severity::Error).peekable();
    errors.peek()?;
    Some(if errors.any(|finding| finding.refusal) { Kind::Refused } else { Kind::Invalid })
}
