//! One test of a container's readiness: a command in it, an HTTP request or a connection to it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use regex_lite::Regex;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::compose::model::HttpRequest;
use crate::engine::exec::ExecCommand;
use crate::engine::{ContainerDetails, Engine};
use crate::plan::observed::ContainerId;

/// A longer body does not pass a gate that looks into it.
const LONGEST_BODY: usize = 1024 * 1024;

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It passed.
    Passed,
    /// It did not.
    Failed,
    /// It had not ended in time.
    TimedOut,
    /// The engine did not run it: the container ended or restarts at this moment, or the connection broke.
    NotRun,
    /// It cannot be run at all, in words.
    Impossible(String),
}

/// Runs a command in the container; exit code 0 passes.
pub(super) async fn command(engine: &Engine, id: &ContainerId, argv: &[String], timeout: Duration) -> Answer {
    let command = ExecCommand { argv: argv.to_vec(), ..ExecCommand::default() };
    match engine.exec(id, &command, timeout).await {
        Ok(outcome) => match outcome.exit_code {
            Some(0) => Answer::Passed,
            Some(_) => Answer::Failed,
            None => Answer::TimedOut,
        },
        Err(_) => Answer::NotRun,
    }
}

/// Connects to a port of the container.
pub(super) async fn tcp(engine: &Engine, details: &ContainerDetails, port: u16, timeout: Duration) -> Answer {
    let address = match address(engine, details, port).await {
        Ok(address) => address,
        Err(answer) => return answer,
    };
    match tokio::time::timeout(timeout, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => Answer::Passed,
        Ok(Err(_)) => Answer::Failed,
        Err(_) => Answer::TimedOut,
    }
}

/// Asks the container over HTTP; an answer with everything that the request expects passes.
pub(super) async fn http(
    engine: &Engine,
    details: &ContainerDetails,
    port: u16,
    request: &HttpRequest,
    timeout: Duration,
) -> Answer {
    let address = match address(engine, details, port).await {
        Ok(address) => address,
        Err(answer) => return answer,
    };
    match tokio::time::timeout(timeout, ask(address, request)).await {
        Ok(true) => Answer::Passed,
        Ok(false) => Answer::Failed,
        Err(_) => Answer::TimedOut,
    }
}

/// Whether the answer passes. The body is read only where something is expected of it.
async fn ask(address: SocketAddr, request: &HttpRequest) -> bool {
    let Some(response) = get(address, request).await else { return false };
    if !request.expect.contains(&response.status().as_u16()) {
        return false;
    }
    if request.json.is_empty() && request.body.is_none() {
        return true;
    }
    match body(response).await {
        Some(body) => has_values(&body, request) && matches_pattern(&body, request),
        None => false,
    }
}

/// The answer to a GET request; `None` when there is none. Redirects are not followed, because a gate can expect 302, and no
/// proxy is used.
async fn get(address: SocketAddr, request: &HttpRequest) -> Option<Response> {
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().ok()?;
    let call = client.get(format!("http://{address}{}", request.path));
    let call = request.headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    call.send().await.ok()
}

/// A whole body; `None` where it is too long or breaks off.
async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_BODY {
            return None;
        }
    }
    Some(body)
}

fn matches_pattern(body: &[u8], request: &HttpRequest) -> bool {
    let Some(pattern) = &request.body else { return true };
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&String::from_utf8_lossy(body)))
}

fn has_values(body: &[u8], request: &HttpRequest) -> bool {
    if request.json.is_empty() {
        return true;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return false };
    request
        .json
        .iter()
        .all(|(path, expected)| find(&answer, path).is_some_and(|found| is_equal(found, expected)))
}

/// The value at a path, keys and indices joined by dots. A key may contain dots itself.
fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let child = |key: &str| match value {
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    };
    let deeper = |(at, _): (usize, &str)| find(child(&path[..at])?, &path[at + 1..]);
    child(path).or_else(|| path.match_indices('.').find_map(deeper))
}

/// 1 and 1.0 are the same number.
fn is_equal(found: &Value, expected: &Value) -> bool {
    found == expected
        || found.as_f64().zip(expected.as_f64()).is_some_and(|(found, expected)| found == expected)
}

