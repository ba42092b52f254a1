//! Building the images of a scope, and pushing them. Touches no container.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::compose::load;
use crate::compose::model::Project;
use crate::engine::Engine;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::deployment::observe;
use crate::ops::images::{fetch, push};
use crate::ops::session::Session;
use crate::plan::observed::Observed;
use crate::plan::pins::Pins;
use crate::plan::policy::{Build, ImagePolicy, Pull};
use crate::plan::scope;
use crate::ui::event::Event;
use crate::util::elapsed::elapsed;

/// What is asked of a build.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub no_cache: bool,
    /// Whether base images are pulled even if the engine has them.
    pub pull: bool,
    /// Whether the images are pushed to their registries afterwards.
    pub push: bool,
    /// Build arguments that win over the files': NAME=VALUE, or NAME with its value from the environment.
    pub arguments: Vec<String>,
}

/// A build that has read its files and the engine.
pub struct ImageBuild<'a> {
    context: &'a Context,
    engine: Engine,
    model: Project,
    /// The services with a `build:`.
    scope: Vec<String>,
    observed: Observed,
    options: Options,
    started: Instant,
}

impl<'a> ImageBuild<'a> {
    /// Prepares a build of the services in scope; none where no service has a `build:`.
    ///
    /// # Errors
    /// Everything that is wrong with the files; no engine.
    pub async fn prepare(context: &'a Context, options: Options) -> Result<Option<ImageBuild<'a>>, Failure> {
        let started = Instant::now();
        let mut model = context.load(load::Options::default())?.loaded.project;
        set_arguments(&mut model, &options.arguments, context.settings.environment.process());
        let selection = context.selection(&model)?;
        let engine = context.engine().await?;
        let observed = observe(&engine, &model, &Pins::new()).await?;
        let scope: Vec<String> = scope::chosen(&model, &selection, &context.settings.backend)
            .into_iter()
            .filter(|name| model.service(name).is_some_and(|service| service.build.is_some()))
            .map(str::to_owned)
            .collect();
        if scope.is_empty() {
            context.ui.note("no service in scope has a `build:`");
            return Ok(None);
        }
        Ok(Some(ImageBuild { context, engine, model, scope, observed, options, started }))
    }

    /// Builds, and pushes where asked.
    ///
    /// # Errors
    /// Every image that could not be built, with the last lines of its build.
    pub async fn run(self) -> Result<(), Failure> {
        let session = Session::open(&self.context.ui);
        let title = format!("build {}", self.model.name);
        let _ = session.events.send(Event::Begin { title, deadline: None });
        let outcome = self.build(&session).await;
        session.close().await;
        outcome
    }

    async fn build(&self, session: &Session) -> Result<(), Failure> {
        let ImageBuild { context, engine, model, observed, options, .. } = self;
        let scope: Vec<&str> = self.scope.iter().map(String::as_str).collect();
        let pull = options.pull.then_some(Pull::Always);
        let policy = ImagePolicy { build: Build::Always, pull, no_cache: options.no_cache };
        let events = session.events.clone();
        let fetched = fetch(context, engine, model, &scope, observed, policy, events.clone());
        let count = session.unless_interrupted(fetched).await?;
        if options.push {
            session.unless_interrupted(push(context, engine, model, &scope, events)).await?;
        }
        let took = self.started.elapsed();
        let plural = if count == 1 { "" } else { "s" };
        let done = if options.push { "built and pushed" } else { "built" };
        let text = format!("{}: {count} image{plural} {done} in {}", model.name, elapsed(took));
        let _ = session.events.send(Event::Outcome { text, elapsed: took });
        Ok(())
    }
}

/// Writes the typed build arguments into every `build:`.
fn set_arguments(project: &mut Project, arguments: &[String], environment: &BTreeMap<String, String>) {
    for build in project.services.values_mut().filter_map(|service| service.build.as_mut()) {
        for typed in arguments {
            let (name, value) = match typed.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (typed.as_str(), environment.get(typed).cloned()),
            };
            build.args.insert(name.to_owned(), value);
        }
    }
}
