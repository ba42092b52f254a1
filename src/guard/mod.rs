//! What can be known of a deploy before it: rules that change nothing and answer with findings, each with a severity, a place
//! and what mends it. `sofa check` shows all of them; `sofa deploy` refuses on those that are errors.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

mod disk;
mod env_files;
mod images;
mod passwords;
mod readiness;
mod sources;

use crate::compose::load::Loaded;
use crate::compose::model::Service;
use crate::diag::finding::{Finding, Place};
use crate::diag::{self, Diagnostic, Sources};
use crate::plan::Problem;
use crate::plan::desired::Desired;
use crate::plan::scope::Missing;

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The model, with where its values come from.
    pub loaded: &'a Loaded,
    /// The texts behind those places.
    pub sources: &'a Sources,
    /// The mode's env files, absolute.
    pub env_files: &'a [PathBuf],
    /// The project's root: paths below it are shown without it.
    pub root: &'a Path,
    /// Whether the mode is protected.
    pub protected: bool,
}

impl Subject<'_> {
    /// The place of a value of the model, such as `services.web.image`: of the nearest thing around it that somebody wrote.
    fn place(&self, path: &str) -> Place {
        match self.loaded.origins.of(path) {
            Some(origin) => Place::of_span(origin.span, self.sources),
            None => {
                let file = self.loaded.project.compose_files.first();
                Place::whole(file.map_or_else(|| "the Compose files".to_owned(), |file| self.shown(file)))
            }
        }
    }

    /// A path as people know it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.root).unwrap_or(path).display().to_string()
    }

    /// The services of these names.
    fn services<'a>(&'a self, scope: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a Service> {
        scope.iter().filter_map(|name| self.loaded.project.service(name))
    }
}

/// What a protected mode's env files and passwords must be like. Nothing in other modes.
pub async fn protections(subject: &Subject<'_>) -> Vec<Finding> {
    if !subject.protected {
        return Vec::new();
    }
    let mut findings = env_files::findings(subject).await;
    findings.extend(passwords::findings(subject));
    findings
}

/// Whether the files and folders of this machine that the scope's services mount are there.
pub fn sources(subject: &Subject<'_>, scope: &BTreeSet<&str>) -> Vec<Finding> {
    sources::findings(subject, scope)
}

/// What only the engine's machine can tell, where that is this one: files and folders that the scope's services mount, and the
/// room in the engine's data root.
pub fn machine(subject: &Subject<'_>, scope: &BTreeSet<&str>, root: &str) -> Vec<Finding> {
    let mut findings = sources::findings(subject, scope);
    findings.extend(disk::findings(root));
    findings
}

/// The same of an engine on another machine: nothing can be told from here.
pub fn machine_elsewhere(host: &str) -> Finding {
    let message = "files that containers mount, ports of other programs and the room on the disk are on another machine";
    Finding::unchecked("machine", message, Place::whole(host), "look at them there")
}

/// What is allowed and seldom meant: images that may change under their name, services whose readiness nobody can tell,
/// and what docker compose loses without a word.
pub fn advice(subject: &Subject<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    let mut findings = images::findings(subject, desired);
    findings.extend(readiness::findings(subject, desired));
    findings.extend(subject.loaded.lost.iter().map(|lost| of_diagnostic("lost", lost, subject.sources)));
    findings
}

/// A problem of the loader as a finding, with the source lines around it.
pub fn of_diagnostic(rule: &'static str, diagnostic: &Diagnostic, sources: &Sources) -> Finding {
    let label = diagnostic.labels.first();
    let place =
        label.map_or_else(|| Place::whole("the Compose files"), |label| Place::of_span(label.span, sources));
    let said = label.map(|label| label.text.clone()).filter(|text| !text.is_empty());
    let fix = match diagnostic.hints.join("; ") {
        hints if !hints.is_empty() => hints,
        _ => said.unwrap_or_else(|| "correct what stands there".to_owned()),
    };
    let finding = match diagnostic.severity {
        diag::Severity::Error => Finding::error(rule, &diagnostic.message, place, fix),
        diag::Severity::Warning => Finding::warning(rule, &diagnostic.message, place, fix),
    };
    Finding { excerpt: Some(diagnostic.render(sources, true)), ..finding }
}

/// A dependency outside the scope that must be up already, as a finding where it is written.
pub fn of_missing(missing: &Missing, subject: &Subject<'_>) -> Finding {
    let Missing { service, dependency, found } = missing;
    let place = subject.place(&format!("services.{service}.depends_on.{dependency}"));
    let message = format!("service `{service}` depends on `{dependency}`, which is not up ({found})");
    Finding::error("dependency", message, place, "deploy it first, or all with --deps=auto").refused()
}

/// What stands in the way of a plan, as a finding at its service.
pub fn of_problem(problem: &Problem, subject: &Subject<'_>) -> Finding {
    let path = problem.service().map_or_else(|| "services".to_owned(), |name| format!("services.{name}"));
    let fix = problem.hint.clone().unwrap_or_else(|| "take it out of the file".to_owned());
    let finding = Finding::error("plan", &problem.message, subject.place(&path), fix);
    Finding { refusal: problem.owned, ..finding }
}
