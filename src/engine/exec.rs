//! Runs a command in a container: captures its output, or attaches to its streams. An exec cannot be killed: after a timeout, and
//! when nobody is attached any more, it continues.

use std::time::Duration;

use bollard::models::ExecConfig;
use http::Method;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::lines::{LogLine, Splitter};
use super::streams::{self, Input, Outputs, Size};
use super::wire::frames::{Frames, Output, OutputStream};
use crate::plan::observed::ContainerId;

/// How much of the end of each stream is kept.
const KEPT: usize = 64 * 1024;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecCommand {
    /// The program and its arguments, without a shell.
    pub argv: Vec<String>,
    /// None: the container's user.
    pub user: Option<String>,
    /// None: the container's working directory.
    pub working_dir: Option<String>,
    /// Additional environment, `NAME=value`.
    pub env: Vec<String>,
    pub privileged: bool,
}

/// How a command is attached to.
#[derive(Debug, Clone, Default)]
pub struct Attach {
    /// Whether it gets input.
    pub input: bool,
    /// Whether it runs on a terminal, and the terminal's size where that is known.
    pub tty: bool,
    pub size: Option<Size>,
    /// The keys that detach from a terminal, as `ctrl-p,ctrl-q`; none for the engine's default.
    pub detach_keys: Option<String>,
}

/// A command that was started in a container.
#[derive(Debug)]
pub struct Exec {
    id: String,
    call: Call,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// None where it did not end in time and still runs in the container.
    pub exit_code: Option<i64>,
    /// The last 64 KiB.
    pub stdout: Vec<u8>,
    /// The last 64 KiB.
    pub stderr: Vec<u8>,
}

impl Engine {
    /// Runs a command until it ends, at most for `timeout`.
    ///
    /// # Errors
    /// `is_conflict` where the container does not run; refused where the program does not exist. Some engines report
    /// that with exit code 126 or 127 instead.
    pub async fn exec(
        &self,
        id: &ContainerId,
        command: &ExecCommand,
        timeout: Duration,
    ) -> Result<ExecOutcome, EngineError> {
        self.exec_watched(id, command, timeout, |_| ()).await
    }

    /// As `exec`, and passes each line on as it is printed.
    ///
    /// # Errors
    /// As `exec`.
    pub async fn exec_watched(
        &self,
        id: &ContainerId,
        command: &ExecCommand,
        timeout: Duration,
        mut watch: impl FnMut(LogLine),
    ) -> Result<ExecOutcome, EngineError> {
        let call = Call::new(format!("exec in container `{id}`"));
        let exec = self.create_exec(&call, id, exec_config(command)).await?;
        let path = format!("/exec/{exec}/start");
        let body = serde_json::json!({ "Detach": false, "Tty": false });
        let mut outcome = ExecOutcome { exit_code: None, stdout: Vec::new(), stderr: Vec::new() };
        let run = async {
            let mut connection = self.wire().hijack(&call, &path, &body).await?;
            capture(&call, &mut connection, &mut outcome, &mut watch).await?;
            self.exec_exit_code(&call, &exec).await
        };
        match tokio::time::timeout(timeout, run).await {
            Ok(code) => outcome.exit_code = Some(code?),
            Err(_) => outcome.exit_code = None,
        }
        Ok(outcome)
    }

    /// Starts a command and attaches to its streams.
    ///
    /// # Errors
    /// `is_conflict` where the container does not run; refused where the program does not exist. Some engines report
    /// that with exit code 126 or 127 instead.
    pub async fn exec_attached(
        &self,
        id: &ContainerId,
        command: &ExecCommand,
        attach: &Attach,
    ) -> Result<(Exec, (Input, Outputs)), EngineError> {
        let call = Call::new(format!("exec in container `{id}`"));
        let config = ExecConfig {
            attach_stdin: Some(attach.input),
            tty: Some(attach.tty),
            detach_keys: attach.detach_keys.clone(),
            ..exec_config(command)
        };
        let id = self.create_exec(&call, id, config).await?;
        let mut body = serde_json::json!({ "Detach": false, "Tty": attach.tty });
        if let Some(size) = attach.size.filter(|_| attach.tty) {
            body["ConsoleSize"] = serde_json::json!([size.rows, size.columns]);
        }
        let connection = self.wire().hijack(&call, &format!("/exec/{id}/start"), &body).await?;
        let streams = streams::split(call.clone(), connection, attach.tty);
        let exec = Exec { id, call };
        if let Some(size) = attach.size.filter(|_| attach.tty) {
            // Engines before 23 know no size at the start.
            self.resize_exec(&exec, size).await;
        }
        Ok((exec, streams))
    }

