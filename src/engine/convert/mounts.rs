//! `volumes` of a service: as `Binds` where this older form is sufficient, since only that form creates a missing host
//! path (moby#43483), otherwise as `Mounts`.

use bollard::models::{
    Mount as MountBody, MountBindOptions, MountBindOptionsPropagationEnum as Propagation, MountImageOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions,
};

use super::error::ConvertError;
use super::instance::{Instance, Target};
use super::value::{hash_map, text};
use crate::compose::model::{BindOptions, Mount, MountKind, Project, Service, VolumeOptions};
use crate::engine::api_version::ApiVersion;

#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) binds: Vec<String>,
    pub(super) mounts: Vec<MountBody>,
}

pub(super) fn build(
    project: &Project,
    service: &Service,
    instance: &Instance,
    target: Target,
) -> Result<Mounts, ConvertError> {
    let mut built = Mounts::default();
    for mount in &service.volumes {
        check(service, mount, target)?;
        match bind_string(project, mount) {
            Some(bind) => built.binds.push(bind),
            None => built.mounts.push(body(project, service, instance, mount)?),
        }
    }
    let declared = |target: &str| service.volumes.iter().any(|mount| mount.target == target);
    let carried = instance.inherited.iter().filter(|volume| !declared(&volume.target));
    built.mounts.extend(carried.map(|volume| MountBody {
        typ: Some(MountType::VOLUME),
        source: Some(volume.volume.clone()),
        target: Some(volume.target.clone()),
        ..MountBody::default()
    }));
    Ok(built)
}

fn check(service: &Service, mount: &Mount, target: Target) -> Result<(), ConvertError> {
    let subpath = mount.volume.as_ref().is_some_and(|v| !v.subpath.is_empty());
    if subpath && target.api < ApiVersion::VOLUME_SUBPATH {
        return Err(ConvertError::too_old(
            service,
            "volumes.volume.subpath",
            ApiVersion::VOLUME_SUBPATH,
            "26",
        ));
    }
    match mount.kind {
        MountKind::Image if target.api < ApiVersion::IMAGE_MANIFESTS => {
            Err(ConvertError::too_old(service, "volumes.type: image", ApiVersion::IMAGE_MANIFESTS, "28"))
        }
        MountKind::Npipe => {
            Err(ConvertError::unsupported(service, "volumes.type: npipe", "an engine on Windows"))
        }
        MountKind::Cluster => Err(ConvertError::unsupported(service, "volumes.type: cluster", "a swarm")),
        _ => Ok(()),
    }
}

/// The mount in the older form; none where that form is not sufficient, or the mount has no source.
fn bind_string(project: &Project, mount: &Mount) -> Option<String> {
    let mut options = vec![if mount.read_only { "ro" } else { "rw" }];
    let source = match mount.kind {
        MountKind::Bind if !mount.bind.as_ref().is_some_and(needs_mount) => {
            let selinux = mount.bind.as_ref().map(|bind| bind.selinux.as_str());
            options.extend(selinux.filter(|s| !s.is_empty()));
            mount.source.as_str()
        }
        MountKind::Volume if !mount.volume.as_ref().is_some_and(volume_needs_mount) => {
            project.volumes.get(mount.source.as_str())?.name.as_str()
        }
        _ => return None,
    };
    Some(format!("{source}:{}:{}", mount.target, options.join(",")))
}

fn needs_mount(bind: &BindOptions) -> bool {
    !bind.creates_host_path() || !bind.propagation.is_empty() || !bind.recursive.is_empty()
}

fn volume_needs_mount(volume: &VolumeOptions) -> bool {
    !volume.labels.is_empty() || !volume.subpath.is_empty() || volume.nocopy
}

fn body(
    project: &Project,
    service: &Service,
    instance: &Instance,
    mount: &Mount,
) -> Result<MountBody, ConvertError> {
    let carried = instance.inherited.iter().find(|volume| volume.target == mount.target);
    let source = match (mount.kind, carried) {
        (MountKind::Volume, Some(volume)) if mount.source.is_empty() => volume.volume.clone(),
        (MountKind::Volume, _) => match project.volumes.get(mount.source.as_str()) {
            Some(volume) => volume.name.clone(),
            None => mount.source.clone(),
        },
        _ => mount.source.clone(),
    };
    Ok(MountBody {
        typ: Some(kind(mount.kind)),
        source: text(&source),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        consistency: text(&mount.consistency),
        bind_options: mount.bind.as_ref().map(|bind| bind_options(service, mount, bind)).transpose()?,
        volume_options: mount.volume.as_ref().map(volume_options),
        tmpfs_options: mount.tmpfs.as_ref().map(|tmpfs| MountTmpfsOptions {
            size_bytes: (tmpfs.size.0 != 0).then_some(tmpfs.size.0),
            mode: (tmpfs.mode != 0).then_some(i64::from(tmpfs.mode)),
            options: None,
        }),
        image_options: mount.image.as_ref().map(|image| MountImageOptions { subpath: text(&image.subpath) }),
    })
}

fn kind(kind: MountKind) -> MountType {
    match kind {
        MountKind::Bind => MountType::BIND,
        MountKind::Volume => MountType::VOLUME,
        MountKind::Tmpfs => MountType::TMPFS,
        MountKind::Image => MountType::IMAGE,
        MountKind::Npipe => MountType::NPIPE,
        MountKind::Cluster => MountType::CLUSTER,
    }
}

fn bind_options(
    service: &Service,
    mount: &Mount,
    bind: &BindOptions,
) -> Result<MountBindOptions, ConvertError> {
    let propagation = match bind.propagation.as_str() {
        "" => None,
        "private" => Some(Propagation::PRIVATE),
        "rprivate" => Some(Propagation::RPRIVATE),
        "shared" => Some(Propagation::SHARED),
        "rshared" => Some(Propagation::RSHARED),
        "slave" => Some(Propagation::SLAVE),
        "rslave" => Some(Propagation::RSLAVE),
        other => {
            let reason = format!("`{other}` is not a propagation mode (of `{}`)", mount.target);
            return Err(ConvertError::invalid(service, "volumes.bind.propagation", reason));
        }
    };
    let recursive = |word: &str| (bind.recursive == word).then_some(true);
    Ok(MountBindOptions {
        propagation,
        create_mountpoint: bind.creates_host_path().then_some(true),
        non_recursive: recursive("disabled"),
        read_only_non_recursive: recursive("writable"),
        read_only_force_recursive: recursive("readonly"),
    })
}

fn volume_options(volume: &VolumeOptions) -> MountVolumeOptions {
    MountVolumeOptions {
        no_copy: volume.nocopy.then_some(true),
        labels: hash_map(&volume.labels),
        driver_config: None,
        subpath: text(&volume.subpath),
    }
}
