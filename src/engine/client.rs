//! The connected engine: one cheap handle that all calls go through.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;

use super::api_version::ApiVersion;
use super::call::Call;
use super::error::EngineError;
use super::host::Host;
use super::server::Server;
use super::wire::Wire;

/// A stream of answers. An error is its last item.
pub type EngineStream<T> = Pin<Box<dyn Stream<Item = Result<T, EngineError>> + Send>>;

/// A connected engine. Clones are cheap and share the same connections.
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

impl Engine {
    /// Connects to `host` and negotiates an API version, with one `GET /_ping`. An ordinary call gets an answer
    /// within `patience` or fails; [`super::PATIENCE`] suits most engines. Calls that wait for disks or registries may take
    /// longer.
    ///
    /// # Errors
    /// `Unreachable` where nothing answers, `TooOld` where the engine is older than 20.10 (API 1.41).
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

    /// Checks that the engine answers.
    ///
    /// # Errors
    /// The call's. It waits at most 5 s.
    pub async fn ping(&self) -> Result<(), EngineError> {
        self.wire().ping(&Call::new("ping").within(Duration::from_secs(5))).await.map(drop)
    }

    /// The API version of every request.
    pub fn api(&self) -> ApiVersion {
        self.shared.api
    }

    /// What the engine said about itself at `connect`.
    pub fn server(&self) -> &Server {
        &self.shared.server
    }

    /// The engine's time, from its last answer.
    pub fn now(&self) -> jiff::Timestamp {
        self.wire().clock().now()
    }

    pub fn host(&self) -> &Host {
        self.shared.wire.host()
    }

    pub(in crate::engine) fn wire(&self) -> &Wire {
        &self.shared.wire
    }

    pub(in crate::engine) fn docker(&self) -> &bollard::Docker {
        &self.shared.docker
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("host", self.host()).field("api", &self.api()).finish_non_exhaustive()
    }
}
