//! One test of a container's readiness: a command in it, an HTTP request or a connection to it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::engine::exec::ExecCommand;
use crate::engine::{ContainerDetails, Engine};
use crate::plan::observed::ContainerId;

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

/// Asks the container over HTTP; the expected status passes.
pub(super) async fn http(
    engine: &Engine,
    details: &ContainerDetails,
    port: u16,
    path: &str,
    expect: u16,
    timeout: Duration,
) -> Answer {
    let address = match address(engine, details, port).await {
        Ok(address) => address,
        Err(answer) => return answer,
    };
    match tokio::time::timeout(timeout, get(address, path)).await {
        Ok(Some(status)) if status.as_u16() == expect => Answer::Passed,
        Ok(_) => Answer::Failed,
        Err(_) => Answer::TimedOut,
    }
}

/// The status of a GET request; `None` when there is no answer. Redirects are not followed, because a gate can expect
/// 302, and no proxy is used.
async fn get(address: SocketAddr, path: &str) -> Option<StatusCode> {
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().ok()?;
    let response = client.get(format!("http://{address}{path}")).send().await.ok()?;
    Some(response.status())
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

    /// Answers one request with this head, and returns the request.
    async fn ask(path: &str, head: &'static str) -> (Option<StatusCode>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            connection.write_all(head.as_bytes()).await.unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        (get(address, path).await, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let head = "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n";
        let (status, request) = ask("/healthz?full=1", head).await;
        assert_eq!(status, Some(StatusCode::FOUND));
        assert!(request.starts_with("GET /healthz?full=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("host: 127.0.0.1:"), "{request}");
    }

    #[tokio::test]
    async fn a_path_is_encoded() {
        let (status, request) = ask("/is ready", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(status, Some(StatusCode::OK));
        assert!(request.starts_with("GET /is%20ready HTTP/1.1\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_connection_that_closes_is_no_answer() {
        assert_eq!(ask("/", "").await.0, None);
    }
}
