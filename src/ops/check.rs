//! Everything that is known to go wrong before a deploy, each finding with its place and its fix. Changes nothing.

use serde_json::json;

use crate::compose::load;
use crate::diag::finding::{Finding, Place, Severity};
use crate::docker::gpus::Gpu;
use crate::docker::preflight::{held_ports, unmakeable};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::guard::{self, Candidate};
use crate::ops::Context;
use crate::ops::deployment::{desired, observe};
use crate::ops::failure::engine_failure;
use crate::ops::preflight::{self, gpus, refuse_to_start_beside};
use crate::ops::project::LoadedProject;
use crate::plan;
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::patience::LongestWait;
use crate::plan::pins::Pins;
use crate::plan::scope::{self, Selection};

/// The findings about a project, errors first.
pub struct Findings {
    pub project: String,
    pub mode: Option<String>,
    pub list: Vec<Finding>,
    /// How long a deploy waits at most; none where the files cannot be read.
    pub longest_wait: Option<LongestWait>,
    /// The GPUs that the services see, where they ask for any and the engine can tell.
    pub gpus: Vec<Gpu>,
}

/// What was found about files that could be read.
struct OfProject {
    list: Vec<Finding>,
    longest_wait: LongestWait,
    gpus: Vec<Gpu>,
}

impl Findings {
    /// What a check of the command's project finds.
    ///
    /// # Errors
    /// Standard input that cannot be read, services that the project does not have, and failures of an engine that answers.
    pub async fn of(context: &Context) -> Result<Findings, Failure> {
        let (mut longest_wait, mut gpus) = (None, Vec::new());
        let (project, mut list) = match context.try_load(context.request(load::Options::default())?)? {
            (Ok(loaded), sources) => {
                let loaded = LoadedProject { loaded, sources };
                let found = of_project(context, &loaded).await?;
                longest_wait = Some(found.longest_wait);
                gpus = found.gpus;
                (loaded.project().name.to_string(), found.list)
            }
            (Err(problems), sources) => {
                let found =
                    problems.iter().map(|problem| guard::of_diagnostic("files", problem, &sources)).collect();
                (context.project_name()?.text, found)
            }
        };
        list.sort_by(|a, b| (a.severity, &a.place).cmp(&(b.severity, &b.place)));
        let mode = context.settings.mode.as_ref().map(|mode| mode.name.clone());
        Ok(Findings { project, mode, list, longest_wait, gpus })
    }

    /// The kind of failure that the findings mean, if any: refused where a protection or another owner forbids a deploy, else
    /// invalid. `strict` counts warnings too.
    pub fn kind(&self, strict: bool) -> Option<Kind> {
        let warnings = self.count(Severity::Warning) > 0;
        preflight::kind(&self.list).or((strict && warnings).then_some(Kind::Invalid))
    }

    /// For programs.
    ///
    /// # Errors
    /// None in practice.
    pub fn json(&self) -> Result<String, Failure> {
        let value = json!({
            "project": self.project,
            "mode": self.mode,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "unchecked": self.count(Severity::Unchecked),
            "longest_wait_seconds": self.longest_wait.as_ref().map(|longest| longest.time().as_secs()),
            "gpus": self.gpus,
            "findings": self.list,
        });
        let text = serde_json::to_string_pretty(&value);
        Ok(text.map_err(|error| Failure::new(Kind::Failed, error.to_string()))? + "\n")
    }

    fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// The findings about files that could be read.
async fn of_project(context: &Context, loaded: &LoadedProject) -> Result<OfProject, Failure> {
    let subject = preflight::candidate(context, loaded);
    let selection = context.selection(loaded.project())?;
    let warnings = &loaded.loaded.warnings;
    let mut found: Vec<Finding> =
        warnings.iter().map(|warning| guard::of_diagnostic("files", warning, &loaded.sources)).collect();
    found.extend(guard::protections(&subject).await);
    let findings = match context.engine().await {
        Ok(engine) => with_engine(context, &engine, &subject, &selection).await,
        Err(failure) => Err(failure),
    };
    let of_scope = findings.unwrap_or_else(|failure| without_engine(context, &failure, &subject, &selection));
    found.extend(of_scope.list);
    Ok(OfProject { list: found, ..of_scope })
}

/// The findings that need an engine: what others hold, what its images contain, the space on its disk.
async fn with_engine(
    context: &Context,
    engine: &Engine,
    subject: &Candidate<'_>,
    selection: &Selection,
) -> Result<OfProject, Failure> {
    let project = &subject.loaded.project;
    let observed = observe(engine, project, &Pins::new()).await?;
    let mut found = Vec::new();
    if let Err(failure) = refuse_to_start_beside(context, project, &observed) {
        let place = Place::whole(engine.host().to_string());
        let (message, fix) = (failure.messages.join("; "), failure.hints.join("; "));
        found.push(Finding::error("owner", message, place, fix).refused());
    }
    let (backend, deps) = (&context.settings.backend, context.deps(None));
    let scope = scope::resolve(project, selection, backend, deps, &observed).unwrap_or_else(|missing| {
        found.extend(missing.iter().map(|missing| guard::of_missing(missing, subject)));
        scope::chosen(project, selection, backend).into_iter().collect()
    });
    let pins = Pins::new();
    let desired = desired(context, project, &pins, &scope, &observed);
    let longest_wait = LongestWait::of(&desired, subject.wait_timeout);
    found.extend(guard::advice(subject, &desired));
    found.extend(preflight::of_workers(context, engine, subject).await?);
    found.extend(problems(engine, &desired, &observed, subject));
    let report = gpus::report(engine, &desired, &observed).await?;
    let refused = report.problems();
    found.extend(refused.iter().map(|problem| guard::of_problem(problem, subject)));
    if engine.host().is_local() {
        let root = engine.data_root().await.map_err(engine_failure)?;
        found.extend(guard::machine(subject, &scope.into_iter().collect(), &root));
    } else {
        found.push(guard::machine_elsewhere(&engine.host().to_string()));
    }
    Ok(OfProject { list: found, longest_wait, gpus: report.seen })
}

/// The reasons why a deploy has no plan, or would fail.
fn problems(
    engine: &Engine,
    desired: &Desired<'_>,
    observed: &Observed,
    subject: &Candidate<'_>,
) -> Vec<Finding> {
    let mut found = plan::deploy(desired, observed, plan::Policy::default()).err().unwrap_or_default();
    found.extend(unmakeable(engine, desired));
    found.extend(held_ports(engine, desired, observed));
    found.iter().map(|problem| guard::of_problem(problem, subject)).collect()
}

/// The findings without an engine. An engine that does not answer is not an error of the files, so it only makes checks «unchecked».
/// What the engine refuses is an error.
fn without_engine(
    context: &Context,
    failure: &Failure,
    subject: &Candidate<'_>,
    selection: &Selection,
) -> OfProject {
    let place = Place::whole(context.settings.host.clone().unwrap_or_else(|| "the Docker Engine".to_owned()));
    let unchecked = "host ports, names, images and the engine's disk are unchecked";
    let message = format!("{}; {unchecked}", failure.messages.join("; "));
    let fix = match failure.hints.join("; ") {
        hints if hints.is_empty() => "fix what the engine refuses, or use another engine".to_owned(),
        hints => hints,
    };
    let engine = if failure.kind == Kind::Unreachable {
        Finding::unchecked("engine", message, place, fix)
    } else {
        Finding::error("engine", message, place, fix)
    };
    let project = &subject.loaded.project;
    let observed = Observed::default();
    let scope: Vec<&str> = scope::chosen(project, selection, &context.settings.backend).into_iter().collect();
    let pins = Pins::new();
    let desired = desired(context, project, &pins, &scope, &observed);
    let mut found = vec![engine];
    found.extend(guard::advice(subject, &desired));
    found.extend(guard::sources(subject, &scope.into_iter().collect()));
    let longest_wait = LongestWait::of(&desired, subject.wait_timeout);
    OfProject { list: found, longest_wait, gpus: Vec::new() }
}
