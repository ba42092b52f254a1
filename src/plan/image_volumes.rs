//! Images that services mount (`volumes` of type `image`): by which name, and which image it was when a container was made.
//! docker compose hashes such a mount by the image's name, but 5.1 to 5.4 by its digest; from 5.5 on a label has the digest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::cause::Cause;
use super::observed::{Container, Observed};
use super::pins::{Pin, Pins};
use crate::compose::model::{Mount, MountKind, Project, Service};

/// How an image is named in a mount.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// By its reference: the engine takes nothing else.
    Name,
    /// By its digest, where it is there.
    Digest(&'a Observed, &'a Pins),
}

/// The images that a service mounts.
pub fn references<'a>(project: &'a Project, service: &'a Service) -> impl Iterator<Item = String> + 'a {
    mounts(service).map(|mount| reference(project, mount))
}

/// A service whose image mounts have names that the engine can mount.
pub fn mountable<'a>(
    project: &Project,
    service: &'a Service,
    moved: &BTreeMap<String, Pin>,
) -> Cow<'a, Service> {
    let mut service = resolved(project, Cow::Borrowed(service), By::Name);
    if !moved.is_empty() {
        for mount in service.to_mut().volumes.iter_mut().filter(|mount| mount.kind == MountKind::Image) {
            if let Some(pin) = moved.get(&mount.source) {
                mount.source.clone_from(&pin.name);
            }
        }
    }
    service
}
use crate::labels::compose;

/// A service whose image mounts name their images so.
pub(super) fn resolved<'a>(project: &Project, service: Cow<'a, Service>, by: By<'_>) -> Cow<'a, Service> {
    if mounts(&service).next().is_none() {
        return service;
    }
    let mut resolved = service.clone().into_owned();
    for mount in resolved.volumes.iter_mut().filter(|mount| mount.kind == MountKind::Image) {
        let name = reference(project, mount);
        let image = match by {
            By::Name => None,
            By::Digest(observed, pins) => pins.image_beside(&service, &name, observed),
        };
        mount.source = image.map_or(name, |image| image.digest.clone());
    }
    Cow::Owned(resolved)
}

/// Which images a service mounts now, for the label; none where it mounts none that is there.
pub fn label(project: &Project, service: &Service, observed: &Observed, pins: &Pins) -> Option<String> {
    let digest = |mount: &Mount| {
        let image = pins.image_beside(service, &reference(project, mount), observed)?;
        Some(format!("{}={}", mount.target, image.digest))
    };
    let mut digests: Vec<String> = mounts(service).filter_map(digest).collect();
    digests.sort();
    (!digests.is_empty()).then(|| digests.join(","))
}

/// Whether a container mounts another image than it should. Without the label its config hash shows that.
pub(super) fn changed(container: &Container, now: Option<&str>) -> Option<Cause> {
    let recorded = container.labels.get(compose::IMAGE_VOLUME_DIGEST)?;
    let now: Vec<&str> = now.unwrap_or_default().split(',').collect();
    let changed = recorded.split(',').find(|entry| !now.contains(entry))?;
    Some(Cause::MountedImage { target: changed.split('=').next().unwrap_or(changed).to_string() })
}

fn mounts(service: &Service) -> impl Iterator<Item = &Mount> {
    service.volumes.iter().filter(|mount| mount.kind == MountKind::Image)
}

/// The image of a mount: that of another service where the source is one's name.
fn reference(project: &Project, mount: &Mount) -> String {
    match project.service(&mount.source) {
        Some(service) => project.image_reference(service),
        None => mount.source.clone(),
    }
}
