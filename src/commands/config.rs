//! `sofa config`: the resolved model, as docker compose prints it, or lists from it; with `-q` only what is wrong.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use crate::compose::load::{Options, select};
use crate::compose::model::ServiceName;
use crate::compose::{hash, render};
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::context::LoadedProject;
use crate::ops::pin;
use crate::settings::Progress;
use crate::ui::table;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    format: Format,
    #[command(flatten)]
    list: List,
    /// Leave variables as they are written.
    #[arg(long)]
    no_interpolate: bool,
    /// Add no defaults.
    #[arg(long)]
    no_normalize: bool,
    /// Leave paths relative.
    #[arg(long)]
    no_path_resolution: bool,
    /// Do not check references between parts.
    #[arg(long)]
    no_consistency: bool,
    /// Leave `env_file` as it is.
    #[arg(long)]
    no_env_resolution: bool,
    /// Pin every image to the digest that its registry has for it now.
    #[arg(long)]
    resolve_image_digests: bool,
    /// Print a Compose file that pins the images and says nothing else.
    #[arg(long)]
    lock_image_digests: bool,
    /// Write to a file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a model is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// A list in the model's place.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct List {
    /// Print the names of the services.
    #[arg(long = "services")]
    names: bool,
    /// Print the images.
    #[arg(long)]
    images: bool,
    /// Print the keys of the volumes.
    #[arg(long)]
    volumes: bool,
    /// Print the keys of the networks.
    #[arg(long)]
    networks: bool,
    /// Print the models.
    #[arg(long)]
    models: bool,
    /// Print the profiles.
    #[arg(long)]
    profiles: bool,
    /// Print the variables that the files name: what each is required or defaults to.
    #[arg(long)]
    variables: bool,
    /// Print the environment that interpolation sees.
    #[arg(long)]
    environment: bool,
    /// Print the config hash of services (`*`: of all).
    #[arg(long, value_name = "SERVICES", num_args = 0..=1, default_missing_value = "*")]
    hash: Option<String>,
}

impl List {
    /// Whether services that are named narrow what is printed, as they do for docker compose: the model, its images and profiles.
    fn is_about_a_choice(&self) -> bool {
        let Self { names, volumes, networks, models, variables, environment, hash, .. } = self;
        !(*names || *volumes || *networks || *models || *variables || *environment || hash.is_some())
    }
}

/// Prints the model or a list.
///
/// # Errors
/// Everything that is wrong with the files; exit code 3.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    let options = Options {
        // Which variables there are can be told before any of them is set.
        no_interpolate: args.no_interpolate || args.list.variables,
        no_normalize: args.no_normalize,
        no_path_resolution: args.no_path_resolution,
        no_consistency: args.no_consistency,
        no_env_resolution: args.no_env_resolution,
    };
    // The process ends with this verb: to free what it holds, node by node, would take longer than to print it.
    let mut loaded = ManuallyDrop::new(context.load(options)?);
    if !options.no_interpolate && args.list.is_about_a_choice() {
        choose(&mut loaded, context)?;
    }
    if args.resolve_image_digests || args.lock_image_digests {
        if args.no_interpolate {
            let message = "digests cannot be found for names that still hold variables";
            return Err(Failure::new(Kind::Usage, message).hint("leave out --no-interpolate"));
        }
        pin::resolve(&mut loaded.loaded.project, context).await?;
    }
    if args.lock_image_digests {
        pin::keep_images(&mut loaded.loaded.project);
    }
    if context.settings.progress == Progress::Quiet {
        return Ok(Exit::Success);
    }
    let text = match list(args, &loaded, context)? {
        Some(text) => text,
        None => model(args, &loaded, context),
    };
    match &args.output {
        Some(path) => std::fs::write(context.settings.directory.join(path), text)
            .map_err(|error| Failure::new(Kind::Failed, format!("{}: {error}", path.display())))?,
        // A reader that is gone needs no model.
        None => drop(context.ui.print(&text)),
    }
    Ok(Exit::Success)
}

/// Where services are named, only they and what they depend on are printed.
fn choose(loaded: &mut LoadedProject, context: &Context) -> Result<(), Failure> {
    let named = &context.settings.words.services;
    if !named.is_empty() {
        context.selection(loaded.project())?;
        let names: Vec<ServiceName> = named.iter().map(|name| name.as_str().into()).collect();
        select(&mut loaded.loaded.project, &names);
    }
    Ok(())
}

/// The list that was asked for, if one was.
fn list(args: &Args, loaded: &LoadedProject, context: &Context) -> Result<Option<String>, Failure> {
    let project = loaded.project();
    let names = if args.list.names {
        render::services(project)
    } else if args.list.images {
        render::images(project)
    } else if args.list.volumes {
        render::volumes(project)
    } else if args.list.networks {
        render::networks(project)
    } else if args.list.models {
        render::models(project)
    } else if args.list.profiles {
        render::profiles(project)
    } else if args.list.environment {
        render::environment(project)
    } else if args.list.variables {
        let rows: Vec<Vec<String>> = render::variables(&loaded.loaded).into_iter().map(Vec::from).collect();
        return Ok(Some(table::render(&["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"], &rows)));
    } else if let Some(wanted) = &args.list.hash {
        hashes(wanted, loaded, context)?
    } else {
        return Ok(None);
    };
    Ok(Some(names.into_iter().map(|name| name + "\n").collect()))
}

/// `service hash` of each service that is wanted.
fn hashes(wanted: &str, loaded: &LoadedProject, context: &Context) -> Result<Vec<String>, Failure> {
    let project = loaded.project();
    if wanted != "*"
        && let Some(unknown) = wanted.split(',').find(|name| project.service(name).is_none())
    {
        return Err(Failure::new(Kind::Usage, format!("no service `{unknown}`")));
    }
    let dialect = context.settings.dialect;
    let fits = |name: &str| wanted == "*" || wanted.split(',').any(|one| one == name);
    Ok(project
        .services
        .values()
        .filter(|service| fits(&service.name))
        .map(|service| format!("{} {}", service.name, hash::service(service, dialect)))
        .collect())
}

fn model(args: &Args, loaded: &LoadedProject, context: &Context) -> String {
    let dialect = context.settings.dialect;
    let (project, written) = (loaded.project(), loaded.loaded.origins.tree());
    match (args.format, args.no_interpolate) {
        (Format::Json, false) => render::project_json(project, dialect) + "\n",
        (Format::Yaml, false) => render::project_yaml(project, dialect),
        // With variables in their places values have no types yet: the merged files are printed as they are.
        (Format::Json, true) => render::raw_json(written) + "\n",
        (Format::Yaml, true) => render::raw_yaml(written),
    }
}
