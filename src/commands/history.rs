//! `sofa history`: the releases that a project can go back to, the newest first. Works from what is kept on the engine; no
//! file is read.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::labelled::{View, look};
use crate::ops::rollback::kept_releases;
use crate::state::head::ReleaseEntry;
use crate::ui::table;
use crate::util::elapsed::{age, elapsed};

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// How the releases are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns.
    Table,
    /// One JSON object a line.
    Json,
}

/// Lists the releases.
///
/// # Errors
/// Records that a newer `sofa` wrote.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let standing = look(context, View::Project).await?;
    let head = kept_releases(&standing).await?;
    let project = &standing.project;
    if head.releases.is_empty() {
        context.ui.note(&format!("project `{project}`: no releases are kept; the next deploy makes one"));
        return Ok(Exit::Success);
    }
    let newest_first = head.releases.iter().rev();
    let text = match args.format {
        Format::Table => table::render(
            &["RELEASE", "AGE", "BY", "VERB", "REVISION", "TOOK", "IMAGES"],
            &newest_first.map(|release| row(release, Timestamp::now())).collect::<Vec<_>>(),
        ),
        Format::Json => newest_first.map(|release| object(release) + "\n").collect(),
    };
    // A reader that is gone needs no list.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}

fn row(release: &ReleaseEntry, now: Timestamp) -> Vec<String> {
    let past = Duration::try_from(now.duration_since(release.done)).unwrap_or_default();
    vec![
        release.number.to_string(),
        age(past),
        release.operator.to_string(),
        release.verb.clone(),
        release.revision.as_deref().map_or("-", short).to_string(),
        elapsed(release.took),
        images(release),
    ]
}

/// Each image once, with the beginning of its id: services often share one.
fn images(release: &ReleaseEntry) -> String {
    let mut images: Vec<String> = release
        .images
        .values()
        .map(|image| format!("{}@{}", image.reference, short(image.id.trim_start_matches("sha256:"))))
        .collect();
    images.sort();
    images.dedup();
    images.join(", ")
}

/// The first 12 characters of a digest or revision.
fn short(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}

fn object(release: &ReleaseEntry) -> String {
    json!({
        "Release": release.number,
        "Done": release.done.to_string(),
        "Seconds": release.took.as_secs_f64(),
        "Verb": release.verb,
        "Mode": release.mode,
        "User": release.operator.user,
        "Host": release.operator.host,
        "Revision": release.revision,
        "Images": release.images,
    })
    .to_string()
}
