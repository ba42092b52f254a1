//! From the Compose model to the bodies of the engine's API, as docker compose makes them. Pure, but for the seccomp
//! profiles that a service names, which are read here.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerCreateBody, NetworkingConfig};

use super::ApiVersion;
use super::network::Endpoint;
use crate::compose::model::{Project, Service, ServiceName};
use crate::plan::observed::ContainerId;

mod files;
mod health;
mod host_config;
mod labels;
mod mounts;
mod networking;
mod objects;
mod ports;
mod resources;
mod security;

pub use files::FileUpload;
pub use host_config::restart_policy;
pub use labels::{ContainerLabels, Replica, built_image_labels, hook_labels, network_labels, volume_labels};
pub use objects::{NewNetwork, NewVolume, network, volume};

/// What of the model cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The engine is too old, or `sofa` does not have it.
    #[error("service `{service}`: `{key}` needs {needs}")]
    Unsupported {
        /// The service.
        service: String,
        /// The key in the Compose file.
        key: String,
        /// What would be needed.
        needs: String,
    },
    /// A value that no engine could take.
    #[error("service `{service}`: `{key}`: {reason}")]
    Invalid {
        /// The service.
        service: String,
        /// The key in the Compose file.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that a key names could not be read.
    #[error("service `{service}`: `{key}`: file `{path}`: {source}")]
    File {
        /// The service.
        service: String,
        /// The key in the Compose file.
        key: String,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl ConvertError {
    fn unsupported(service: &Service, key: &str, needs: impl Into<String>) -> ConvertError {
        ConvertError::Unsupported {
            service: service.name.to_string(),
            key: key.to_owned(),
            needs: needs.into(),
        }
    }

    fn too_old(service: &Service, key: &str, api: ApiVersion, engine: &str) -> ConvertError {
        ConvertError::unsupported(service, key, format!("Docker Engine {engine} (API {api}) or newer"))
    }

    fn invalid(service: &Service, key: &str, reason: impl Into<String>) -> ConvertError {
        ConvertError::Invalid {
            service: service.name.to_string(),
            key: key.to_owned(),
            reason: reason.into(),
        }
    }
}

/// One container to be made of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// The name to create it under; it may be a temporary one.
    pub name: String,
    /// The name it will have in the end: its first DNS name on every network.
    pub final_name: String,
    /// What to create it from: a reference, or an image id to be sure of the digest.
    pub image: String,
    /// All its labels (`ContainerLabels::build`).
    pub labels: BTreeMap<String, String>,
    /// The containers of the services that it shares a namespace or volumes with.
    pub parents: BTreeMap<ServiceName, ContainerId>,
    /// The running containers of the services that it links to: name and replica number.
    pub links: BTreeMap<ServiceName, Vec<(String, u32)>>,
    /// Anonymous volumes of the container that it takes the place of.
    pub inherited: Vec<InheritedVolume>,
    /// Whether other containers find it by its service's name. Not so for one-offs.
    pub service_aliases: bool,
    /// Whether its host ports are published. Not so for one-offs.
    pub publish: bool,
}

/// An anonymous volume that goes from one container to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InheritedVolume {
    /// The volume's name.
    pub volume: String,
    /// Where it is mounted.
    pub target: String,
}

/// The engine that the bodies are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The API version spoken with it.
    pub api: ApiVersion,
    /// Whether its files are those of this machine, so that configs and secrets can be bind mounts.
    pub local: bool,
}

impl super::Engine {
    /// What `convert` must know of this engine.
    pub fn target(&self) -> Target {
        Target { api: self.api(), local: self.host().is_local() }
    }
}

/// A container ready to be created with `Engine::create`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContainer {
    pub(super) name: String,
    pub(super) platform: Option<String>,
    pub(super) body: ContainerCreateBody,
    /// Only for engines before API 1.44, where the address is the container's, not the endpoint's.
    pub(super) mac_address: Option<String>,
    /// Networks to connect after the creation: engines before API 1.44 take one at creation.
    pub(super) later: Vec<(String, Endpoint)>,
    pub(super) uploads: Vec<FileUpload>,
    ignored: Vec<String>,
}

