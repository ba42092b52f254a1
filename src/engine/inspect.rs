//! One container in full, as far as `sofa` looks: state, health with its last outputs, its effective healthcheck.

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

/// What `GET /containers/{id}/json` says, in our words.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerDetails {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: String,
    /// When it was created, by the engine's clock.
    pub created: Option<Timestamp>,
    /// The reference it was created from.
    pub image: String,
    /// The image's id.
    pub image_id: ImageId,
    /// What it is doing. `Exited` holds the last exit code.
    pub state: State,
    /// The exit code of its last run; 0 while it runs for the first time.
    pub exit_code: i64,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it; empty where it could.
    pub error: String,
    /// How often its restart policy started it again since it was last started by hand.
    pub restarts: u64,
    /// The process's id on the host; 0 while it does not run.
    pub pid: i64,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
    /// Its healthcheck's verdict.
    pub health: Health,
    /// How many tests in a row have failed.
    pub failing_streak: u64,
    /// The last tests, oldest first; the engine keeps five.
    pub probes: Vec<HealthProbe>,
    /// The healthcheck that is in force (its own, or the image's); none where there is none or `NONE`.
    pub healthcheck: Option<Healthcheck>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Its restart policy.
    pub restart_policy: RestartPolicy,
    /// Its own stop grace, where it was created with one.
    pub stop_timeout: Option<Duration>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// Its environment, with its image's.
    pub environment: BTreeMap<String, String>,
    /// Its IPv4 address (else its IPv6 address) per network name, while it runs.
    pub addresses: BTreeMap<String, IpAddr>,
    /// Its DNS names per network name, as they were asked for at its creation.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Its network mode in the engine's words: `host`, `none`, `container:<id>`, or a network's name.
    pub network_mode: String,
    /// Whether it has a device request or the `nvidia` runtime: a GPU that a probe must not disturb.
    pub has_gpu: bool,
}

/// One test of a healthcheck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProbe {
    /// 0 is healthy.
    pub exit_code: i64,
    /// What it printed, trimmed; the engine keeps the first 4 KiB.
    pub output: String,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// A healthcheck with the engine's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// The command for an exec: `CMD` as it is, `CMD-SHELL` through the container's shell.
    pub command: Vec<String>,
    /// Between two tests (default 30 s).
    pub interval: Duration,
    /// For one test (default 30 s).
    pub timeout: Duration,
    /// Failures in a row that mean unhealthy (default 3).
    pub retries: u32,
    /// How long failures do not count after the start (default 0).
    pub start_period: Duration,
}

impl Engine {
    /// One container in full, by id or name.
    ///
    /// # Errors
    /// `is_not_found` where there is none.
    pub async fn inspect(&self, container: &str) -> Result<ContainerDetails, EngineError> {
        let call = Call::new(format!("inspect of container `{}`", shown(container)));
        let path = format!("/containers/{}/json", segment(container));
        let reply: Reply = self.wire().json(&call, Method::GET, &path, None).await?;
        Ok(reply.into_details())
    }
}

/// A whole id by its first 12 characters; a name as it is.
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

/// A healthcheck as containers and images hold it. Durations in nanoseconds, 0 for the default.
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
    device_requests: Vec<serde_json::Value>,
    #[serde(default, deserialize_with = "null_as_default")]
    runtime: String,
    #[serde(default, deserialize_with = "null_as_default")]
    network_mode: String,
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
    /// The healthcheck in force; none where there is no test, or `NONE`.
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
            has_gpu: !host.device_requests.is_empty() || host.runtime == "nvidia",
        }
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

/// A moment; Go's zero time («0001-01-01T00:00:00Z») means never.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|t: &Timestamp| t.as_second() > -60_000_000_000)
}

/// A state in the engine's words.
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

/// A health in the engine's words; a word that is not known is no verdict.
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
    use super::{HealthcheckReply, Reply, moment};
    use crate::plan::observed::{Health, State};
    use std::time::Duration;

    #[test]
    fn a_healthcheck_gets_the_engines_defaults() {
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
    fn nulls_and_unknown_words_sink_nothing() {
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
    fn the_zero_time_is_never() {
        assert_eq!(moment("0001-01-01T00:00:00Z"), None);
        assert!(moment("2026-11-20T19:35:56.123456789Z").is_some());
    }
}
