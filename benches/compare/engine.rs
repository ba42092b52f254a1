//! The engine alone: the same containers by the calls that every tool has to make, all at once and nothing else.
//! No tool can be faster than this; how near it comes is what the tool itself costs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::fleet::COMMAND;
use crate::measure::NETWORK_KEPT;

const SOCKET: &str = "/var/run/docker.sock";

/// The containers of one round, and the name of their network.
pub struct Fleet {
    name: String,
    containers: usize,
}

impl Fleet {
    pub fn new(round: usize, containers: usize) -> Self {
        let name = format!("sofa-bench-engine-{}-{round}", std::process::id());
        Self { name, containers }
    }

    /// Makes the network and the containers on it, and starts them.
    pub fn create_and_start(&self, image: &str) -> Result<Duration> {
        let start = Instant::now();
        let network = &self.name;
        post("/networks/create", &format!("{{\"Name\":\"{network}\"}}"))?;
        let command = COMMAND.map(|word| format!("{word:?}")).join(",");
        let body = format!(
            "{{\"Image\":\"{image}\",\"Cmd\":[{command}],\"HostConfig\":{{\"NetworkMode\":\"{network}\"}}}}"
        );
        self.for_each(|name| {
            post(&format!("/containers/create?name={name}"), &body)?;
            post(&format!("/containers/{name}/start"), "")
        })?;
        Ok(start.elapsed())
    }

    /// Stops and removes them, and the network.
    pub fn stop_and_remove(&self) -> Result<Duration> {
        let start = Instant::now();
        self.for_each(|name| {
            post(&format!("/containers/{name}/stop"), "")?;
            call("DELETE", &format!("/containers/{name}"), "")
        })?;
        match call("DELETE", &format!("/networks/{}", self.name), "") {
            Err(error) if !error.to_string().contains(NETWORK_KEPT) => Err(error),
            _ => Ok(start.elapsed()),
        }
    }

    /// Does it for every container's name, all at once.
    fn for_each(&self, work: impl Fn(&str) -> Result<()> + Sync) -> Result<()> {
        thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = (1..=self.containers)
                .map(|number| scope.spawn(move || work(&format!("{}-{number:02}", self.name))))
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().ok().context("a call panicked")?)
        })
    }
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
