//! Reads `sofa.yaml`, the settings of a project, into plain data. All problems are reported at once, each with its place, so the
//! YAML tree is read key by key: a serde derive stops at the first problem and loses the spans. `modes` resolves the settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mode::{Deps, Services};
use super::times::parse_time;
use crate::diag::{Diagnostic, Diagnostics, Sources};
use crate::util::slug::{is_slug, slug};
use crate::util::spelling;
use crate::yaml::{self, Kind, Node, Span, Spanned};

pub const NAME: &str = "sofa.yaml";

/// The annotated example. It is the documentation and contains every key.
pub const EXAMPLE: &str = include_str!("../../docs/sofa.yaml");

/// The content of the file. Every part may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsFile {
    /// The first part of every mode's project name.
    pub project: Option<String>,
    pub backend: Option<Vec<String>>,
    pub modes: BTreeMap<String, ModeEntry>,
}

/// One entry of `modes`. [`super::Mode`] explains the settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModeEntry {
    /// The span of the mode's name.
    pub span: Span,
    pub extends: Option<Spanned<String>>,
    /// Absolute.
    pub files: Option<Vec<PathBuf>>,
    /// Absolute.
    pub env_files: Option<Vec<PathBuf>>,
    pub profiles: Option<Vec<String>>,
    pub services: Option<Services>,
    pub deps: Option<Deps>,
    pub protected: Option<bool>,
    pub project_name: Option<Spanned<String>>,
    pub down_volumes: Option<bool>,
    pub host: Option<String>,
    pub wait_timeout: Option<Duration>,
}

/// The keys of a mapping, each with the function that reads its value.
type Keys<'k, T> = &'k [(&'static str, fn(&mut Reader<'_>, &Node, &mut T))];

const ROOT: Keys<'_, SettingsFile> = &[
    ("project", |reader, node, file| file.project = reader.project_name(node).map(|name| name.value)),
    ("backend", |reader, node, file| file.backend = reader.texts(node)),
    ("modes", |reader, node, file| file.modes = reader.modes(node)),
];

const MODE: Keys<'_, ModeEntry> = &[
    ("extends", |reader, node, mode| mode.extends = reader.text(node)),
    ("files", |reader, node, mode| mode.files = reader.paths(node)),
    ("env_files", |reader, node, mode| mode.env_files = reader.paths(node)),
    ("profiles", |reader, node, mode| mode.profiles = reader.texts(node)),
    ("services", |reader, node, mode| mode.services = reader.services(node)),
    ("deps", |reader, node, mode| mode.deps = reader.word(node, &DEPS)),
    ("protected", |reader, node, mode| mode.protected = reader.boolean(node)),
    ("project_name", |reader, node, mode| mode.project_name = reader.project_name(node)),
    ("down_volumes", |reader, node, mode| mode.down_volumes = reader.boolean(node)),
    ("host", |reader, node, mode| mode.host = reader.host(node)),
    ("wait_timeout", |reader, node, mode| mode.wait_timeout = reader.time(node)),
];

const DEPS: [(&str, Deps); 3] = [("auto", Deps::Auto), ("none", Deps::None), ("all", Deps::All)];
const SERVICES: [(&str, Services); 3] =
    [("backend", Services::Backend), ("infra", Services::Infra), ("all", Services::All)];

/// Reads the file in a project's root, if it exists. `reserved` words cannot be names of modes. The result has all valid values,
/// even where others are invalid.
pub fn read(root: &Path, reserved: &[String], sources: &mut Sources) -> Option<(SettingsFile, Diagnostics)> {
    let path = root.join(NAME);
    if !path.exists() {
        return None;
    }
    match std::fs::read(&path).map(String::from_utf8) {
        Ok(Ok(text)) => Some(parse(&text, root, reserved, sources)),
        Ok(Err(_)) => Some((
            SettingsFile::default(),
            Diagnostic::error(format!("settings file {NAME} is not UTF-8 text")).into(),
        )),
        Err(error) => Some((
            SettingsFile::default(),
            Diagnostic::error(format!("settings file {NAME} cannot be read: {error}")).into(),
        )),
    }
}

