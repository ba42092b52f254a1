//! From Compose files to the resolved model, one folder per phase: `inputs` finds what to read, `tree` merges the documents into one
//! tree in the `syntax` of Compose files, `complete` adds defaults, `check` makes the typed model and checks it.

mod check;
mod complete;
mod inputs;
mod request;
mod session;
mod syntax;
mod tree;

pub use check::profiles::select;
pub use inputs::env_name::{EnvName, name_in_env_files};
pub use request::{Input, Loaded, Options, Origin, Origins, Request, ServiceProblem, Variable};

use std::path::PathBuf;

use check::{decode, dropped, hooks, http, pre_start, profiles, validate};
use complete::{defaults, normalize, paths, resolve};
use inputs::discover::{self, Layout};
use inputs::variables::Environment;
use inputs::{env_files, project_name};
use session::{Finished, Session};
use tree::assemble;
use tree::document::{self, Document, Level};

use crate::compose::model::{Project, ProjectName};
use crate::diag::{Diagnostic, Diagnostics, Sources};
use crate::yaml::Node;

/// Loads a project. Every file that is read is added to `sources`, so that problems (and [`Loaded::warnings`]) can be shown.
///
/// # Errors
/// Everything that is wrong with the files, the env files or the request, each with its place; warnings are among them.
pub fn load(request: &Request, sources: &mut Sources) -> Result<Loaded, Diagnostics> {
    let mut session = Session::new(&request.working_directory, sources);
    session.defers_service_problems = request.options.defers_service_problems;
    let loaded = run(request, &mut session);
    let Finished { warnings, lost, unset, uses, service_problems } = session.finish()?;
    match loaded {
        Some((project, origins)) => {
            Ok(Loaded { project, warnings, lost, unset, service_problems, variables: uses.by_name, origins })
        }
        None => Err(Diagnostic::error("nothing was loaded").into()),
    }
}

/// The project's name as far as it is known: missing or broken files and env files are skipped, and the name is then the
/// folder's. `None` if nothing gives a name.
pub fn project_name(request: &Request) -> Option<ProjectName> {
    let mut sources = Sources::default();
    let mut session = Session::new(&request.working_directory, &mut sources);
    let found = discover::discover(request, &mut session).and_then(|layout| {
        let documents = read_all(&layout.files, &mut session).unwrap_or_default();
        let roots = documents.iter().map(|document| &document.root);
        project_name::project_name(request, roots, &layout.folder, &layout.environment, &mut session)
    });
    found.or_else(|| {
        let by_hand =
            request.project_name.clone().or_else(|| request.environment.get("COMPOSE_PROJECT_NAME").cloned());
        let name = by_hand.or_else(|| request.fallback_name.clone()).or_else(|| {
            let folder = request.project_directory.as_ref().unwrap_or(&request.working_directory);
            Some(crate::util::slug::slug(&folder.file_name()?.to_string_lossy()))
        })?;
        (!name.is_empty()).then(|| ProjectName::new(name))
    })
}

/// Runs every phase in order. `None` if one of them could not continue; the session has the reason.
fn run(request: &Request, session: &mut Session<'_>) -> Option<(Project, Origins)> {
    let Layout { files, folder, env_files, mut environment, profiles } =
        discover::discover(request, session)?;
    let mut documents = read_all(&files, session)?;
    if let Some(text) = &request.typed {
        documents.extend(document::typed(text, &folder, session)?);
    }
    let roots = documents.iter().map(|document| &document.root);
    let name = project_name::project_name(request, roots, &folder, &environment, session)?;
    environment.set("COMPOSE_PROJECT_NAME", &name);

    let level = Level {
        folder: &folder,
        root: &folder,
        environment: &environment,
        options: request.options,
        including: &[],
    };
    let mut model = assemble::assemble(documents, level, session);
    if session.errors() > 0 {
        return None;
    }
    complete(&mut model, &name, level, session)?;

    dropped::note(&model, session);
    // Text with variables is not a number, port or mount yet, so there is only the tree.
    let untyped = request.options.no_interpolate;
    let mut project = if untyped { Project::default() } else { decode::decode(&model, session) };
    if session.errors() > 0 {
        return None;
    }
    project.name = name;
    project.compose_files = files.iter().map(file_name).collect();
    project.environment_files = env_files;
    project.environment = environment.to_map();
    project.working_dir = folder;
    let mut origins = Origins::new(model);
    judge(&mut project, request, &profiles, &environment, &mut origins, session);
    (session.errors() == 0).then_some((project, origins))
}

fn read_all(files: &[Input], session: &mut Session<'_>) -> Option<Vec<Document>> {
    let read: Vec<Option<Vec<Document>>> =
        files.iter().map(|file| document::read(file, None, session)).collect();
    let documents: Vec<Document> =
        read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    if documents.is_empty() {
        let names: Vec<String> = files.iter().map(|file| session.shown(&file_name(file))).collect();
        session.error(Diagnostic::error(format!("{}: nothing is written there", names.join(", "))));
        return None;
    }
    Some(documents)
}

fn file_name(input: &Input) -> PathBuf {
    match input {
        Input::Path(path) => path.clone(),
        Input::Stdin(_) => PathBuf::from("-"),
    }
}

/// Adds the defaults to the tree.
fn complete(model: &mut Node, name: &ProjectName, level: Level<'_>, session: &mut Session<'_>) -> Option<()> {
    if model.as_map().is_none_or(|map| map.is_empty()) {
        session.error(Diagnostic::error("the Compose file is empty").hint("it begins with `services:`"));
        return None;
    }
    defaults::set(model);
    // If variables stay as written, so do those that are named without a value.
    let nothing = Environment::default();
    let environment = if level.options.no_interpolate { &nothing } else { level.environment };
    defaults::check(model, session);
    if !level.options.no_path_resolution {
        paths::resolve(model, level.base(level.folder));
    }
    resolve::environment(model, environment, &mut session.contents);
    if !level.options.no_normalize {
        normalize::normalize(model, name, environment);
        let span = model.span;
        if let Some(map) = model.as_map_mut() {
            map.insert("name", span, Node::string(name.as_str(), span));
        }
    }
    Some(())
}

/// Profiles, env files, and the rules between parts.
fn judge(
    project: &mut Project,
    request: &Request,
    active: &[String],
    environment: &Environment,
    origins: &mut Origins,
    session: &mut Session<'_>,
) {
    profiles::apply(project, active, &request.services);
    for service in project.services.values_mut().chain(project.disabled_services.values_mut()) {
        // `scale` is the truth where both are written; that they agree is checked.
        if let (Some(scale), Some(deploy)) = (service.scale, &mut service.deploy)
            && deploy.replicas.is_none()
        {
            deploy.replicas = Some(scale);
        }
    }
    if !request.options.no_consistency {
        validate::check(project, origins, session);
        http::check(project, origins, session);
    }
    let mut cache = env_files::Cache::default();
    for service in project.services.values_mut() {
        session.judge_service(Some(&service.name));
        if !request.options.no_env_resolution {
            env_files::inherit(service, environment);
        }
        pre_start::complete(service);
        if !request.options.no_env_resolution {
            env_files::resolve_environment(service, environment, origins, &mut cache, session);
        }
        env_files::resolve_labels(service, origins, &mut cache, session);
    }
    session.judge_service(None);
    hooks::mark(project, origins);
    for (name, service) in &mut project.services {
        service.given = origins.given("services", name);
    }
    for (name, network) in &mut project.networks {
        network.given = origins.given("networks", name);
    }
    profiles::drop_unused(project);
}
