//! The settings of a command, resolved once from flags, environment, `.sofa.env`, `sofa.yaml` and the folder's layout.

use std::path::{Path, PathBuf};
use std::time::Duration;

mod backend;
mod display;
mod docker_context;
mod environment;
mod file;
mod layout;
mod mode;
mod modes;
mod times;
mod words;

pub use backend::Backend;
pub use display::{Color, Progress};
pub use environment::Environment;
pub use file::EXAMPLE;
pub use layout::Layout;
pub use mode::{Deps, Mode, Services};
pub use times::{moment, parse_engine_timeout, parse_time};
pub use words::{Vocabulary, Words};

use file::SettingsFile;
use times::parse_lease;

use crate::compat::Dialect;
use crate::diag::{Diagnostics, Sources};
use crate::error::{Failure, Kind};

/// The default deadline for all waits of a deploy together.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(360);
/// The default number of concurrent engine calls.
pub const PARALLEL: usize = 16;

/// The command line, before it is combined with the other settings.
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
    /// `--context`.
    pub context: Option<String>,
    /// `--parallel`.
    pub parallel: Option<usize>,
    /// `--engine-timeout`.
    pub engine_timeout: Option<Duration>,
    /// `--progress`.
    pub progress: Option<Progress>,
    /// `--color`.
    pub color: Option<Color>,
    /// `-q`.
    pub quiet: bool,
    /// `--verbose`, counted.
    pub verbose: u8,
    /// `-s`, in order. Each may list several services.
    pub services: Vec<String>,
    /// The words after the verb.
    pub words: Vec<String>,
    /// `--yes`.
    pub yes: bool,
    /// The whole command line, without the program's name.
    pub line: Vec<String>,
    /// Words that cannot be names of modes: the verbs and `all`.
    pub reserved: Vec<String>,
    /// Whether the words after the first service are a command for its container.
    pub has_command: bool,
    /// Whether the verb reads no Compose files. An invalid `sofa.yaml` then does not stop it.
    pub lenient: bool,
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's root, absolute.
    pub directory: PathBuf,
    pub environment: Environment,
    /// All modes, the built-in modes first. Empty for a project without modes.
    pub modes: Vec<Mode>,
    /// None for a plain Compose project.
    pub mode: Option<Mode>,
    pub backend: Backend,
    pub words: Words,
    /// `-f`, or the mode's files. If empty, files are discovered as in docker compose.
    pub files: Vec<PathBuf>,
    /// Whether `-f` was typed. Verbs that work from labels then act on the services of these files only.
    pub has_typed_files: bool,
    /// `--env-file`, or the mode's env files.
    pub env_files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// The project name without `-p` and COMPOSE_PROJECT_NAME: the mode's, else `project` of `sofa.yaml`.
    pub own_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// The mode's profiles and `--profile`.
    pub profiles: Vec<String>,
    /// The engine's address; none for the default.
    pub host: Option<String>,
    /// Concurrent engine calls.
    pub parallel: usize,
    /// The deadline for an answer of the engine; none for the default.
    pub engine_timeout: Option<Duration>,
    pub progress: Progress,
    pub color: Color,
    /// How long a lock is valid without a renewal (SOFA_LEASE); none for the default.
    pub lease: Option<Duration>,
    /// Whether `CI` is set, so that nobody watches the output.
    pub ci: bool,
    /// Whose config hash new containers get, where the project has no containers yet.
    pub dialect: Dialect,
    /// What is logged: 0 nothing, 1 the steps of `sofa`, 2 every engine call.
    pub verbose: u8,
    /// Whether all questions are answered with yes.
    pub yes: bool,
    /// The whole command line, without the program's name.
    pub line: Vec<String>,
    /// The text of `sofa.yaml`, which spans point into.
    pub sources: Sources,
    /// Problems of `sofa.yaml` that do not stop this verb.
    pub ignored: Diagnostics,
}

