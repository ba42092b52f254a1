//! How a service's containers behave.

use std::time::Duration;

/// A container's behaviour. By default it runs until it is stopped, is healthy at once, and says nothing.
#[derive(Debug, Clone)]
pub struct Script {
    /// It exits by itself after this time with this code.
    pub exits: Option<(Duration, i64)>,
    /// Its healthcheck passes after this time; none means never.
    pub healthy: Option<Duration>,
    /// Its healthcheck says unhealthy after this time.
    pub unhealthy: Option<Duration>,
    /// How long it takes to stop after its stop signal.
    pub stops: Duration,
    /// The code it exits with when it is stopped.
    pub stop_code: i64,
    /// What it prints when it starts: stdout, or stderr where it begins with `!`.
    pub logs: Vec<String>,
    /// Why its start fails.
    pub start_error: Option<String>,
    /// Whether the kernel is what ends it.
    pub oom: bool,
    /// What commands run in it answer; none means by its health.
    pub exec: Option<ExecReply>,
    /// What single commands answer instead, by their first word.
    pub commands: Vec<(String, ExecReply)>,
}

/// What a command run in a container does.
#[derive(Debug, Clone, Default)]
pub struct ExecReply {
    /// Its exit code.
    pub code: i64,
    /// What it prints on stdout.
    pub stdout: String,
    /// What it prints on stderr.
    pub stderr: String,
    /// How long it runs.
    pub takes: Duration,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            exits: None,
            healthy: Some(Duration::ZERO),
            unhealthy: None,
            stops: Duration::ZERO,
            stop_code: 0,
            logs: Vec::new(),
            start_error: None,
            oom: false,
            exec: None,
            commands: Vec::new(),
        }
    }
}

impl Script {
    /// Exits by itself.
    pub fn exits(self, code: i64, after_ms: u64) -> Script {
        Script { exits: Some((Duration::from_millis(after_ms), code)), ..self }
    }

    /// Becomes healthy.
    pub fn healthy_after(self, ms: u64) -> Script {
        Script { healthy: Some(Duration::from_millis(ms)), ..self }
    }

    /// Stays `starting`.
    pub fn never_healthy(self) -> Script {
        Script { healthy: None, ..self }
    }

    /// Becomes unhealthy.
    pub fn unhealthy_after(self, ms: u64) -> Script {
        Script { healthy: None, unhealthy: Some(Duration::from_millis(ms)), ..self }
    }

    /// Takes its time to stop.
    pub fn stops_after(self, ms: u64) -> Script {
        Script { stops: Duration::from_millis(ms), ..self }
    }

    /// Prints lines when it starts; those with `!` before them on stderr.
    pub fn logs<'a>(self, lines: impl IntoIterator<Item = &'a str>) -> Script {
        Script { logs: lines.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// Cannot be started.
    pub fn start_fails(self, message: &str) -> Script {
        Script { start_error: Some(message.to_owned()), ..self }
    }

    /// Answers commands that are run in it.
    pub fn exec(self, reply: ExecReply) -> Script {
        Script { exec: Some(reply), ..self }
    }

    /// Answers one command, by its first word.
    pub fn command(mut self, word: &str, reply: ExecReply) -> Script {
        self.commands.push((word.to_owned(), reply));
        self
    }
}
