//! A service and its own parts (Compose spec, “services”).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::record::{Omit, record};
use super::{
    Attachment, Build, Bytes, Command, ConfigName, Dependency, Deploy, DeviceRequest, Duration, EnvFile,
    Extensions, FileReference, Given, Healthcheck, HostList, Labels, Mapping, ModelName, ModelReference,
    Mount, NetworkName, OptionalMapping, Options, Port, RepeatedOptions, SecretName, ServiceName, Sofa,
    Ulimit,
};

record! {
    /// One service.
    pub struct Service {
        /// Its key under `services:`.
        #[serde(rename = "#name")]
        pub name: ServiceName,
        /// The profiles that enable it; none means always.
        pub profiles: Vec<String>,
        /// OCI annotations of its containers.
        pub annotations: Mapping,
        /// Whether `up` shows its output.
        pub attach: Option<bool>,
        /// How its image is built.
        pub build: Option<Build>,
        /// What to do when its files change.
        pub develop: Option<Develop>,
        /// Limits of block devices.
        pub blkio_config: Option<Blkio>,
        /// Capabilities added.
        pub cap_add: Vec<String>,
        /// Capabilities dropped.
        pub cap_drop: Vec<String>,
        /// Parent control group.
        pub cgroup_parent: String,
        /// Control group namespace: `host` or `private`.
        pub cgroup: String,
        /// Number of usable processors (Windows).
        pub cpu_count: i64,
        /// Share of processors in percent (Windows).
        pub cpu_percent: f32,
        /// CFS period in microseconds.
        pub cpu_period: i64,
        /// CFS quota in microseconds.
        pub cpu_quota: i64,
        /// Real-time period in microseconds.
        pub cpu_rt_period: i64,
        /// Real-time runtime in microseconds.
        pub cpu_rt_runtime: i64,
        /// Processors it may use.
        pub cpus: f32,
        /// Which processors it may use.
        pub cpuset: String,
        /// Relative weight.
        pub cpu_shares: i64,
        /// Command of its containers.
        pub command: Command,
        /// Configs it uses.
        pub configs: Vec<FileReference<ConfigName>>,
        /// Fixed container name.
        pub container_name: String,
        /// Windows credentials.
        pub credential_spec: Option<CredentialSpec>,
        /// What must be there before it starts, links and shared namespaces included.
        pub depends_on: BTreeMap<ServiceName, Dependency>,
        /// How it is deployed.
        pub deploy: Option<Deploy>,
        /// Device control group rules.
        pub device_cgroup_rules: Vec<String>,
        /// Devices of the host.
        pub devices: Vec<DeviceMapping>,
        /// Name servers.
        pub dns: Vec<String>,
        /// Resolver options.
        pub dns_opt: Vec<String>,
        /// Search domains.
        pub dns_search: Vec<String>,
        /// Kept for files older than `build.dockerfile`.
        pub dockerfile: String,
        /// Domain name.
        pub domainname: String,
        /// Entrypoint of its containers.
        pub entrypoint: Command,
        /// A plugin that provides it instead of containers.
        pub provider: Option<Provider>,
        /// Environment, `env_file` included; `None` where the environment gave no value.
        pub environment: OptionalMapping,
        /// Files that `environment` was read from; empty once they have been read.
        pub env_file: Vec<EnvFile>,
        /// Ports for other containers.
        pub expose: Vec<String>,
        /// What it was extended from; always absent once loaded.
        pub extends: Option<Extends>,
        /// Links to containers outside the project.
        pub external_links: Vec<String>,
        /// Host names.
        pub extra_hosts: HostList,
        /// Further groups.
        pub group_add: Vec<String>,
        /// GPUs.
        pub gpus: Vec<DeviceRequest>,
        /// Host name.
        pub hostname: String,
        /// How health is judged.
        pub healthcheck: Option<Healthcheck>,
        /// Its image. Empty if it is built and has no explicit name.
        pub image: String,
        /// Whether an init process is process 1.
        pub init: Option<bool>,
        /// IPC namespace; see [`NamespaceMode`].
        pub ipc: String,
        /// Isolation technology (Windows).
        pub isolation: String,
        /// Labels of its containers, `label_file` included, without docker compose's own.
        pub labels: Labels,
        /// Files that `labels` was read from. Only the config hash still knows them.
        pub label_file: Vec<String>,
        /// Links to other services: `service` or `service:alias`.
        pub links: Vec<String>,
        /// The destination of its log.
        pub logging: Option<Logging>,
        /// Kept for files older than `logging`.
        pub log_driver: String,
        /// Kept for files older than `logging`.
        pub log_opt: Mapping,
        /// Memory at most.
        pub mem_limit: Bytes,
        /// Memory kept for it.
        pub mem_reservation: Bytes,
        /// Memory and swap together; -1 means no limit.
        pub memswap_limit: Bytes,
        /// Readiness to swap, 0 to 100.
        pub mem_swappiness: Bytes,
        /// Fixed MAC address.
        pub mac_address: String,
        /// Models it uses.
        pub models: BTreeMap<ModelName, Option<ModelReference>>,
        /// Kept for files older than `network_mode`.
        pub net: String,
        /// Network namespace; see [`NamespaceMode`]. Empty: the networks below.
        pub network_mode: String,
        /// Networks it is attached to.
        pub networks: BTreeMap<NetworkName, Option<Attachment>>,
        /// Whether the kernel may not kill it for memory.
        pub oom_kill_disable: bool,
        /// How readily the kernel kills it.
        pub oom_score_adj: i64,
        /// PID namespace; see [`NamespaceMode`].
        pub pid: String,
        /// Processes at most.
        pub pids_limit: i64,
        /// Platform, such as `linux/amd64`.
        pub platform: String,
        /// Published ports.
        pub ports: Vec<Port>,
        /// Whether it runs privileged.
        pub privileged: bool,
        /// When its image is pulled; see [`PullPolicy`].
        pub pull_policy: String,
        /// Whether its root file system is read-only.
        pub read_only: bool,
        /// When its containers are restarted; see [`Restart`].
        pub restart: String,
        /// Container runtime.
        pub runtime: String,
        /// How many containers.
        pub scale: Option<i64>,
        /// Secrets it uses.
        pub secrets: Vec<FileReference<SecretName>>,
        /// Security options.
        pub security_opt: Vec<String>,
        /// Size of `/dev/shm`.
        pub shm_size: Bytes,
        /// Whether standard input stays open.
        pub stdin_open: bool,
        /// How long it has to stop.
        pub stop_grace_period: Option<Duration>,
        /// The signal that asks it to stop.
        pub stop_signal: String,
        /// Options of the storage driver.
        pub storage_opt: Mapping,
        /// Kernel parameters.
        pub sysctls: Mapping,
        /// Paths held in memory, each with its options.
        pub tmpfs: Vec<String>,
        /// Whether it has a terminal.
        pub tty: bool,
        /// Resource limits of processes.
        pub ulimits: BTreeMap<String, Ulimit>,
        /// Whether it gets the engine's socket.
        pub use_api_socket: bool,
        /// Who runs in it.
        pub user: String,
        /// User namespace.
        pub userns_mode: String,
        /// UTS namespace; see [`NamespaceMode`].
        pub uts: String,
        /// Driver of anonymous volumes.
        pub volume_driver: String,
        /// Mounts.
        pub volumes: Vec<Mount>,
        /// Services (or `container:NAME`) whose mounts it gets, each with `:ro` or `:rw` or nothing.
        pub volumes_from: Vec<String>,
        /// Where its command runs.
        pub working_dir: String,
        /// Containers run before it starts (docker compose 5.3).
        pub pre_start: Vec<Hook>,
        /// Commands run in it after it started.
        pub post_start: Vec<Hook>,
        /// Commands run in it before it is stopped.
        pub pre_stop: Vec<Hook>,
        /// The age at which `pull_policy: refresh` pulls again (docker compose 5.6).
        pub pull_refresh_after: String,
        /// The `x-*` keys, `x-sofa` included.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
        /// The `x-sofa` block, checked and typed.
        #[serde(rename = "#sofa")]
        pub sofa: Option<Sofa>,
        /// The env files that `environment` was read from, in order.
        #[serde(rename = "#env_files")]
        pub env_files: Vec<PathBuf>,
        /// Its parts that no Compose file has as they are.
        #[serde(rename = "#given")]
        pub given: Given,
    }
}