impl Settings {
    /// Resolves the settings for this process: its environment, and its current directory or `-C`.
    ///
    /// # Errors
    /// A directory that does not exist; all errors of [`Settings::resolve`].
    pub fn of_process(typed: Typed) -> Result<Settings, Failure> {
        let here = environment::current_directory()?;
        let directory =
            typed.directory.as_ref().map_or_else(|| here.clone(), |directory| here.join(directory));
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        if !directory.is_dir() {
            return Err(Failure::new(Kind::Usage, format!("`{}` is not a directory", directory.display())));
        }
        let environment = match typed.directory {
            Some(_) => Environment::of_process().started_in(&directory),
            None => Environment::of_process(),
        };
        let environment = environment.with_file(&directory)?;
        Settings::resolve(typed, environment, directory)
    }

    /// Resolves settings. Precedence: command line, environment, `.sofa.env`, mode, default. A mode's engine overrides DOCKER_HOST,
    /// which is not about this project.
    ///
    /// # Errors
    /// Two modes, an invalid value, an invalid `sofa.yaml`.
    pub fn resolve(typed: Typed, environment: Environment, directory: PathBuf) -> Result<Settings, Failure> {
        let project = ProjectSettings::read(&typed, &directory)?;
        let modes = project.modes;
        let vocabulary = Vocabulary {
            modes: modes.iter().map(|mode| mode.name.clone()).collect(),
            has_modes: !modes.is_empty(),
            has_tags: !typed.lenient,
            has_command: typed.has_command,
        };
        let words = Words::classify(&typed.words, &typed.services, &environment, &vocabulary)?;
        // `-f` without a mode is a plain Compose project; with one it replaces the mode's files.
        let mode = modes.iter().find(|mode| mode.name == words.mode());
        let mode = mode.filter(|_| typed.files.is_empty() || words.names_mode()).cloned();
        let parallel = number(&environment, "SOFA_PARALLEL")?;
        let engine_timeout = time(&environment, "SOFA_ENGINE_TIMEOUT", parse_engine_timeout)?;
        let progress = choice(&environment, "SOFA_PROGRESS")?;
        let color = choice(&environment, "SOFA_COLOR")?;
        let of_mode = mode.clone().unwrap_or_else(|| Mode::empty("", ""));
        Ok(Settings {
            has_typed_files: !typed.files.is_empty(),
            files: or_else(typed.files, of_mode.files),
            env_files: or_else(typed.env_files, of_mode.env_files),
            project_name: typed.project_name,
            own_name: mode.as_ref().map(|mode| mode.project_name.clone()).or(project.project),
            project_directory: typed.project_directory,
            profiles: of_mode.profiles.into_iter().chain(typed.profiles).collect(),
            host: host(typed.host, typed.context, of_mode.host, &environment)?,
            parallel: typed.parallel.or(parallel).unwrap_or(PARALLEL).max(1),
            engine_timeout: typed.engine_timeout.or(engine_timeout),
            progress: if typed.quiet {
                Progress::Quiet
            } else {
                typed.progress.or(progress).unwrap_or(Progress::Auto)
            },
            color: typed.color.or(color).unwrap_or(Color::Auto),
            lease: time(&environment, "SOFA_LEASE", parse_lease)?,
            ci: environment.non_empty("CI").is_some(),
            dialect: dialect(&environment)?,
            verbose: typed.verbose,
            yes: typed.yes || boolean(&environment, "SOFA_YES")?,
            line: typed.line,
            backend: project.backend,
            sources: project.sources,
            ignored: project.ignored,
            directory,
            environment,
            modes,
            mode,
            words,
        })
    }

    /// The folder of docker's `config.json`: DOCKER_CONFIG, else `~/.docker`.
    pub fn docker_config(&self) -> Option<PathBuf> {
        docker_config(&self.environment)
    }

