//! Before the first deploy of a mode: whether its containers or data already exist under another project name.

use std::path::Path;

use crate::compose::load::{self, Options, Request};
use crate::compose::model::Project;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::plan::observed::Observed;
use crate::plan::ownership::{self, Claim, Former};
use crate::settings::Mode;
use crate::util::slug::slug;

/// Refuses to start beside a project that is likely this mode's own. A written name says what the operator wants.
///
/// # Errors
/// What was found, and the lines to choose from; exit code 5.
pub fn refuse_to_start_beside(
    context: &Context,
    project: &Project,
    observed: &Observed,
) -> Result<(), Failure> {
    let settings = &context.settings;
    let Some(mode) = &settings.mode else { return Ok(()) };
    if context.name_is_written(mode) || !ownership::is_new(project, observed) {
        return Ok(());
    }
    let siblings = context.other_names(mode);
    let usual = usual_names(context, project)?;
    let claim = Claim { mode: &mode.name, siblings: &siblings, usual: &usual };
    match ownership::formers(project, observed, &claim).as_slice() {
        [] => Ok(()),
        formers => Err(refusal(context, mode, formers)),
    }
}

/// The names that docker compose would have used: `name:` of the files, the name of their folder, the name of the root.
fn usual_names(context: &Context, project: &Project) -> Result<Vec<String>, Failure> {
    let request = Request { fallback_name: None, ..context.request(Options::default())? };
    let by_files = load::project_name(&request).map(|name| name.to_string());
    let folders =
        [project.compose_files.first().and_then(|file| file.parent()), Some(&context.settings.directory)];
    let by_folder = folders.into_iter().flatten().filter_map(|folder| folder.file_name());
    let by_folder = by_folder.map(|name| slug(&name.to_string_lossy()));
    Ok(by_files.into_iter().chain(by_folder).filter(|name| !name.is_empty()).collect())
}

fn refusal(context: &Context, mode: &Mode, formers: &[Former]) -> Failure {
    let Mode { name, project_name, .. } = mode;
    let found: Vec<String> = formers.iter().map(described).collect();
    let message = format!(
        "mode `{name}` would start as the new project `{project_name}`, but it may already exist here: {}",
        found.join("; ")
    );
    let env_file = context.settings.env_files.last().map(|file| shown(context, file));
    let lines = |project: &str| {
        let in_env = env_file
            .as_ref()
            .map_or_else(String::new, |file| format!(", or COMPOSE_PROJECT_NAME={project} into {file}"));
        format!("write `project_name: {project}` under modes.{name} in sofa.yaml{in_env}")
    };
    let taking_over = formers.iter().map(|former| {
        format!("to take over `{0}` with its data: {1}", former.project, lines(&former.project))
    });
    let failure = Failure::new(Kind::Refused, message);
    let failure = taking_over.fold(failure, Failure::hint);
    failure.hint(format!("to start a new, empty project beside it: {}", lines(project_name)))
}

fn described(former: &Former) -> String {
    let list = |what: &str, names: &[String]| match names {
        [] => None,
        [name] => Some(format!("{what} {name}")),
        names => Some(format!("{what}s {}", names.join(", "))),
    };
    let parts = [list("container", &former.containers), list("volume", &former.volumes)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("project `{}` ({})", former.project, parts.join(", "))
}

fn shown(context: &Context, file: &Path) -> String {
    file.strip_prefix(&context.settings.directory).unwrap_or(file).display().to_string()
}
