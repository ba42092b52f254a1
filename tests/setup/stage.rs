//! A folder of stand-ins for programs, which write down how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

/// Held while a stand-in is written and while a program starts. A program that starts meanwhile inherits the file that is open
/// for writing, and the file could not be executed then.
static STARTING: Mutex<()> = Mutex::new(());

/// The stand-ins of one test.
pub struct Stage {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What one run did.
pub struct Run {
    pub code: i32,
    /// One line for each call of a stand-in: its name, its arguments, what it added.
    pub calls: Vec<String>,
    pub stdout: String,
    pub stderr: String,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let calls = folder.path().join("calls").display().to_string();
        Self { folder, environment: vec![("CALLS".to_owned(), calls)] }
    }

    /// A stand-in of this name: notes its call, then does what the shell script says.
    pub fn with(self, program: &str, script: &str) -> Self {
        let _guard = STARTING.lock().unwrap();
        let path = self.folder.path().join(program);
        let text = format!("#!/bin/sh\nprintf '\\n%s' \"{program}${{*:+ $*}}\" >>\"$CALLS\"\n{script}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub fn without(self, program: &str) -> Self {
        fs::remove_file(self.folder.path().join(program)).unwrap();
        self
    }

    pub fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command in the project's folder that finds the stand-ins first, and the system's programs after them.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.path().display()));
        for name in ["SERVICES", "SOFA_SERVICES", "DOCKER_HOST", "DOCKER_CONTEXT"] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().cloned());
        command
    }

    pub fn run(&self, mut command: Command) -> Run {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = {
            let _guard = STARTING.lock().unwrap();
            command.spawn().unwrap()
        };
        let output = child.wait_with_output().unwrap();
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        Run {
            code: output.status.code().unwrap(),
            calls: calls.lines().skip(1).map(str::to_owned).collect(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The place where hostile input would leave its mark.
    pub fn mark(&self) -> String {
        self.folder.path().join("mark").display().to_string()
    }

    pub fn is_unmarked(&self) -> bool {
        !self.folder.path().join("mark").exists()
    }
}
