//! Whether a container differs from the files, and why.

use super::cause::{Cause, Configuration};
use super::contents;
use super::desired::{Desired, DesiredService, volume_keys};
use super::image_volumes;
use super::observed::{Container, Observed, State};
use super::sharing::{Parents, namespace_parents};
use crate::compose::fields;

/// Why a container differs from the files; `None` if it does not. The order of the tests is docker compose's.
pub(super) fn divergence(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    parents: &Parents<'_>,
    container: &Container,
    observed: &Observed,
) -> Option<Cause> {
    if !is_made_beside(desired, service, parents, container, observed) {
        return Some(configuration_change(desired, service, parents, container, observed));
    }
    image_change(service, container)
        .or_else(|| (container.state == State::Dead).then_some(Cause::Dead))
        .or_else(|| image_volumes::changed(container, service.image_volumes.as_deref()))
        .or_else(|| missing_network(desired, service, container, observed))
        .or_else(|| missing_volume(desired, service, container))
        .or_else(|| changed_content(service, container))
        .or_else(|| moved_port(service, container))
}
use crate::labels::{compose, sofa};

/// Whether a container was created from the present configuration, with these containers as parents.
fn is_made_beside(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    parents: &Parents<'_>,
    container: &Container,
    observed: &Observed,
) -> bool {
    let hash = container.label(compose::CONFIG_HASH).unwrap_or_default();
    desired.hashes_beside(service, parents, observed).iter().any(|known| known == hash)
}

/// The configuration changed: which fields, if the last release has what the container was created from, and which env files. The
/// config hash also contains the ids of the containers that it shares something with.
fn configuration_change(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    parents: &Parents<'_>,
    container: &Container,
    observed: &Observed,
) -> Cause {
    let others = namespace_parents(service.service);
    let mut made_beside = parents.clone();
    let network = service.service.network_mode.strip_prefix("service:");
    if let (Some(parent), Some(id)) = (network, &container.network_of) {
        made_beside.insert(parent, id);
        if is_made_beside(desired, service, &made_beside, container, observed) {
            return Cause::OtherParent { parent: parent.to_string() };
        }
    }
    let before = observed.released_service(container, &made_beside);
    let fields = before.map(|before| fields::of_services(before, service.service)).unwrap_or_default();
    let label = container.labels.get(sofa::CONTENT);
    Cause::Configuration(Configuration {
        fields,
        // The containers that it was created beside are not known, except for its network's.
        or_other_containers: match before {
            None => others.into_iter().map(String::from).collect(),
            Some(_) => Vec::new(),
        },
        env_files: label.map(|label| contents::changed(&service.env_files, label)).unwrap_or_default(),
    })
}

/// The content of a config or secret changed since the container was created.
fn changed_content(service: &DesiredService<'_>, container: &Container) -> Option<Cause> {
    let changed = contents::changed(&service.contents, container.labels.get(sofa::CONTENT)?);
    (!changed.is_empty()).then_some(Cause::Content(changed))
}

/// The files put the service behind the edge, or take it away from there, or it has another port there.
fn moved_port(service: &DesiredService<'_>, container: &Container) -> Option<Cause> {
    match (service.service.http(), container.behind_edge()) {
        (Some(_), None) => Some(Cause::MovesBehindEdge),
        (None, Some(_)) => Some(Cause::LeavesEdge),
        (Some(http), Some(behind)) if http.port != behind.port => {
            Some(Cause::OtherHttpPort { old: behind.port, new: http.port })
        }
        _ => None,
    }
}

/// The image differs from the one that the container was created from.
fn image_change(service: &DesiredService<'_>, container: &Container) -> Option<Cause> {
    let image = service.found?;
    // The label has the image's id on old engines, and the digest of the platform's manifest on new ones. A container that was
    // created before an upgrade of the engine has the id, and its image is still the same.
    let recorded = container.label(compose::IMAGE).unwrap_or(container.image_id.as_str());
    if recorded == image.digest || recorded == image.id.as_str() {
        return None;
    }
    Some(Cause::Image { old: short(recorded), new: short(&image.digest) })
}

/// A container is not connected to a network that the service uses. A container that does not run may also be connected to a network
/// that was removed: it could not be started.
fn missing_network(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    container: &Container,
    observed: &Observed,
) -> Option<Cause> {
    service.service.networks.keys().find_map(|key| {
        let network = desired.project.networks.get(key)?.name.clone();
        if container.is_on_removed_network(&network, observed) {
            return Some(Cause::NetworkGone { network });
        }
        let known = observed.networks.iter().find(|found| found.name == network)?;
        let attached = container.networks.values().any(|attachment| attachment.network == known.id.as_str());
        (!attached && container.state == State::Running).then_some(Cause::NotConnected { network })
    })
}

/// A volume that the service mounts is not mounted.
fn missing_volume(
    desired: &Desired<'_>,
    service: &DesiredService<'_>,
    container: &Container,
) -> Option<Cause> {
    volume_keys(service.service).find_map(|key| {
        let volume = desired.project.volumes.get(key)?;
        let mounted =
            container.mounts.iter().any(|mount| mount.name.as_deref() == Some(volume.name.as_str()));
        (!mounted).then(|| Cause::NotMounted { volume: volume.name.clone() })
    })
}

/// A digest as people compare it: the algorithm and 12 characters.
fn short(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha256", digest));
    format!("{algorithm}:{}…", hex.get(..12).unwrap_or(hex))
}
