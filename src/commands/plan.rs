//! `sofa plan [VERB]`: what a verb would do and why; changes nothing.

use crate::cli::planned::Planned;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::plan::explain;
use crate::plan::operation::Plan;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End with 10 if anything would change.
    #[arg(long, global = true)]
    exit_code: bool,
    /// How to print.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// The verb; `deploy` where none is said.
    #[command(subcommand)]
    pub verb: Planned,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints the plan of a verb.
///
/// # Errors
/// As that verb's, before any change.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let plan = args.verb.plan(context).await?;
    let text = match args.format {
        Format::Text => crate::ui::plan::render(&plan, true),
        Format::Json => json(&plan)?,
    };
    // A reader that is gone needs no plan.
    let _ = context.ui.print(&text);
    Ok(if args.exit_code && !plan.changes_nothing() { Exit::Changes } else { Exit::Success })
}

fn json(plan: &Plan) -> Result<String, Failure> {
    let explanation = explain::explain(plan);
    let value = serde_json::json!({
        "format": 1,
        "summary": explanation.summary(),
        "lines": explanation.lines,
        "plan": plan,
    });
    let text = serde_json::to_string_pretty(&value);
    Ok(text.map_err(|error| Failure::new(Kind::Failed, error.to_string()))? + "\n")
}
