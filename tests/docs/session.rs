//! Runs the blocks of a page in a separate folder and compares their output with the page.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::page::{Block, Marker, Page};
use crate::shell::{Example, examples};

/// What separates the output of one command from the next.
const SEPARATOR: char = '\u{1e}';

/// The image that pages name.
const IMAGE: &str = "busybox:1.37";

/// The folder of a page, and what its examples call by another name than the test does.
pub struct Session<'a> {
    page: &'a Page,
    folder: PathBuf,
    /// What the page says, and what it is here.
    names: Vec<(String, String)>,
    engine: bool,
}

impl<'a> Session<'a> {
    /// A session without an engine: a command that asks one fails.
    pub fn without_engine(page: &'a Page, parent: &Path) -> Session<'a> {
        let project = page.setting("project").unwrap_or("hello").to_owned();
        Session::new(page, parent, &project, Vec::new(), false)
    }

    /// A session on the tests' engine, with a project name and an image of the test's own.
    pub fn with_engine(page: &'a Page, parent: &Path, project: &str, image: &str) -> Session<'a> {
        let shown = page.setting("project").unwrap_or("hello").to_owned();
        let names = vec![(shown, project.to_owned()), (IMAGE.to_owned(), image.to_owned())];
        Session::new(page, parent, project, names, true)
    }

    fn new(
        page: &'a Page,
        parent: &Path,
        project: &str,
        mut names: Vec<(String, String)>,
        engine: bool,
    ) -> Session<'a> {
        let folder = parent.join(project);
        fs::create_dir_all(&folder).unwrap();
        if let Some(port) = page.setting("port") {
            names.push((port.to_owned(), free_port().to_string()));
        }
        let session = Session { page, folder, names, engine };
        if page.setting("folder") == Some("repository") {
            for path in ["compose", "envs", "Makefile"] {
                copy(Path::new(path), &session.folder.join(path));
            }
            // The port that the stack publishes.
            session.write("envs/.local.env", &fs::read_to_string("envs/.local.env").unwrap(), false);
        }
        session
    }

    /// Runs what the page has for this session, in its order. Returns what does not agree.
    pub fn run(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for block in &self.page.blocks {
            match &block.marker {
                Marker::File(path) => self.write(path, &block.text, false),
                Marker::Append(path) => self.write(path, &block.text, true),
                Marker::Engine { exit } if self.engine => wrong.extend(self.run_block(block, *exit)),
                Marker::None if block.is_command() => wrong.extend(self.run_block(block, 0)),
                _ => {}
            }
        }
        wrong
    }

    fn write(&self, path: &str, text: &str, append: bool) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = if append { fs::read_to_string(&path).unwrap() } else { String::new() };
        fs::write(&path, before + &self.to_test(text)).unwrap();
        if path.extension().is_some_and(|extension| extension == "env") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn run_block(&self, block: &Block, exit: i32) -> Vec<String> {
        let examples = examples(block);
        let commands: Vec<String> = examples
            .iter()
            .map(|example| {
                format!("{}\nprintf '{SEPARATOR}%s{SEPARATOR}' $?", self.to_test(&example.command))
            })
            .collect();
        let output = self.shell(&format!("exec 2>&1\n{}\n", commands.join("\n")));
        let mut parts = output.split(SEPARATOR);
        let mut wrong = Vec::new();
        for (index, example) in examples.iter().enumerate() {
            let printed = self.to_page(parts.next().unwrap_or_default());
            let code: i32 = parts.next().and_then(|code| code.parse().ok()).unwrap_or(-1);
            let expected = if index + 1 == examples.len() { exit } else { 0 };
            let at = self.page.at(block.line);
            if code != expected {
                wrong.push(format!(
                    "{at}: `{}` ended with {code}, not {expected}:\n{printed}",
                    example.command
                ));
            } else if !agrees(example, &printed) {
                wrong.push(format!("{at}: `{}` printed\n{printed}", example.command));
            }
        }
        wrong
    }

    /// What a script prints, in the page's folder, without a terminal.
    fn shell(&self, script: &str) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_sofa")).parent().unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(&self.folder)
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display()))
            .env("NO_COLOR", "1")
            .env("COLUMNS", "120")
            .env("HOME", &self.folder)
            .stdin(Stdio::null());
        for name in ["CI", "GITHUB_ACTIONS", "SOFA_SERVICES", "MAKEFLAGS", "MAKELEVEL"] {
            command.env_remove(name);
        }
        // `make` in the examples calls the binary under test and prepares nothing.
        command.env("MAKEFLAGS", format!("SOFA={}/sofa TOOLS={}", binary.display(), self.tools().display()));
        if !self.engine {
            command.env_remove("DOCKER_CONTEXT").env("DOCKER_HOST", "unix:///no/engine/here.sock");
        }
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    }

    /// Stand-ins for the tools that prepare the machine.
    fn tools(&self) -> PathBuf {
        let folder = self.folder.parent().unwrap().join("tools");
        fs::create_dir_all(&folder).unwrap();
        for tool in ["ensure-engine", "build", "base-image"] {
            let path = folder.join(tool);
            if !path.exists() {
                fs::write(&path, "#!/bin/sh\n").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        folder
    }

    fn to_test(&self, text: &str) -> String {
        // The name of the project may be a common word: only the image and the port are replaced.
        let replaced = self.names.iter().skip(usize::from(self.engine));
        replaced.fold(text.to_owned(), |text, (page, test)| text.replace(page, test))
    }

    fn to_page(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (page, test)| text.replace(test, page))
    }
}

/// Whether a command printed what the page shows for it.
fn agrees(example: &Example, printed: &str) -> bool {
    let shown: Vec<String> = example.shown.iter().map(|line| comparable(line)).collect();
    let shown = trimmed(&shown);
    let printed: Vec<String> = printed.lines().map(comparable).collect();
    shown.is_empty() || lines_match(shown, trimmed(&printed))
}

/// Without empty lines at the end.
fn trimmed(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

/// A line with every gap one space wide, and the same duration everywhere.
fn comparable(line: &str) -> String {
    line.split_whitespace()
        .map(|word| if is_duration(word) { "0s".to_owned() } else { word.to_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a word is a time: `20ms`, or numbers each with a unit, as in `1.5s` and `1m04s`.
fn is_duration(word: &str) -> bool {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    if let Some(number) = word.strip_suffix("ms") {
        return is_number(number);
    }
    let mut parts = word.split_inclusive(|c: char| c.is_ascii_alphabetic());
    !word.is_empty() && parts.all(|part| part.strip_suffix(['s', 'm', 'h']).is_some_and(is_number))
}

fn lines_match(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others)),
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    match shown.split_once("...") {
        None => shown == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn shown_output_is_compared_line_by_line() {
    let example = |shown: &[&str]| Example {
        command: String::new(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert!(agrees(&example(&["a  1.5s", "...", "b ... d"]), "a 20ms\nx\ny\nb c d\n"));
    assert!(agrees(&example(&["in 41.1s"]), "in 1m04s\n"));
    assert!(!agrees(&example(&["in 41.1s"]), "in vain\n"));
    assert!(agrees(&example(&[]), "anything\n"));
    assert!(!agrees(&example(&["a"]), "b\n"));
    assert!(!agrees(&example(&["a"]), "a\nmore\n"));
    assert!(!agrees(&example(&["a", "b"]), "a\n"));
}
