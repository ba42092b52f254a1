//! `sofa plan [VERB]`: what a verb would do and why; changes nothing.

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::plan::explain;
use crate::plan::operation::Plan;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with code 10 if anything would change.
    #[arg(long, global = true)]
    exit_code: bool,
    /// The output format.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
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

/// Prints the plan of a verb.
///
/// # Errors
/// None of its own.
pub fn run(args: &Args, plan: &Plan, context: &Context) -> CommandResult {
    let text = match args.format {
        Format::Text => crate::ui::plan::render(plan, true),
        Format::Json => json(plan)?,
    };
    // The reader may be gone: that is no failure.
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
