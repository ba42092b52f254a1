//! The releases of a project that can be rolled back to. Works from the records on the engine and reads no file.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::error::Failure;
use crate::ops::Context;
use crate::ops::project::View;
use crate::ops::release::kept_releases;
use crate::state::head::ReleaseEntry;
use crate::util::elapsed::{age, elapsed};

/// The heads of [`History::rows`].
pub const COLUMNS: [&str; 7] = ["RELEASE", "AGE", "BY", "VERB", "REVISION", "TOOK", "IMAGES"];

/// The kept releases of a project, the newest first.
pub struct History {
    pub project: String,
    releases: Vec<ReleaseEntry>,
}

impl History {
    /// Reads the records of the command's project.
    ///
    /// # Errors
    /// Records that a newer `sofa` wrote.
    pub async fn of(context: &Context) -> Result<History, Failure> {
        let live = context.live_project(View::Project).await?;
        let mut releases = kept_releases(&live).await?.releases;
        releases.reverse();
        Ok(History { project: live.project, releases })
    }

    pub fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    /// The cells of a table, a row for each release.
    pub fn rows(&self, now: Timestamp) -> Vec<Vec<String>> {
        self.releases.iter().map(|release| row(release, now)).collect()
    }

    /// One JSON object a line.
    pub fn json(&self) -> String {
        self.releases.iter().map(|release| object(release) + "\n").collect()
    }
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

/// Each image once, with the start of its id: services often share one.
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
