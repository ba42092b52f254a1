//! Converts the Compose model to bodies of the engine's API, as docker compose builds them. Pure, except that seccomp
//! profiles of services are read here.

use bollard::models::{ContainerCreateBody, NetworkingConfig};

use super::api_version::ApiVersion;
use super::endpoint::Endpoint;
use crate::compose::model::{Project, Service};

mod error;
mod files;
mod health;
mod host_config;
mod instance;
mod labels;
mod mounts;
mod networking;
mod objects;
mod ports;
mod resources;
mod security;
mod value;

pub use error::ConvertError;
pub use files::FileUpload;
pub use host_config::restart_policy;
pub use instance::{InheritedVolume, Instance, Target};
pub use labels::{ContainerLabels, Replica, built_image_labels, hook_labels, network_labels, volume_labels};
pub use objects::{NewNetwork, NewVolume, network, volume};

use value::{list, seconds, text};

impl super::client::Engine {
    /// This engine as the target of a conversion.
    pub fn target(&self) -> Target {
        Target { api: self.api(), local: self.host().is_local() }
    }
}

/// A container for `Engine::create`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContainer {
    pub(super) name: String,
    pub(super) platform: Option<String>,
    pub(super) body: ContainerCreateBody,
    /// Only for engines before API 1.44, where the address belongs to the container and not to the endpoint.
    pub(super) mac_address: Option<String>,
    /// Networks to attach after the creation: engines before API 1.44 accept one at creation.
    pub(super) later: Vec<(String, Endpoint)>,
    pub(super) uploads: Vec<FileUpload>,
    ignored: Vec<String>,
}

impl NewContainer {
    /// A container without a service: a body of the engine's API.
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

    /// The name at creation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keys of the service that this engine ignores.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// Builds a container of a service for one engine.
///
/// # Errors
/// Names the key that needs a newer engine, that no engine supports, or whose file cannot be read.
pub fn container(
    project: &Project,
    service: &Service,
    instance: &Instance,
    target: Target,
) -> Result<NewContainer, ConvertError> {
    refuse_unknown(service)?;
    let network = networking::build(project, service, instance, target)?;
    let (mut host_config, uploads) = host_config::build(project, service, instance, target, network.mode)?;
    host_config.links = list(&network.links);
    let body = ContainerCreateBody {
        hostname: text(&service.hostname),
        domainname: text(&service.domainname),
        user: text(&service.user),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        exposed_ports: Some(ports::exposed(service)?),
        tty: Some(service.tty),
        open_stdin: Some(service.stdin_open),
        attach_stdin: instance.attached_input.then_some(true),
        stdin_once: instance.attached_input.then_some(true),
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

/// Refuses services that are not containers, or that only docker compose's plugins can create.
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
        ignored.push(format!("`annotations` (the engine supports them from API {ANNOTATIONS} on)"));
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
            format!("uid, gid and mode of `{source}`: a file cannot be copied into a read-only container, and its bind mount has the owner and mode of the file")
        }));
    }
    ignored
}

/// As `NAME=value`. A single name removes the image's variable.
fn environment(service: &Service) -> Vec<String> {
    let entry = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    };
    service.environment.iter().map(entry).collect()
}