    /// The deadline for the waits of a deploy: the typed one, else the mode's, else the default.
    pub fn wait_timeout(&self, typed: Option<Duration>) -> Duration {
        typed.or(self.mode.as_ref().and_then(|mode| mode.wait_timeout)).unwrap_or(WAIT_TIMEOUT)
    }
}

fn docker_config(environment: &Environment) -> Option<PathBuf> {
    let home = || environment.non_empty("HOME").map(|home| PathBuf::from(home).join(".docker"));
    environment.non_empty("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
}

/// The engine's address. Precedence: this command, the project, docker's own settings.
///
/// # Errors
/// `--host` together with `--context`; a context that does not exist.
fn host(
    typed: Option<String>,
    context: Option<String>,
    of_mode: Option<String>,
    environment: &Environment,
) -> Result<Option<String>, Failure> {
    let config = docker_config(environment).unwrap_or_default();
    match (typed, context) {
        (Some(_), Some(_)) => {
            Err(Failure::new(Kind::Usage, "`--host` and `--context` both name an engine")
                .hint("use one of them"))
        }
        (Some(host), None) => Ok(Some(host)),
        (None, Some(context)) => docker_context::address(&config, &context),
        (None, None) => {
            let host = environment
                .non_empty("SOFA_HOST")
                .or(of_mode)
                .or_else(|| environment.non_empty("DOCKER_HOST"));
            let context =
                || environment.non_empty("DOCKER_CONTEXT").or_else(|| docker_context::selected(&config));
            match host {
                Some(host) => Ok(Some(host)),
                None => context().map_or(Ok(None), |context| docker_context::address(&config, &context)),
            }
        }
    }
}

/// The settings of the project: `sofa.yaml`, and the layout of its folder.
struct ProjectSettings {
    project: Option<String>,
    backend: Backend,
    modes: Vec<Mode>,
    sources: Sources,
    ignored: Diagnostics,
}

impl ProjectSettings {
    /// # Errors
    /// All problems of `sofa.yaml`. For a lenient verb they become warnings, and every mode is then protected and keeps its
    /// volumes, since the intended settings are not known.
    fn read(typed: &Typed, directory: &Path) -> Result<ProjectSettings, Failure> {
        let mut sources = Sources::default();
        let layout = Layout::of(directory);
        let (file, mut problems) = file::read(directory, &typed.reserved, &mut sources).unwrap_or_default();
        let SettingsFile { project, backend, .. } = file.clone();
        let mut modes = Vec::new();
        if layout.has_modes() || !file.modes.is_empty() {
            let folder = || directory.file_name().map(|name| name.to_string_lossy().into_owned());
            let prefix = project.clone().or_else(folder).unwrap_or_default();
            let (found, invalid) = modes::all(&file, &layout, &prefix);
            modes = found;
            problems.extend(invalid);
        }
        if !problems.is_empty() {
            if !typed.lenient {
                return Err(Failure::rendered(Kind::Invalid, problems.render(&sources, true)));
            }
            for mode in &mut modes {
                (mode.protected, mode.down_volumes) = (true, false);
            }
        }
        let backend = backend.map_or_else(Backend::default, Backend::explicit);
        Ok(ProjectSettings { project, backend, modes, sources, ignored: problems.as_warnings() })
    }
}

fn dialect(environment: &Environment) -> Result<Dialect, Failure> {
    let Some(text) = environment.non_empty("SOFA_DIALECT") else {
        return Ok(Dialect::default());
    };
    let known = Dialect::ALL.into_iter().find(|dialect| dialect.to_string() == text);
    known.ok_or_else(|| Failure::new(Kind::Usage, format!("SOFA_DIALECT: `{text}` is not one of 5, 5.5, 2")))
}

fn time(
    environment: &Environment,
    name: &str,
    parse: fn(&str) -> Result<Duration, String>,
) -> Result<Option<Duration>, Failure> {
    let failure = |error| Failure::new(Kind::Usage, format!("{name}: {error}"));
    environment.non_empty(name).map(|text| parse(&text).map_err(failure)).transpose()
}

fn or_else<T>(typed: Vec<T>, default: Vec<T>) -> Vec<T> {
    if typed.is_empty() { default } else { typed }
}

fn number(environment: &Environment, name: &str) -> Result<Option<usize>, Failure> {
    environment
        .non_empty(name)
        .map(|text| {
            text.parse().map_err(|_| Failure::new(Kind::Usage, format!("{name}: `{text}` is not a number")))
        })
        .transpose()
}

fn boolean(environment: &Environment, name: &str) -> Result<bool, Failure> {
    match environment.non_empty(name).as_deref() {
        None | Some("0" | "false" | "no") => Ok(false),
        Some("1" | "true" | "yes") => Ok(true),
        Some(text) => Err(Failure::new(Kind::Usage, format!("{name}: `{text}` is not 1 or 0"))),
    }
}

fn choice<T: clap::ValueEnum>(environment: &Environment, name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = environment.non_empty(name) else {
        return Ok(None);
    };
    T::from_str(&text, true).map(Some).map_err(|_| {
        let known: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|value| value.to_possible_value().map(|value| value.get_name().to_string()))
            .collect();
        Failure::new(Kind::Usage, format!("{name}: `{text}` is not one of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        folder: &std::path::Path,
        typed: Typed,
        environment: Environment,
    ) -> Result<Settings, Failure> {
        Settings::resolve(typed, environment, folder.to_path_buf())
    }

    #[test]
    fn the_command_line_overrides_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            || Environment::from([("SOFA_PARALLEL", "3"), ("SOFA_HOST", "unix:///a"), ("SOFA_DIALECT", "2")]);
        let settings = resolve(folder.path(), Typed::default(), environment()).unwrap();
        assert_eq!((settings.parallel, settings.host.as_deref()), (3, Some("unix:///a")));
        assert_eq!(settings.dialect, Dialect::V2);
        let typed = Typed { parallel: Some(5), host: Some("unix:///b".into()), ..Typed::default() };
        let settings = resolve(folder.path(), typed, environment()).unwrap();
        assert_eq!((settings.parallel, settings.host.as_deref()), (5, Some("unix:///b")));
        let environment = || Environment::from([("SOFA_ENGINE_TIMEOUT", "2m")]);
        let settings = resolve(folder.path(), Typed::default(), environment()).unwrap();
        assert_eq!(settings.engine_timeout, Some(Duration::from_secs(120)));
        let typed = Typed { engine_timeout: Some(Duration::from_secs(5)), ..Typed::default() };
        let settings = resolve(folder.path(), typed, environment()).unwrap();
        assert_eq!(settings.engine_timeout, Some(Duration::from_secs(5)));
        for (name, value) in [
            ("SOFA_PARALLEL", "many"),
            ("SOFA_YES", "perhaps"),
            ("SOFA_ENGINE_TIMEOUT", "0"),
            ("SOFA_LEASE", "10ms"),
        ] {
            assert!(resolve(folder.path(), Typed::default(), Environment::from([(name, value)])).is_err());
        }
        let yes = |value| {
            resolve(folder.path(), Typed::default(), Environment::from([("SOFA_YES", value)])).unwrap().yes
        };
        assert_eq!((yes("1"), yes("0"), yes("")), (true, false, false));
    }

    #[test]
    fn files_without_a_mode_are_a_plain_project() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("docker-compose-local.yml"), "").unwrap();
        let typed = |words: &[&str]| Typed { files: vec!["x.yml".into()], ..typed(words) };
        assert!(resolve(folder.path(), typed(&["web"]), Environment::default()).unwrap().mode.is_none());
        let replaced = resolve(folder.path(), typed(&["dev"]), Environment::default()).unwrap();
        assert_eq!(replaced.mode.map(|mode| mode.name).as_deref(), Some("dev"));
        assert_eq!(replaced.files, [PathBuf::from("x.yml")]);
    }

    fn project(sofa_yaml: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sofa.yaml"), sofa_yaml).unwrap();
        folder
    }

    fn typed(words: &[&str]) -> Typed {
        Typed { words: words.iter().map(|word| word.to_string()).collect(), ..Typed::default() }
    }

    #[test]
    fn a_settings_file_with_modes_makes_a_project_with_modes() {
        let folder = project(
            "project: app\nbackend: [api]\nmodes: { staging: { files: [x.yml], host: unix:///s } }\n",
        );
        let host = || Environment::from([("DOCKER_HOST", "unix:///d")]);
        let settings = resolve(folder.path(), typed(&["staging", "api"]), host()).unwrap();
        assert_eq!(settings.own_name.as_deref(), Some("app-staging"));
        assert_eq!(settings.files, [folder.path().join("x.yml")]);
        assert_eq!(settings.words.services, ["api"]);
        assert_eq!(
            (settings.backend.names(), settings.backend.is_explicit()),
            (&["api".to_owned()][..], true)
        );
        // SOFA_HOST overrides the mode's engine, which overrides DOCKER_HOST.
        assert_eq!(settings.host.as_deref(), Some("unix:///s"));
        let environment = Environment::from([("SOFA_HOST", "unix:///e"), ("DOCKER_HOST", "unix:///d")]);
        let settings = resolve(folder.path(), typed(&["staging"]), environment).unwrap();
        assert_eq!(settings.host.as_deref(), Some("unix:///e"));
    }

    #[test]
    fn a_settings_file_without_modes_names_a_plain_project() {
        let folder = project("project: app\n");
        let settings = resolve(folder.path(), typed(&["production"]), Environment::default()).unwrap();
        assert_eq!((settings.mode, settings.own_name.as_deref()), (None, Some("app")));
        assert_eq!(settings.words.services, ["production"]);
    }

    #[test]
    fn an_invalid_file_stops_verbs_that_read_files_and_protects_all_modes_for_the_others() {
        let folder = project("project: app\nmodes: { local: { protectd: true, down_volumes: true } }\n");
        let failure = resolve(folder.path(), Typed::default(), Environment::default()).unwrap_err();
        assert_eq!(failure.kind, Kind::Invalid);
        assert!(failure.to_string().contains("protectd"), "{failure}");
        let lenient = Typed { lenient: true, ..Typed::default() };
        let settings = resolve(folder.path(), lenient, Environment::default()).unwrap();
        assert!(!settings.ignored.is_empty() && !settings.ignored.has_errors());
        let local = settings.mode.unwrap();
        assert_eq!(
            (local.project_name.as_str(), local.protected, local.down_volumes),
            ("app-local", true, false)
        );
    }

    #[test]
    fn a_docker_context_names_the_engine_with_the_lowest_precedence() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().display().to_string();
        let host = |typed: Typed, docker_host: &str, docker_context: &str| {
            let environment = Environment::from([
                ("DOCKER_CONFIG", config.as_str()),
                ("DOCKER_HOST", docker_host),
                ("DOCKER_CONTEXT", docker_context),
            ]);
            resolve(folder.path(), typed, environment).map(|settings| settings.host)
        };
        let context = |name: &str| Typed { context: Some(name.into()), ..Typed::default() };
        assert_eq!(host(Typed::default(), "", "").unwrap(), None);
        assert!(host(Typed::default(), "", "lab").is_err(), "a missing context is not ignored");
        assert_eq!(host(Typed::default(), "unix:///d", "lab").unwrap().as_deref(), Some("unix:///d"));
        assert_eq!(
            host(context("default"), "unix:///d", "lab").unwrap(),
            None,
            "the command line comes first"
        );
        let both = Typed { host: Some("unix:///h".into()), ..context("default") };
        assert!(host(both, "", "").is_err());
    }
}
