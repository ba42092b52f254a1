//! The gate of a service: the condition under which a container counts as ready, and what a failure means.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::observed::Image;
use crate::compose::model::{Http, HttpRequest, Probe, ReadyCheck, Service};

/// How long containers without a gate are watched before they count as ready, unless `update_config.monitor` sets it.
pub const STABILITY_WINDOW: Duration = Duration::from_secs(2);

/// The default time between two tries of a probe.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// The default time that a try of a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The condition under which a container counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// It runs. The stability window then watches it.
    Running,
    /// Its healthcheck passes, by the engine's verdict or by the same test run through exec (`probe`).
    Healthy {
        /// Whether the test may be run through exec too.
        probe: bool,
    },
    /// Its healthcheck passes, if the container has one. Labels and lists do not show that.
    Unknown,
    /// `x-sofa.ready`: the container answers an HTTP request as it says.
    Http {
        /// The container's port.
        port: u16,
        /// The request and the answer that passes.
        #[serde(flatten)]
        request: Box<HttpRequest>,
        /// Whether the request is in the file as it is, so that it may be shown.
        #[serde(skip, default = "literal")]
        literal: bool,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// `x-sofa.ready`: the container accepts connections on this port.
    Tcp {
        /// The container's port.
        port: u16,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// `x-sofa.ready`: a command in the container ends with 0.
    Command {
        /// The command.
        command: Vec<String>,
        /// Whether the command is in the file as it is, so that it may be shown.
        #[serde(skip, default = "literal")]
        literal: bool,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// It is a job: it ended with exit code 0.
    Completed,
}

/// What a failure of one of a service's containers means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tolerance {
    /// How many failures are only warnings.
    pub failures: u32,
    /// Whether one more failure leaves the other containers as they are and lets the run continue. Else the run fails.
    pub pauses: bool,
}

/// ` (2 may fail)`, ` (pauses on failure)`; nothing where every failure ends the run.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures > 0 {
            write!(f, " ({} may fail)", self.failures)?;
        }
        if self.pauses { f.write_str(" (pauses on failure)") } else { Ok(()) }
    }
}

/// A label contains only values that were in the file as they are.
fn literal() -> bool {
    true
}

/// Hides the values of variables: they may be secrets.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gate::Running => f.write_str("running"),
            Gate::Healthy { .. } => f.write_str("healthy"),
            Gate::Unknown => f.write_str("ready"),
            Gate::Http { port, request, literal, .. } => {
                let statuses: Vec<String> = request.expect.iter().map(u16::to_string).collect();
                write!(f, "http {} on :{port}", statuses.join(" or "))?;
                if !literal {
                    return Ok(());
                }
                f.write_str(&request.path)?;
                request.json.iter().try_for_each(|(path, value)| write!(f, ", {path} {value}"))?;
                request.body.iter().try_for_each(|pattern| write!(f, ", body /{pattern}/"))
            }
            Gate::Tcp { port, .. } => write!(f, "tcp :{port} open"),
            Gate::Command { command, literal: true, .. } => {
                write!(f, "command `{}` succeeds", command.join(" "))
            }
            Gate::Command { .. } => f.write_str("its command succeeds"),
            Gate::Completed => f.write_str("completed"),
        }
    }
}

