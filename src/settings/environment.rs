//! The process's environment, read once. With it, `.sofa.env`: SOFA_* settings that never override the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Kind};

/// The variables of the process; those that are no UTF-8 are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    process: BTreeMap<String, String>,
    own: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn of_process() -> Environment {
        let process = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Environment { process, own: BTreeMap::new() }
    }

    /// Adds the SOFA_* settings of a `.sofa.env` in this folder, where there is one.
    ///
    /// # Errors
    /// A file that is there and cannot be read, or a line of it.
    pub fn with_file(mut self, directory: &Path) -> Result<Environment, Failure> {
        let path = directory.join(".sofa.env");
        if !path.is_file() {
            return Ok(self);
        }
        let unreadable =
            |error: dotenvy::Error| Failure::new(Kind::Usage, format!("{}: {error}", path.display()));
        for entry in dotenvy::from_path_iter(&path).map_err(unreadable)? {
            let (name, value) = entry.map_err(unreadable)?;
            if !name.starts_with("SOFA_") {
                let message = format!("{}: `{name}` is none of sofa's own settings", path.display());
                return Err(Failure::new(Kind::Usage, message)
                    .hint("variables for containers belong into an env file of the mode"));
            }
            self.own.insert(name, value);
        }
        Ok(self)
    }

    /// A variable's value; empty counts as set. `.sofa.env` answers for SOFA_* names that the process does not have.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.process.get(name).or_else(|| self.own.get(name)).map(String::as_str)
    }

    /// A variable's value where it is not empty.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(String::from)
    }

    /// Who runs this: the person behind a CI job or `sudo`, else the user.
    pub fn operator(&self) -> String {
        ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.process.get(name).filter(|value| !value.is_empty()))
            .map_or_else(|| "somebody".to_owned(), String::from)
    }

    /// The process's own variables: what interpolation sees. Nothing of `.sofa.env` is among them.
    pub fn process(&self) -> &BTreeMap<String, String> {
        &self.process
    }
}

/// The directory that the process was started in.
///
/// # Errors
/// A directory that was removed or may not be read.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub(super) fn current_directory() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::new(Kind::Failed, format!("current directory is not readable: {error}")))
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Environment {
        let process =
            variables.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Environment { process, own: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_never_overrides_the_environment_and_reaches_no_container() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".sofa.env"), "SOFA_PARALLEL=3\nSOFA_PROGRESS=json\n").unwrap();
        let environment = Environment::from([("SOFA_PARALLEL", "7")]).with_file(folder.path()).unwrap();
        assert_eq!(environment.get("SOFA_PARALLEL"), Some("7"));
        assert_eq!(environment.get("SOFA_PROGRESS"), Some("json"));
        assert!(!environment.process().contains_key("SOFA_PROGRESS"));
    }

    #[test]
    fn a_variable_that_is_not_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".sofa.env"), "DATABASE_URL=x\n").unwrap();
        let error = Environment::default().with_file(folder.path()).unwrap_err();
        assert!(error.to_string().contains("DATABASE_URL"), "{error}");
    }
}
