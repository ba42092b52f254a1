//! One test of a container's readiness: a command in it, an HTTP request or a connection to it.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use regex_lite::Regex;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use serde_json::Value;

use crate::compose::model::{HttpRequest, Tls};
use crate::compose::secrecy::Secrets;
use crate::engine::exec::ExecCommand;
use crate::engine::{ContainerDetails, Engine};
use crate::plan::observed::ContainerId;
use crate::util::elapsed::elapsed;

/// A longer body does not pass a gate that looks into it.
const LONGEST_BODY: usize = 1024 * 1024;

/// An answer that did not pass is shown this far, in characters.
const SHOWN: usize = 300;
/// How long the body of an answer that did not pass is read.
const GLANCE: Duration = Duration::from_millis(500);
/// So many bytes of a body are kept to be shown.
const LONGEST_GLANCE: usize = 4096;

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It passed.
    Passed,
    /// It did not.
    Failed(FailedAnswer),
    /// It had not ended after this time.
    TimedOut(Duration),
    /// The engine did not run it: the container ended or restarts at this moment, or the connection broke.
    NotRun,
    /// It cannot be run at all, in words.
    Impossible(String),
}

impl Answer {
    /// What came instead of an answer that passes.
    pub(super) fn failure(&self) -> Option<FailedAnswer> {
        match self {
            Answer::Failed(failure) => Some(failure.clone()),
            Answer::TimedOut(after) => Some(FailedAnswer::new(format!("none within {}", elapsed(*after)))),
            Answer::Passed | Answer::NotRun | Answer::Impossible(_) => None,
        }
    }
}

/// What came instead of an answer that passes: a few words, and the begin of what the container said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailedAnswer {
    what: String,
    body: String,
}

impl FailedAnswer {
    fn new(what: impl Into<String>) -> FailedAnswer {
        FailedAnswer { what: what.into(), body: String::new() }
    }

    fn with(what: impl Into<String>, body: &[u8]) -> FailedAnswer {
        let body = String::from_utf8_lossy(&body[..body.len().min(LONGEST_GLANCE)]).into_owned();
        FailedAnswer { what: what.into(), body }
    }

    /// As people see it, in one line. Secrets are replaced before anything is cut, so that no part of one stays.
    pub(super) fn text(&self, secrets: &Secrets) -> String {
        let shown = |text: &str| {
            let scrubbed = secrets.scrub(text);
            let words = scrubbed.split_whitespace().collect::<Vec<_>>().join(" ");
            match words.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}…", &words[..end]),
                None => words,
            }
        };
        match (shown(&self.what), shown(&self.body)) {
            (what, body) if body.is_empty() => what,
            (what, body) => format!("{what}: {body}"),
        }
    }
}

