//! `sofa build`: builds the images of the scope; touches no container.

use std::time::Instant;

use crate::apply::images::{Build, Policy, Pull};
use crate::commands::Context;
use crate::commands::deployment::{self, NO_PINS};
use crate::commands::images::{fetch, unless_interrupted};
use crate::commands::run::shown;
use crate::compose::load::Options;
use crate::error::{CommandResult, Exit};
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
}

/// Builds the images of the scope's services that have a `build:`.
///
/// # Errors
/// Every image that could not be built, with the last lines of its build.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let loaded = context.load(Options::default())?;
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
        let took = begun.elapsed();
        let plural = if count == 1 { "" } else { "s" };
        let text = format!("{}: {count} image{plural} built in {}", project.name, elapsed(took));
        let _ = events.send(Event::Outcome { text, elapsed: took });
        Ok(Exit::Success)
    })
    .await
}
