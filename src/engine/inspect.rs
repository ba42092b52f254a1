//! One container in detail: state, health with its last outputs, effective healthcheck.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::json::null_as_default;
use super::restart_policy::RestartPolicy;
use super::wire::query::segment;
use crate::plan::observed::{ContainerId, Health, ImageId, State};

/// From `GET /containers/{id}/json`.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerDetails {
    pub id: ContainerId,
    /// Without the leading slash.
    pub name: String,
    /// By the engine's clock.
    pub created: Option<Timestamp>,
    /// The reference that it was created from.
    pub image: String,
    pub image_id: ImageId,
    /// `Exited` contains the last exit code.
    pub state: State,
    /// Of its last run; 0 during the first run.
    pub exit_code: i64,
    /// Whether the kernel killed it because it was out of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it; empty otherwise.
    pub error: String,
    /// How often its restart policy started it again since a user last started it.
    pub restarts: u64,
    /// The pid on the host; 0 while it does not run.
    pub pid: i64,
    /// The last start.
    pub started: Option<Timestamp>,
    /// The last exit.
    pub finished: Option<Timestamp>,
    pub health: Health,
    /// Failed tests in a row.
    pub failing_streak: u64,
    /// The last tests, oldest first; the engine keeps five.
    pub probes: Vec<HealthProbe>,
    /// The effective healthcheck (its own or the image's); none where there is none or `NONE`.
    pub healthcheck: Option<Healthcheck>,
    pub tty: bool,
    /// Whether its process can be sent input.
    pub open_stdin: bool,
    pub restart_policy: RestartPolicy,
    /// Whether it publishes a port.
    pub publishes: bool,
    /// Its own grace period of a stop, if it was created with one.
    pub stop_timeout: Option<Duration>,
    pub labels: BTreeMap<String, String>,
    /// Including the environment of its image.
    pub environment: BTreeMap<String, String>,
    /// The IPv4 address (otherwise the IPv6 address) by network name, while it runs.
    pub addresses: BTreeMap<String, IpAddr>,
    /// The DNS names by network name, as requested at its creation.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// `host`, `none`, `container:<id>`, or the name of a network.
    pub network_mode: String,
    /// In bytes; none without a limit.
    pub memory_limit: Option<u64>,
    /// Whether it has a device request or the `nvidia` runtime: a probe must not disturb a GPU.
    pub has_gpu: bool,
    /// The GPUs that it was created with.
    pub gpus: Vec<GpuRequest>,
}

/// A request for GPUs, as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuRequest {
    /// How many; -1 means all.
    pub count: i64,
    /// Indices or UUIDs; empty where a number is requested.
    pub ids: Vec<String>,
}