/// Runs a command in the container; exit code 0 passes.
pub(super) async fn command(engine: &Engine, id: &ContainerId, argv: &[String], timeout: Duration) -> Answer {
    let command = ExecCommand { argv: argv.to_vec(), ..ExecCommand::default() };
    match engine.exec(id, &command, timeout).await {
        Ok(outcome) => match outcome.exit_code {
            Some(0) => Answer::Passed,
            Some(code) => {
                let output = if outcome.stderr.is_empty() { &outcome.stdout } else { &outcome.stderr };
                Answer::Failed(FailedAnswer::with(format!("exit code {code}"), output))
            }
            None => Answer::TimedOut(timeout),
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
        Ok(Err(error)) => Answer::Failed(FailedAnswer::new(error.kind().to_string())),
        Err(_) => Answer::TimedOut(timeout),
    }
}

/// Asks a container of this service over HTTP; an answer with everything that the request expects passes.
pub(super) async fn http(
    engine: &Engine,
    details: &ContainerDetails,
    service: &str,
    port: u16,
    request: &HttpRequest,
    timeout: Duration,
) -> Answer {
    let address = match address(engine, details, port).await {
        Ok(address) => address,
        Err(answer) => return answer,
    };
    match tokio::time::timeout(timeout, ask(address, service, request)).await {
        Ok(answer) => answer,
        Err(_) => Answer::TimedOut(timeout),
    }
}

/// Asks, and compares the answer with what is expected. The whole body is read only where something is expected of it.
async fn ask(address: SocketAddr, service: &str, request: &HttpRequest) -> Answer {
    let client = match client(address, service, request) {
        Ok(client) => client,
        Err(why) => return Answer::Impossible(why),
    };
    let mut response = match get(&client, address, service, request).await {
        Ok(response) => response,
        Err(error) => return Answer::Failed(FailedAnswer::new(cause(&error))),
    };
    let status = response.status();
    if !request.expect.contains(&status.as_u16()) {
        let mut seen = Vec::new();
        let _ = tokio::time::timeout(GLANCE, read(&mut response, &mut seen, LONGEST_GLANCE)).await;
        return Answer::Failed(FailedAnswer::with(status.to_string(), &seen));
    }
    if request.json.is_empty() && request.body.is_none() {
        return Answer::Passed;
    }
    let mut body = Vec::new();
    let read = read(&mut response, &mut body, LONGEST_BODY).await;
    if body.len() > LONGEST_BODY {
        return Answer::Failed(FailedAnswer::new(format!("{status}, but its body is too long")));
    }
    match (unexpected(&body, request), read) {
        // Many servers end a body over TLS by closing the connection, which counts as an error.
        (None, _) => Answer::Passed,
        (Some(_), Err(why)) => Answer::Failed(FailedAnswer::with(format!("{status}, but {why}"), &body)),
        (Some(why), Ok(())) => Answer::Failed(FailedAnswer::with(format!("{status}, but {why}"), &body)),
    }
}

/// What is missing in a body, in words.
fn unexpected(body: &[u8], request: &HttpRequest) -> Option<String> {
    if !request.json.is_empty() {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Some("no JSON".into()) };
        for (path, expected) in &request.json {
            match find(&answer, path) {
                None => return Some(format!("`{path}` is missing")),
                Some(found) if !is_equal(found, expected) => return Some(format!("`{path}` is {found}")),
                Some(_) => {}
            }
        }
    }
    let pattern = Regex::new(request.body.as_ref()?).ok()?;
    (!pattern.is_match(&String::from_utf8_lossy(body))).then(|| "the pattern is not in the body".into())
}

/// A client for one request. Redirects are not followed, because a gate can expect 302, and no proxy is used.
fn client(address: SocketAddr, service: &str, request: &HttpRequest) -> Result<Client, String> {
    // A second call in one process changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().redirect(Policy::none()).no_proxy();
    let client = match &request.tls {
        // To read this machine's certificates takes longer than the request.
        None => client.tls_certs_only([]),
        Some(Tls { insecure, ca }) => {
            let client = client.resolve(host(service, request), address);
            match ca {
                Some(file) => client.tls_certs_only(certificates(file)?),
                None => client.tls_danger_accept_invalid_certs(*insecure),
            }
        }
    };
    client.build().map_err(|error| cause(&error))
}

/// The certificates in a PEM file.
fn certificates(file: &str) -> Result<Vec<Certificate>, String> {
    let text = std::fs::read(file).map_err(|error| format!("`x-sofa.ready.ca`: {file}: {error}"))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("`x-sofa.ready.ca`: {file} contains no PEM certificate")),
    }
}

/// The name that a certificate must have.
fn host<'a>(service: &'a str, request: &'a HttpRequest) -> &'a str {
    let given = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    given.map_or(service, |(_, host)| host.split(':').next().unwrap_or(host))
}

