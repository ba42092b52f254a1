//! The engine alone: the same containers by the calls that every tool has to make, all at once and nothing else.
//! No tool can be faster than this; how near it comes is what the tool itself costs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::fleet::COMMAND;

const SOCKET: &str = "/var/run/docker.sock";
const NETWORK: &str = "sofa-bench-engine";

/// Makes a network, and as many containers on it, and starts them.
pub fn create_and_start(containers: usize, image: &str) -> Result<Duration> {
    let start = Instant::now();
    post("/networks/create", &format!("{{\"Name\":\"{NETWORK}\"}}"))?;
    let command = COMMAND.map(|word| format!("{word:?}")).join(",");
    let body = format!(
        "{{\"Image\":\"{image}\",\"Cmd\":[{command}],\"HostConfig\":{{\"NetworkMode\":\"{NETWORK}\"}}}}"
    );
    for_each(containers, |name| {
        post(&format!("/containers/create?name={name}"), &body)?;
        post(&format!("/containers/{name}/start"), "")
    })?;
    Ok(start.elapsed())
}

/// Stops and removes them, and the network.
pub fn stop_and_remove(containers: usize) -> Result<Duration> {
    let start = Instant::now();
    for_each(containers, |name| {
        post(&format!("/containers/{name}/stop"), "")?;
        call("DELETE", &format!("/containers/{name}"), "")
    })?;
    call("DELETE", &format!("/networks/{NETWORK}"), "")?;
    Ok(start.elapsed())
}

/// Does it for every container's name, all at once.
fn for_each(containers: usize, work: impl Fn(&str) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (1..=containers)
            .map(|number| scope.spawn(move || work(&format!("{NETWORK}-{number:02}"))))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a call panicked")?)
    })
}

fn post(path: &str, body: &str) -> Result<()> {
    call("POST", path, body)
}

fn call(method: &str, path: &str, body: &str) -> Result<()> {
    let mut socket = UnixStream::connect(SOCKET).context(SOCKET)?;
    write!(
        socket,
        "{method} /v1.41{path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
    Ok(())
}
