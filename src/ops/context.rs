//! What every verb works with: settings, terminal, and the ways from them to a model, a project's name and an engine.

use std::collections::BTreeSet;
use std::io::Read;

use crate::compose::load::{self, Input, Loaded, Options, Request};
use crate::compose::model::Project;
use crate::diag::{Diagnostic, Diagnostics, Sources};
use crate::docker::state::StateError;
use crate::engine::{Engine, EngineError, Host, PATIENCE};
use crate::error::{Failure, Kind};
use crate::plan::Problem;
use crate::plan::scope::{Deps, Missing, Selection};
use crate::settings::{Mode, Services, Settings};
use crate::state::LEASE;
use crate::state::Operator;
use crate::state::holder::{self, Holder};
use crate::ui::Ui;
use crate::util::spelling;

/// What every verb works with.
#[derive(Debug)]
pub struct Context {
    /// What was typed, resolved.
    pub settings: Settings,
    /// The terminal.
    pub ui: Ui,
}

/// A loaded project and the texts that its diagnostics point into.
#[derive(Debug)]
pub struct LoadedProject {
    /// What the loader answered.
    pub loaded: Loaded,
    /// The files that were read.
    pub sources: Sources,
}

impl LoadedProject {
    /// The resolved model.
    pub fn project(&self) -> &Project {
        &self.loaded.project
    }
}

impl Context {
    /// Loads the project's files; warnings are shown.
    ///
    /// # Errors
    /// Everything that is wrong with the files, rendered with its places; exit code 3.
    pub fn load(&self, options: Options) -> Result<LoadedProject, Failure> {
        self.load_as(self.request(options)?)
    }

    /// The same, asked for in another way.
    ///
    /// # Errors
    /// As [`Context::load`].
    pub fn load_as(&self, request: Request) -> Result<LoadedProject, Failure> {
        match self.try_load(request)? {
            (Ok(loaded), sources) => {
                if !loaded.warnings.is_empty() {
                    self.ui.warnings(&loaded.warnings.render(&sources, true));
                }
                Ok(LoadedProject { loaded, sources })
            }
            (Err(problems), sources) => {
                Err(Failure::rendered(Kind::Invalid, problems.render(&sources, true)))
            }
        }
    }

    /// Loads the project's files and shows nothing: the model, or what is wrong, and the texts that it points into.
    ///
    /// # Errors
    /// Standard input that cannot be read.
    pub fn try_load(&self, request: Request) -> Result<(Result<Loaded, Diagnostics>, Sources), Failure> {
        self.check_names()?;
        let mut sources = Sources::default();
        Ok((load::load(&request, &mut sources), sources))
    }

