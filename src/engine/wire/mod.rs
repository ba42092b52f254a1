//! The connection under bollard and under raw calls: version prefix, auth header, deadlines, errors.
//!
//! bollard 0.21 never sends the API version (its `Url::join` drops the prefix) and encodes registry credentials with
//! the alphabet that Docker does not read; both are corrected here before sending. Bodies are never logged.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bollard::BollardRequest;
use bytes::Bytes;
use futures_util::Stream;
use http::header::{HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use super::api_version::ApiVersion;
use super::call::Call;
use super::error::EngineError;
use super::host::Host;
use super::server::Server;

pub(crate) mod clock;
mod connector;
pub(crate) mod frames;
pub(crate) mod hijack;
pub(crate) mod json_lines;
pub(crate) mod query;

use clock::Clock;
use connector::Connector;

/// The body of a request, of the same type as bollard's, so that both use one client.
pub(crate) type Body =
    Either<Full<Bytes>, StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, io::Error>> + Send>>>>;

/// The limit for an answer with one JSON value, so that a huge answer is an error and does not fill the memory.
const LARGEST_ERROR: usize = 64 * 1024;

/// The transport. Clones share the pool of connections, which are opened when first used.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client<Connector, Body>,
    host: Host,
    prefix: String,
    clock: Clock,
    patience: Duration,
}

impl Wire {
    /// A transport to `host` without an API version: only `ping` works.
    pub(crate) fn new(host: Host, patience: Duration) -> Wire {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .build(Connector::new(host.clone()));
        Wire { client, host, prefix: String::new(), clock: Clock::default(), patience }
    }

