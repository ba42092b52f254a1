//! `sofa config`: prints the resolved model as docker compose does, or lists from it; with `-q` it only checks the files.

use std::path::PathBuf;

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::config::{self, Digests, Output, Skipped, text};
use crate::settings::Progress;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The output format (default yaml; a table for `--variables`).
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    #[command(flatten)]
    list: List,
    /// Do not interpolate variables.
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
    /// Replace every image reference by the digest that its registry has for it now.
    #[arg(long)]
    resolve_image_digests: bool,
    /// Print an override file that only pins the images.
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

/// A list instead of the model.
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
    /// Print the variables of the files: whether each is required, and its default.
    #[arg(long)]
    variables: bool,
    /// Print the environment for interpolation.
    #[arg(long)]
    environment: bool,
    /// Print the config hash of services (`*`: of all services).
    #[arg(long, value_name = "SERVICES", num_args = 0..=1, default_missing_value = "*")]
    hash: Option<String>,
}

impl Args {
    fn output(&self) -> Output {
        let List { names, images, volumes, networks, models, profiles, variables, environment, hash } =
            &self.list;
        match hash {
            Some(services) => Output::Hash(services.clone()),
            None if *names => Output::Services,
            None if *images => Output::Images,
            None if *volumes => Output::Volumes,
            None if *networks => Output::Networks,
            None if *models => Output::Models,
            None if *profiles => Output::Profiles,
            None if *variables => Output::Variables(match self.format {
                Some(Format::Json) => config::Format::Json,
                Some(Format::Yaml) => config::Format::Yaml,
                None => config::Format::Table,
            }),
            None if *environment => Output::Environment,
            None if self.format == Some(Format::Json) => Output::Json,
            None => Output::Yaml,
        }
    }

    fn skipped(&self) -> Skipped {
        Skipped {
            interpolation: self.no_interpolate,
            normalization: self.no_normalize,
            path_resolution: self.no_path_resolution,
            consistency: self.no_consistency,
            env_resolution: self.no_env_resolution,
        }
    }

    fn digests(&self) -> Digests {
        match (self.resolve_image_digests, self.lock_image_digests) {
            (_, true) => Digests::Locked,
            (true, _) => Digests::Resolved,
            _ => Digests::AsWritten,
        }
    }
}

/// Prints the model or a list.
///
/// # Errors
/// Everything that is wrong with the files; exit code 3.
pub async fn run(args: &Args, context: &Context) -> CommandResult {
    let text = text(context, args.skipped(), args.digests(), &args.output()).await?;
    if context.settings.progress == Progress::Quiet {
        return Ok(Exit::Success);
    }
    match &args.output {
        Some(path) => std::fs::write(context.settings.directory.join(path), text)
            .map_err(|error| Failure::new(Kind::Failed, format!("{}: {error}", path.display())))?,
        // The reader may be gone: that is no failure.
        None => drop(context.ui.print(&text)),
    }
    Ok(Exit::Success)
}
