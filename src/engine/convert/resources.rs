//! Limits, reservations, devices and GPUs of a service in the host configuration.

use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, ResourcesBlkioWeightDevice, ResourcesUlimits,
};

use super::value::{hash_map, list, text};
use crate::compose::model::{self, Blkio, Service};

/// Sets what docker's API groups as «resources». `deploy` is used before the older keys.
pub(super) fn fill(config: &mut HostConfig, service: &Service) {
    own_limits(config, service);
    if let Some(blkio) = &service.blkio_config {
        block_devices(config, blkio);
    }
    config.device_cgroup_rules = list(&service.device_cgroup_rules);
    config.ulimits = (!service.ulimits.is_empty()).then(|| ulimits(service));
    let mut requests = Vec::new();
    if let Some(deploy) = &service.deploy {
        if let Some(limits) = &deploy.resources.limits {
            deploy_limits(config, limits);
        }
        if let Some(reservations) = &deploy.resources.reservations {
            if reservations.memory.0 != 0 {
                config.memory_reservation = Some(reservations.memory.0);
            }
            requests.extend(reservations.devices.iter().map(|device| request(device, false)));
        }
    }
    requests.extend(devices(config, service));
    requests.extend(service.gpus.iter().map(|gpu| request(gpu, true)));
    config.device_requests = (!requests.is_empty()).then_some(requests);
}

fn own_limits(config: &mut HostConfig, service: &Service) {
    let some = |value: i64| (value != 0).then_some(value);
    config.cgroup_parent = text(&service.cgroup_parent);
    config.memory = some(service.mem_limit.0);
    config.memory_swap = some(service.memswap_limit.0);
    config.memory_swappiness = some(service.mem_swappiness.0);
    config.memory_reservation = some(service.mem_reservation.0);
    config.oom_kill_disable = Some(service.oom_kill_disable);
    config.oom_score_adj = some(service.oom_score_adj);
    config.cpu_count = some(service.cpu_count);
    config.cpu_percent = some((service.cpu_percent * 100.0) as i64);
    config.cpu_period = some(service.cpu_period);
    config.cpu_quota = some(service.cpu_quota);
    config.cpu_realtime_period = some(service.cpu_rt_period);
    config.cpu_realtime_runtime = some(service.cpu_rt_runtime);
    config.cpu_shares = some(service.cpu_shares);
    config.cpuset_cpus = text(&service.cpuset);
    config.nano_cpus = some(model::Cpus(service.cpus).nano());
    config.pids_limit = some(service.pids_limit);
}

fn deploy_limits(config: &mut HostConfig, limits: &model::Resource) {
    if limits.memory.0 != 0 {
        config.memory = Some(limits.memory.0);
    }
    if limits.cpus.0 != 0.0 {
        config.nano_cpus = Some(limits.cpus.nano());
    }
    if limits.pids > 0 {
        config.pids_limit = Some(limits.pids);
    }
}

/// Without a count and ids, all devices are meant (docker compose 2 and 5).
fn request(device: &model::DeviceRequest, gpu: bool) -> DeviceRequest {
    let count = match (device.count.0, device.device_ids.is_empty()) {
        (0, true) => -1,
        (count, _) => count,
    };
    let mut capabilities = device.capabilities.clone();
    if gpu {
        capabilities.push("gpu".to_owned());
    }
    DeviceRequest {
        driver: text(&device.driver),
        count: Some(count),
        device_ids: list(&device.device_ids),
        capabilities: Some(vec![capabilities]),
        options: hash_map(&device.options),
    }
}

/// Maps devices of the host. Devices with CDI names (`vendor.com/class=name`) are a separate request.
fn devices(config: &mut HostConfig, service: &Service) -> Option<DeviceRequest> {
    let is_cdi = |d: &&model::DeviceMapping| {
        d.source == d.target && !d.source.starts_with('/') && d.source.contains('=')
    };
    let (cdi, plain): (Vec<_>, Vec<_>) = service.devices.iter().partition(is_cdi);
    let mappings: Vec<_> = plain
        .into_iter()
        .map(|device| DeviceMapping {
            path_on_host: Some(device.source.clone()),
            path_in_container: Some(device.target.clone()),
            cgroup_permissions: Some(device.permissions.clone()),
        })
        .collect();
    config.devices = (!mappings.is_empty()).then_some(mappings);
    (!cdi.is_empty()).then(|| DeviceRequest {
        driver: Some("cdi".to_owned()),
        device_ids: Some(cdi.into_iter().map(|device| device.source.clone()).collect()),
        ..DeviceRequest::default()
    })
}

fn ulimits(service: &Service) -> Vec<ResourcesUlimits> {
    let entry = |(name, limit): (&String, &model::Ulimit)| {
        let (soft, hard) = limit.bounds();
        ResourcesUlimits { name: Some(name.clone()), soft: Some(soft), hard: Some(hard) }
    };
    service.ulimits.iter().map(entry).collect()
}

fn block_devices(config: &mut HostConfig, blkio: &Blkio) {
    let throttle = |devices: &[model::ThrottleDevice]| {
        let device = |d: &model::ThrottleDevice| bollard::models::ThrottleDevice {
            path: Some(d.path.clone()),
            rate: Some(d.rate.0),
        };
        (!devices.is_empty()).then(|| devices.iter().map(device).collect())
    };
    let weight = |d: &model::WeightDevice| ResourcesBlkioWeightDevice {
        path: Some(d.path.clone()),
        weight: Some(usize::from(d.weight)),
    };
    config.blkio_weight = (blkio.weight != 0).then_some(blkio.weight);
    config.blkio_weight_device =
        (!blkio.weight_device.is_empty()).then(|| blkio.weight_device.iter().map(weight).collect());
    config.blkio_device_read_bps = throttle(&blkio.device_read_bps);
    config.blkio_device_write_bps = throttle(&blkio.device_write_bps);
    config.blkio_device_read_iops = throttle(&blkio.device_read_iops);
    config.blkio_device_write_iops = throttle(&blkio.device_write_iops);
}
