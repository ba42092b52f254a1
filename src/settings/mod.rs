//! What a command works with: everything that flags, environment, `.sofa.env` and the folder's layout decide, resolved once.

use std::path::PathBuf;
use std::time::Duration;

mod environment;
mod layout;
mod mode;
mod words;

pub use environment::Environment;
pub use layout::Layout;
pub use mode::{BACKEND, Mode, Services};
pub use words::{Vocabulary, Words};

use crate::compose::Dialect;
use crate::ui::{Color, ProgressKind};
use crate::util::duration;

/// How long a deploy's waits may take in all, where nothing is said.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(360);
/// Engine calls at once, where nothing is said.
pub const PARALLEL: usize = 16;

/// What was typed before it means anything: options as they stand on the command line, for every verb.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// `-C`.
    pub directory: Option<PathBuf>,
    /// `-f`, in order.
    pub files: Vec<PathBuf>,
    /// `--env-file`, in order.
    pub env_files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--profile`, in order.
    pub profiles: Vec<String>,
    /// `--host`.
    pub host: Option<String>,
    /// `--parallel`.
    pub parallel: Option<usize>,
    /// `--progress`.
    pub progress: Option<ProgressKind>,
    /// `--color`.
    pub color: Option<Color>,
    /// `-q`.
    pub quiet: bool,
    /// `-v`, counted.
    pub verbose: u8,
    /// `-s` and SERVICES=, each as typed.
    pub services: Vec<String>,
    /// The bare words behind the verb.
    pub words: Vec<String>,
}

/// Everything a command works with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's root, absolute.
    pub directory: PathBuf,
    /// The process's environment.
    pub environment: Environment,
    /// The mode; none for a plain Compose project.
    pub mode: Option<Mode>,
    /// What selects services: the words behind the verb, SERVICES, or the mode.
    pub words: Words,
    /// `-f`, or the mode's files; empty means docker compose's own discovery.
    pub files: Vec<PathBuf>,
    /// `--env-file`, or the mode's env files.
    pub env_files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--profile`, and the mode's.
    pub profiles: Vec<String>,
    /// The engine's address; none means the default.
    pub host: Option<String>,
    /// Engine calls at once.
    pub parallel: usize,
    /// How progress is shown.
    pub progress: ProgressKind,
    /// When output is coloured.
    pub color: Color,
    /// Whether nobody watches (`CI` is set).
    pub ci: bool,
    /// Which docker compose's config hash new containers get, where none is there to go by.
    pub dialect: Dialect,
    /// How much is logged: 0 nothing, 1 what `sofa` does, 2 every engine call.
    pub verbose: u8,
}

