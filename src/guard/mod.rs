//! The rules of `sofa check`. They change nothing and return findings. `sofa check` shows all of them; `sofa deploy` shows those
//! that need no engine and is refused if one is an error.

use std::collections::BTreeSet;

mod candidate;
mod disk;
mod empty_secrets;
mod env_files;
mod gpus;
mod images;
mod order;
mod passwords;
mod readiness;
mod sources;
mod workers;

pub use candidate::Candidate;
pub use gpus::GpuUser;

use crate::diag::finding::{Finding, Place};
use crate::diag::{self, Diagnostic, Sources};
use crate::plan::Problem;
use crate::plan::desired::Desired;
use crate::plan::scope::Missing;

/// Empty secrets and workers that break a rule; in a protected mode weak passwords and exposed env files too.
pub async fn protections(candidate: &Candidate<'_>) -> Vec<Finding> {
    let mut findings = empty_secrets::findings(candidate);
    findings.extend(workers::findings(candidate));
    if candidate.protected {
        findings.extend(env_files::findings(candidate).await);
        // An empty password is both, and why it is empty says more.
        let known: BTreeSet<Place> = findings.iter().map(|finding| finding.place.clone()).collect();
        let weak = passwords::findings(candidate).into_iter();
        findings.extend(weak.filter(|finding| !known.contains(&finding.place)));
    }
    findings
}

/// Whether a worker of the project reserves a GPU, so that those which other projects use matter.
pub fn workers_use_gpus(candidate: &Candidate<'_>) -> bool {
    workers::use_gpus(candidate)
}

/// GPUs that workers would share with containers of other projects.
pub fn gpus_in_use(candidate: &Candidate<'_>, users: &[GpuUser]) -> Vec<Finding> {
    workers::taken(candidate, users)
}

/// The Celery services whose files ask for a hand-over.
pub fn asked_for_a_handover<'a>(candidate: &Candidate<'a>) -> Vec<&'a str> {
    workers::asked_for_a_handover(candidate)
}

/// Workers of these services acknowledge a task before it is done.
pub fn early_acknowledgement(candidate: &Candidate<'_>, services: &[&str]) -> Vec<Finding> {
    workers::early_acknowledgement(candidate, services)
}

/// Missing files and folders of this machine that the scope's services mount.
pub fn sources(candidate: &Candidate<'_>, scope: &BTreeSet<&str>) -> Vec<Finding> {
    sources::findings(candidate, scope)
}

/// Findings about this machine, where the engine runs on it: mounted files and folders, and the free space below the engine's
/// data root.
pub fn machine(candidate: &Candidate<'_>, scope: &BTreeSet<&str>, root: &str) -> Vec<Finding> {
    let mut findings = sources::findings(candidate, scope);
    findings.extend(disk::findings(root));
    findings
}

/// Says that the rules about the engine's machine are unchecked, where it is another machine.
pub fn machine_elsewhere(host: &str) -> Finding {
    let message =
        "cannot check mounted files, ports of other programs and free disk space on another machine";
    Finding::unchecked("machine", message, Place::whole(host), "check them on the engine's machine")
}

/// Allowed but rarely intended: unpinned images, services without a healthcheck, and values that docker compose ignores.
pub fn advice(candidate: &Candidate<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    let mut findings = images::findings(candidate, desired);
    findings.extend(readiness::findings(candidate, desired));
    findings.extend(order::findings(candidate, desired));
    findings.extend(candidate.loaded.lost.iter().map(|lost| of_diagnostic("lost", lost, candidate.sources)));
    findings
}

/// A diagnostic of the loader as a finding.
pub fn of_diagnostic(rule: &'static str, diagnostic: &Diagnostic, sources: &Sources) -> Finding {
    let label = diagnostic.labels.first();
    let place =
        label.map_or_else(|| Place::whole("the Compose files"), |label| Place::of_span(label.span, sources));
    let label = label.map(|label| label.text.clone()).filter(|text| !text.is_empty());
    let fix = match diagnostic.hints.join("; ") {
        hints if !hints.is_empty() => hints,
        _ => label.unwrap_or_else(|| "correct this value".to_owned()),
    };
    let finding = match diagnostic.severity {
        diag::Severity::Error => Finding::error(rule, &diagnostic.message, place, fix),
        diag::Severity::Warning => Finding::warning(rule, &diagnostic.message, place, fix),
    };
    Finding { excerpt: Some(diagnostic.render(sources, true)), ..finding }
}

/// A dependency outside the scope that must already be up, as a finding at its `depends_on`.
pub fn of_missing(missing: &Missing, candidate: &Candidate<'_>) -> Finding {
    let Missing { service, dependency, found } = missing;
    let place = candidate.place(&format!("services.{service}.depends_on.{dependency}"));
    let message = format!("service `{service}` depends on `{dependency}`, which is not up ({found})");
    Finding::error("dependency", message, place, "deploy it first, or use `--deps=auto`").refused()
}

/// A problem that prevents the plan, as a finding at its service.
pub fn of_problem(problem: &Problem, candidate: &Candidate<'_>) -> Finding {
    let path =
        problem.service.as_ref().map_or_else(|| "services".to_owned(), |name| format!("services.{name}"));
    let fix = problem.hint.clone().unwrap_or_else(|| "remove it from the file".to_owned());
    let finding = Finding::error("plan", problem.to_string(), candidate.place(&path), fix);
    Finding { refusal: problem.is_conflict, ..finding }
}
