//! The `x-sofa` block of a service: what Compose has no key for.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Duration, Port};

/// The `x-sofa` block of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sofa {
    /// What part it plays; `None` where nothing is written.
    pub role: Option<Role>,
    /// How it is known to be ready; `None` means by its healthcheck.
    pub ready: Option<ReadyCheck>,
    /// How long its containers may take to become ready; `None` means as long as the run may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// The phases of its start, by what its containers print.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<StartPhase>,
    /// When a job runs.
    pub run: JobRun,
    /// How requests reach it through the edge; `None` means that it has none, and publishes its ports itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// The kind of queue worker it is, such as `celery`; `None` means none.
    pub worker: Option<String>,
    /// How its containers give up their work before a stop; `None` means that nothing is said, which for a known kind of worker
    /// is what `sofa` knows of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handover: Option<HandOver>,
    /// What `scale --advise` goes by; `None` means that it has nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleRule>,
    /// Whether it uses a GPU without a device reservation.
    pub gpu: bool,
    /// Whether the file has `ready` as it is. If not, it may contain a secret.
    pub literal: bool,
}

/// How requests reach a service through the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// The port on which its containers listen.
    pub port: u16,
    /// The `Host` headers that it answers; empty means every one that no other service has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    /// The paths that it answers begin with this.
    pub path: String,
    /// The path of the edge's own health check; `None` means that a connection is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How long the requests of a container that leaves may take. Then they are cut.
    pub drain: Duration,
    /// Whether its names in the project's networks are those of its containers, and not of the edge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub containers_have_names: bool,
}

impl Http {
    /// Whether the edge has this published port, in the place of the service's containers.
    pub fn takes(&self, port: &Port) -> bool {
        port.target == u32::from(self.port) && matches!(port.protocol.as_str(), "tcp" | "")
    }
}

/// How many containers a service may have, and what load one of them may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleRule {
    pub min: u64,
    pub max: u64,
    /// Percent of one CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// Tasks that wait in its queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u64>,
}

/// How a worker gives up its work before a stop. The commands run in its container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HandOver {
    /// `None` for a kind of worker that `sofa` knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<HandOverCommands>,
    /// How long the work that it has may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
}

/// The commands of a hand-over, each a list of words that must exit with 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverCommands {
    /// Takes no more work.
    pub quiesce: Vec<String>,
    /// Succeeds once no work is left; it is asked again until then.
    pub idle: Vec<String>,
    /// Makes sure that nothing is left behind, before the stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Vec<String>>,
    /// Takes work again. Without it the container is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Vec<String>>,
}

/// What part a service plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What is deployed often.
    Backend,
    /// What the backend depends on.
    Infra,
    /// A one-shot.
    Job,
}

impl Role {
    /// As written in a Compose file and in the label `sofa.role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Infra => "infra",
            Self::Job => "job",
        }
    }
}

/// When a job runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobRun {
    /// When its configuration or image differs from its last success.
    #[default]
    OnChange,
    /// On every deploy.
    Always,
}

/// A phase of a container's start: it begins with a line of the log that contains a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPhase {
    /// The text.
    pub log: String,
    /// What the phase is called on the display.
    pub name: String,
}

/// How a service is known to be ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyCheck {
    /// By the engine's health events alone; `sofa` runs no test itself.
    Engine,
    /// By asking.
    Probe {
        /// What is asked.
        probe: Probe,
        /// Pause between two questions; `None` means the default.
        interval: Option<Duration>,
        /// How long an answer may take; `None` means the default.
        timeout: Option<Duration>,
    },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// A path over HTTP.
    Http(HttpProbe),
    /// A connection to a port of the container.
    Tcp(u16),
    /// A command in the container that must exit with 0.
    Command(Vec<String>),
}

/// A question over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// Port in the container; `None` means the only one that is published or exposed.
    pub port: Option<u16>,
    /// What is asked, and which answer passes.
    #[serde(flatten)]
    pub request: HttpRequest,
}

/// A request over HTTP, and the answer that passes. An answer must have everything that is said here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// The path, beginning with `/`.
    pub path: String,
    /// The statuses that pass. Labels and releases on an engine may still have a single number.
    #[serde(deserialize_with = "one_or_many")]
    pub expect: Vec<u16>,
    /// The headers of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Values of the answer's JSON by their path, keys joined by dots.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, Value>,
    /// A regular expression that the answer's body contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How the certificate is checked, where the scheme is `https`; `None` means `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// How the certificate of an answer over HTTPS is checked. It must be for the `Host` header, else for the service's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// Whether any certificate passes.
    #[serde(default)]
    pub insecure: bool,
    /// The absolute path of a PEM file with the only authorities that may have signed it; `None` means those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Expect {
        One(u16),
        Many(Vec<u16>),
    }
    Ok(match Expect::deserialize(deserializer)? {
        Expect::One(status) => vec![status],
        Expect::Many(statuses) => statuses,
    })
}