/// The gate of a service's containers. A job has no healthcheck gate, even if its image has a HEALTHCHECK: it is done when it has
/// ended.
pub(super) fn gate(service: &Service, job: bool, image: Option<&Image>) -> Gate {
    if job {
        return Gate::Completed;
    }
    let ready = service.sofa.as_ref().and_then(|sofa| sofa.ready.as_ref());
    if let Some(ReadyCheck::Probe { probe, interval, timeout }) = ready {
        let literal = service.sofa.as_ref().is_some_and(|sofa| sofa.literal);
        let interval = interval.map_or(PROBE_INTERVAL, |duration| duration.0);
        let timeout = timeout.map_or(PROBE_TIMEOUT, |duration| duration.0);
        return match probe {
            Probe::Http(http) => Gate::Http {
                port: http.port.or_else(|| sole_port(service)).unwrap_or(80),
                request: Box::new(http.request.clone()),
                literal,
                interval,
                timeout,
            },
            Probe::Tcp(port) => Gate::Tcp { port: *port, interval, timeout },
            Probe::Command(command) => Gate::Command { command: command.clone(), literal, interval, timeout },
        };
    }
    let checked = match &service.healthcheck {
        Some(check) if check.is_disabled() => false,
        Some(check) if !check.test.0.is_empty() => true,
        _ => image.is_some_and(|image| image.healthcheck),
    };
    if !checked {
        return service.http().map_or(Gate::Running, of_http);
    }
    // A test on a GPU beside the worker could use memory that the worker needs.
    let probe = !matches!(ready, Some(ReadyCheck::Engine)) && !uses_gpu(service);
    Gate::Healthy { probe }
}

/// A service behind the edge without a healthcheck is ready when it answers there.
fn of_http(http: &Http) -> Gate {
    let (port, interval, timeout) = (http.port, PROBE_INTERVAL, PROBE_TIMEOUT);
    match &http.check {
        None => Gate::Tcp { port, interval, timeout },
        Some(path) => {
            let request =
                HttpRequest { path: path.clone(), expect: vec![200, 204], ..HttpRequest::default() };
            Gate::Http { port, request: Box::new(request), literal: true, interval, timeout }
        }
    }
}

/// The container's port, where the service publishes or exposes just one.
fn sole_port(service: &Service) -> Option<u16> {
    let exposed = service.expose.iter().filter_map(|port| port.split('/').next()?.parse().ok());
    let ports: BTreeSet<u16> =
        service.ports.iter().filter_map(|port| u16::try_from(port.target).ok()).chain(exposed).collect();
    (ports.len() == 1).then(|| ports.first().copied()).flatten()
}

/// Whether a service gets a GPU: by `gpus`, a device reservation with that capability, or `x-sofa.gpu`.
pub fn uses_gpu(service: &Service) -> bool {
    let reserved =
        service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref()).is_some_and(
            |resource| resource.devices.iter().any(|d| d.capabilities.iter().any(|c| c == "gpu")),
        );
    !service.gpus.is_empty() || reserved || service.sofa.as_ref().is_some_and(|sofa| sofa.gpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_are_not_shown() {
        let (interval, timeout) = (Duration::from_secs(1), Duration::from_secs(1));
        let command =
            |literal| Gate::Command { command: vec!["ping".into(), "x".into()], literal, interval, timeout };
        assert_eq!(command(true).to_string(), "command `ping x` succeeds");
        assert_eq!(command(false).to_string(), "its command succeeds");
        let http = |literal| {
            let json = [("a.b".to_owned(), "active".into())].into();
            let request =
                HttpRequest { path: "/a".into(), expect: vec![200, 204], json, ..HttpRequest::default() };
            Gate::Http { port: 80, request: Box::new(request), literal, interval, timeout }
        };
        assert_eq!(http(true).to_string(), "http 200 or 204 on :80/a, a.b \"active\"");
        assert_eq!(http(false).to_string(), "http 200 or 204 on :80");
    }

    #[test]
    fn a_label_of_an_earlier_version_is_understood() {
        let label = r#"{"http":{"path":"/h","port":80,"expect":200,"interval":{"secs":1,"nanos":0},"timeout":{"secs":5,"nanos":0}}}"#;
        let gate: Gate = serde_json::from_str(label).unwrap();
        assert_eq!(gate.to_string(), "http 200 on :80/h");
        let again: Gate = serde_json::from_str(&serde_json::to_string(&gate).unwrap()).unwrap();
        assert_eq!(again, gate);
    }
}