/// What is wrong with the command line or the environment, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingsError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl SettingsError {
    pub(crate) fn new(message: impl Into<String>) -> SettingsError {
        SettingsError { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> SettingsError {
        self.hint = Some(hint.into());
        self
    }
}

impl Settings {
    /// Resolves what was typed: command line over environment over `.sofa.env` over mode over defaults.
    ///
    /// # Errors
    /// Words that are neither mode nor service name, two modes, values that cannot be read.
    pub fn resolve(
        typed: Typed,
        environment: Environment,
        directory: PathBuf,
    ) -> Result<Settings, SettingsError> {
        // A file that is not read must not look as if it counted.
        if directory.join("sofa.yaml").exists() {
            return Err(SettingsError::new("sofa.yaml: this version of sofa does not read it")
                .hint("the built-in modes local, dev and production need none: move it away"));
        }
        let layout = Layout::find(&directory);
        let vocabulary = Vocabulary { modes: Mode::builtin_names(), has_modes: layout.is_some() };
        let words = Words::classify(&typed.words, &typed.services, &environment, &vocabulary)?;
        // `-f` without a mode is a plain Compose project; with one it replaces the mode's files.
        let mode = layout
            .filter(|_| typed.files.is_empty() || words.names_mode())
            .map(|layout| Mode::builtin(words.mode(), &layout, &directory));
        let parallel = number(&environment, "SOFA_PARALLEL")?;
        let progress = choice(&environment, "SOFA_PROGRESS")?;
        let color = choice(&environment, "SOFA_COLOR")?;
        let own = mode.as_ref();
        let profiles = own.map(|mode| mode.profiles.clone()).unwrap_or_default();
        Ok(Settings {
            files: or_else(typed.files, || own.map(|mode| mode.files.clone()).unwrap_or_default()),
            env_files: or_else(typed.env_files, || {
                own.map(|mode| mode.env_files.clone()).unwrap_or_default()
            }),
            project_name: typed.project_name,
            project_directory: typed.project_directory,
            profiles: profiles.into_iter().chain(typed.profiles).collect(),
            host: typed
                .host
                .or_else(|| environment.filled("SOFA_HOST"))
                .or_else(|| environment.filled("DOCKER_HOST")),
            parallel: typed.parallel.or(parallel).unwrap_or(PARALLEL).max(1),
            progress: if typed.quiet {
                ProgressKind::Quiet
            } else {
                typed.progress.or(progress).unwrap_or(ProgressKind::Auto)
            },
            color: typed.color.or(color).unwrap_or(Color::Auto),
            ci: environment.filled("CI").is_some(),
            dialect: dialect(&environment)?,
            verbose: typed.verbose,
            directory,
            environment,
            mode,
            words,
        })
    }

    /// The folder of docker's `config.json`: DOCKER_CONFIG, else `~/.docker`.
    pub fn docker_config(&self) -> Option<PathBuf> {
        let home = || self.environment.filled("HOME").map(|home| PathBuf::from(home).join(".docker"));
        self.environment.filled("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
    }

    /// How long the waits of a deploy may take: as typed, else the mode's, else the default.
    pub fn wait_timeout(&self, typed: Option<Duration>) -> Duration {
        typed.or(self.mode.as_ref().and_then(|mode| mode.wait_timeout)).unwrap_or(WAIT_TIMEOUT)
    }
}

/// Reads a time as people type it: Compose's durations, a bare number is seconds.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    duration::parse(text).map_err(|error| error.to_string())
}

/// SOFA_DIALECT, by default the newest.
fn dialect(environment: &Environment) -> Result<Dialect, SettingsError> {
    let Some(text) = environment.filled("SOFA_DIALECT") else {
        return Ok(Dialect::default());
    };
    let known = Dialect::ALL.into_iter().find(|dialect| dialect.to_string() == text);
    known.ok_or_else(|| SettingsError::new(format!("SOFA_DIALECT: `{text}` is neither 2 nor 5")))
}

fn or_else<T>(typed: Vec<T>, otherwise: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if typed.is_empty() { otherwise() } else { typed }
}

fn number(environment: &Environment, name: &str) -> Result<Option<usize>, SettingsError> {
    environment
        .filled(name)
        .map(|text| text.parse().map_err(|_| SettingsError::new(format!("{name}: `{text}` is not a number"))))
        .transpose()
}

fn choice<T: clap::ValueEnum>(environment: &Environment, name: &str) -> Result<Option<T>, SettingsError> {
    let Some(text) = environment.filled(name) else {
        return Ok(None);
    };
    T::from_str(&text, true).map(Some).map_err(|_| {
        let known: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|value| value.to_possible_value().map(|value| value.get_name().to_string()))
            .collect();
        SettingsError::new(format!("{name}: `{text}` is not one of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        folder: &std::path::Path,
        typed: Typed,
        environment: Environment,
    ) -> Result<Settings, SettingsError> {
        Settings::resolve(typed, environment, folder.to_path_buf())
    }

    #[test]
    fn a_settings_file_is_refused_not_ignored() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sofa.yaml"), "project: x\n").unwrap();
        let error = resolve(folder.path(), Typed::default(), Environment::default()).unwrap_err();
        assert!(error.message.starts_with("sofa.yaml"), "{error}");
    }

    #[test]
    fn what_was_typed_beats_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            || Environment::from([("SOFA_PARALLEL", "3"), ("SOFA_HOST", "unix:///a"), ("SOFA_DIALECT", "2")]);
        let settings = resolve(folder.path(), Typed::default(), environment()).unwrap();
        assert_eq!((settings.parallel, settings.host.as_deref()), (3, Some("unix:///a")));
        assert_eq!(settings.dialect, Dialect::V2);
        let typed = Typed { parallel: Some(5), host: Some("unix:///b".into()), ..Typed::default() };
        let settings = resolve(folder.path(), typed, environment()).unwrap();
        assert_eq!((settings.parallel, settings.host.as_deref()), (5, Some("unix:///b")));
        assert!(
            resolve(folder.path(), Typed::default(), Environment::from([("SOFA_PARALLEL", "many")])).is_err()
        );
    }

    #[test]
    fn files_without_a_mode_make_a_plain_project() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("docker-compose-local.yml"), "").unwrap();
        let typed = |words: &[&str]| Typed {
            files: vec!["x.yml".into()],
            words: words.iter().map(|word| word.to_string()).collect(),
            ..Typed::default()
        };
        assert!(resolve(folder.path(), typed(&["web"]), Environment::default()).unwrap().mode.is_none());
        let replaced = resolve(folder.path(), typed(&["dev"]), Environment::default()).unwrap();
        assert_eq!(replaced.mode.map(|mode| mode.name).as_deref(), Some("dev"));
        assert_eq!(replaced.files, [PathBuf::from("x.yml")]);
    }

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("6m"), Ok(Duration::from_secs(360)));
        assert!(parse_time("soon").is_err());
    }
}
