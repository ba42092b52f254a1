//! How a service is deployed: replicas, resources, updates, restarts (Compose spec, “deploy”).

use serde::{Deserialize, Serialize};

use super::record::{never_omitted, record};
use super::{Bytes, Cpus, DeviceCount, Duration, Extensions, Labels, Options};

record! {
    /// The `deploy` section of a service.
    pub struct Deploy {
        /// `replicated` or `global`; empty means replicated.
        pub mode: String,
        /// The number of containers. After loading, [`Service::scale`](super::Service::scale) has the same value.
        pub replicas: Option<i64>,
        /// Labels of the service, not of its containers.
        pub labels: Labels,
        /// How replicas are replaced.
        pub update_config: Option<UpdateConfig>,
        /// How replicas are replaced in a rollback.
        pub rollback_config: Option<UpdateConfig>,
        /// Limits and reservations.
        pub resources: Resources,
        /// When containers are restarted; wins over `restart`.
        pub restart_policy: Option<RestartPolicy>,
        /// Where containers may run.
        pub placement: Placement,
        /// `vip` or `dnsrr`.
        pub endpoint_mode: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// How replicas are replaced.
    pub struct UpdateConfig {
        /// How many at once; 0 means all.
        pub parallelism: Option<u64>,
        /// Pause between groups.
        pub delay: Duration,
        /// `rollback`, `pause` or `continue`; empty where nothing is written.
        pub failure_action: String,
        /// How long a replaced replica is watched.
        pub monitor: Duration,
        /// Share of replicas that may fail.
        pub max_failure_ratio: f32,
        /// `stop-first` or `start-first`; empty where nothing is written.
        pub order: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// The limits and the reservations of a container.
    pub struct Resources {
        /// At most.
        pub limits: Option<Resource>,
        /// At least.
        pub reservations: Option<Resource>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// An amount of each resource.
    pub struct Resource {
        /// Processors.
        pub cpus: Cpus,
        /// Memory.
        pub memory: Bytes,
        /// Processes.
        pub pids: i64,
        /// Devices such as GPUs.
        pub devices: Vec<DeviceRequest>,
        /// Resources that the operator named.
        pub generic_resources: Vec<GenericResource>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// A request for devices; neither a count nor ids means all.
    pub struct DeviceRequest {
        /// What the device must be able to do, such as `gpu`.
        pub capabilities: Vec<String>,
        /// The driver, such as `nvidia`.
        pub driver: String,
        /// How many; -1 means all.
        pub count: DeviceCount,
        /// Which ones.
        pub device_ids: Vec<String>,
        /// Options of the driver.
        pub options: Options,
    }
}

record! {
    /// One named resource.
    pub struct GenericResource {
        /// Its amount.
        pub discrete_resource_spec: Option<DiscreteResource>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// A countable resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscreteResource {
    /// What it is.
    pub kind: String,
    /// The amount.
    pub value: i64,
    /// The `x-*` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

record! {
    /// When containers are restarted.
    pub struct RestartPolicy {
        /// `none`, `on-failure` or `any`; empty means any.
        pub condition: String,
        /// Pause before a restart; no engine outside a swarm honours it.
        pub delay: Option<Duration>,
        /// How often at most.
        pub max_attempts: Option<u64>,
        /// How long until a restart counts as a success; no engine outside a swarm honours it.
        pub window: Option<Duration>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// Where containers may run; concerns clusters alone.
    pub struct Placement {
        /// Conditions on the node.
        pub constraints: Vec<String>,
        /// How to spread over nodes.
        pub preferences: Vec<PlacementPreference>,
        /// At most so many on one node.
        pub max_replicas_per_node: u64,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// One way to spread over nodes.
    pub struct PlacementPreference {
        /// The node label to spread over.
        pub spread: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

never_omitted!(Resources, Placement);