impl ContainerDetails {
    /// Whether it ended as a program that does its work once: with exit code 0, without a healthcheck and published ports, and with
    /// a restart policy that leaves it so.
    pub fn is_completed(&self) -> bool {
        let stays = matches!(self.restart_policy, RestartPolicy::No | RestartPolicy::OnFailure(_));
        self.state == State::Exited(0) && stays && !self.publishes && self.healthcheck.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProbe {
    /// 0 means healthy.
    pub exit_code: i64,
    /// Trimmed; the engine keeps the first 4 KiB.
    pub output: String,
    pub ended: Option<Timestamp>,
}

/// A healthcheck with the engine's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// The command for an exec: `CMD` unchanged, `CMD-SHELL` with the container's shell.
    pub command: Vec<String>,
    /// Default 30 s.
    pub interval: Duration,
    /// Of one test; default 30 s.
    pub timeout: Duration,
    /// Failures in a row until unhealthy; default 3.
    pub retries: u32,
    /// Failures do not count in this time after the start; default 0.
    pub start_period: Duration,
}

impl Engine {
    /// Inspects a container, by id or name.
    ///
    /// # Errors
    /// `is_not_found` where the container does not exist.
    pub async fn inspect(&self, container: &str) -> Result<ContainerDetails, EngineError> {
        let call = Call::new(format!("inspect of container `{}`", shown(container)));
        let path = format!("/containers/{}/json", segment(container));
        let reply: Reply = self.wire().json(&call, Method::GET, &path, None).await?;
        Ok(reply.into_details())
    }
}

/// The first 12 characters of a full id; a name unchanged.
pub(crate) fn shown(container: &str) -> &str {
    match container.len() == 64 && container.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => &container[..12],
        false => container,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    id: String,
    name: String,
    image: String,
    #[serde(default, deserialize_with = "null_as_default")]
    created: String,
    #[serde(default)]
    restart_count: u64,
    state: StateReply,
    config: ConfigReply,
    #[serde(default, deserialize_with = "null_as_default")]
    host_config: HostConfigReply,
    #[serde(default, deserialize_with = "null_as_default")]
    network_settings: NetworkSettingsReply,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateReply {
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    error: String,
    #[serde(default)]
    pid: i64,
    #[serde(default, deserialize_with = "null_as_default")]
    started_at: String,
    #[serde(default, deserialize_with = "null_as_default")]
    finished_at: String,
    #[serde(default, deserialize_with = "null_as_default")]
    health: HealthReply,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct HealthReply {
    #[serde(default, deserialize_with = "null_as_default")]
    status: String,
    #[serde(default)]
    failing_streak: u64,
    #[serde(default, deserialize_with = "null_as_default")]
    log: Vec<ProbeReply>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProbeReply {
    #[serde(default)]
    exit_code: i64,
    #[serde(default, deserialize_with = "null_as_default")]
    output: String,
    #[serde(default, deserialize_with = "null_as_default")]
    end: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigReply {
    #[serde(default, deserialize_with = "null_as_default")]
    image: String,
    #[serde(default)]
    tty: bool,
    #[serde(default)]
    open_stdin: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    env: Vec<String>,
    #[serde(default)]
    stop_timeout: Option<u64>,
    #[serde(default, deserialize_with = "null_as_default")]
    healthcheck: HealthcheckReply,
    #[serde(default, deserialize_with = "null_as_default")]
    shell: Vec<String>,
}

/// The healthcheck of a container or image. Durations are in nanoseconds; 0 is the default.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthcheckReply {
    #[serde(default, deserialize_with = "null_as_default")]
    test: Vec<String>,
    #[serde(default)]
    interval: u64,
    #[serde(default)]
    timeout: u64,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    start_period: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct HostConfigReply {
    #[serde(default, deserialize_with = "null_as_default")]
    restart_policy: RestartPolicyReply,
    #[serde(default, deserialize_with = "null_as_default")]
    device_requests: Vec<DeviceRequestReply>,
    #[serde(default, deserialize_with = "null_as_default")]
    runtime: String,
    #[serde(default, deserialize_with = "null_as_default")]
    network_mode: String,
    #[serde(default, deserialize_with = "null_as_default")]
    port_bindings: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    memory: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct DeviceRequestReply {
    #[serde(default)]
    count: i64,
    #[serde(default, rename = "DeviceIDs", deserialize_with = "null_as_default")]
    device_ids: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    capabilities: Vec<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicyReply {
    #[serde(default, deserialize_with = "null_as_default")]
    name: String,
    #[serde(default)]
    maximum_retry_count: u32,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettingsReply {
    #[serde(default, deserialize_with = "null_as_default")]
    networks: BTreeMap<String, EndpointReply>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct EndpointReply {
    #[serde(default, rename = "IPAddress", deserialize_with = "null_as_default")]
    ip_address: String,
    #[serde(default, rename = "GlobalIPv6Address", deserialize_with = "null_as_default")]
    ipv6_address: String,
    #[serde(default, deserialize_with = "null_as_default")]
    aliases: Vec<String>,
}

impl HealthcheckReply {
    /// The effective healthcheck; none where there is no test, or `NONE`.
    pub(crate) fn effective(self, shell: &[String]) -> Option<Healthcheck> {
        let (kind, arguments) = self.test.split_first()?;
        let command = match kind.as_str() {
            "CMD" => arguments.to_vec(),
            "CMD-SHELL" => {
                let shell = if shell.is_empty() {
                    vec!["/bin/sh".to_owned(), "-c".to_owned()]
                } else {
                    shell.to_vec()
                };
                shell.into_iter().chain(arguments.iter().cloned()).collect()
            }
            _ => return None,
        };
        let or = |nanos: u64, default: u64| match nanos {
            0 => Duration::from_secs(default),
            nanos => Duration::from_nanos(nanos),
        };
        (!command.is_empty()).then(|| Healthcheck {
            command,
            interval: or(self.interval, 30),
            timeout: or(self.timeout, 30),
            retries: if self.retries == 0 { 3 } else { self.retries },
            start_period: Duration::from_nanos(self.start_period),
        })
    }
}

impl Reply {
    fn into_details(self) -> ContainerDetails {
        let healthcheck = self.config.healthcheck.effective(&self.config.shell);
        let mut addresses = BTreeMap::new();
        let mut aliases = BTreeMap::new();
        for (network, endpoint) in self.network_settings.networks {
            let address = endpoint.ip_address.parse().or_else(|_| endpoint.ipv6_address.parse());
            if let Ok(address) = address {
                addresses.insert(network.clone(), address);
            }
            aliases.insert(network, endpoint.aliases);
        }
        let host = self.host_config;
        ContainerDetails {
            id: ContainerId(self.id),
            name: self.name.trim_start_matches('/').to_owned(),
            created: self.created.parse().ok(),
            image: self.config.image,
            image_id: ImageId(self.image),
            state: state(&self.state.status, self.state.exit_code),
            exit_code: self.state.exit_code,
            oom_killed: self.state.oom_killed,
            error: self.state.error,
            restarts: self.restart_count,
            pid: self.state.pid,
            started: moment(&self.state.started_at),
            finished: moment(&self.state.finished_at),
            health: health(&self.state.health.status),
            failing_streak: self.state.health.failing_streak,
            probes: self.state.health.log.into_iter().map(ProbeReply::into_probe).collect(),
            healthcheck,
            tty: self.config.tty,
            open_stdin: self.config.open_stdin,
            publishes: !host.port_bindings.is_empty(),
            restart_policy: RestartPolicy::of(
                &host.restart_policy.name,
                host.restart_policy.maximum_retry_count,
            ),
            stop_timeout: self.config.stop_timeout.map(Duration::from_secs),
            labels: self.config.labels,
            environment: self
                .config
                .env
                .iter()
                .filter_map(|entry| entry.split_once('='))
                .map(owned)
                .collect(),
            addresses,
            aliases,
            network_mode: host.network_mode,
            memory_limit: Some(host.memory).filter(|bytes| *bytes > 0),
            has_gpu: !host.device_requests.is_empty() || host.runtime == "nvidia",
            gpus: host.device_requests.into_iter().filter_map(DeviceRequestReply::into_gpus).collect(),
        }
    }
}

impl DeviceRequestReply {
    /// None for other devices.
    fn into_gpus(self) -> Option<GpuRequest> {
        let is_gpu = self.capabilities.iter().flatten().any(|capability| capability == "gpu");
        is_gpu.then_some(GpuRequest { count: self.count, ids: self.device_ids })
    }
}

impl ProbeReply {
    fn into_probe(self) -> HealthProbe {
        HealthProbe {
            exit_code: self.exit_code,
            output: self.output.trim().to_owned(),
            ended: moment(&self.end),
        }
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// None for Go's zero time («0001-01-01T00:00:00Z»): never.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|t: &Timestamp| t.as_second() > -60_000_000_000)
}

/// From the engine's words.
pub(crate) fn state(word: &str, exit_code: i64) -> State {
    match word {
        "created" => State::Created,
        "running" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "exited" => State::Exited(exit_code),
        "removing" => State::Removing,
        "dead" => State::Dead,
        other => State::Other(other.to_owned()),
    }
}

/// From the engine's words. An unknown word means that there is no result.
pub(crate) fn health(word: &str) -> Health {
    match word {
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy,
        "" | "none" => Health::None,
        _ => Health::Starting,
    }
}

#[cfg(test)]
mod tests {
    use super::{GpuRequest, HealthcheckReply, Reply, moment};
    use crate::plan::observed::{Health, State};
    use std::time::Duration;

    #[test]
    fn a_healthcheck_has_the_engines_defaults() {
        let reply: HealthcheckReply =
            serde_json::from_str(r#"{"Test":["CMD-SHELL","true"],"Interval":1000000000}"#).unwrap();
        let check = reply.effective(&[]).unwrap();
        assert_eq!(check.command, ["/bin/sh", "-c", "true"]);
        assert_eq!((check.interval, check.timeout), (Duration::from_secs(1), Duration::from_secs(30)));
        assert_eq!(check.retries, 3);
        for none in [r#"{"Test":["NONE"]}"#, r#"{"Test":[]}"#, r#"{"Test":null}"#, "{}"] {
            let reply: HealthcheckReply = serde_json::from_str(none).unwrap();
            assert_eq!(reply.effective(&[]), None, "{none}");
        }
    }

    #[test]
    fn nulls_and_unknown_words_are_accepted() {
        let reply: Reply = serde_json::from_str(
            r#"{"Id":"ab","Name":"/x","Image":"sha256:1","State":{"Status":"hibernating","ExitCode":0,"Health":null,
            "StartedAt":"0001-01-01T00:00:00Z"},"Config":{"Labels":null,"Healthcheck":null},"HostConfig":null,
            "NetworkSettings":{"Networks":null}}"#,
        )
        .unwrap();
        let details = reply.into_details();
        assert_eq!(details.state, State::Other("hibernating".to_owned()));
        assert_eq!(details.health, Health::None);
        assert_eq!(details.started, None);
        assert_eq!(details.name, "x");
    }

    #[test]
    fn requests_for_gpus_are_read_and_others_are_not() {
        let reply: Reply = serde_json::from_str(
            r#"{"Id":"ab","Name":"/x","Image":"sha256:1","State":{"Status":"running"},"Config":{},
            "HostConfig":{"DeviceRequests":[{"Driver":"nvidia","Count":0,"DeviceIDs":["1"],"Capabilities":[["gpu","utility"]]},
            {"Count":-1,"DeviceIDs":null,"Capabilities":[["gpu"]]},{"Driver":"cdi","DeviceIDs":["vendor.com/net=0"]}]}}"#,
        )
        .unwrap();
        let request =
            |count, ids: &[&str]| GpuRequest { count, ids: ids.iter().map(|id| id.to_string()).collect() };
        assert_eq!(reply.into_details().gpus, [request(0, &["1"]), request(-1, &[])]);
    }

    #[test]
    fn the_zero_time_is_never() {
        assert_eq!(moment("0001-01-01T00:00:00Z"), None);
        assert!(moment("2026-11-20T19:35:56.123456789Z").is_some());
    }
}