/// Where the container can be asked from here: on a local Linux engine at its own address, or at that of the
/// container whose network it shares.
async fn address(engine: &Engine, details: &ContainerDetails, port: u16) -> Result<SocketAddr, Answer> {
    if !engine.host().is_local() {
        let why = "the engine is not on this machine: its containers' addresses cannot be reached";
        return Err(Answer::Impossible(why.into()));
    }
    if details.network_mode == "host" {
        return Ok(SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port));
    }
    let parent = match details.network_mode.strip_prefix("container:") {
        Some(id) => Some(engine.inspect(id).await.map_err(|_| Answer::Failed)?),
        None => None,
    };
    let addresses = &parent.as_ref().unwrap_or(details).addresses;
    // Between two starts a container has no address.
    addresses.values().next().map(|address| SocketAddr::new(*address, port)).ok_or(Answer::Failed)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Whether an answer with this head and body passes, and the request that was sent.
    async fn asked(request: &HttpRequest, head: &'static str, body: &'static str) -> (bool, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            let answer = match head {
                "" => String::new(),
                head => format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
            };
            connection.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        (ask(address, request).await, server.await.unwrap())
    }

    fn request(path: &str, expect: &[u16]) -> HttpRequest {
        HttpRequest { path: path.into(), expect: expect.to_vec(), ..HttpRequest::default() }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (passes, sent) =
            asked(&request("/healthz?full=1", &[302]), "302 Found\r\nlocation: /login", "").await;
        assert!(passes);
        assert!(sent.starts_with("GET /healthz?full=1 HTTP/1.1\r\n"), "{sent}");
        assert!(sent.contains("host: 127.0.0.1:"), "{sent}");
    }

    #[tokio::test]
    async fn a_path_is_encoded() {
        let (passes, sent) = asked(&request("/is ready", &[200]), "200 OK", "").await;
        assert!(passes);
        assert!(sent.starts_with("GET /is%20ready HTTP/1.1\r\n"), "{sent}");
    }

    #[tokio::test]
    async fn a_connection_that_closes_is_no_answer() {
        assert!(!asked(&request("/", &[200]), "", "").await.0);
    }

    #[tokio::test]
    async fn any_of_the_expected_statuses_passes_and_headers_are_sent() {
        let mut wanted = request("/", &[200, 204]);
        wanted.headers.insert("X-Probe".into(), "sofa".into());
        let (passes, sent) = asked(&wanted, "204 No Content", "").await;
        assert!(passes && sent.to_ascii_lowercase().contains("x-probe: sofa\r\n"), "{sent}");
        assert!(!asked(&wanted, "503 Service Unavailable", "").await.0);
    }

    #[tokio::test]
    async fn every_value_of_the_json_must_be_there() {
        const BODY: &str = r#"{"status": "healthy", "workers": {"gpu.0": "active", "list": [{"n": 1.0}]}}"#;
        for (path, value, passes) in [
            ("status", Value::from("healthy"), true),
            ("status", "starting".into(), false),
            ("workers.gpu.0", "active".into(), true),
            ("workers.list.0.n", 1.into(), true),
            ("workers.list.0.n", "1".into(), false),
            ("workers.gpu.1", Value::Null, false),
        ] {
            let json = [(path.to_owned(), value.clone())].into();
            let wanted = HttpRequest { json, ..request("/", &[200]) };
            assert_eq!(asked(&wanted, "200 OK", BODY).await.0, passes, "{path}: {value}");
        }
        let json = [("status".to_owned(), "healthy".into())].into();
        assert!(!asked(&HttpRequest { json, ..request("/", &[200]) }, "200 OK", "healthy").await.0);
    }

    #[tokio::test]
    async fn the_body_must_contain_the_pattern() {
        let wanted = HttpRequest { body: Some("models: [1-9]".into()), ..request("/", &[200]) };
        assert!(asked(&wanted, "200 OK", "ready, models: 3").await.0);
        assert!(!asked(&wanted, "200 OK", "ready, models: 0").await.0);
    }
}