    /// The same transport with `/v{api}` before every path.
    pub(crate) fn speaking(self, api: ApiVersion) -> Wire {
        Wire { prefix: format!("/v{api}"), ..self }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// bollard's typed calls on this transport. `bounded` sets deadlines, so bollard's own is disabled.
    pub(crate) fn bollard(&self) -> Result<bollard::Docker, EngineError> {
        let wire = self.clone();
        let transport = move |request: BollardRequest| {
            let wire = wire.clone();
            async move { wire.send(request).await.map_err(to_bollard) }
        };
        const A_DAY: u64 = 86_400;
        bollard::Docker::connect_with_custom_transport(
            transport,
            Some("http://docker"),
            A_DAY,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| self.understood(&Call::new("connection"), error))
    }

    /// Sends a request, with the version before its path and a corrected auth header.
    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, SendError> {
        let (mut parts, body) = request.into_parts();
        parts.uri = self.address(&parts.uri)?;
        parts.headers.insert(HOST, HeaderValue::from_static("docker"));
        for name in ["x-registry-auth", "x-registry-config"] {
            if let Some(value) = parts.headers.get_mut(name) {
                mend_alphabet(value);
            }
        }
        tracing::trace!(method = %parts.method, path = parts.uri.path(), "engine request");
        let response = self.client.request(Request::from_parts(parts, body)).await?;
        self.clock.read(response.headers());
        Ok(response)
    }

    fn address(&self, uri: &Uri) -> Result<Uri, SendError> {
        let path_and_query = uri.path_and_query().map_or("/", |p| p.as_str());
        format!("http://docker{}{path_and_query}", self.prefix).parse().map_err(SendError::Address)
    }

    /// Reads the engine's version and product from the headers of `/_ping`.
    pub(crate) async fn ping(&self, call: &Call) -> Result<Server, EngineError> {
        let response = self.open(call, Method::GET, "/_ping", None).await?;
        let header = |name: &str| {
            response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
        };
        let api = header("api-version");
        Ok(Server {
            api: api.parse().map_err(|error: super::api_version::NotAVersion| EngineError::Answer {
                call: call.to_string(),
                reason: error.to_string(),
            })?,
            os: header("ostype"),
            builder: header("builder-version"),
            product: header("server"),
        })
    }

    /// A request whose answer is one JSON value, where bollard's types lack a field.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, EngineError> {
        let bytes = self.bytes(call, method, path, body).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| EngineError::Answer { call: call.to_string(), reason: error.to_string() })
    }

    /// A request whose whole answer is read within the call's deadline.
    pub(crate) async fn bytes(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Bytes, EngineError> {
        let reply = async {
            let response = self.respond(call, method, path, json_body(body), &[]).await?;
            collect(call, response).await
        };
        self.within(call, reply).await
    }

    /// A request whose answer is a stream: the deadline is only for its headers.
    pub(crate) async fn open(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Response<Incoming>, EngineError> {
        self.within(call, self.respond(call, method, path, json_body(body), &[])).await
    }

    /// As `open`, with the caller's headers and body. No deadline (`None`) is for a body that is a stream and decides the
    /// time itself (the context of a build).
    pub(crate) async fn upload(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Body,
    ) -> Result<Response<Incoming>, EngineError> {
        self.respond(call, method, path, body, headers).await
    }

    async fn respond(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&'static str, String)],
    ) -> Result<Response<Incoming>, EngineError> {
        let first = self.attempt(&method, path, body, headers).await;
        let response = match first {
            // A read can be repeated. A restarted engine closes idle connections.
            Err(SendError::Client(error)) if method == Method::GET && !error.is_connect() => {
                self.attempt(&method, path, json_body(None), headers).await
            }
            other => other,
        };
        let response = response.map_err(|error| error.named(call, &self.host))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS => Ok(response),
            _ => Err(refusal(call, response).await),
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: Body,
        headers: &[(&'static str, String)],
    ) -> Result<Response<Incoming>, SendError> {
        let mut builder = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            builder = builder.header(http::header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        self.send(builder.body(body).map_err(SendError::Request)?).await
    }

    /// Sets the call's deadline on a future of bollard, and converts its error.
    pub(crate) async fn bounded<T>(
        &self,
        call: &Call,
        future: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        self.within(call, async { future.await.map_err(|error| self.understood(call, error)) }).await
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Sets the call's deadline on a future.
    pub(crate) async fn within<T>(
        &self,
        call: &Call,
        future: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let after = call.deadline(self.patience);
        match tokio::time::timeout(after, future).await {
            Ok(result) => result,
            Err(_) => Err(EngineError::Timeout { call: call.to_string(), after }),
        }
    }

    /// Converts bollard's errors.
    fn understood(&self, call: &Call, error: bollard::errors::Error) -> EngineError {
        use bollard::errors::Error;
        let name = call.to_string();
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                EngineError::Api { call: name, status: status_code, message: message.trim().to_owned() }
            }
            Error::IOError { err } => match err.downcast::<SendError>() {
                Ok(error) => error.named(call, &self.host),
                Err(err) => EngineError::Stream { call: name, reason: reason(&err) },
            },
            Error::HyperResponseError { err } => EngineError::Stream { call: name, reason: reason(&err) },
            other => EngineError::Answer { call: name, reason: other.to_string() },
        }
    }
}

fn json_body(value: Option<&serde_json::Value>) -> Body {
    bollard::body_full(value.map(|v| Bytes::from(v.to_string())).unwrap_or_default())
}

/// Reads an answer to its end.
pub(crate) async fn collect(call: &Call, response: Response<Incoming>) -> Result<Bytes, EngineError> {
    match response.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(EngineError::Stream { call: call.to_string(), reason: reason(&error) }),
    }
}

/// The engine's message in a refusal: `{"message": …}`, otherwise the text.
async fn refusal(call: &Call, response: Response<Incoming>) -> EngineError {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    let status = response.status();
    let limited = http_body_util::Limited::new(response.into_body(), LARGEST_ERROR);
    let body = limited.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let message = match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    let message = match message.trim() {
        "" => status.to_string(),
        text => text.to_owned(),
    };
    EngineError::Api { call: call.to_string(), status: status.as_u16(), message }
}

/// Docker reads the URL-safe alphabet and ignores credentials in the other one (moby, `X-Registry-Auth`).
fn mend_alphabet(value: &mut HeaderValue) {
    let corrected: Vec<u8> = value
        .as_bytes()
        .iter()
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        })
        .collect();
    if let Ok(mut corrected) = HeaderValue::from_bytes(&corrected) {
        corrected.set_sensitive(true);
        *value = corrected;
    }
}

/// Why a request could not be sent; the call is added later.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error("address: {0}")]
    Address(http::uri::InvalidUri),
    #[error("request: {0}")]
    Request(http::Error),
}

impl SendError {
    fn named(self, call: &Call, host: &Host) -> EngineError {
        match self {
            SendError::Client(error) if error.is_connect() => {
                EngineError::Unreachable { host: host.to_string(), source: root_io(&error) }
            }
            SendError::Client(error) => {
                EngineError::Stream { call: call.to_string(), reason: reason(&error) }
            }
            other => EngineError::Answer { call: call.to_string(), reason: other.to_string() },
        }
    }
}

/// The I/O error at the end of a chain of causes.
fn root_io(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return match found.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(found.kind(), found.to_string()),
            };
        }
        cause = error.source();
    }
    io::Error::other(error.to_string())
}

/// The last cause of an error: «connection reset by peer», not «client error (SendRequest)».
pub(crate) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Passes `sofa`'s error through bollard, which has no suitable variant without its own transports.
fn to_bollard(error: SendError) -> bollard::errors::Error {
    bollard::errors::Error::IOError { err: io::Error::other(error) }
}