impl NewContainer {
    /// A container that no service stands behind: a body as the engine takes it.
    pub(in crate::engine) fn bare(name: &str, body: ContainerCreateBody) -> NewContainer {
        NewContainer {
            name: name.to_owned(),
            platform: None,
            body,
            mac_address: None,
            later: Vec::new(),
            uploads: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// The name it is created under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keys of the service that this engine ignores.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// A container of `service` for one engine.
///
/// # Errors
/// What the engine is too old for, what no engine has, and files that cannot be read, each with its key.
pub fn container(
    project: &Project,
    service: &Service,
    instance: &Instance,
    target: Target,
) -> Result<NewContainer, ConvertError> {
    refuse_unknown(service)?;
    let network = networking::build(project, service, instance, target)?;
    let (host_config, uploads) = host_config::build(project, service, instance, target, network.mode)?;
    let body = ContainerCreateBody {
        hostname: text(&service.hostname),
        domainname: text(&service.domainname),
        user: text(&service.user),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        exposed_ports: Some(ports::exposed(service)?),
        tty: Some(service.tty),
        open_stdin: Some(service.stdin_open),
        env: Some(environment(service)),
        cmd: service.command.0.clone(),
        entrypoint: service.entrypoint.0.clone(),
        healthcheck: health::build(service, target)?,
        image: Some(instance.image.clone()),
        working_dir: text(&service.working_dir),
        network_disabled: Some(service.network_mode == "disabled"),
        labels: Some(instance.labels.clone().into_iter().collect()),
        stop_signal: text(&service.stop_signal),
        stop_timeout: service.stop_grace_period.map(|grace| seconds(grace.0)),
        host_config: Some(host_config),
        networking_config: Some(NetworkingConfig { endpoints_config: Some(network.at_creation) }),
        ..ContainerCreateBody::default()
    };
    Ok(NewContainer {
        name: instance.name.clone(),
        platform: text(&service.platform),
        body,
        mac_address: network.container_mac,
        later: network.later,
        uploads,
        ignored: ignored(service, target),
    })
}

/// Keys that make no container, or one that docker compose's plugins make.
fn refuse_unknown(service: &Service) -> Result<(), ConvertError> {
    let refused = [
        ("provider", service.provider.is_some(), "docker compose's provider plugins"),
        ("models", !service.models.is_empty(), "Docker Model Runner"),
        ("use_api_socket", service.use_api_socket, "docker compose"),
        ("credential_spec", service.credential_spec.is_some(), "an engine on Windows"),
    ];
    match refused.into_iter().find(|(_, used, _)| *used) {
        Some((key, _, needs)) => Err(ConvertError::unsupported(service, key, needs)),
        None => Ok(()),
    }
}

fn ignored(service: &Service, target: Target) -> Vec<String> {
    const ANNOTATIONS: ApiVersion = ApiVersion { major: 1, minor: 43 };
    let mut ignored = Vec::new();
    if !service.annotations.is_empty() && target.api < ANNOTATIONS {
        ignored.push(format!("`annotations` (the engine knows them from API {ANNOTATIONS} on)"));
    }
    let files = service
        .configs
        .iter()
        .map(|f| (&*f.source, f.uid.is_empty() && f.gid.is_empty() && f.mode.is_none()));
    let files = files.chain(
        service
            .secrets
            .iter()
            .map(|f| (&*f.source, f.uid.is_empty() && f.gid.is_empty() && f.mode.is_none())),
    );
    if target.local && service.read_only {
        ignored.extend(files.filter(|(_, plain)| !plain).map(|(source, _)| {
            format!("uid, gid and mode of `{source}` where it is a file: into a read-only container nothing is copied, and a bind mount has those of the file itself")
        }));
    }
    ignored
}

/// `NAME=value` each; a name alone takes the image's variable away.
fn environment(service: &Service) -> Vec<String> {
    let entry = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    };
    service.environment.iter().map(entry).collect()
}

/// The engine's default where nothing is written.
fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whole seconds, as docker compose cuts them.
fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn nanos(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn hash_map(map: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.clone().into_iter().collect())
}

fn list(values: &[String]) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.to_vec())
}