async fn get(
    client: &Client,
    address: SocketAddr,
    service: &str,
    request: &HttpRequest,
) -> Result<Response, reqwest::Error> {
    let path = &request.path;
    let url = match &request.tls {
        None => format!("http://{address}{path}"),
        Some(_) => format!("https://{}:{}{path}", host(service, request), address.port()),
    };
    let call = client.get(url);
    request.headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

/// Reads a body until its end, or until it is longer than this.
async fn read(response: &mut Response, body: &mut Vec<u8>, length: usize) -> Result<(), &'static str> {
    loop {
        match response.chunk().await {
            Err(_) => return Err("its body breaks off"),
            Ok(None) => return Ok(()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
        }
        if body.len() > length {
            return Ok(());
        }
    }
}

/// Why a request failed: the innermost error, since the outer ones only say that it failed.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        // The words of the operating system are longer.
        Some(error) if error.get_ref().is_none() => error.kind().to_string(),
        _ => cause.to_string(),
    }
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
    // Between two starts a container has no address.
    let none = || Answer::Failed(FailedAnswer::new("the container has no address"));
    let parent = match details.network_mode.strip_prefix("container:") {
        Some(id) => Some(engine.inspect(id).await.map_err(|_| none())?),
        None => None,
    };
    let addresses = &parent.as_ref().unwrap_or(details).addresses;
    addresses.values().next().map(|address| SocketAddr::new(*address, port)).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What an answer with this head and body gives, and the request that was sent.
    async fn asked(request: &HttpRequest, head: &'static str, body: &'static str) -> (Answer, String) {
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
        (ask(address, "web", request).await, server.await.unwrap())
    }

    fn request(path: &str, expect: &[u16]) -> HttpRequest {
        HttpRequest { path: path.into(), expect: expect.to_vec(), ..HttpRequest::default() }
    }

    /// What is shown of an answer; empty where it passes.
    fn shown(answer: &Answer) -> String {
        answer.failure().map(|failure| failure.text(&Secrets::default())).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (answer, sent) =
            asked(&request("/healthz?full=1", &[302]), "302 Found\r\nlocation: /login", "").await;
        assert_eq!(answer, Answer::Passed);
        assert!(sent.starts_with("GET /healthz?full=1 HTTP/1.1\r\n"), "{sent}");
        assert!(sent.contains("host: 127.0.0.1:"), "{sent}");
    }

    #[tokio::test]
    async fn a_path_is_encoded() {
        let (answer, sent) = asked(&request("/is ready", &[200]), "200 OK", "").await;
        assert_eq!(answer, Answer::Passed);
        assert!(sent.starts_with("GET /is%20ready HTTP/1.1\r\n"), "{sent}");
    }

    #[tokio::test]
    async fn a_connection_that_closes_or_is_refused_is_no_answer() {
        let (answer, _) = asked(&request("/", &[200]), "", "").await;
        assert!(shown(&answer).contains("closed"), "{answer:?}");
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(shown(&ask(nobody, "web", &request("/", &[200])).await), "connection refused");
    }

    #[tokio::test]
    async fn any_of_the_expected_statuses_passes_and_headers_are_sent() {
        let mut wanted = request("/", &[200, 204]);
        wanted.headers.insert("X-Probe".into(), "sofa".into());
        let (answer, sent) = asked(&wanted, "204 No Content", "").await;
        assert!(
            answer == Answer::Passed && sent.to_ascii_lowercase().contains("x-probe: sofa\r\n"),
            "{sent}"
        );
    }

    #[tokio::test]
    async fn an_answer_that_does_not_pass_is_told_in_one_short_line() {
        let told = async |head, body| shown(&asked(&request("/", &[200]), head, body).await.0);
        let busy = told("503 Service Unavailable", "{\n  \"db\": \"down\"\n}").await;
        assert_eq!(busy, "503 Service Unavailable: { \"db\": \"down\" }");
        assert_eq!(told("500 Oops", "").await, "500 Internal Server Error");
        let long: &'static str = String::leak("é".repeat(1000));
        assert_eq!(told("500 Oops", long).await, format!("500 Internal Server Error: {}…", "é".repeat(300)));
    }

    #[test]
    fn a_secret_at_the_cut_is_not_shown_in_part() {
        let secrets = Secrets::default().with_environment([("API_TOKEN", "hunter2-hunter2")]);
        let body = format!("{}hunter2-hunter2", "x".repeat(290));
        let text = FailedAnswer::with("500", body.as_bytes()).text(&secrets);
        assert!(!text.contains("hunter"), "{text}");
        assert!(FailedAnswer::new(body).text(&secrets).chars().count() <= SHOWN + 1);
    }

    #[tokio::test]
    async fn every_value_of_the_json_must_be_there() {
        const BODY: &str = r#"{"status": "healthy", "workers": {"gpu.0": "active", "list": [{"n": 1.0}]}}"#;
        for (path, value, why) in [
            ("status", Value::from("healthy"), None),
            ("status", "starting".into(), Some("`status` is \"healthy\"")),
            ("workers.gpu.0", "active".into(), None),
            ("workers.list.0.n", 1.into(), None),
            ("workers.list.0.n", "1".into(), Some("`workers.list.0.n` is 1.0")),
            ("workers.gpu.1", Value::Null, Some("`workers.gpu.1` is missing")),
        ] {
            let json = [(path.to_owned(), value.clone())].into();
            let wanted = HttpRequest { json, ..request("/", &[200]) };
            let answer = asked(&wanted, "200 OK", BODY).await.0;
            let expected = why.map_or_else(String::new, |why| format!("200 OK, but {why}: {BODY}"));
            assert_eq!(shown(&answer), expected, "{path}: {value}");
            assert_eq!(answer == Answer::Passed, why.is_none());
        }
        let json = [("status".to_owned(), "healthy".into())].into();
        let wanted = HttpRequest { json, ..request("/", &[200]) };
        assert_eq!(shown(&asked(&wanted, "200 OK", "healthy").await.0), "200 OK, but no JSON: healthy");
    }

    #[tokio::test]
    async fn the_body_must_contain_the_pattern() {
        let wanted = HttpRequest { body: Some("models: [1-9]".into()), ..request("/", &[200]) };
        assert_eq!(asked(&wanted, "200 OK", "ready, models: 3").await.0, Answer::Passed);
        let expected = "200 OK, but the pattern is not in the body: ready, models: 0";
        assert_eq!(shown(&asked(&wanted, "200 OK", "ready, models: 0").await.0), expected);
    }

    #[test]
    fn a_certificate_is_for_the_service_or_for_the_host_header() {
        let mut wanted = request("/", &[200]);
        assert_eq!(host("web", &wanted), "web");
        wanted.headers.insert("HOST".into(), "api.example:8443".into());
        assert_eq!(host("web", &wanted), "api.example");
    }

    /// A server of one answer over HTTPS, for this name; its address and its own certificate.
    async fn secure_server(name: &str) -> (SocketAddr, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (connection, _) = listener.accept().await.unwrap();
            let Ok(mut connection) = acceptor.accept(connection).await else { return };
            let _ = connection.read(&mut vec![0; 4096]).await;
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nmodels: 3").await;
        });
        (address, made.cert.pem())
    }

    #[tokio::test]
    async fn a_certificate_must_be_signed_by_the_given_authority_and_be_for_the_service() {
        let folder = tempfile::tempdir().unwrap();
        let (ca, empty) = (folder.path().join("ca.pem"), folder.path().join("empty.pem"));
        std::fs::write(&empty, "").unwrap();
        let path = |file: &std::path::Path| Some(file.display().to_string());
        for (name, with_ca, insecure, passes) in [
            ("web", true, false, true),
            ("web", false, false, false),
            ("web", false, true, true),
            ("other", true, false, false),
        ] {
            let (address, pem) = secure_server(name).await;
            std::fs::write(&ca, pem).unwrap();
            let tls = Some(Tls { insecure, ca: path(&ca).filter(|_| with_ca) });
            let body = Some("models: 3".to_owned());
            let answer = ask(address, "web", &HttpRequest { tls, body, ..request("/", &[200]) }).await;
            assert_eq!(answer == Answer::Passed, passes, "{name} {with_ca} {insecure}: {answer:?}");
            assert!(passes || shown(&answer).contains("certificate"), "{answer:?}");
        }
        let tls = Some(Tls { insecure: false, ca: path(&empty) });
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let answer = ask(nobody, "web", &HttpRequest { tls, ..request("/", &[200]) }).await;
        assert!(
            matches!(&answer, Answer::Impossible(why) if why.contains("no PEM certificate")),
            "{answer:?}"
        );
    }
}
