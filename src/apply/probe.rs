//! One test of a container's readiness: a command in it, an HTTP request or a connection to it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::engine::exec::ExecCommand;
use crate::engine::{ContainerDetails, Engine};
use crate::plan::observed::ContainerId;

/// What a test told.
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
    // A redirect is an answer of its own: whoever expects 302 must see it. A proxy of the operator is not asked.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .build();
    let Ok(client) = client else {
        return Answer::Impossible("no HTTP client could be made".into());
    };
    match client.get(format!("http://{address}{path}")).send().await {
        Ok(response) if response.status().as_u16() == expect => Answer::Passed,
        Err(error) if error.is_timeout() => Answer::TimedOut,
        _ => Answer::Failed,
    }
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