    /// Starts a command that nobody is attached to.
    ///
    /// # Errors
    /// As `exec_attached`.
    pub async fn exec_detached(
        &self,
        id: &ContainerId,
        command: &ExecCommand,
        tty: bool,
    ) -> Result<(), EngineError> {
        let call = Call::new(format!("exec in container `{id}`"));
        let config =
            ExecConfig { attach_stdout: None, attach_stderr: None, tty: Some(tty), ..exec_config(command) };
        let exec = self.create_exec(&call, id, config).await?;
        let body = serde_json::json!({ "Detach": true, "Tty": tty });
        self.wire().bytes(&call, Method::POST, &format!("/exec/{exec}/start"), Some(&body)).await.map(drop)
    }

    /// Tells the size of the terminal. A command that has just ended has none any more, so a failure means nothing.
    pub async fn resize_exec(&self, exec: &Exec, Size { columns, rows }: Size) {
        let path = format!("/exec/{}/resize?h={rows}&w={columns}", exec.id);
        let _ = self.wire().bytes(&exec.call, Method::POST, &path, None).await;
    }

    /// The exit code of a command whose output has ended.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn exec_end(&self, exec: &Exec) -> Result<i64, EngineError> {
        self.exec_exit_code(&exec.call, &exec.id).await
    }

    async fn create_exec(
        &self,
        call: &Call,
        id: &ContainerId,
        config: ExecConfig,
    ) -> Result<String, EngineError> {
        let created = self.wire().bounded(call, self.docker().create_exec(id.as_str(), config)).await?;
        Ok(created.id)
    }

    /// The exit code, once the engine knows it: 20.10 still reports «running» for a moment after the output ended.
    async fn exec_exit_code(&self, call: &Call, exec: &str) -> Result<i64, EngineError> {
        let path = format!("/exec/{exec}/json");
        let mut pause = Duration::from_millis(2);
        loop {
            let state: ExecState = self.wire().json(call, Method::GET, &path, None).await?;
            if let (false, Some(code)) = (state.running, state.exit_code) {
                return Ok(code);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }
}

/// A command whose output is wanted and whose input is not.
fn exec_config(command: &ExecCommand) -> ExecConfig {
    ExecConfig {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.argv.clone()),
        env: (!command.env.is_empty()).then(|| command.env.clone()),
        user: command.user.clone(),
        working_dir: command.working_dir.clone(),
        privileged: Some(command.privileged),
        ..ExecConfig::default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExecState {
    running: bool,
    #[serde(default)]
    exit_code: Option<i64>,
}

/// Reads both streams and keeps the end of each.
async fn capture(
    call: &Call,
    connection: &mut (impl tokio::io::AsyncRead + Unpin),
    outcome: &mut ExecOutcome,
    watch: &mut impl FnMut(LogLine),
) -> Result<(), EngineError> {
    let mut frames = Frames::new(false);
    let mut lines = Splitter::new(false, false);
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let read = connection.read(&mut chunk).await.map_err(|error| EngineError::Stream {
            call: call.to_string(),
            reason: super::wire::reason(&error),
        })?;
        if read == 0 {
            lines.finish().into_iter().for_each(watch);
            return Ok(());
        }
        let outputs = frames
            .feed(&chunk[..read])
            .map_err(|reason| EngineError::Answer { call: call.to_string(), reason })?;
        for output in outputs {
            lines.feed(&output).into_iter().for_each(&mut *watch);
            let Output { stream, bytes } = output;
            let kept = match stream {
                OutputStream::Stdout => &mut outcome.stdout,
                OutputStream::Stderr => &mut outcome.stderr,
            };
            kept.extend_from_slice(&bytes);
            let surplus = kept.len().saturating_sub(KEPT);
            kept.drain(..surplus);
        }
    }
}