impl Service {
    /// How many containers it should have.
    pub fn replicas(&self) -> i64 {
        self.scale.or_else(|| self.deploy.as_ref().and_then(|deploy| deploy.replicas)).unwrap_or(1)
    }

    /// How requests reach it through the edge.
    pub fn http(&self) -> Option<&super::Http> {
        self.sofa.as_ref()?.http.as_ref()
    }

    /// When its image is pulled.
    pub fn pull_policy(&self) -> PullPolicy {
        match self.pull_policy.as_str() {
            "refresh" => {
                let after = crate::compat::duration::parse(&self.pull_refresh_after).ok();
                PullPolicy::Every(after.unwrap_or(PullPolicy::DAY))
            }
            text => PullPolicy::read(text),
        }
    }

    /// When its containers are restarted, by `restart` alone (`deploy.restart_policy` wins over it).
    pub fn restart(&self) -> Restart {
        Restart::read(&self.restart)
    }
}

/// Whose namespace a service uses: the reading of `network_mode`, `ipc`, `pid`, `uts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceMode<'a> {
    /// That of another service's container.
    Service(&'a str),
    /// That of a container by name or id.
    Container(&'a str),
    /// Anything else: `host`, `none`, `bridge`, `private`, `shareable`, a network.
    Other(&'a str),
}

impl<'a> NamespaceMode<'a> {
    /// Reads a mode; the empty text (nothing written) is `None`.
    pub fn read(text: &'a str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        Some(match (text.strip_prefix("service:"), text.strip_prefix("container:")) {
            (Some(service), _) => Self::Service(service),
            (_, Some(container)) => Self::Container(container),
            _ => Self::Other(text),
        })
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Always.
    Always,
    /// Never.
    Never,
    /// When it is not there; the default.
    Missing,
    /// Never: it is built.
    Build,
    /// When the last pull is longer ago than this.
    Every(std::time::Duration),
}

impl PullPolicy {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

    fn read(text: &str) -> Self {
        match text {
            "always" => Self::Always,
            "never" => Self::Never,
            "build" => Self::Build,
            "daily" => Self::Every(Self::DAY),
            "weekly" => Self::Every(Self::DAY * 7),
            _ => text
                .strip_prefix("every_")
                .and_then(|pause| crate::compat::duration::parse(pause).ok())
                .map_or(Self::Missing, Self::Every),
        }
    }
}

/// When a container is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// Always.
    Always,
    /// Always, unless it was stopped by hand.
    UnlessStopped,
    /// After a failure, at most so often (0: no limit).
    OnFailure(u32),
}