    /// What the loader is asked for.
    pub fn request(&self, options: Options) -> Result<Request, Failure> {
        let settings = &self.settings;
        let files: Result<Vec<Input>, Failure> = settings
            .files
            .iter()
            .map(|path| {
                if path.as_os_str() != "-" {
                    return Ok(Input::Path(path.clone()));
                }
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| Input::Stdin(text)).map_err(|error| {
                    Failure::new(Kind::Invalid, format!("standard input cannot be read as text: {error}"))
                })
            })
            .collect();
        Ok(Request {
            working_directory: settings.directory.clone(),
            files: files?,
            project_directory: settings.project_directory.clone(),
            env_files: settings.env_files.clone(),
            project_name: settings.project_name.clone(),
            fallback_name: settings.own_name.clone(),
            profiles: settings.profiles.clone(),
            services: settings.words.services.iter().map(|name| name.as_str().into()).collect(),
            environment: settings.environment.process().clone(),
            options,
        })
    }

    /// The services a verb acts on.
    ///
    /// # Errors
    /// A service that the project does not have, with the nearest spelling; exit code 2, or 3 where `sofa.yaml` names it.
    pub fn selection(&self, project: &Project) -> Result<Selection, Failure> {
        let words = &self.settings.words;
        if !words.services.is_empty() {
            if words.all {
                self.ui.note("`all` is ignored: services are named");
            }
            let known: BTreeSet<&str> = project.services.keys().map(|name| name.as_str()).collect();
            for name in &words.services {
                if !known.contains(name.as_str()) {
                    return Err(self.unknown_word(name, &known));
                }
            }
        }
        self.check_services_of_mode(project)?;
        Ok(self.named_or_mode())
    }

    /// Refuses a mode that stands for a service which its files do not have.
    fn check_services_of_mode(&self, project: &Project) -> Result<(), Failure> {
        let Some(Mode { name, services: Services::Named(services), .. }) = &self.settings.mode else {
            return Ok(());
        };
        let known =
            || project.services.keys().chain(project.disabled_services.keys()).map(|name| name.as_str());
        let Some(unknown) = services.iter().find(|service| known().all(|known| known != service.value))
        else {
            return Ok(());
        };
        let message = format!("mode `{name}` names service `{}`, which its files do not have", unknown.value);
        let label = spelling::nearest(&unknown.value, known())
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let error = Diagnostic::error(message).at(unknown.span, label);
        Err(Failure::rendered(Kind::Invalid, error.render(&self.settings.sources, true)))
    }

    /// The services that are named, else everything with `all`, else the mode's. Whether they exist is not looked at.
    pub fn named_or_mode(&self) -> Selection {
        let words = &self.settings.words;
        if !words.services.is_empty() {
            return Selection::Named(words.services.clone());
        }
        match self.settings.mode.as_ref().map(|mode| &mode.services) {
            Some(_) if words.all => Selection::All,
            Some(Services::Infra) => Selection::Infra,
            Some(Services::Backend) => Selection::Backend,
            Some(Services::Named(names)) => {
                Selection::Named(names.iter().map(|name| name.value.clone()).collect())
            }
            Some(Services::All) | None => Selection::All,
        }
    }

    /// A word that is neither mode nor service.
    fn unknown_word(&self, word: &str, services: &BTreeSet<&str>) -> Failure {
        let modes = self.settings.modes.iter().map(|mode| mode.name.as_str());
        let candidates = services.iter().copied().chain(modes.filter(|_| self.settings.mode.is_some()));
        let failure =
            Failure::new(Kind::Usage, format!("`{word}` is neither a mode nor a service of this project"));
        match spelling::nearest(word, candidates) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => {
                failure.hint(format!("services: {}", services.iter().copied().collect::<Vec<_>>().join(", ")))
            }
        }
    }

    /// What happens to dependencies outside the scope, where `--deps` does not say it.
    pub fn deps(&self, typed: Option<Deps>) -> Deps {
        typed.unwrap_or(self.settings.mode.as_ref().map_or(Deps::Auto, |mode| mode.deps))
    }

    /// Who runs this, and where.
    pub fn operator(&self) -> Operator {
        Operator { user: self.settings.environment.operator(), host: holder::machine() }
    }

    /// A verb as it was typed: with its mode.
    pub fn command(&self, verb: &str) -> String {
        match &self.settings.mode {
            Some(mode) => format!("{verb} {}", mode.name),
            None => verb.to_owned(),
        }
    }

    /// Who takes a lock.
    pub fn holder(&self, verb: &str) -> Holder {
        Holder::of_this_process(self.operator(), self.command(verb), self.settings.lease.unwrap_or(LEASE))
    }

    /// Connects to the engine.
    ///
    /// # Errors
    /// An address that cannot be used (exit code 2), an engine that does not answer (6).
    pub async fn engine(&self) -> Result<Engine, Failure> {
        let host = Host::resolve(self.settings.host.as_deref())
            .map_err(|error| Failure::new(Kind::Usage, error.to_string()))?;
        let patience = self.settings.engine_timeout.unwrap_or(PATIENCE);
        Engine::connect(host, patience).await.map_err(engine_failure)
    }
}

/// A failed call to the engine as a command's failure: 6 where nothing answers, else 1.
pub fn engine_failure(error: EngineError) -> Failure {
    match error {
        EngineError::Unreachable { .. } => Failure::new(Kind::Unreachable, error.to_string())
            .hint("start it, or name another: DOCKER_HOST=unix:///path/to/docker.sock"),
        error @ EngineError::Stream { .. } => Failure::new(Kind::Unreachable, error.to_string()),
        error @ EngineError::Timeout { .. } => {
            Failure::new(Kind::Unreachable, error.to_string()).hint("`--engine-timeout` gives it more time")
        }
        error => Failure::new(Kind::Failed, error.to_string()),
    }
}

/// What is kept on the engine cannot be used: exit code 5 where a newer `sofa` wrote it.
pub fn state_failure(error: StateError) -> Failure {
    match error {
        StateError::Storage(error) => engine_failure(error),
        StateError::Newer { ref needs, .. } => {
            let hint = format!("use sofa {needs} or newer");
            Failure::new(Kind::Refused, error.to_string()).hint(hint)
        }
        error => Failure::new(Kind::Failed, error.to_string()),
    }
}

/// What stands in the way of a plan: exit code 5 where it is somebody else's, else 3.
pub fn problems_failure(problems: &[Problem]) -> Failure {
    let owned = problems.iter().any(|problem| problem.owned);
    let kind = if owned { Kind::Refused } else { Kind::Invalid };
    let messages = problems.iter().map(|problem| problem.message.clone()).collect();
    let mut failure = Failure::all(kind, messages);
    for hint in problems.iter().filter_map(|problem| problem.hint.as_ref()) {
        if !failure.hints.contains(hint) {
            failure.hints.push(hint.clone());
        }
    }
    failure
}

/// Dependencies that must be up already and are not.
pub fn missing_failure(missing: &[Missing]) -> Failure {
    let lines: Vec<String> = missing
        .iter()
        .map(|gap| {
            format!(
                "service `{}` depends on `{}`, which is not up ({})",
                gap.service, gap.dependency, gap.found
            )
        })
        .collect();
    Failure::all(Kind::Refused, lines).hint("`--deps=auto` starts what is missing")
}
