//! `sofa build`: builds the images of the scope; touches no container.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::compose::load::Options;
use crate::compose::model::Project;
use crate::docker::images::{Build, Policy, Pull};
use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::deployment::{self, NO_PINS};
use crate::ops::execution::shown;
use crate::ops::images::{fetch, send, unless_interrupted};
use crate::plan::scope;
use crate::ui::event::Event;
use crate::util::elapsed::elapsed;

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Use nothing of earlier builds.
    #[arg(long)]
    no_cache: bool,
    /// Fetch base images although they are there.
    #[arg(long)]
    pull: bool,
    /// Send the images to their registries afterwards.
    #[arg(long)]
    push: bool,
    /// A build argument, in place of what the files say: NAME=VALUE, or NAME with its value from the environment; repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    build_arg: Vec<String>,
}

impl Args {
    /// Writes the typed arguments into every `build:`.
    fn give_arguments(&self, project: &mut Project, environment: &BTreeMap<String, String>) {
        for build in project.services.values_mut().filter_map(|service| service.build.as_mut()) {
            for typed in &self.build_arg {
                let (name, value) = match typed.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (typed.as_str(), environment.get(typed).cloned()),
                };
                build.args.insert(name.to_owned(), value);
            }
        }
    }
}

/// Builds the images of the scope's services that have a `build:`.
///
/// # Errors
/// Every image that could not be built, with the last lines of its build.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let mut loaded = context.load(Options::default())?;
    args.give_arguments(&mut loaded.loaded.project, context.settings.environment.process());
    let project = loaded.project();
    let selection = context.selection(project)?;
    let engine = context.engine().await?;
    let observed = deployment::observe(&engine, project, &NO_PINS).await?;
    let scope: Vec<&str> = scope::chosen(project, &selection, &context.settings.backend)
        .into_iter()
        .filter(|name| project.service(name).is_some_and(|service| service.build.is_some()))
        .collect();
    if scope.is_empty() {
        context.ui.note("no service of the scope has a `build:`");
        return Ok(Exit::Success);
    }
    let policy =
        Policy { build: Build::Always, pull: args.pull.then_some(Pull::Always), no_cache: args.no_cache };
    shown(context, async |events, interrupt| {
        let title = format!("build {}", project.name);
        let _ = events.send(Event::Begin { title, deadline: None });
        let count = unless_interrupted(
            interrupt,
            fetch(context, &engine, project, &scope, &observed, policy, events.clone()),
        )
        .await?;
        if args.push {
            let sent = send(context, &engine, project, &scope, events.clone());
            unless_interrupted(interrupt, sent).await?;
        }
        let took = begun.elapsed();
        let plural = if count == 1 { "" } else { "s" };
        let done = if args.push { "built and pushed" } else { "built" };
        let text = format!("{}: {count} image{plural} {done} in {}", project.name, elapsed(took));
        let _ = events.send(Event::Outcome { text, elapsed: took });
        Ok(Exit::Success)
    })
    .await
}