impl Restart {
    fn read(text: &str) -> Self {
        match text {
            "always" => Self::Always,
            "unless-stopped" => Self::UnlessStopped,
            _ => match text.strip_prefix("on-failure") {
                Some(rest) => {
                    Self::OnFailure(rest.strip_prefix(':').and_then(|most| most.parse().ok()).unwrap_or(0))
                }
                None => Self::No,
            },
        }
    }
}

record! {
    /// Limits of block devices.
    pub struct Blkio {
        /// Relative weight.
        pub weight: u16,
        /// Relative weight by device.
        pub weight_device: Vec<WeightDevice>,
        /// Bytes read a second.
        pub device_read_bps: Vec<ThrottleDevice>,
        /// Reads a second.
        pub device_read_iops: Vec<ThrottleDevice>,
        /// Bytes written a second.
        pub device_write_bps: Vec<ThrottleDevice>,
        /// Writes a second.
        pub device_write_iops: Vec<ThrottleDevice>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// Relative weight of one device. JSON names its fields in capitals, as docker compose does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    /// The device.
    #[serde(rename(serialize = "Path"), alias = "Path")]
    pub path: String,
    /// The weight.
    #[serde(rename(serialize = "Weight"), alias = "Weight")]
    pub weight: u16,
    /// The `x-*` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Limit of one device. JSON names its fields in capitals, as docker compose does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// The device.
    #[serde(rename(serialize = "Path"), alias = "Path")]
    pub path: String,
    /// Bytes or operations a second.
    #[serde(rename(serialize = "Rate"), alias = "Rate")]
    pub rate: Bytes,
    /// The `x-*` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

record! {
    /// A device of the host.
    pub struct DeviceMapping {
        /// Path on the host, or a CDI name `vendor/class=name`.
        pub source: String,
        /// Path in the container.
        pub target: String,
        /// Some of `rwm`.
        pub permissions: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// Windows credentials.
    pub struct CredentialSpec {
        /// A config with its content.
        pub config: String,
        /// A file with its content.
        pub file: String,
        /// A registry key with its content.
        pub registry: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// What a service was extended from.
    pub struct Extends {
        /// The file; empty means this one.
        pub file: String,
        /// The service in it.
        pub service: String,
    }
}

record! {
    /// The destination of a service's log.
    pub struct Logging {
        /// The driver; empty means the engine's default.
        pub driver: String,
        /// Options of the driver.
        pub options: Options,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// A plugin that provides a service.
    pub struct Provider {
        /// The plugin.
        #[serde(rename = "type")]
        pub kind: String,
        /// Its options.
        pub options: RepeatedOptions,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// The field in which [`Hook::container`] is stored.
pub const HOOK_CONTAINER: &str = "#container";

record! {
    /// A `pre_start`, `post_start` or `pre_stop` hook.
    pub struct Hook {
        /// The command.
        pub command: Command,
        /// The image of a `pre_start` hook's container; empty means the service's.
        pub image: String,
        /// Who runs it.
        pub user: String,
        /// Whether it runs privileged.
        pub privileged: bool,
        /// Where it runs.
        pub working_dir: String,
        /// Its environment.
        pub environment: OptionalMapping,
        /// Whether it runs for every replica.
        pub per_replica: bool,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
        /// The complete container of a `pre_start` hook, which docker compose hashes from 5.6 on: the service, overridden by the
        /// hook. It is only for the hash.
        #[serde(rename = "#container")]
        pub container: Option<Box<Service>>,
        /// The parts (`command`, `environment.NAME`) that the file does not have as they are: they may be secrets.
        #[serde(rename = "#withheld")]
        pub withheld: Vec<String>,
    }
}

impl Omit for Hook {
    fn omit(&self) -> bool {
        false
    }
}

record! {
    /// The `develop` section.
    pub struct Develop {
        /// What to do when files change.
        pub watch: Vec<Trigger>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// What to do when a file changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// The watched path.
    pub path: PathBuf,
    /// `sync`, `rebuild`, `restart`, `sync+restart` or `sync+exec`.
    pub action: String,
    /// Where changed files go in the container.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The command of `sync+exec`.
    pub exec: Hook,
    /// Patterns of files that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Patterns of files that do not count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Whether files are copied once at the start.
    #[serde(skip_serializing_if = "Omit::omit")]
    pub initial_sync: bool,
    /// The `x-*` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}
