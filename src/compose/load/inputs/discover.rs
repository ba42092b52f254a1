//! Finds the Compose files, their folder, the env files, and the name of the project.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::compose::load::inputs::dotenv;
use crate::compose::load::inputs::variables::Environment;
use crate::compose::load::request::{Input, Request};
use crate::compose::load::session::Session;
use crate::compose::load::syntax::short_syntax::clean;
use crate::diag::Diagnostic;
use crate::util::spelling;
use crate::yaml::{SourceId, Span};

pub(crate) const FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What is to be read.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The Compose files in order, absolute.
    pub(crate) files: Vec<Input>,
    /// Where relative paths start.
    pub(crate) folder: PathBuf,
    /// Env files named by hand, absolute.
    pub(crate) env_files: Vec<PathBuf>,
    /// The process's environment and the env files.
    pub(crate) environment: Environment,
    /// The active profiles.
    pub(crate) profiles: Vec<String>,
}

/// Finds the inputs. Problems are in the session.
pub(crate) fn discover(request: &Request, session: &mut Session<'_>) -> Option<Layout> {
    let here = &request.working_directory;
    let mut environment = Environment::of_process(&request.environment);
    if environment.get("PWD").is_none() {
        environment.set("PWD", &here.display().to_string());
    }
    let named_env_files = named_env_files(request, &environment);
    let project_folder = request.project_directory.as_deref().map(|folder| absolute(here, folder));
    let mut files: Vec<Input> = request.files.iter().map(|input| absolute_input(here, input)).collect();

    // The first look decides about COMPOSE_FILE and the like; the second one, below, sees the folder that was found.
    let first = project_folder.clone().or_else(|| folder_of(&files)).unwrap_or_else(|| here.clone());
    read_env_files(&named_env_files, &first, &mut environment, session)?;
    if files.is_empty() {
        files = files_of_environment(here, &environment);
    }
    if files.is_empty() {
        files = search(project_folder.as_deref().unwrap_or(here), session);
    }
    let Some(found) =
        project_folder.or_else(|| folder_of(&files)).or_else(|| (!files.is_empty()).then(|| here.clone()))
    else {
        session.error(no_file(request));
        return None;
    };
    if found != first {
        session.unset.clear();
        read_env_files(&named_env_files, &found, &mut environment, session)?;
    }
    let profiles = profiles(request, &environment);
    Some(Layout { files, folder: found, env_files: named_env_files, environment, profiles })
}

fn absolute(here: &Path, path: &Path) -> PathBuf {
    PathBuf::from(clean(&here.join(path).display().to_string()))
}

fn absolute_input(here: &Path, input: &Input) -> Input {
    match input {
        Input::Path(path) => Input::Path(absolute(here, path)),
        Input::Stdin(text) => Input::Stdin(text.clone()),
    }
}

/// The folder of the first file that has one.
fn folder_of(files: &[Input]) -> Option<PathBuf> {
    files.iter().find_map(|input| match input {
        Input::Path(path) => path.parent().map(Path::to_path_buf),
        Input::Stdin(_) => None,
    })
}

fn named_env_files(request: &Request, environment: &Environment) -> Vec<PathBuf> {
    let here = &request.working_directory;
    if !request.env_files.is_empty() {
        return request.env_files.iter().map(|file| absolute(here, file)).collect();
    }
    let files = environment.get("COMPOSE_ENV_FILES").unwrap_or_default();
    files.split(',').filter(|file| !file.is_empty()).map(|file| absolute(here, Path::new(file))).collect()
}

fn read_env_files(
    named: &[PathBuf],
    folder: &Path,
    environment: &mut Environment,
    session: &mut Session<'_>,
) -> Option<()> {
    if !named.is_empty() {
        return read_into(named, environment, session);
    }
    let disabled = environment
        .get("COMPOSE_DISABLE_ENV_FILE")
        .is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"));
    let default = folder.join(".env");
    if disabled || !default.is_file() {
        return Some(());
    }
    read_into(&[default], environment, session)
}

