//! How the containers of a service are replaced: the order, the number at once, and what a failure means. Compose spec,
//! “update_config” and “rollback_config”; docker compose ignores both.

use std::time::Duration;

use super::desired::DesiredService;
use super::gate::Tolerance;
use super::gate::uses_gpu;
use super::workers;
use crate::compose::model::{MountKind, Port, Service, UpdateConfig};

/// How the containers of one service are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strategy {
    /// Whether the old container runs until the new one is ready, and on until the plan settles.
    pub(super) start_first: bool,
    /// How many are replaced at once.
    pub(super) parallelism: usize,
    /// Pause between two groups.
    pub(super) delay: Duration,
    /// How long each group is watched before the next one begins; none where nothing is written.
    pub(super) monitor: Option<Duration>,
    /// What a failure of one of them means.
    pub(super) tolerance: Tolerance,
}

impl Strategy {
    /// What the files say. A rollback uses `rollback_config` where there is one.
    pub(super) fn of(service: &DesiredService<'_>, rollback: bool) -> Strategy {
        let Some((_, update)) = written(service, rollback) else { return Strategy::unwritten(service) };
        Strategy {
            start_first: update.order == START_FIRST && obstacle(service).is_none(),
            parallelism: match update.parallelism {
                Some(0) => usize::MAX,
                None => 1,
                Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
            },
            delay: update.delay.0,
            monitor: Some(update.monitor.0).filter(|monitor| !monitor.is_zero()),
            tolerance: tolerance(service, update),
        }
    }

    /// The containers of a worker take turns, and with nothing in the way the new one begins first: the others work meanwhile. Those
    /// of a service behind the edge begin first too, since the edge sends requests to both.
    fn unwritten(service: &DesiredService<'_>) -> Strategy {
        match workers::hands_over(service.service) {
            false if service.service.http().is_some() => {
                Strategy { start_first: obstacle(service).is_none(), ..Strategy::default() }
            }
            true => {
                Strategy { start_first: obstacle(service).is_none(), parallelism: 1, ..Strategy::default() }
            }
            false => Strategy::default(),
        }
    }
}

/// Why a service cannot start first although the files say so, with the key that says it.
pub fn why_stop_first(service: &DesiredService<'_>, rollback: bool) -> Option<(&'static str, String)> {
    let (key, update) = written(service, rollback)?;
    let obstacle = obstacle(service).filter(|_| update.order == START_FIRST)?;
    Some((key, obstacle))
}

const START_FIRST: &str = "start-first";

/// The part of the files that applies, with its key.
fn written<'a>(service: &DesiredService<'a>, rollback: bool) -> Option<(&'static str, &'a UpdateConfig)> {
    let deploy = service.service.deploy.as_ref()?;
    let back = deploy.rollback_config.as_ref().filter(|_| rollback).map(|back| ("rollback_config", back));
    back.or_else(|| Some(("update_config", deploy.update_config.as_ref()?)))
}

impl Default for Strategy {
    fn default() -> Strategy {
        Strategy {
            start_first: false,
            parallelism: usize::MAX,
            delay: Duration::ZERO,
            monitor: None,
            tolerance: Tolerance::default(),
        }
    }
}

/// Why a new container of the service cannot run beside the old one: a job would run twice at once, and other services would both need
/// a thing that only one container can have.
fn obstacle(service: &DesiredService<'_>) -> Option<String> {
    match service.job {
        true => Some("it is a job, and would run twice at once".into()),
        false => workers::obstacle(service.service, service.found).or_else(|| {
            shared(service)
                .map(|cause| format!("{cause}, which the old and the new container would both need"))
        }),
    }
}

/// The first thing that two containers of the service cannot both have.
fn shared(service: &DesiredService<'_>) -> Option<String> {
    let Service { ports, networks, devices, .. } = service.service;
    let fixed = |address: &&str| !address.is_empty();
    // Port 0 means a free port.
    let is_fixed = |port: &&Port| !matches!(port.published.as_str(), "" | "0");
    let of_edge = |port: &Port| service.service.http().is_some_and(|http| http.takes(port));
    let port = ports.iter().find(|port| is_fixed(port) && !of_edge(port));
    let attached = networks.values().filter_map(Option::as_ref);
    let addresses = attached.flat_map(|attachment| {
        let attachment = [&attachment.ipv4_address, &attachment.ipv6_address, &attachment.mac_address];
        attachment.map(String::as_str)
    });
    let address = addresses.chain([service.service.mac_address.as_str()]).find(fixed);
    port.map(|port| format!("it publishes host port {}", port.published))
        .or_else(|| {
            (service.service.network_mode == "host").then(|| "it listens on the host's network".into())
        })
        .or_else(|| {
            let shared = ["service:", "container:"];
            let shares = shared.iter().any(|kind| service.service.network_mode.starts_with(kind));
            shares.then(|| format!("it listens on the network of `{}`", service.service.network_mode))
        })
        .or_else(|| address.map(|address| format!("it has the fixed address {address}")))
        .or_else(|| devices.first().map(|device| format!("it has the device {}", device.source)))
        .or_else(|| uses_gpu(service.service).then(|| "it has a GPU".into()))
        .or_else(|| reserves_a_device(service.service).then(|| "it reserves a device".into()))
        .or_else(|| writable(service).map(|place| format!("it writes to {place}")))
}

fn reserves_a_device(service: &Service) -> bool {
    let reserved = service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    reserved.is_some_and(|resource| !resource.devices.is_empty())
}

/// The first place outside the container that the service can write to. Anonymous volumes count: they go from the old
/// container to the new one.
fn writable(service: &DesiredService<'_>) -> Option<String> {
    let mounts = &service.service.volumes;
    let kept = |kind: &MountKind| matches!(kind, MountKind::Volume | MountKind::Bind);
    let mounted = mounts.iter().find(|mount| kept(&mount.kind) && !mount.read_only);
    let unmounted = |target: &&String| mounts.iter().all(|mount| mount.target != **target);
    let declared = service.found.iter().flat_map(|image| &image.volumes).find(unmounted);
    let from = service.service.volumes_from.iter().find(|from| !from.ends_with(":ro"));
    mounted
        .map(|mount| mount.target.clone())
        .or_else(|| declared.cloned())
        .or_else(|| from.map(|from| format!("the volumes of {from}")))
}

/// All replicas may fail with `failure_action: continue`, else the share that `max_failure_ratio` allows; with `pause` one more
/// ends the service's update and not the run.
fn tolerance(service: &DesiredService<'_>, update: &UpdateConfig) -> Tolerance {
    // The ratio of the files is decimal: 0.7 of ten are seven, though the nearest binary fraction is a little less.
    let share = f64::from(service.replicas) * f64::from(update.max_failure_ratio)
        + 1e-6 * f64::from(service.replicas);
    match update.failure_action.as_str() {
        "continue" => Tolerance { failures: service.replicas, pauses: false },
        action => Tolerance { failures: share.floor() as u32, pauses: action == "pause" },
    }
}
