//! `sofa top`: lists the processes of the containers in scope. Reads no file.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::top;
use crate::ui::table;

/// Arguments of `top`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Lists the processes.
///
/// # Errors
/// A named service that the project does not have.
pub async fn run(_: Args, context: &Context) -> CommandResult {
    let mut text = String::new();
    for (name, found) in top::processes(context).await? {
        let titles: Vec<&str> = found.titles.iter().map(String::as_str).collect();
        text.push_str(&format!("{name}\n{}\n", table::render(&titles, &found.processes)));
    }
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}
