//! The project's files: from the settings to a loaded model, and the services of a verb among those of the model.

use std::collections::BTreeSet;
use std::io::Read;

use crate::compose::load::{self, Input, Loaded, Options, Request};
use crate::compose::model::{Project, ServiceName};
use crate::diag::{Diagnostic, Diagnostics, Sources};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::scale::{self, Scale};
use crate::plan::scope::Selection;
use crate::settings::{Mode, Services};
use crate::util::spelling;
use crate::yaml::{Map, Node};

/// The variables that a tag sets, which is a word of the command or follows `--tag`.
const TAG_VARIABLES: [&str; 2] = ["SOFA_TAG", "IMAGE_TAG"];

/// A loaded project, and the files that its diagnostics point into.
#[derive(Debug)]
pub struct LoadedProject {
    pub loaded: Loaded,
    pub sources: Sources,
}

impl LoadedProject {
    pub fn project(&self) -> &Project {
        &self.loaded.project
    }
}

fn tag_variables(tag: &str) -> impl Iterator<Item = (String, String)> {
    TAG_VARIABLES.into_iter().map(move |name| (name.to_owned(), tag.to_owned()))
}

impl Context {
    /// Loads the project's files and shows warnings.
    ///
    /// # Errors
    /// Everything that is wrong with the files, each with its place; exit code 3.
    pub fn load(&self, options: Options) -> Result<LoadedProject, Failure> {
        self.load_as(self.request(options)?)
    }

    /// Loads the project's files for a deploy, with the tag and the numbers of containers that were typed.
    ///
    /// # Errors
    /// As [`Context::load`]; numbers that the services cannot have (exit code 2).
    pub fn load_for_deploy(&self, tag: Option<&str>, scales: &[Scale]) -> Result<LoadedProject, Failure> {
        if let (Some(tag), Some(word)) = (tag, &self.settings.words.tag)
            && tag != word
        {
            let text = format!("command names two tags: `{word}` and `--tag {tag}`");
            return Err(Failure::new(Kind::Usage, text));
        }
        let options = Options { defers_service_problems: true, ..Options::default() };
        let mut request = self.request(options)?;
        request.environment.extend(tag.into_iter().flat_map(tag_variables));
        let mut loaded = self.load_as(request)?;
        scale::apply(&mut loaded.loaded.project, scales)?;
        Ok(loaded)
    }

    /// Loads the project's files, and after them a text with what the options of a verb say.
    ///
    /// # Errors
    /// As [`Context::load`]; services that the files do not have, which the text would add.
    pub fn load_with(&self, typed: String) -> Result<LoadedProject, Failure> {
        let options = Options { defers_service_problems: true, ..Options::default() };
        let request = self.request(options)?;
        if let (Ok(without), _) = self.try_load(request.clone())? {
            self.selection(&without.project)?;
        }
        self.load_as(Request { typed: Some(typed), ..request })
    }

    fn load_as(&self, request: Request) -> Result<LoadedProject, Failure> {
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

    /// Loads the project's files and shows nothing: the model or the errors, and the files that they point into.
    ///
    /// # Errors
    /// Standard input that cannot be read.
    pub fn try_load(&self, request: Request) -> Result<(Result<Loaded, Diagnostics>, Sources), Failure> {
        self.check_names()?;
        let mut sources = Sources::default();
        Ok((load::load(&request, &mut sources), sources))
    }

    /// The request to the loader.
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
        let mut environment = settings.environment.process().clone();
        environment.extend(settings.words.tag.iter().flat_map(|tag| tag_variables(tag)));
        Ok(Request {
            working_directory: settings.directory.clone(),
            files: files?,
            project_directory: settings.project_directory.clone(),
            env_files: settings.env_files.clone(),
            project_name: settings.project_name.clone(),
            fallback_name: settings.own_name.clone(),
            profiles: settings.profiles.clone(),
            services: settings.words.services.iter().map(|name| name.as_str().into()).collect(),
            environment,
            typed: None,
            options,
        })
    }

    /// Fails with the problems of services that are all in scope. Other services with problems stay as they are on the engine: the
    /// model has them as disabled.
    ///
    /// # Errors
    /// The problems, each with its place; exit code 3.
    pub fn judge_scope(&self, loaded: &mut LoadedProject, scope: &[String]) -> Result<(), Failure> {
        let LoadedProject { loaded, sources } = loaded;
        let is_in_scope = |name: &ServiceName| scope.iter().any(|service| service == name.as_str());
        let (own, others): (Vec<_>, Vec<_>) =
            loaded.service_problems.iter().partition(|problem| problem.services.iter().all(is_in_scope));
        if !own.is_empty() {
            let mut problems = Diagnostics::default();
            own.iter().for_each(|problem| problems.push(problem.diagnostic.clone()));
            return Err(Failure::rendered(Kind::Invalid, problems.render(sources, true)));
        }
        let project = &mut loaded.project;
        let outside = others.iter().flat_map(|problem| &problem.services).filter(|name| !is_in_scope(name));
        for name in outside {
            if let Some(service) = project.services.remove(name) {
                project.disabled_services.insert(name.clone(), service);
            }
        }
        Ok(())
    }

    /// The names of all services in the files of a request. Variables, env files and references do not matter for that, so
    /// problems with them do not stop a verb that works from labels.
    ///
    /// # Errors
    /// Files that cannot be read as Compose files; exit code 3.
    pub(super) fn service_names(&self, request: &Request) -> Result<BTreeSet<String>, Failure> {
        let options = Options {
            no_interpolate: true,
            no_normalize: true,
            no_path_resolution: true,
            no_consistency: true,
            no_env_resolution: true,
            defers_service_problems: true,
        };
        let mut sources = Sources::default();
        match load::load(&Request { options, ..request.clone() }, &mut sources) {
            Ok(loaded) => {
                let services = loaded.origins.tree().get("services").and_then(Node::as_map);
                let names = services.into_iter().flat_map(Map::iter).map(|entry| entry.key.to_string());
                Ok(names.collect())
            }
            Err(problems) => Err(Failure::rendered(Kind::Invalid, problems.render(&sources, true))),
        }
    }

    /// The services a verb acts on.
    ///
    /// # Errors
    /// A service that the project does not have, with the nearest spelling; exit code 2, or 3 where `sofa.yaml` names it.
    pub fn selection(&self, project: &Project) -> Result<Selection, Failure> {
        let words = &self.settings.words;
        if let Some(tag) = words.tag.as_deref().filter(|tag| project.services.contains_key(*tag)) {
            let message = format!("`{tag}` is a service, but such a word is a tag; nothing was changed");
            return Err(Failure::new(Kind::Usage, message)
                .hint(format!("`SERVICES={tag}` names the service, `--tag {tag}` the tag")));
        }
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

    /// Refuses a mode whose list of services names one that its files do not have.
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

    /// The named services, else everything with `all`, else the mode's. Does not check that they exist.
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

    /// Whether a verb that works from labels acts on every container of the project.
    pub fn acts_on_everything(&self) -> bool {
        !self.settings.has_typed_files && self.named_or_mode() == Selection::All
    }

    /// The failure for a word that is neither a mode nor a service.
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
}
