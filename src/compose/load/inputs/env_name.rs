//! COMPOSE_PROJECT_NAME in env files, read leniently: it names the project for verbs that must work with a broken env file too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::compose::load::inputs::discover;
use crate::compose::load::inputs::dotenv;
use crate::compose::load::inputs::variables::Environment;
use crate::compose::load::session::Session;
use crate::diag::Sources;
use crate::yaml::Span;

/// The variable.
const VARIABLE: &str = "COMPOSE_PROJECT_NAME";

/// The project's name in env files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvName {
    /// They name it.
    Named {
        /// The name.
        name: String,
        /// The line that does.
        place: Span,
    },
    /// They do not.
    Silent,
    /// One of them cannot be read, and the others do not name it: it might.
    Unknown,
}

/// The name in the env files, the last one first. Texts that contain it are added to `sources`.
pub fn name_in_env_files(
    files: &[PathBuf],
    environment: &BTreeMap<String, String>,
    here: &Path,
    sources: &mut Sources,
) -> EnvName {
    let mut unknown = false;
    for file in files.iter().rev() {
        let Ok(text) = std::fs::read_to_string(file) else {
            unknown = true;
            continue;
        };
        let mut unread = Sources::default();
        let mut session = Session::new(here, &mut unread);
        let mut variables = Environment::of_process(environment);
        let whole = discover::read_into(files, &mut variables, &mut session);
        let Some(line) = line_of(&text) else {
            unknown |= whole.is_none();
            continue;
        };
        let name = match whole {
            Some(()) => variables.get(VARIABLE).map(str::to_owned),
            None => alone(&text[line.0..line.1], &Environment::of_process(environment)),
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let shown = file.strip_prefix(here).unwrap_or(file).display().to_string();
            let source = sources.add(shown, text.as_str());
            return EnvName::Named { name, place: Span::new(source, line.0, line.1) };
        }
    }
    if unknown { EnvName::Unknown } else { EnvName::Silent }
}

/// The last line that sets the variable.
fn line_of(text: &str) -> Option<(usize, usize)> {
    let mut found = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let assigned = bare.strip_prefix("export ").map_or(bare, str::trim_start).strip_prefix(VARIABLE);
        if assigned.is_some_and(|rest| rest.trim_start().starts_with(['=', ':'])) {
            let at = start + (line.len() - line.trim_start().len());
            found = Some((at, at + bare.len()));
        }
        start += line.len();
    }
    found
}

/// The value of a line in a file that is broken elsewhere.
fn alone(line: &str, environment: &Environment) -> Option<String> {
    let assignments = dotenv::parse(line, &|name| environment.get(name).map(str::to_owned)).ok()?;
    assignments.into_iter().next_back().map(|assignment| assignment.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (EnvName, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
        for (path, (_, text)) in paths.iter().zip(files) {
            if !text.is_empty() {
                std::fs::write(path, text).unwrap();
            }
        }
        let mut sources = Sources::default();
        let environment = BTreeMap::from([("STAGE".to_owned(), "blue".to_owned())]);
        (name_in_env_files(&paths, &environment, folder.path(), &mut sources), sources)
    }

    #[track_caller]
    fn assert_name(files: &[(&str, &str)], name: &str, place: &str) {
        let (found, sources) = read(files);
        let EnvName::Named { name: found, place: span } = found else { panic!("{found:?}") };
        assert_eq!((found.as_str(), sources.place(span).as_str()), (name, place));
    }

    #[test]
    fn the_line_is_found_with_its_place() {
        assert_name(&[(".env", "A=1\nexport COMPOSE_PROJECT_NAME=app-$STAGE\n")], "app-blue", ".env:2:1");
        assert_name(
            &[("a", "COMPOSE_PROJECT_NAME=one\n"), ("b", "COMPOSE_PROJECT_NAME='two'\n")],
            "two",
            "b:1:1",
        );
        assert_name(&[("a", "COMPOSE_PROJECT_NAME=one\n"), ("b", "B=1\n")], "one", "a:1:1");
    }

    #[test]
    fn a_line_of_a_broken_file_is_still_read() {
        assert_name(&[(".env", "A=${B\n  COMPOSE_PROJECT_NAME=app # as before\n'\n")], "app", ".env:2:3");
    }

    #[test]
    fn similar_lines_are_not_the_variable() {
        assert_eq!(
            read(&[("a", "COMPOSE_PROJECT_NAMES=x\n#COMPOSE_PROJECT_NAME=y\nCOMPOSE_PROJECT_NAME=\n")]).0,
            EnvName::Silent
        );
        assert_eq!(read(&[("a", "TEXT=\"\nCOMPOSE_PROJECT_NAME=x\n\"\n")]).0, EnvName::Silent);
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_it_open() {
        assert_eq!(read(&[("missing", "")]).0, EnvName::Unknown);
        assert_eq!(read(&[("a", "'\n")]).0, EnvName::Unknown);
    }
}