/// Reads env files into the variables. A variable that is set already keeps its value, and a later file wins over an earlier one.
///
/// In a value, `$NAME` is the variable that is set already, else the value from this file so far, else the value from an earlier
/// file.
pub(crate) fn read_into(
    files: &[PathBuf],
    environment: &mut Environment,
    session: &mut Session<'_>,
) -> Option<()> {
    let mut read: Vec<(PathBuf, SourceId, Vec<dotenv::Assignment>)> = Vec::new();
    let mut earlier: HashMap<String, String> = HashMap::new();
    for file in files {
        let (source, assignments) = read_env_file(file, &earlier, environment, session)?;
        for assignment in &assignments {
            earlier.insert(assignment.name.clone(), assignment.value.clone());
        }
        read.push((file.clone(), source, assignments));
    }
    for (file, source, assignments) in read.into_iter().rev() {
        let placed: Vec<(String, String, Span)> = assignments
            .into_iter()
            .rev()
            .map(|dotenv::Assignment { name, value, range, unset }| {
                let span = Span::new(source, range.0, range.1);
                if environment.get(&name).is_none() {
                    session.note_unset(&name, &value, unset, span);
                }
                (name, value, span)
            })
            .collect();
        environment.add_file(&file, placed);
        if !session.env_files.contains(&file) {
            session.env_files.push(file);
        }
    }
    Some(())
}

fn read_env_file(
    file: &Path,
    earlier: &HashMap<String, String>,
    environment: &Environment,
    session: &mut Session<'_>,
) -> Option<(SourceId, Vec<dotenv::Assignment>)> {
    let text = session.read(file, "env file", None)?;
    let id = session.sources.add(session.shown(file), text.as_str());
    session.note_replaced_bytes(id);
    dotenv::parse_after(&text, earlier.clone(), &|name| environment.get(name).map(str::to_owned))
        .map(|assignments| (id, assignments))
        .map_err(|error| {
            let span = Span::new(id, error.range.0, error.range.1);
            let mut diagnostic = Diagnostic::error(error.message).at(span, "");
            diagnostic.hints.extend(error.hint.map(str::to_owned));
            session.error(diagnostic);
        })
        .ok()
}

fn files_of_environment(here: &Path, environment: &Environment) -> Vec<Input> {
    let separator = environment.get("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty()).unwrap_or(":");
    let files = environment.get("COMPOSE_FILE").unwrap_or_default();
    let files = files.split(separator).filter(|file| !file.is_empty());
    files.map(|file| Input::Path(absolute(here, Path::new(file)))).collect()
}

/// The nearest folder upwards with a Compose file, and the override file in it.
fn search(from: &Path, session: &mut Session<'_>) -> Vec<Input> {
    for folder in from.ancestors() {
        let mut files = Vec::new();
        for names in [FILES, OVERRIDES] {
            let found: Vec<&str> = names.into_iter().filter(|name| folder.join(name).exists()).collect();
            if let [used, ignored, ..] = found.as_slice() {
                let message = format!("`{used}` is used, `{ignored}` beside it is not");
                session.warn(Diagnostic::warning(message));
            }
            match found.first() {
                Some(name) => files.push(Input::Path(folder.join(name))),
                None => break,
            }
        }
        if !files.is_empty() {
            return files;
        }
    }
    Vec::new()
}

fn no_file(request: &Request) -> Diagnostic {
    let here = &request.working_directory;
    let names: Vec<String> = std::fs::read_dir(here)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yml") || name.ends_with(".yaml"))
        .collect();
    let error = Diagnostic::error(format!("no Compose file in {} or above", here.display()));
    let near = FILES.iter().find_map(|file| spelling::nearest(file, names.iter().map(String::as_str)));
    match near.or_else(|| names.first().map(String::as_str)) {
        Some(name) => error.hint(format!("`-f {name}` uses {name}")),
        None => error.hint(format!("it is called {}, or `-f` names it", FILES.join(", "))),
    }
}

/// `--profile`, else `COMPOSE_PROFILES`.
fn profiles(request: &Request, environment: &Environment) -> Vec<String> {
    if !request.profiles.is_empty() {
        return request.profiles.clone();
    }
    let profiles = environment.get("COMPOSE_PROFILES").unwrap_or_default().split(',').map(str::trim);
    profiles.filter(|profile| !profile.is_empty()).map(str::to_owned).collect()
}
