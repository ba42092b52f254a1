//! The host configuration of a container.

use std::collections::{BTreeSet, HashMap};

use bollard::models::{HostConfig, HostConfigCgroupnsModeEnum, HostConfigIsolationEnum, HostConfigLogConfig};

use super::error::ConvertError;
use super::files::{self, FileUpload};
use super::instance::{Instance, Target};
use super::value::{hash_map, list, text};
use super::{mounts, ports, resources, security};
use crate::compose::model::{NamespaceMode, Project, Restart, Service};
use crate::engine::restart_policy::RestartPolicy;

pub(super) fn build(
    project: &Project,
    service: &Service,
    instance: &Instance,
    target: Target,
    network_mode: String,
) -> Result<(HostConfig, Vec<FileUpload>), ConvertError> {
    let files = files::build(project, service, target)?;
    let mounts = mounts::build(project, service, instance, target)?;
    let security = security::read(project, service)?;
    let mut config = HostConfig {
        annotations: hash_map(&service.annotations),
        binds: list(&mounts.binds),
        mounts: Some(mounts.mounts.into_iter().chain(files.mounts).collect()),
        cap_add: list(&capabilities(&service.cap_add)),
        cap_drop: list(&capabilities(&service.cap_drop)),
        cgroupns_mode: cgroup_namespace(service)?,
        dns: list(&service.dns),
        dns_options: list(&service.dns_opt),
        dns_search: list(&service.dns_search),
        extra_hosts: Some(service.extra_hosts.entries(":")),
        group_add: list(&service.group_add),
        init: service.init,
        ipc_mode: namespace(service, instance, "ipc", &service.ipc)?,
        isolation: isolation(service)?,
        log_config: Some(log_config(service)),
        network_mode: Some(network_mode),
        pid_mode: namespace(service, instance, "pid", &service.pid)?,
        port_bindings: Some(ports::bindings(service, instance)),
        privileged: Some(service.privileged),
        readonly_rootfs: Some(service.read_only),
        restart_policy: has_restart_policy(service).then(|| restart_policy(service).body()),
        runtime: text(&service.runtime),
        security_opt: list(&security.options),
        shm_size: (service.shm_size.0 != 0).then_some(service.shm_size.0),
        storage_opt: hash_map(&service.storage_opt),
        sysctls: hash_map(&service.sysctls),
        tmpfs: tmpfs(service),
        userns_mode: text(&service.userns_mode),
        uts_mode: namespace(service, instance, "uts", &service.uts)?,
        volume_driver: text(&service.volume_driver),
        volumes_from: list(&volumes_from(service, instance)?),
        ..HostConfig::default()
    };
    if security.unmasked {
        config.masked_paths = Some(Vec::new());
        config.readonly_paths = Some(Vec::new());
    }
    resources::fill(&mut config, service);
    Ok((config, files.uploads))
}

/// The restart policy of a service's containers: `deploy.restart_policy` is used before `restart`.
pub fn restart_policy(service: &Service) -> RestartPolicy {
    if let Some(policy) = service.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref()) {
        let attempts = policy.max_attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        return match policy.condition.as_str() {
            "" | "any" | "always" => RestartPolicy::Always,
            "on-failure" => RestartPolicy::OnFailure(attempts),
            "unless-stopped" => RestartPolicy::UnlessStopped,
            _ => RestartPolicy::No,
        };
    }
    match service.restart() {
        Restart::No => RestartPolicy::No,
        Restart::Always => RestartPolicy::Always,
        Restart::UnlessStopped => RestartPolicy::UnlessStopped,
        Restart::OnFailure(most) => RestartPolicy::OnFailure(most),
    }
}

fn has_restart_policy(service: &Service) -> bool {
    let deployed = service.deploy.as_ref().is_some_and(|deploy| deploy.restart_policy.is_some());
    deployed || !service.restart.is_empty()
}

/// Capabilities with their full names, sorted, without duplicates, as docker's client sends them.
fn capabilities(names: &[String]) -> Vec<String> {
    let full = |name: &String| match name.to_ascii_uppercase() {
        all if all == "ALL" => all,
        full if full.starts_with("CAP_") => full,
        short => format!("CAP_{short}"),
    };
    names.iter().map(full).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A namespace mode for the engine: `service:` becomes that service's container.
pub(super) fn namespace(
    service: &Service,
    instance: &Instance,
    key: &str,
    mode: &str,
) -> Result<Option<String>, ConvertError> {
    match NamespaceMode::read(mode) {
        None => Ok(None),
        Some(NamespaceMode::Container(container)) => Ok(Some(format!("container:{container}"))),
        Some(NamespaceMode::Other(other)) => Ok(Some(other.to_owned())),
        Some(NamespaceMode::Service(other)) => {
            parent(service, instance, key, other).map(|id| Some(format!("container:{id}")))
        }
    }
}

fn parent(service: &Service, instance: &Instance, key: &str, other: &str) -> Result<String, ConvertError> {
    let missing = || ConvertError::invalid(service, key, format!("service `{other}` has no container"));
    instance.parents.get(other).map(|id| id.as_str().to_owned()).ok_or_else(missing)
}

/// `service[:ro]` becomes the id of its container, `container:name[:ro]` the name.
fn volumes_from(service: &Service, instance: &Instance) -> Result<Vec<String>, ConvertError> {
    let resolve = |entry: &String| match entry.strip_prefix("container:") {
        Some(container) => Ok(container.to_owned()),
        None => {
            let (other, mode) = entry.split_once(':').map_or((entry.as_str(), None), |(o, m)| (o, Some(m)));
            let id = parent(service, instance, "volumes_from", other)?;
            Ok(mode.map_or(id.clone(), |mode| format!("{id}:{mode}")))
        }
    };
    service.volumes_from.iter().map(resolve).collect()
}

fn cgroup_namespace(service: &Service) -> Result<Option<HostConfigCgroupnsModeEnum>, ConvertError> {
    match service.cgroup.as_str() {
        "" => Ok(None),
        "host" => Ok(Some(HostConfigCgroupnsModeEnum::HOST)),
        "private" => Ok(Some(HostConfigCgroupnsModeEnum::PRIVATE)),
        other => Err(ConvertError::invalid(
            service,
            "cgroup",
            format!("`{other}` is neither `host` nor `private`"),
        )),
    }
}

fn isolation(service: &Service) -> Result<Option<HostConfigIsolationEnum>, ConvertError> {
    match service.isolation.as_str() {
        "" => Ok(None),
        "default" => Ok(Some(HostConfigIsolationEnum::DEFAULT)),
        _ => Err(ConvertError::unsupported(service, "isolation", "an engine on Windows")),
    }
}

fn log_config(service: &Service) -> HostConfigLogConfig {
    let (driver, options) = match &service.logging {
        Some(logging) => (&logging.driver, &logging.options),
        None => (&service.log_driver, &service.log_opt),
    };
    HostConfigLogConfig { typ: Some(driver.clone()), config: hash_map(options) }
}

/// As `path[:options]`.
fn tmpfs(service: &Service) -> Option<HashMap<String, String>> {
    let entry = |entry: &String| {
        let (path, options) = entry.split_once(':').unwrap_or((entry, ""));
        (path.to_owned(), options.to_owned())
    };
    (!service.tmpfs.is_empty()).then(|| service.tmpfs.iter().map(entry).collect())
}
