//! What a command works with: everything that flags, environment, `.sofa.env`, `sofa.yaml` and the folder's layout decide,
//! resolved once.

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
mod words;

pub use backend::Backend;
pub use display::{Color, Progress};
pub use environment::Environment;
pub use file::{EXAMPLE, Written};
pub use layout::Layout;
pub use mode::{Deps, Mode, Services};
pub use words::{Vocabulary, Words};

use file::SettingsFile;

use crate::compose::Dialect;
use crate::diag::{Diagnostics, Sources};
use crate::error::{Failure, Kind};
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
    /// `-v`, counted.
    pub verbose: u8,
    /// `-s` and SERVICES=, each as typed.
    pub services: Vec<String>,
    /// The bare words behind the verb.
    pub words: Vec<String>,
    /// `--yes`.
    pub yes: bool,
    /// The command line as it was typed, without the program's name.
    pub line: Vec<String>,
    /// Words that can name no mode: the verbs, and `all`.
    pub taken: Vec<String>,
    /// Whether the verb reads no files: then nothing that is wrong with `sofa.yaml` stops it.
    pub lenient: bool,
}

/// Everything a command works with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's root, absolute.
    pub directory: PathBuf,
    /// The process's environment.
    pub environment: Environment,
    /// Every mode of the project, the built-in ones first; none for a project without modes.
    pub modes: Vec<Mode>,
    /// The mode; none for a plain Compose project.
    pub mode: Option<Mode>,
    /// The services that are deployed often, by name.
    pub backend: Backend,
    /// What selects services: the words behind the verb, SERVICES, or the mode.
    pub words: Words,
    /// `-f`, or the mode's files; empty means docker compose's own discovery.
    pub files: Vec<PathBuf>,
    /// `--env-file`, or the mode's env files.
    pub env_files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// The name where neither `-p` nor COMPOSE_PROJECT_NAME says one: the mode's, else `project` of `sofa.yaml`.
    pub own_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--profile`, and the mode's.
    pub profiles: Vec<String>,
    /// The engine's address; none means the default.
    pub host: Option<String>,
    /// Engine calls at once.
    pub parallel: usize,
    /// How long the engine may take to answer a call; none means the default.
    pub engine_timeout: Option<Duration>,
    /// How progress is shown.
    pub progress: Progress,
    /// When output is coloured.
    pub color: Color,
    /// How long a lock stays when its holder falls silent (SOFA_LEASE); none means the default.
    pub lease: Option<Duration>,
    /// Whether nobody watches (`CI` is set).
    pub ci: bool,
    /// Which docker compose's config hash new containers get, where none is there to go by.
    pub dialect: Dialect,
    /// How much is logged: 0 nothing, 1 what `sofa` does, 2 every engine call.
    pub verbose: u8,
    /// Whether a person said yes to everything that would be asked.
    pub yes: bool,
    /// The command line as it was typed, without the program's name.
    pub line: Vec<String>,
    /// The text of `sofa.yaml`, for places in it.
    pub sources: Sources,
    /// What is wrong with `sofa.yaml` and does not stop this verb.
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
        let environment = Environment::of_process().with_file(&directory)?;
        Settings::resolve(typed, environment, directory)
    }

    /// Resolves what was typed: command line over environment over `.sofa.env` over mode over defaults. A mode's engine comes before
    /// DOCKER_HOST, which says nothing about this project.
    ///
    /// # Errors
    /// Words that are neither mode nor service name, two modes, values that cannot be read; a wrong `sofa.yaml`.
    pub fn resolve(typed: Typed, environment: Environment, directory: PathBuf) -> Result<Settings, Failure> {
        let own = OwnSettings::read(&typed, &directory)?;
        let modes = own.modes;
        let vocabulary = Vocabulary {
            modes: modes.iter().map(|mode| mode.name.clone()).collect(),
            has_modes: !modes.is_empty(),
        };
        let words = Words::classify(&typed.words, &typed.services, &environment, &vocabulary)?;
        // `-f` without a mode is a plain Compose project; with one it replaces the mode's files.
        let mode = modes.iter().find(|mode| mode.name == words.mode());
        let mode = mode.filter(|_| typed.files.is_empty() || words.names_mode()).cloned();
        let parallel = number(&environment, "SOFA_PARALLEL")?;
        let engine_timeout = time(&environment, "SOFA_ENGINE_TIMEOUT", parse_engine_timeout)?;
        let progress = choice(&environment, "SOFA_PROGRESS")?;
        let color = choice(&environment, "SOFA_COLOR")?;
        let of_mode = mode.clone().unwrap_or_else(|| Mode::bare("", ""));
        Ok(Settings {
            files: or_else(typed.files, of_mode.files),
            env_files: or_else(typed.env_files, of_mode.env_files),
            project_name: typed.project_name,
            own_name: mode.as_ref().map(|mode| mode.project_name.clone()).or(own.project),
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
            ci: environment.filled("CI").is_some(),
            dialect: dialect(&environment)?,
            verbose: typed.verbose,
            yes: typed.yes || boolean(&environment, "SOFA_YES")?,
            line: typed.line,
            backend: own.backend,
            sources: own.sources,
            ignored: own.ignored,
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

    /// How long the waits of a deploy may take: as typed, else the mode's, else the default.
    pub fn wait_timeout(&self, typed: Option<Duration>) -> Duration {
        typed.or(self.mode.as_ref().and_then(|mode| mode.wait_timeout)).unwrap_or(WAIT_TIMEOUT)
    }
}

fn docker_config(environment: &Environment) -> Option<PathBuf> {
    let home = || environment.filled("HOME").map(|home| PathBuf::from(home).join(".docker"));
    environment.filled("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
}

/// The engine's address: what names it for this command, then for this project, then for docker.
///
/// # Errors
/// `--host` beside `--context`; a context that is not there.
fn host(
    typed: Option<String>,
    context: Option<String>,
    of_mode: Option<String>,
    environment: &Environment,
) -> Result<Option<String>, Failure> {
    let config = docker_config(environment).unwrap_or_default();
    match (typed, context) {
        (Some(_), Some(_)) => Err(Failure::new(Kind::Usage, "`--host` and `--context` both name an engine")),
        (Some(host), None) => Ok(Some(host)),
        (None, Some(context)) => docker_context::address(&config, &context),
        (None, None) => {
            let host =
                environment.filled("SOFA_HOST").or(of_mode).or_else(|| environment.filled("DOCKER_HOST"));
            let context = || environment.filled("DOCKER_CONTEXT").or_else(|| docker_context::chosen(&config));
            match host {
                Some(host) => Ok(Some(host)),
                None => context().map_or(Ok(None), |context| docker_context::address(&config, &context)),
            }
        }
    }
}

/// What the project says of itself: `sofa.yaml`, and the layout of its folder.
struct OwnSettings {
    project: Option<String>,
    backend: Backend,
    modes: Vec<Mode>,
    sources: Sources,
    ignored: Diagnostics,
}

impl OwnSettings {
    /// # Errors
    /// Everything that is wrong with `sofa.yaml`, at once; for a lenient verb it is kept to be told, and every mode is then
    /// protected and keeps its volumes, since nobody knows what the file meant to say.
    fn read(typed: &Typed, directory: &Path) -> Result<OwnSettings, Failure> {
        let mut sources = Sources::default();
        let layout = Layout::of(directory);
        let (file, mut problems) = file::read(directory, &typed.taken, &mut sources).unwrap_or_default();
        let SettingsFile { project, backend, .. } = file.clone();
        let mut modes = Vec::new();
        if layout.has_modes() || !file.modes.is_empty() {
            let folder = || directory.file_name().map(|name| name.to_string_lossy().into_owned());
            let prefix = project.clone().or_else(folder).unwrap_or_default();
            let (found, wrong) = modes::all(&file, &layout, &prefix);
            modes = found;
            problems.extend(wrong);
        }
        if !problems.is_empty() {
            if !typed.lenient {
                return Err(Failure::rendered(Kind::Invalid, problems.render(&sources, true)));
            }
            for mode in &mut modes {
                (mode.protected, mode.down_volumes) = (true, false);
            }
        }
        let backend = backend.map_or_else(Backend::default, Backend::written);
        Ok(OwnSettings { project, backend, modes, sources, ignored: problems.as_warnings() })
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
fn dialect(environment: &Environment) -> Result<Dialect, Failure> {
    let Some(text) = environment.filled("SOFA_DIALECT") else {
        return Ok(Dialect::default());
    };
    let known = Dialect::ALL.into_iter().find(|dialect| dialect.to_string() == text);
    known.ok_or_else(|| Failure::new(Kind::Usage, format!("SOFA_DIALECT: `{text}` is none of 5, 5.5 and 2")))
}

/// Reads how long an engine may take to answer.
///
/// # Errors
/// What is wrong with the text; no time at all would be no answer ever.
pub fn parse_engine_timeout(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err(format!("`{text}` leaves no time for any answer")),
        time => Ok(time),
    }
}

/// Reads how long a lock stays when its holder falls silent: longer on links that are silent for longer than most.
fn parse_lease(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        lease if lease < Duration::from_secs(1) => Err(format!("`{text}` is shorter than a second")),
        lease => Ok(lease),
    }
}

fn time(
    environment: &Environment,
    name: &str,
    parse: fn(&str) -> Result<Duration, String>,
) -> Result<Option<Duration>, Failure> {
    let wrong = |error| Failure::new(Kind::Usage, format!("{name}: {error}"));
    environment.filled(name).map(|text| parse(&text).map_err(wrong)).transpose()
}

fn or_else<T>(typed: Vec<T>, otherwise: Vec<T>) -> Vec<T> {
    if typed.is_empty() { otherwise } else { typed }
}

fn number(environment: &Environment, name: &str) -> Result<Option<usize>, Failure> {
    environment
        .filled(name)
        .map(|text| {
            text.parse().map_err(|_| Failure::new(Kind::Usage, format!("{name}: `{text}` is not a number")))
        })
        .transpose()
}

fn boolean(environment: &Environment, name: &str) -> Result<bool, Failure> {
    match environment.filled(name).as_deref() {
        None | Some("0" | "false" | "no") => Ok(false),
        Some("1" | "true" | "yes") => Ok(true),
        Some(text) => Err(Failure::new(Kind::Usage, format!("{name}: `{text}` is neither 1 nor 0"))),
    }
}

fn choice<T: clap::ValueEnum>(environment: &Environment, name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = environment.filled(name) else {
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
        let said = |value| {
            resolve(folder.path(), Typed::default(), Environment::from([("SOFA_YES", value)])).unwrap().yes
        };
        assert_eq!((said("1"), said("0"), said("")), (true, false, false));
    }

    #[test]
    fn files_without_a_mode_make_a_plain_project() {
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
    fn a_file_with_modes_makes_a_project_with_modes() {
        let folder = project(
            "project: app\nbackend: [api]\nmodes: { staging: { files: [x.yml], host: unix:///s } }\n",
        );
        let host = || Environment::from([("DOCKER_HOST", "unix:///d")]);
        let settings = resolve(folder.path(), typed(&["staging", "api"]), host()).unwrap();
        assert_eq!(settings.own_name.as_deref(), Some("app-staging"));
        assert_eq!(settings.files, [folder.path().join("x.yml")]);
        assert_eq!(settings.words.services, ["api"]);
        assert_eq!(
            (settings.backend.names(), settings.backend.is_written()),
            (&["api".to_owned()][..], true)
        );
        // The mode's engine comes before the shell's, behind what was said for this command.
        assert_eq!(settings.host.as_deref(), Some("unix:///s"));
        let asked = Environment::from([("SOFA_HOST", "unix:///e"), ("DOCKER_HOST", "unix:///d")]);
        let settings = resolve(folder.path(), typed(&["staging"]), asked).unwrap();
        assert_eq!(settings.host.as_deref(), Some("unix:///e"));
    }

    #[test]
    fn a_file_without_modes_leaves_a_plain_project_its_name() {
        let folder = project("project: app\n");
        let settings = resolve(folder.path(), typed(&["production"]), Environment::default()).unwrap();
        assert_eq!((settings.mode, settings.own_name.as_deref()), (None, Some("app")));
        assert_eq!(settings.words.services, ["production"]);
    }

    #[test]
    fn a_wrong_file_stops_who_needs_it_and_makes_the_others_careful() {
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
    fn a_context_of_docker_names_the_engine_where_nothing_nearer_does() {
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
        assert!(host(Typed::default(), "", "lab").is_err(), "it is not there, and not ignored");
        assert_eq!(host(Typed::default(), "unix:///d", "lab").unwrap().as_deref(), Some("unix:///d"));
        assert_eq!(host(context("default"), "unix:///d", "lab").unwrap(), None, "what is typed comes first");
        let both = Typed { host: Some("unix:///h".into()), ..context("default") };
        assert!(host(both, "", "").is_err());
    }

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("6m"), Ok(Duration::from_secs(360)));
        assert!(parse_time("soon").is_err());
    }
}
