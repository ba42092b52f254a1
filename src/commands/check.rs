//! `sofa check`: everything that can be known before a deploy, with its place and what mends it; changes nothing.

use crate::compose::load::Options;
use crate::diag::finding::{Finding, Place, Severity};
use crate::docker::preflight;
use crate::engine::Engine;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::guard::{self, Candidate};
use crate::ops::context::{LoadedProject, engine_failure};
use crate::ops::deployment::NO_PINS;
use crate::ops::{Context, deployment, ownership, protection};
use crate::plan;
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::scope::{self, Selection};
use crate::ui::findings;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints every finding. What an engine that does not answer would have told is said to be unchecked.
///
/// # Errors
/// Errors among the findings: exit code 5 where a protection or another owner forbids a deploy, else 3; warnings too where
/// `--strict` was said.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let (project, mut found) = match context.try_load(context.request(Options::default())?)? {
        (Ok(loaded), sources) => {
            let loaded = LoadedProject { loaded, sources };
            (loaded.project().name.to_string(), of_project(context, &loaded).await?)
        }
        (Err(problems), sources) => {
            let found =
                problems.iter().map(|problem| guard::of_diagnostic("files", problem, &sources)).collect();
            (context.project_name()?.text, found)
        }
    };
    found.sort_by(|a, b| (a.severity, &a.place).cmp(&(b.severity, &b.place)));
    let text = match args.format {
        Format::Text if found.is_empty() => findings::summary(&format!("check {project}"), &found),
        Format::Text => {
            findings::render(&found) + "\n" + &findings::summary(&format!("check {project}"), &found)
        }
        Format::Json => json(context, &project, &found)?,
    };
    // A reader that is gone needs no findings.
    let _ = context.ui.print(&text);
    let strict = args.strict && found.iter().any(|finding| finding.severity == Severity::Warning);
    let failed = protection::kind(&found).or(strict.then_some(Kind::Invalid));
    Ok(failed.map_or(Exit::Success, Exit::Found))
}

fn json(context: &Context, project: &str, found: &[Finding]) -> Result<String, Failure> {
    let count = |severity: Severity| found.iter().filter(|finding| finding.severity == severity).count();
    let value = serde_json::json!({
        "project": project,
        "mode": context.settings.mode.as_ref().map(|mode| &mode.name),
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "unchecked": count(Severity::Unchecked),
        "findings": found,
    });
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    Ok(text + "\n")
}

/// What the rules say of files that could be read.
async fn of_project(context: &Context, loaded: &LoadedProject) -> Result<Vec<Finding>, Failure> {
    let subject = protection::candidate(context, loaded);
    let selection = context.selection(loaded.project())?;
    let warnings = &loaded.loaded.warnings;
    let mut found: Vec<Finding> =
        warnings.iter().map(|warning| guard::of_diagnostic("files", warning, &loaded.sources)).collect();
    found.extend(guard::protections(&subject).await);
    let told = match context.engine().await {
        Ok(engine) => with_engine(context, &engine, &subject, &selection).await,
        Err(failure) => Err(failure),
    };
    found.extend(told.unwrap_or_else(|failure| without_engine(context, &failure, &subject, &selection)));
    Ok(found)
}

/// What an engine adds: what others hold, what its images have, the room that it has.
async fn with_engine(
    context: &Context,
    engine: &Engine,
    subject: &Candidate<'_>,
    selection: &Selection,
) -> Result<Vec<Finding>, Failure> {
    let project = &subject.loaded.project;
    let observed = deployment::observe(engine, project, &NO_PINS).await?;
    let mut found = Vec::new();
    if let Err(failure) = ownership::refuse_to_begin_beside(context, project, &observed) {
        let place = Place::whole(engine.host().to_string());
        let (message, fix) = (failure.messages.join("; "), failure.hints.join("; "));
        found.push(Finding::error("owner", message, place, fix).refused());
    }
    let (backend, deps) = (&context.settings.backend, context.deps(None));
    let scope = scope::resolve(project, selection, backend, deps, &observed).unwrap_or_else(|missing| {
        found.extend(missing.iter().map(|missing| guard::of_missing(missing, subject)));
        scope::chosen(project, selection, backend).into_iter().collect()
    });
    let desired = deployment::desired(context, project, &NO_PINS, &scope, &observed);
    found.extend(guard::advice(subject, &desired));
    found.extend(in_the_way(engine, &desired, &observed, subject));
    if engine.host().is_local() {
        let root = engine.data_root().await.map_err(engine_failure)?;
        found.extend(guard::machine(subject, &scope.into_iter().collect(), &root));
    } else {
        found.push(guard::machine_elsewhere(&engine.host().to_string()));
    }
    Ok(found)
}

/// What keeps the plan of a deploy from being made or carried out.
fn in_the_way(
    engine: &Engine,
    desired: &Desired<'_>,
    observed: &Observed,
    subject: &Candidate<'_>,
) -> Vec<Finding> {
    let mut problems = plan::deploy(desired, observed, plan::Policy::default()).err().unwrap_or_default();
    problems.extend(preflight::unmakeable(engine, desired));
    problems.extend(preflight::held_ports(engine, desired, observed));
    problems.iter().map(|problem| guard::of_problem(problem, subject)).collect()
}

/// What can be told without an engine. That it does not answer is no error of the files, so it is said and not counted;
/// what it refuses is an error.
fn without_engine(
    context: &Context,
    failure: &Failure,
    subject: &Candidate<'_>,
    selection: &Selection,
) -> Vec<Finding> {
    let place = Place::whole(context.settings.host.clone().unwrap_or_else(|| "the Docker Engine".to_owned()));
    let left = "host ports, names, images and its disk are unchecked";
    let message = format!("{}; {left}", failure.messages.join("; "));
    let fix = match failure.hints.join("; ") {
        hints if hints.is_empty() => "correct what it refuses, or use another engine".to_owned(),
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
    let desired = deployment::desired(context, project, &NO_PINS, &scope, &observed);
    let mut found = vec![engine];
    found.extend(guard::advice(subject, &desired));
    found.extend(guard::sources(subject, &scope.into_iter().collect()));
    found
}
