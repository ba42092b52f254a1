//! The Docker Engine as `sofa` sees it: one cheap handle, small typed calls. The only module that names bollard.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;

pub mod api_version;
mod archive;
pub mod build;
mod call;
pub mod container;
pub mod convert;
pub mod error;
pub mod events;
pub mod exec;
pub mod host;
pub mod image;
mod info;
pub mod inspect;
mod lines;
pub mod logs;
pub mod network;
pub mod observe;
pub mod state_container;
pub mod volume;
mod wire;

pub use api_version::ApiVersion;
pub use call::PATIENCE;
pub use error::{EngineError, ignore_missing};
pub use host::{Host, HostError};
pub use inspect::{ContainerDetails, HealthProbe, Healthcheck};
pub use observe::Wanted;

use call::Call;
use wire::Wire;

/// What arrives from the engine bit by bit. After an error nothing follows.
pub type EngineStream<T> = Pin<Box<dyn Stream<Item = Result<T, EngineError>> + Send>>;

/// A connected engine. Cloning is cheap; every clone shares the same connections.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    wire: Wire,
    docker: bollard::Docker,
    api: ApiVersion,
    server: Server,
}

/// What the engine said of itself when it was first asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// The newest API version it speaks.
    pub api: ApiVersion,
    /// `linux` or `windows`; empty where it did not say.
    pub os: String,
    /// `2` where BuildKit is its default builder; empty where it did not say.
    pub builder: String,
    /// Its product and version as it names them («Docker/20.10.24 (linux)»); empty where it did not say.
    pub product: String,
}

impl Engine {
    /// Connects to `host` and agrees on an API version: one `GET /_ping`, nothing else. An ordinary call gets an answer
    /// within `patience` or fails ([`PATIENCE`] suits most engines); those that wait for disks or registries take longer.
    ///
    /// # Errors
    /// `Unreachable` where nothing answers there, `TooOld` where the engine is older than 20.10 (API 1.41).
    pub async fn connect(host: Host, patience: Duration) -> Result<Engine, EngineError> {
        let unversioned = Wire::new(host, patience);
        let server = unversioned.ping(&Call::new("ping").within(Duration::from_secs(15))).await?;
        let Some(api) = server.api.agree() else {
            return Err(EngineError::TooOld {
                host: unversioned.host().to_string(),
                api: server.api,
                oldest: ApiVersion::OLDEST,
            });
        };
        let wire = unversioned.speaking(api);
        let docker = wire.bollard()?;
        Ok(Engine { shared: Arc::new(Shared { wire, docker, api, server }) })
    }

    /// Asks whether the engine answers.
    ///
    /// # Errors
    /// Those of the call; it waits 5 s at most.
    pub async fn ping(&self) -> Result<(), EngineError> {
        self.wire().ping(&Call::new("ping").within(Duration::from_secs(5))).await.map(drop)
    }

    /// The API version that every request of this handle is made in.
    pub fn api(&self) -> ApiVersion {
        self.shared.api
    }

    /// What the engine said of itself at `connect`.
    pub fn server(&self) -> &Server {
        &self.shared.server
    }

    /// The engine's time, by its last answer.
    pub fn now(&self) -> jiff::Timestamp {
        self.wire().clock().now()
    }

    /// Where the engine is.
    pub fn host(&self) -> &Host {
        self.shared.wire.host()
    }

    fn wire(&self) -> &Wire {
        &self.shared.wire
    }

    fn docker(&self) -> &bollard::Docker {
        &self.shared.docker
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("host", self.host()).field("api", &self.api()).finish_non_exhaustive()
    }
}

/// A body as JSON, for calls that bollard's types cannot hold whole.
fn to_json(call: &Call, body: &impl serde::Serialize) -> Result<serde_json::Value, EngineError> {
    serde_json::to_value(body)
        .map_err(|error| EngineError::Answer { call: call.to_string(), reason: error.to_string() })
}