/// Reads a text. Its relative paths start at `root`.
pub(super) fn parse(
    text: &str,
    root: &Path,
    reserved: &[String],
    sources: &mut Sources,
) -> (SettingsFile, Diagnostics) {
    let source = sources.add(NAME, text);
    let mut reader = Reader { root, reserved, path: Vec::new(), problems: Diagnostics::default() };
    let mut file = SettingsFile::default();
    match yaml::parse(source, text) {
        Err(errors) => reader.problems.extend(errors.into_iter().map(Diagnostic::from)),
        Ok(documents) => {
            if let Some(second) = documents.get(1) {
                reader
                    .problems
                    .push(Diagnostic::error("settings file has more than one document").at(second.span, ""));
            }
            if let Some(root) = documents.first() {
                reader.section(root, ROOT, &mut file);
            }
        }
    }
    (file, reader.problems)
}

/// Reads values from a tree, and collects the problems of invalid values.
struct Reader<'a> {
    root: &'a Path,
    reserved: &'a [String],
    /// The keys from the root to the current value.
    path: Vec<String>,
    problems: Diagnostics,
}

impl Reader<'_> {
    /// Reads the entries of a mapping. Null is an empty mapping.
    fn section<T>(&mut self, node: &Node, keys: Keys<'_, T>, into: &mut T) {
        let Some(map) = node.as_map() else {
            if !node.is_null() {
                self.wrong_kind(node, "a mapping");
            }
            return;
        };
        for entry in map {
            self.path.push(entry.key.to_string());
            match keys.iter().find(|(key, _)| *key == &*entry.key) {
                Some((_, read)) => read(self, &entry.value, into),
                None => self.unknown_key(&entry.key, entry.key_span, keys.iter().map(|(key, _)| *key)),
            }
            self.path.pop();
        }
    }

    fn modes(&mut self, node: &Node) -> BTreeMap<String, ModeEntry> {
        let mut modes = BTreeMap::new();
        let Some(map) = node.as_map() else {
            if !node.is_null() {
                self.wrong_kind(node, "a mapping of modes");
            }
            return modes;
        };
        for entry in map {
            let name = entry.key.to_string();
            if let Some(reason) = self.invalid_name(&name) {
                let message = format!("mode `{name}` {reason}");
                self.problems.push(Diagnostic::error(message).at(entry.key_span, "choose another name"));
                continue;
            }
            let mut mode = ModeEntry { span: entry.key_span, ..ModeEntry::default() };
            self.path.push(name.clone());
            self.section(&entry.value, MODE, &mut mode);
            self.path.pop();
            modes.insert(name, mode);
        }
        modes
    }

    /// Why the name is invalid, if it is.
    fn invalid_name(&self, name: &str) -> Option<&'static str> {
        if !is_slug(name) {
            Some(
                "has an invalid name: use lower-case letters, digits, `-` and `_`, and start with a letter or digit",
            )
        } else if self.reserved.iter().any(|word| word == name) {
            Some("has a reserved name: the word has another meaning on the command line")
        } else {
            None
        }
    }

    fn services(&mut self, node: &Node) -> Option<Services> {
        match &node.kind {
            Kind::String(_) => self.word(node, &SERVICES),
            Kind::List(_) => Some(Services::Named(self.list(node)?)),
            _ => {
                self.wrong_kind(node, "`backend`, `infra`, `all`, or a list of services");
                None
            }
        }
    }

    fn project_name(&mut self, node: &Node) -> Option<Spanned<String>> {
        let name = self.text(node)?;
        if is_slug(&name.value) {
            return Some(name);
        }
        let message = format!("`{}`: project name `{}` is invalid", self.shown(), name.value);
        let valid = slug(&name.value);
        let label = if valid.is_empty() { String::new() } else { format!("`{valid}` is valid") };
        let hint = "use lower-case letters, digits, `-` and `_`, and start with a letter or digit";
        self.problems.push(Diagnostic::error(message).at(node.span, label).hint(hint));
        None
    }

    /// The address of an engine on this machine. Addresses of other machines are known but not supported yet.
    fn host(&mut self, node: &Node) -> Option<String> {
        let address = self.text(node)?.value;
        if address.strip_prefix("unix://").is_some_and(|path| path.starts_with('/')) {
            return Some(address);
        }
        let unsupported =
            ["ssh://", "tcp://", "context:"].into_iter().find(|scheme| address.starts_with(scheme));
        let message = match unsupported {
            Some(scheme) => {
                format!("`{}`: engines at `{scheme}` addresses are not supported yet", self.shown())
            }
            None => format!("`{}`: `{address}` is not an engine address", self.shown()),
        };
        let hint = "use `unix:///path/to/docker.sock`";
        self.problems.push(Diagnostic::error(message).at(node.span, "").hint(hint));
        None
    }

    fn time(&mut self, node: &Node) -> Option<Duration> {
        let text = match &node.kind {
            Kind::String(_) | Kind::Int(_) => node.to_text()?,
            _ => {
                self.wrong_kind(node, "a time such as `6m`");
                return None;
            }
        };
        match parse_time(&text) {
            Ok(time) => Some(time),
            Err(error) => {
                let message = format!("`{}`: {error}", self.shown());
                self.problems.push(Diagnostic::error(message).at(node.span, ""));
                None
            }
        }
    }

    fn boolean(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Bool(value) => Some(value),
            _ => {
                self.wrong_kind(node, "`true` or `false`");
                None
            }
        }
    }

    fn word<T: Clone>(&mut self, node: &Node, known: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(node)?.value;
        if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let words = known.iter().map(|(word, _)| *word);
        let label = spelling::nearest(&text, words.clone())
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("`{}` is `{text}`", self.shown());
        let hint = format!("use one of {}", words.collect::<Vec<_>>().join(", "));
        self.problems.push(Diagnostic::error(message).at(node.span, label).hint(hint));
        None
    }

    fn text(&mut self, node: &Node) -> Option<Spanned<String>> {
        match node.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Some(Spanned { value: text.to_owned(), span: node.span }),
            None => {
                self.wrong_kind(node, "text");
                None
            }
        }
    }

    fn list(&mut self, node: &Node) -> Option<Vec<Spanned<String>>> {
        let Some(list) = node.as_list() else {
            self.wrong_kind(node, "a list");
            return None;
        };
        list.iter().map(|entry| self.text(entry)).collect()
    }

    fn texts(&mut self, node: &Node) -> Option<Vec<String>> {
        Some(self.list(node)?.into_iter().map(|entry| entry.value).collect())
    }

    fn paths(&mut self, node: &Node) -> Option<Vec<PathBuf>> {
        Some(self.texts(node)?.into_iter().map(|path| self.root.join(path)).collect())
    }

    fn wrong_kind(&mut self, node: &Node, wanted: &str) {
        let found = match node.as_str() {
            Some("") => "empty",
            _ => node.kind.name(),
        };
        let message = match self.path.as_slice() {
            [] => format!("settings file is {found}"),
            _ => format!("`{}` is {found}", self.shown()),
        };
        self.problems.push(Diagnostic::error(message).at(node.span, format!("expected {wanted}")));
    }

    fn unknown_key(&mut self, key: &str, span: Span, known: impl Iterator<Item = &'static str> + Clone) {
        let message = match &self.path[..self.path.len() - 1] {
            [] => format!("unknown key `{key}`"),
            parents => format!("`{}`: unknown key `{key}`", parents.join(".")),
        };
        let error = Diagnostic::error(message);
        self.problems.push(match spelling::nearest(key, known.clone()) {
            Some(near) => error.at(span, format!("did you mean `{near}`?")),
            None => error.at(span, "").hint(format!("known keys: {}", known.collect::<Vec<_>>().join(", "))),
        });
    }

    fn shown(&self) -> String {
        self.path.join(".")
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn read(text: &str) -> (SettingsFile, String) {
        let mut sources = Sources::default();
        let taken = ["deploy".to_owned(), "all".to_owned()];
        let (file, problems) = parse(text, Path::new("/srv/app"), &taken, &mut sources);
        (file, problems.render(&sources, false))
    }

    /// The keys of the mapping at `path`.
    fn keys(text: &str, path: &[&str]) -> Vec<String> {
        let documents = yaml::parse(Sources::default().add("x", text), text).unwrap();
        let node = path.iter().fold(&documents[0], |node, key| node.get(key).unwrap());
        node.as_map().unwrap().iter().map(|entry| entry.key.to_string()).collect()
    }

    #[test]
    fn the_example_is_valid_and_contains_every_key() {
        let (file, problems) = read(EXAMPLE);
        assert_eq!(problems, "");
        let shown = keys(EXAMPLE, &[]);
        assert!(ROOT.iter().all(|(key, _)| shown.iter().any(|shown| shown == key)), "{shown:?}");
        let shown: Vec<String> = file.modes.keys().flat_map(|mode| keys(EXAMPLE, &["modes", mode])).collect();
        for (key, _) in MODE {
            assert!(shown.iter().any(|shown| shown == key), "`{key}` is not in the example");
        }
    }

    #[test]
    fn every_key_is_read() {
        let (file, _) = read(EXAMPLE);
        assert_eq!(file.project.as_deref(), Some("coordinator"));
        assert_eq!(file.backend.unwrap()[0], "predict-worker");
        assert_eq!(file.modes["production"].host.as_deref(), Some("unix:///run/docker.sock"));
        let staging = &file.modes["staging"];
        assert_eq!(staging.extends.as_ref().unwrap().value, "production");
        assert_eq!(
            staging.files.as_ref().unwrap()[1],
            Path::new("/srv/app/compose/docker-compose-staging.yml")
        );
        assert_eq!(staging.env_files, Some(vec!["/srv/app/envs/.staging.env".into()]));
        assert_eq!(staging.profiles, Some(vec!["production".to_owned()]));
        let Some(Services::Named(services)) = &staging.services else { panic!("{staging:?}") };
        assert_eq!(services[1].value, "report-worker");
        assert_eq!(
            (staging.deps, staging.protected, staging.down_volumes),
            (Some(Deps::None), Some(true), Some(false))
        );
        assert_eq!(staging.project_name.as_ref().unwrap().value, "coordinator-stage");
        assert_eq!(staging.wait_timeout, Some(Duration::from_secs(600)));
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        for text in ["", "# later\n", "modes:\n", "modes:\n  production:\n"] {
            let (file, problems) = read(text);
            assert_eq!(problems, "", "{text:?}");
            assert_eq!((file.project, file.backend), (None, None));
        }
    }

    #[test]
    fn all_problems_are_reported_at_once_with_their_places() {
        let (file, problems) = read(
            "projekt: x
backend: web
modes:
  staging:
    protectd: true
    protected: maybe
    deps: non
    services: backends
    files: [a.yml, 7]
    wait_timeout: 6 minutes
    project_name: My App
    host: ssh://ops@build
    profiles: [a]
  deploy: {}
  Blue: {}
",
        );
        // Valid values are kept.
        assert_eq!(file.modes["staging"].profiles, Some(vec!["a".to_owned()]));
        assert_snapshot!(problems, @"
        error: unknown key `projekt`
         --> sofa.yaml:1:1
          |
        1 | projekt: x
          | ^^^^^^^ did you mean `project`?

        error: `backend` is text
         --> sofa.yaml:2:10
          |
        2 | backend: web
          |          ^^^ expected a list

        error: `modes.staging`: unknown key `protectd`
         --> sofa.yaml:5:5
          |
        5 |     protectd: true
          |     ^^^^^^^^ did you mean `protected`?

        error: `modes.staging.protected` is text
         --> sofa.yaml:6:16
          |
        6 |     protected: maybe
          |                ^^^^^ expected `true` or `false`

        error: `modes.staging.deps` is `non`
         --> sofa.yaml:7:11
          |
        7 |     deps: non
          |           ^^^ did you mean `none`?
        hint: use one of auto, none, all

        error: `modes.staging.services` is `backends`
         --> sofa.yaml:8:15
          |
        8 |     services: backends
          |               ^^^^^^^^ did you mean `backend`?
        hint: use one of backend, infra, all

        error: `modes.staging.files` is a number
         --> sofa.yaml:9:20
          |
        9 |     files: [a.yml, 7]
          |                    ^ expected text

        error: `modes.staging.wait_timeout`: duration `6 minutes` has an unknown unit ` minutes`; known are `ns`, `us`, `ms`, `s`, `m`, `h`, `d`, `w`
          --> sofa.yaml:10:19
           |
        10 |     wait_timeout: 6 minutes
           |                   ^^^^^^^^^

        error: `modes.staging.project_name`: project name `My App` is invalid
          --> sofa.yaml:11:19
           |
        11 |     project_name: My App
           |                   ^^^^^^ `myapp` is valid
        hint: use lower-case letters, digits, `-` and `_`, and start with a letter or digit

        error: `modes.staging.host`: engines at `ssh://` addresses are not supported yet
          --> sofa.yaml:12:11
           |
        12 |     host: ssh://ops@build
           |           ^^^^^^^^^^^^^^^
        hint: use `unix:///path/to/docker.sock`

        error: mode `deploy` has a reserved name: the word has another meaning on the command line
          --> sofa.yaml:14:3
           |
        14 |   deploy: {}
           |   ^^^^^^ choose another name

        error: mode `Blue` has an invalid name: use lower-case letters, digits, `-` and `_`, and start with a letter or digit
          --> sofa.yaml:15:3
           |
        15 |   Blue: {}
           |   ^^^^ choose another name
        ");
    }

    #[test]
    fn engines_on_other_machines_are_not_supported_yet() {
        for (host, expected) in [
            ("tcp://build:2376", "engines at `tcp://` addresses are not supported yet"),
            ("'context:build'", "engines at `context:` addresses are not supported yet"),
            ("build", "`build` is not an engine address"),
            ("unix://", "`unix://` is not an engine address"),
        ] {
            let (_, problems) = read(&format!("modes: {{ staging: {{ host: {host} }} }}"));
            assert!(problems.contains(expected), "{problems}");
        }
    }

    #[test]
    fn a_file_without_a_mapping_is_refused_with_its_place() {
        assert_snapshot!(read("- a\n").1, @"
        error: settings file is a list
         --> sofa.yaml:1:1
          |
        1 | - a
          | ^^^ expected a mapping
        ");
        assert_snapshot!(read("project: a\nproject: b\n").1, @"
        error: key `project` appears twice
         --> sofa.yaml:2:1
          |
        1 | project: a
          | ------- first here
        2 | project: b
          | ^^^^^^^ again here
        ");
        assert_snapshot!(read("project: a\n---\nproject: b\n").1, @"
        error: settings file has more than one document
         --> sofa.yaml:3:1
          |
        3 | project: b
          | ^^^^^^^^^^
        ");
        assert_snapshot!(read("modes: [a\n").1, @"
        error: YAML syntax: unclosed bracket '['
         --> sofa.yaml:1:8
          |
        1 | modes: [a
          |        ^
        ");
    }
}
