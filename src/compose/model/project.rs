//! The whole application.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    ConfigName, Extensions, FileObject, Mapping, Model, ModelName, Network, NetworkName, ProjectName,
    SecretName, Service, ServiceName, Volume, VolumeName,
};

/// A Compose application, ready to be deployed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// The services that the active profiles enable.
    pub services: BTreeMap<ServiceName, Service>,
    /// The networks that those services use.
    pub networks: BTreeMap<NetworkName, Network>,
    /// The volumes that those services use.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// The secrets that those services use.
    pub secrets: BTreeMap<SecretName, FileObject>,
    /// The configs that those services use.
    pub configs: BTreeMap<ConfigName, FileObject>,
    /// The models that those services use.
    pub models: BTreeMap<ModelName, Model>,
    /// The `x-*` keys.
    #[serde(rename = "#extensions")]
    pub extensions: Extensions,
    /// The folder that relative paths start from (label `project.working_dir`).
    #[serde(rename = "#working_dir")]
    pub working_dir: PathBuf,
    /// The Compose files in order, absolute; `-` for standard input (label `project.config_files`). Included files are not among them.
    #[serde(rename = "#compose_files")]
    pub compose_files: Vec<PathBuf>,
    /// Env files given by hand, absolute (label `project.environment_file`); empty where only the default `.env` was read.
    #[serde(rename = "#environment_files")]
    pub environment_files: Vec<PathBuf>,
    /// Services that no active profile enables; they are not orphans.
    #[serde(rename = "#disabled_services")]
    pub disabled_services: BTreeMap<ServiceName, Service>,
    /// The active profiles.
    #[serde(rename = "#profiles")]
    pub profiles: Vec<String>,
    /// Variables that interpolation saw: the env files', under the process's environment. Values may be secrets.
    #[serde(rename = "#environment")]
    pub environment: Mapping,
}

impl Project {
    /// The Compose files as docker compose writes them into the label `project.config_files`.
    pub fn config_files(&self) -> String {
        let files: Vec<String> = self.compose_files.iter().map(|file| file.display().to_string()).collect();
        files.join(",")
    }

    /// The reference of a service's image: its own, else the one that docker compose gives to an image that it builds.
    pub fn image_reference(&self, service: &Service) -> String {
        match service.image.as_str() {
            "" => format!("{}-{}", self.name, service.name),
            image => image.to_string(),
        }
    }

    /// An enabled service by name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }
}
