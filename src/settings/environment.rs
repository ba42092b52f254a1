//! The environment of the process, read once, and the SOFA_* settings of `.sofa.env`, which never override it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Kind};

/// Environment variables. A variable that is not UTF-8 is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    process: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn of_process() -> Environment {
        let process = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Environment { process, file: BTreeMap::new() }
    }

    /// The environment as a shell in this directory would give it: `-C` is like a `cd` before.
    #[must_use]
    pub fn started_in(mut self, directory: &Path) -> Environment {
        self.process.insert("PWD".to_owned(), directory.display().to_string());
        self
    }

    /// Adds the settings of `.sofa.env` in this folder, where the file exists.
    ///
    /// # Errors
    /// A file or a line that cannot be read, and a variable that is not a SOFA_* setting.
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
                let message = format!("{}: `{name}` is not a setting of sofa", path.display());
                return Err(Failure::new(Kind::Usage, message)
                    .hint("put variables for containers into an env file of the mode"));
            }
            self.file.insert(name, value);
        }
        Ok(self)
    }

    /// A variable's value, which may be empty. A variable of the process comes before one of `.sofa.env`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.process.get(name).or_else(|| self.file.get(name)).map(String::as_str)
    }

    /// A variable's value; none where it is not set or empty.
    pub fn non_empty(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(String::from)
    }

    /// The person who started the CI job or `sudo`, else the user.
    pub fn operator(&self) -> String {
        ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.process.get(name).filter(|value| !value.is_empty()))
            .map_or_else(|| "unknown".to_owned(), String::from)
    }

    /// The variables for interpolation: those of the process, without `.sofa.env`.
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
        Environment { process, file: BTreeMap::new() }
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
    fn a_variable_that_is_not_a_sofa_setting_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".sofa.env"), "DATABASE_URL=x\n").unwrap();
        let error = Environment::default().with_file(folder.path()).unwrap_err();
        assert!(error.to_string().contains("DATABASE_URL"), "{error}");
    }
}
