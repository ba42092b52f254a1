//! A Compose project in a separate folder, driven by the `sofa` binary or directly through the engine.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sofa::testing::engine::Engine;
use tempfile::TempDir;

use super::{busybox, cleanup, connect};

/// A project that is removed when it is dropped: folder, containers, networks, volumes, images.
pub struct TestProject {
    engine: Engine,
    name: String,
    folder: TempDir,
    environment: BTreeMap<String, String>,
    also: Vec<String>,
}

/// How a program ended and what it said.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its exit code; 128 + signal where a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Run {
    /// Panics with everything it said unless it ended with `code`.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Run {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Panics unless it succeeded.
    #[track_caller]
    pub fn ok(&self) -> &Run {
        self.assert_code(0)
    }

    /// Panics unless standard error contains `text`.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Run {
        assert!(self.stderr.contains(text), "not on stderr: {text}\nstderr:\n{}", self.stderr);
        self
    }
}

impl TestProject {
    /// A new project with a unique name. `None`, after a notice, if there is no engine.
    pub async fn new(name: &str) -> Option<TestProject> {
        TestProject::on(connect().await?, name).await
    }

    /// The same on an engine of the test's choice.
    pub async fn on(engine: Engine, name: &str) -> Option<TestProject> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let image = busybox::acquire(&engine).await?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Names of one length: the columns of what sofa prints must not depend on the number of the process.
        let name = format!("sofatest-{name}-{:07}-{count:03}", std::process::id());
        let folder = tempfile::Builder::new().prefix("sofatest-").tempdir().expect("folder");
        let environment = BTreeMap::from([("BUSYBOX".to_owned(), image)]);
        Some(TestProject { engine, name, folder, environment, also: Vec::new() })
    }

    /// The project's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A handle on the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The image with busybox; Compose files name it `${BUSYBOX}`.
    pub fn image(&self) -> &str {
        &self.environment["BUSYBOX"]
    }

    /// The project's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, folders included; an env file as its owner's alone, as protected modes want it.
    pub fn file(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(&path, text).expect("file");
        if path.extension().is_some_and(|extension| extension == "env") {
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("env file");
        }
        path
    }

    /// Sets a variable for every program that is run from now on.
    pub fn env(&mut self, name: &str, value: &str) -> &mut TestProject {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The variables that programs get beside those of the test's own process.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Another project whose objects go with this one's.
    pub fn also_clean(&mut self, project: &str) {
        self.also.push(project.to_owned());
    }

    /// Runs `sofa` with the project's name, in its folder.
    pub fn sofa<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sofa"));
        command.args(["-p", self.name()]).args(arguments);
        self.run(command)
    }

    /// Runs `sofa` in the project's folder with whatever name its files say; [`TestProject::also_clean`] wants to know it.
    pub fn sofa_by_files<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sofa"));
        command.args(arguments);
        self.run(command)
    }

    /// `sofa` as a command, for tests that signal it or feed it.
    pub fn sofa_command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sofa"));
        command.args(["-p", self.name()]).current_dir(self.folder()).envs(&self.environment);
        command
    }

    /// Runs `docker compose` with the project's name, in its folder.
    pub fn docker_compose<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = Command::new("docker");
        command.args(["compose", "-p", self.name()]).args(arguments);
        self.run(command)
    }

    /// Runs any program in the project's folder, with its variables and without a terminal.
    pub fn run(&self, mut command: Command) -> Run {
        let begun = Instant::now();
        let output: Output = command
            .current_dir(self.folder())
            .envs(&self.environment)
            .env("NO_COLOR", "1")
            .env_remove("CI")
            .stdin(Stdio::null())
            .output()
            .expect("program");
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or(0);
        Run {
            code: output.status.code().unwrap_or(128 + signal),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: begun.elapsed(),
        }
    }
}

impl Drop for TestProject {
    fn drop(&mut self) {
        cleanup::remove_everything(&self.engine, &self.name, &self.also);
    }
}
