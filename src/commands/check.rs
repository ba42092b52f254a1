//! `sofa check`: shows everything that is known to go wrong before a deploy, with its place and its fix; changes nothing.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::check::Findings;
use crate::ui::findings;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints every finding. Checks that need an engine are «unchecked» where none answers.
///
/// # Errors
/// Errors among the findings: exit code 5 where a protection or another owner forbids a deploy, else 3; warnings too with
/// `--strict`.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let found = Findings::of(context).await?;
    let text = match args.format {
        Format::Json => found.json()?,
        Format::Text => {
            let mut summary = findings::summary(&format!("check {}", found.project), &found.list);
            if let Some(longest) = &found.longest_wait {
                summary += &format!("a deploy waits at most {longest}\n");
            }
            for gpu in &found.gpus {
                summary += &format!("{gpu}\n");
            }
            if found.list.is_empty() { summary } else { findings::render(&found.list) + "\n" + &summary }
        }
    };
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    Ok(found.kind(args.strict).map_or(Exit::Success, Exit::Found))
}
