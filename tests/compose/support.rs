//! A case: a folder with Compose files, a command line, and docker compose's answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sofa::testing::compat::Dialect;
use sofa::testing::compose::load::{Input, Loaded, Request, load};
use sofa::testing::diag::{Diagnostics, Sources};

/// The case's folder in recorded answers.
pub const FOLDER: &str = "/CASE";
/// What stands in recorded answers for the folder of all cases.
const AROUND: &str = "/CASES";
/// The home folder of every case.
pub const HOME: &str = "/home/me";

/// `docker compose`, of the folder that DOCKER_CONFIG names, with no other variables of this process.
pub fn docker_compose() -> Command {
    let mut command = bare("docker");
    command.arg("compose");
    command
}

/// A program that gets of this process's variables what it takes to find docker compose.
#[allow(clippy::disallowed_methods, reason = "tests stand outside `settings`")]
pub fn bare(program: &str) -> Command {
    let variable = |name, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", variable("PATH", "/usr/bin"));
    command.env("DOCKER_CONFIG", variable("DOCKER_CONFIG", "/root/.docker"));
    command
}

/// Whose answers [`docker_compose`] gives.
pub fn oracle() -> (Dialect, String) {
    let output = docker_compose().args(["version", "--short"]).output().expect("docker");
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "no docker compose here; tools/compose-oracle sees to it");
    (Dialect::of_version(&version), version)
}

/// What docker compose answered.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    pub json: Option<String>,
    pub hashes: Option<String>,
    pub error: Option<String>,
}

/// One folder under `cases/`. Its files:
/// `command` (optional) variables `NAME=VALUE`, then options as docker compose takes them;
/// `expected.json`, `expected.hash` or `expected.error` docker compose 2's answer, `expected-5.…` what docker compose 5 answers
/// otherwise; `version` which ones, a line each;
/// `differs` (optional) why `sofa` answers otherwise on purpose than 2, `differs-5` than 5, and `sofa.json` what it answers, in the
/// dialect of 5 (without: it accepts or refuses what docker compose does not).
pub struct Case {
    pub folder: PathBuf,
}

impl Case {
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/cases");
        let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
            .expect("cases")
            .map(|entry| entry.expect("entry").path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        folders.into_iter().map(|folder| Self { folder }).collect()
    }

    pub fn name(&self) -> String {
        self.folder.file_name().expect("name").to_string_lossy().into_owned()
    }

    pub fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(file)).ok()
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), format!("{}\n", text.trim_end())).expect("written");
    }

    /// What docker compose of a dialect answered.
    pub fn recorded(&self, dialect: Dialect) -> Answer {
        let [json, hashes, error] =
            ["json", "hash", "error"].map(|kind| self.read(&format!("expected.{kind}")));
        let answer = Answer { json, hashes, error };
        if dialect == Dialect::V2 {
            return answer;
        }
        let [json, hashes, error] =
            ["json", "hash", "error"].map(|kind| self.read(&format!("expected-5.{kind}")));
        match error {
            Some(_) => Answer { error, ..Answer::default() },
            None if json.is_some() => Answer { hashes: hashes.or(answer.hashes), json, error },
            None => Answer { hashes: hashes.or(answer.hashes), ..answer },
        }
    }

    /// Variables and words of the command line.
    pub fn command(&self) -> (BTreeMap<String, String>, Vec<String>) {
        let text = self.read("command").unwrap_or_default();
        let mut variables = BTreeMap::from([("HOME".to_owned(), HOME.to_owned())]);
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) if words.is_empty() && !name.starts_with('-') => {
                    variables.insert(name.to_owned(), value.to_owned());
                }
                _ => words.push(word.to_owned()),
            }
        }
        (variables, words)
    }

    pub fn load(&self) -> (Result<Loaded, Diagnostics>, Sources) {
        let (environment, words) = self.command();
        let mut request = request(&words, environment);
        request.working_directory.clone_from(&self.folder);
        let mut sources = Sources::default();
        (load(&request, &mut sources), sources)
    }

    /// A text with the case's folder replaced, and the one around it.
    pub fn portable(&self, text: &str) -> String {
        let own = text.replace(&self.folder.display().to_string(), FOLDER);
        let around = self.folder.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
        own.replace(&around, AROUND)
    }
}

/// The request that docker compose's options make.
pub fn request(words: &[String], environment: BTreeMap<String, String>) -> Request {
    let mut request = Request { environment, ..Request::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("value").clone();
        match word.as_str() {
            "-f" => request.files.push(Input::Path(value().into())),
            "-p" => request.project_name = Some(value()),
            "--env-file" => request.env_files.push(value().into()),
            "--profile" => request.profiles.push(value()),
            "--project-directory" => request.project_directory = Some(value().into()),
            other => panic!("unknown option {other}"),
        }
    }
    request
}

/// Loads one Compose file with nothing around it.
pub fn load_text(text: &str) -> (Result<Loaded, Diagnostics>, Sources) {
    load_with(text, &[])
}

/// Loads one Compose file with variables set.
pub fn load_with(text: &str, variables: &[(&str, &str)]) -> (Result<Loaded, Diagnostics>, Sources) {
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Request {
        working_directory: "/nowhere".into(),
        files: vec![Input::Stdin(text.to_owned())],
        project_name: Some("test".to_owned()),
        environment,
        ..Request::default()
    };
    let mut sources = Sources::default();
    (load(&request, &mut sources), sources)
}
