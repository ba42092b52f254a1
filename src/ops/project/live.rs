//! A project as its engine has it, for verbs that read no files: its containers, and the scope among them.

use std::collections::BTreeSet;

use crate::compose::load::Options;
use crate::docker::handover;
use crate::engine::{Engine, Wanted};
use crate::error::{Failure, Kind};
use crate::labels;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::plan::labelled::{self, Scope};
use crate::plan::observed::{Container, Observed};
use crate::settings::Mode;
use crate::util::spelling;

/// A project as its engine has it.
pub struct LiveProject {
    pub project: String,
    pub engine: Engine,
    pub observed: Observed,
    pub scope: Scope,
    /// The services of the files that were named with `-f`.
    services: Option<BTreeSet<String>>,
}

/// How much of the engine a verb looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The project's own objects.
    Project,
    /// The containers of other projects too.
    Engine,
}

impl Context {
    /// Finds the project on its engine, and the scope of the command.
    ///
    /// # Errors
    /// No name for the project, no engine, a service that the project does not have.
    pub async fn live_project(&self, view: View) -> Result<LiveProject, Failure> {
        let found = self.found_project(view).await?;
        let scope = scope(self, &found.project, &found.observed, found.services.as_ref())?;
        Ok(LiveProject { scope, ..found })
    }

    /// The same, whatever services the command names.
    ///
    /// # Errors
    /// As `live_project`, except for unknown services.
    pub async fn found_project(&self, view: View) -> Result<LiveProject, Failure> {
        let request = self.request(Options::default())?;
        let name = self.project_name_of(&request)?;
        let typed = self.settings.has_typed_files;
        let services = typed.then(|| self.service_names(&request)).transpose()?;
        let engine = self.engine().await?;
        let mut project = name.text;
        let mut observed = observe(&engine, &project, view).await?;
        if let (true, Some(mode)) = (name.uncertain && observed.containers.is_empty(), &self.settings.mode)
            && let Some(found) = by_label(&engine, mode).await?
        {
            self.ui.note(&format!(
                "the env file of mode `{}` cannot be read; using project `{found}`, which the labels of its containers name",
                mode.name
            ));
            observed = observe(&engine, &found, view).await?;
            project = found;
        }
        Ok(LiveProject { project, engine, observed, scope: Scope::Everything, services })
    }
}

impl LiveProject {
    /// The same project, observed again.
    ///
    /// # Errors
    /// As [`Context::live_project`].
    pub async fn again(&self, context: &Context, view: View) -> Result<LiveProject, Failure> {
        let observed = observe(&self.engine, &self.project, view).await?;
        let scope = scope(context, &self.project, &observed, self.services.as_ref())?;
        let (project, engine) = (self.project.clone(), self.engine.clone());
        Ok(LiveProject { project, engine, observed, scope, services: self.services.clone() })
    }
}

impl LiveProject {
    /// The container of a service with this number, else its first one; it is up.
    ///
    /// # Errors
    /// None is up.
    pub fn container_up(&self, service: &str, number: Option<u32>) -> Result<&Container, Failure> {
        let own = self.observed.containers.iter().filter(|container| container.service == service);
        let up = own.filter(|container| container.is_up() && !container.oneoff);
        let fits = up.filter(|container| number.is_none_or(|number| container.number == number));
        fits.min_by_key(|container| container.number).ok_or_else(|| {
            let name = match number {
                Some(number) => format!("container {number} of service `{service}`"),
                None => format!("service `{service}`"),
            };
            Failure::new(Kind::Failed, format!("{name} is not running"))
                .hint("`sofa ps --all` lists the containers; `sofa start` starts those that are stopped")
        })
    }
}

async fn observe(engine: &Engine, project: &str, view: View) -> Result<Observed, Failure> {
    let observed = match view {
        View::Project => engine.observe_project(project).await,
        View::Engine => engine.observe(project, &Wanted::default()).await,
    };
    let mut observed = observed.map_err(engine_failure)?;
    handover::add_quiesced(engine, project, &mut observed).await.map_err(engine_failure)?;
    Ok(observed)
}

/// The only project whose containers were deployed in this mode from these files, by their labels.
async fn by_label(engine: &Engine, mode: &Mode) -> Result<Option<String>, Failure> {
    let files: Vec<String> = mode.files.iter().map(|file| file.display().to_string()).collect();
    let files = files.join(",");
    let is_of_mode = |container: &Container| {
        let has = |label: &str, value: &str| container.labels.get(label).is_some_and(|found| found == value);
        has(labels::sofa::MODE, &mode.name) && has(labels::compose::CONFIG_FILES, &files)
    };
    let containers = engine.list_containers().await.map_err(engine_failure)?;
    let projects: BTreeSet<&str> =
        containers.iter().filter(|container| is_of_mode(container)).filter_map(Container::project).collect();
    Ok(match projects.len() {
        1 => projects.first().map(|project| (*project).to_owned()),
        _ => None,
    })
}

/// The services that a command acts on: the named ones, else everything with `all`, else the mode's; with `-f` only those of
/// these files. Refuses a name that the files, or else the containers and their labels, do not have, with the nearest spelling.
/// A project without containers knows no names and refuses none.
fn scope(
    context: &Context,
    project: &str,
    observed: &Observed,
    of_files: Option<&BTreeSet<String>>,
) -> Result<Scope, Failure> {
    let settings = &context.settings;
    let named = &settings.words.services;
    let known = match of_files {
        Some(services) => services.iter().map(String::as_str).collect(),
        None => labelled::known(&observed.containers),
    };
    let is_known = |name: &String| known.contains(name.as_str()) || settings.backend.contains(name);
    if let Some(unknown) = named.iter().find(|name| !is_known(name))
        && !known.is_empty()
    {
        let modes = settings.modes.iter().map(|mode| mode.name.as_str()).filter(|_| settings.mode.is_some());
        let failure = Failure::new(
            Kind::Usage,
            format!("project `{project}` has no service `{unknown}`; nothing was changed"),
        );
        return Err(match spelling::nearest(unknown, known.iter().copied().chain(modes)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => {
                failure.hint(format!("services: {}", known.iter().copied().collect::<Vec<_>>().join(", ")))
            }
        });
    }
    let scope = Scope::of(&context.named_or_mode(), &settings.backend, &observed.containers);
    Ok(match of_files {
        Some(services) => scope.within(services),
        None => scope,
    })
}
