//! `sofa plan [VERB]`: what a verb would do and why; changes nothing.

use std::time::Instant;

use crate::commands::Context;
use crate::commands::back;
use crate::commands::deployment::{self, Choices, NO_PINS};
use crate::commands::labelled::{Standing, View, look};
use crate::commands::work::Work;
use crate::commands::{ownership, replicas, rollback};
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::plan::operation::Plan;
use crate::plan::{self, down, explain, rm};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A verb (deploy, scale, rollback, stop, start, restart, down, kill, rm), mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    #[command(flatten)]
    choices: Choices,
    /// End with 10 if anything would change.
    #[arg(long)]
    exit_code: bool,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The verbs that have a plan.
const VERBS: [&str; 9] = ["deploy", "scale", "rollback", "stop", "start", "restart", "down", "kill", "rm"];

impl Args {
    /// Whether that verb reads files.
    pub fn reads_files(&self) -> bool {
        matches!(self.verb(), Some("deploy" | "scale") | None)
    }

    /// The verb that is planned, where a word is one: a service with a verb's name is reached by SERVICES=.
    fn verb(&self) -> Option<&str> {
        self.words.iter().map(String::as_str).find(|word| VERBS.contains(word))
    }

    /// The words that select services.
    pub fn scope_words(&self) -> Vec<String> {
        let verb = self.verb();
        let is_verb = |word: &&String| Some(word.as_str()) == verb;
        let words: Vec<String> = self.words.iter().filter(|word| !is_verb(word)).cloned().collect();
        match verb {
            Some("scale") => replicas::scope_words(&words),
            Some("rollback") => back::scope_words(&words),
            _ => words,
        }
    }
}

/// Prints the plan of a verb, by default of `deploy`.
///
/// # Errors
/// As that verb's, before any change.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let plan = match args.verb() {
        Some("deploy") | None => plan_deploy(&args.choices, context).await?,
        Some("scale") => {
            let mut choices = args.choices.clone();
            choices.scale.extend(replicas::among(&args.words)?);
            plan_deploy(&choices, context).await?
        }
        Some("rollback") => rollback::plan(&args.words, context).await?,
        Some(verb) => plan_labelled(verb, context).await?,
    };
    let text = match args.format {
        Format::Text => crate::ui::plan::render(&plan, true),
        Format::Json => {
            let explanation = explain::explain(&plan);
            let value = serde_json::json!({ "summary": explanation.summary(), "lines": explanation.lines, "plan": plan });
            serde_json::to_string_pretty(&value)
                .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?
                + "\n"
        }
    };
    // A reader that is gone needs no plan.
    let _ = context.ui.print(&text);
    Ok(if args.exit_code && !plan.changes_nothing() { Exit::Changes } else { Exit::Success })
}

async fn plan_deploy(choices: &Choices, context: &Context) -> Result<Plan, Failure> {
    let loaded = deployment::load(context, choices)?;
    let project = loaded.project();
    let selection = context.selection(project)?;
    let engine = context.engine().await?;
    let mut observed = deployment::observe(&engine, project, &NO_PINS).await?;
    ownership::refuse_to_begin_beside(context, project, &observed)?;
    let scope = deployment::scope_of(context, project, &selection, choices.deps, &observed)?;
    let work = Work {
        context,
        engine: &engine,
        verb: "plan",
        project,
        pins: &NO_PINS,
        scope: &scope,
        choices,
        begun: Instant::now(),
        makes_release: false,
    };
    work.foresee(&mut observed).await
}

/// The plan of a verb that reads no files.
async fn plan_labelled(verb: &str, context: &Context) -> Result<Plan, Failure> {
    let Standing { project, observed, scope, .. } = look(context, View::Engine).await?;
    let mode = context.settings.mode.as_ref();
    Ok(match verb {
        "stop" => plan::stop(&project, &observed, &scope, None),
        "start" => plan::start(&project, &observed, &scope),
        "restart" => plan::restart(&project, &observed, &scope, &context.settings.backend, None),
        "kill" => plan::kill(&project, &observed, &scope, "SIGKILL"),
        "rm" => plan::rm(&project, &observed, &rm::Policy { scope, ..rm::Policy::default() }),
        _ => {
            let policy = down::Policy {
                scope,
                volumes: mode.is_some_and(|mode| mode.down_volumes),
                ..down::Policy::default()
            };
            plan::down(&project, &observed, &policy)
        }
    })
}
