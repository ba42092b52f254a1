//! The resolved model as text, or one of the lists from it, as docker compose prints them.

use std::mem::ManuallyDrop;

use serde::Serialize;

use crate::compose::load::{Options, select};
use crate::compose::model::ServiceName;
use crate::compose::{hash, render};
use crate::error::{Failure, Kind};
use crate::ops::project::LoadedProject;
use crate::ops::{Context, digests};
use crate::ui::table;

/// The format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Yaml,
}

/// What is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Yaml,
    Json,
    Services,
    Images,
    Volumes,
    Networks,
    Models,
    Profiles,
    Variables(Format),
    Environment,
    /// The config hashes of these services, or of all with `*`.
    Hash(String),
}

impl Output {
    /// Whether named services narrow the output, as they do for docker compose: the model, its images and its profiles.
    fn is_narrowed(&self) -> bool {
        match self {
            Output::Yaml | Output::Json | Output::Images | Output::Profiles => true,
            Output::Services | Output::Volumes | Output::Networks | Output::Models => false,
            Output::Variables(_) | Output::Environment | Output::Hash(_) => false,
        }
    }
}

/// The steps of the loader that are skipped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Skipped {
    pub interpolation: bool,
    pub normalization: bool,
    pub path_resolution: bool,
    pub consistency: bool,
    pub env_resolution: bool,
}

/// Which image digests the model gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    AsWritten,
    /// Every image reference gets the digest that its registry has for it now.
    Resolved,
    /// The same, and the model keeps nothing but images: an override file that pins them.
    Locked,
}

/// The model of the command's project, or a list from it.
///
/// # Errors
/// Everything that is wrong with the files; exit code 3.
pub async fn text(
    context: &Context,
    skipped: Skipped,
    digests: Digests,
    output: &Output,
) -> Result<String, Failure> {
    if digests != Digests::AsWritten && skipped.interpolation {
        let message = "image names that still contain variables have no digests";
        return Err(Failure::new(Kind::Usage, message).hint("leave out --no-interpolate"));
    }
    let raw = skipped.interpolation;
    let options = Options {
        // The list of variables must not depend on which of them are set.
        no_interpolate: raw || matches!(output, Output::Variables(_)),
        no_normalize: skipped.normalization,
        no_path_resolution: skipped.path_resolution,
        no_consistency: skipped.consistency,
        no_env_resolution: skipped.env_resolution,
        defers_service_problems: false,
    };
    // The process ends after this: freeing the model node by node would take longer than printing it.
    let mut loaded = ManuallyDrop::new(context.load(options)?);
    if !options.no_interpolate && output.is_narrowed() {
        keep_named_services(&mut loaded, context)?;
    } else if !context.settings.words.services.is_empty() {
        context.selection(loaded.project())?;
        context.ui.note("the named services do not limit this list: it is of the whole project");
    }
    if digests != Digests::AsWritten {
        digests::resolve(&mut loaded.loaded.project, context).await?;
    }
    if digests == Digests::Locked {
        digests::keep_images(&mut loaded.loaded.project);
    }
    render(&loaded, raw, output, context)
}

/// Keeps only the named services and their dependencies, where services are named.
fn keep_named_services(loaded: &mut LoadedProject, context: &Context) -> Result<(), Failure> {
    let named = &context.settings.words.services;
    if !named.is_empty() {
        context.selection(loaded.project())?;
        let names: Vec<ServiceName> = named.iter().map(|name| name.as_str().into()).collect();
        select(&mut loaded.loaded.project, &names);
    }
    Ok(())
}

fn render(loaded: &LoadedProject, raw: bool, output: &Output, context: &Context) -> Result<String, Failure> {
    let (project, tree) = (loaded.project(), loaded.loaded.origins.tree());
    let dialect = context.settings.dialect;
    Ok(lines(match output {
        Output::Json if raw => return Ok(render::raw_json(tree) + "\n"),
        Output::Json => return Ok(render::project_json(project, dialect) + "\n"),
        // Values have no types before interpolation: the merged files are printed as they are.
        Output::Yaml if raw => return Ok(render::raw_yaml(tree)),
        Output::Yaml => return Ok(render::project_yaml(project, dialect)),
        Output::Variables(Format::Json) => {
            return json_of(&render::variables_by_name(&loaded.loaded)).map(|text| text + "\n");
        }
        Output::Variables(Format::Yaml) => {
            let variables = render::variables_by_name(&loaded.loaded);
            return serde_yaml::to_string(&render::lower_case(&variables)).map_err(unprintable);
        }
        Output::Variables(Format::Table) => {
            let rows = render::variables(&loaded.loaded).into_iter().map(Vec::from).collect::<Vec<_>>();
            return Ok(table::render(&["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"], &rows));
        }
        Output::Services => render::services(project),
        Output::Images => render::images(project),
        Output::Volumes => render::volumes(project),
        Output::Networks => render::networks(project),
        Output::Models => render::models(project),
        Output::Profiles => render::profiles(project),
        Output::Environment => render::environment(project),
        Output::Hash(wanted) => hashes(wanted, loaded, context)?,
    }))
}

fn json_of(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(unprintable)
}

fn unprintable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Failed, format!("the variables cannot be printed: {error}"))
}

fn lines(names: Vec<String>) -> String {
    names.into_iter().map(|name| name + "\n").collect()
}

/// A line `service hash` for each wanted service.
fn hashes(wanted: &str, loaded: &LoadedProject, context: &Context) -> Result<Vec<String>, Failure> {
    let project = loaded.project();
    if wanted != "*"
        && let Some(unknown) = wanted.split(',').find(|name| project.service(name).is_none())
    {
        return Err(Failure::new(Kind::Usage, format!("no service `{unknown}`")));
    }
    let dialect = context.settings.dialect;
    let is_wanted = |name: &str| wanted == "*" || wanted.split(',').any(|one| one == name);
    Ok(project
        .services
        .values()
        .filter(|service| is_wanted(&service.name))
        .map(|service| format!("{} {}", service.name, hash::service(service, dialect)))
        .collect())
}
