//! Accepts connections, records requests, lets faults strike, and finds who answers.

use std::os::unix::net::UnixListener as StdListener;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use super::fault::Kind;
use super::reply::{self, Reply};
use super::request::{self, Request};
use super::{Shared, archive, containers, events, exec, images, objects};

/// A connection that is to break.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by a fault")
    }
}

impl std::error::Error for Cut {}

/// Serves until `stopped`.
pub(super) fn run(listener: StdListener, shared: Shared, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    listener.set_nonblocking(true).expect("socket");
    runtime.block_on(async {
        let listener = UnixListener::from_std(listener).expect("socket");
        tokio::select! {
            () = accept(listener, shared) => {}
            _ = stopped => {}
        }
    });
}

async fn accept(listener: UnixListener, shared: Shared) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let mut epoch = shared.lock().expect("state").epoch.subscribe();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(shared.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::select! {
                _ = connection => {}
                _ = epoch.changed() => {}
            }
        });
    }
}

/// The answer, unless the connections were broken while it was made: then this connection breaks too.
async fn answer(shared: Shared, incoming: http::Request<Incoming>) -> Result<Reply, Cut> {
    let epoch = || *shared.lock().expect("state").epoch.borrow();
    let before = epoch();
    let reply = answer_whole(shared.clone(), incoming).await?;
    if epoch() == before { Ok(reply) } else { Err(Cut) }
}

async fn answer_whole(shared: Shared, mut incoming: http::Request<Incoming>) -> Result<Reply, Cut> {
    let upgrade = hyper::upgrade::on(&mut incoming);
    let (parts, body) = incoming.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let (version, path, query) = request::parse(&parts.uri);
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let request = Request {
        method: parts.method.to_string(),
        version,
        path,
        query,
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    };
    if request.path == "/_ping" {
        shared.lock().expect("state").requests.push(request);
        return Ok(ping(&shared));
    }
    match record(&shared, &request) {
        Kind::Status(status, message) => Ok(reply::refuse(status, message)),
        Kind::CutBefore => Err(Cut),
        Kind::Hang => std::future::pending().await,
        Kind::HangAfter => {
            route(&shared, &request, upgrade).await;
            std::future::pending().await
        }
        Kind::CutAfter => {
            route(&shared, &request, upgrade).await;
            Err(Cut)
        }
        Kind::CutStream(_) if exec::is_start(&request) => Ok(exec::start_torn(&shared, &request, upgrade)),
        Kind::CutStream(bytes) => Ok(reply::cut(route(&shared, &request, upgrade).await, bytes)),
        Kind::Delay(time) => {
            tokio::time::sleep(time).await;
            Ok(route(&shared, &request, upgrade).await)
        }
        Kind::Before(hook) => {
            hook();
            Ok(route(&shared, &request, upgrade).await)
        }
        Kind::Instead(hook) => {
            hook();
            Err(Cut)
        }
        Kind::After(hook) => {
            let reply = route(&shared, &request, upgrade).await;
            hook();
            Ok(reply)
        }
        Kind::Nothing => Ok(route(&shared, &request, upgrade).await),
    }
}

/// Records a request and finds the fault that strikes it.
fn record(shared: &Shared, request: &Request) -> Kind {
    let mut state = shared.lock().expect("state");
    state.requests.push(request.clone());
    let n = state.requests.iter().filter(|request| request.path != "/_ping").count();
    let Some(index) = state.faults.iter().position(|fault| fault.strikes(n, request)) else {
        return Kind::Nothing;
    };
    match state.faults[index].always {
        true => state.faults[index].kind.clone(),
        false => state.faults.remove(index).kind,
    }
}

fn ping(shared: &Shared) -> Reply {
    let mut reply = reply::bytes(200, "text/plain", "OK");
    let headers = reply.headers_mut();
    headers.insert("api-version", shared.lock().expect("state").api.parse().expect("version"));
    headers.insert("ostype", "linux".parse().expect("header"));
    headers.insert("server", "Docker/fake (linux)".parse().expect("header"));
    reply
}

/// Finds who answers. A request without a version in its path is a mistake of ours, so it is refused.
async fn route(shared: &Shared, request: &Request, upgrade: hyper::upgrade::OnUpgrade) -> Reply {
    if request.version.is_empty() {
        return reply::refuse(400, format!("no API version in the path of {}", request.line()));
    }
    let parts = request.parts();
    match (request.method.as_str(), &parts[..]) {
        ("GET", ["version"]) => {
            reply::json(200, &serde_json::json!({ "Version": "fake", "ApiVersion": request.version }))
        }
        ("GET", ["info"]) => reply::json(200, &serde_json::json!({ "OSType": "linux", "NCPU": 2 })),
        ("GET", ["events"]) => events::stream(shared, request),
        ("POST", ["build"]) => images::build(shared, request),
        (_, ["containers", id, "archive"]) => archive::answer(shared, request, id),
        ("POST", ["containers", id, "exec"]) => exec::create(shared, request, id),
        ("POST", ["exec", id, "start"]) => exec::start(shared, id, upgrade),
        ("GET", ["exec", id, "json"]) => exec::inspect(shared, id),
        (_, ["containers", ..]) => containers::answer(shared, request, &parts[1..]).await,
        (_, ["networks", ..]) => objects::networks(shared, request, &parts[1..]),
        (_, ["volumes", ..]) => objects::volumes(shared, request, &parts[1..]),
        ("GET", ["distribution", name @ .., "json"]) => images::distribution(shared, &name.join("/")),
        (_, ["images", ..]) => images::answer(shared, request, &parts[1..]),
        _ => reply::refuse(404, format!("page not found: {}", request.line())),
    }
}
