//! The head of a store: small, read with one call. It points to all other record files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub const RELEASES: usize = 10;
/// Of so many runs the logs are kept.
pub const RUN_LOGS: u64 = 10;

/// The records of a project, without the large parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// The last run, in progress or ended.
    pub run: Option<RunEntry>,
    /// An unfinished run before it, with the services that no later run completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<RunEntry>,
    /// Oldest first.
    pub releases: Vec<ReleaseEntry>,
}

impl Head {
    /// The unfinished run: in progress, killed, or ended with services that are neither old nor new. Its reach includes
    /// all unfinished runs in a row.
    pub fn unfinished(&self) -> Option<&RunEntry> {
        let last = self.run.as_ref().filter(|run| run.outcome.is_none_or(Outcome::leaves_work));
        last.or(self.open.as_ref())
    }

    pub fn next_run(&self) -> u64 {
        self.run.as_ref().map_or(1, |run| run.number + 1)
    }

    pub fn next_release(&self) -> u64 {
        self.releases.last().map_or(1, |release| release.number + 1)
    }

    /// Adds a release and returns those that are no longer kept.
    pub fn add(&mut self, release: ReleaseEntry) -> Vec<ReleaseEntry> {
        self.releases.push(release);
        let surplus = self.releases.len().saturating_sub(RELEASES);
        self.releases.drain(..surplus).collect()
    }
}

/// The person or CI job that runs `sofa`, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub user: String,
    pub host: String,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.user, self.host)
    }
}

/// A run. Its plan is in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// From 1.
    pub number: u64,
    /// For example `deploy`.
    pub verb: String,
    pub mode: Option<String>,
    pub operator: Operator,
    /// By the operator's clock.
    pub began: Timestamp,
    /// None while it is in progress, and where it was killed.
    pub outcome: Option<Outcome>,
    /// What it may have changed; none in records of an older `sofa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

impl RunEntry {
    /// The first of the unfinished runs in a row: objects with this number or a later one in their label are theirs.
    pub fn since(&self) -> u64 {
        self.reach.as_ref().map_or(self.number, |reach| reach.since)
    }

    /// Whether it was interrupted: the project is neither in the state of its plan nor in the one before.
    pub fn was_interrupted(&self) -> bool {
        matches!(self.outcome, None | Some(Outcome::Interrupted | Outcome::UndoIncomplete))
    }

    /// The run without the services that are now complete; none if no service is left.
    #[must_use]
    pub fn remaining(&self, is_complete: impl Fn(&str) -> bool) -> Option<RunEntry> {
        let reach = self.reach.as_ref()?;
        let services: BTreeSet<String> =
            reach.services.iter().filter(|service| !is_complete(service)).cloned().collect();
        let reach = Reach { services, ..reach.clone() };
        (!reach.services.is_empty()).then(|| RunEntry { reach: Some(reach), ..self.clone() })
    }
}

/// What a run, and the unfinished runs that it resumes, may have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reach {
    /// The number of the first of these runs.
    pub since: u64,
    /// The services whose containers the plans changed.
    pub services: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything is done.
    Settled,
    /// It failed or was interrupted, and everything is undone.
    Undone,
    /// It failed or was interrupted, and not everything could be undone.
    UndoIncomplete,
    /// It failed or was interrupted, and what was done is kept.
    Kept,
    /// It was stopped at once, or its lock was lost. Nothing was undone.
    #[serde(rename = "left")]
    Interrupted,
}

impl Outcome {
    /// Whether the project may be neither in the state before the run nor in the planned one.
    pub fn leaves_work(self) -> bool {
        !matches!(self, Outcome::Settled | Outcome::Undone)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Settled => "settled",
            Outcome::Undone => "undone",
            Outcome::UndoIncomplete => "undo incomplete",
            Outcome::Kept => "failed, changes kept",
            Outcome::Interrupted => "interrupted",
        })
    }
}

/// A release. Its model is in a file of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEntry {
    /// From 1.
    pub number: u64,
    /// The run that created it: its containers have this number in their label.
    #[serde(default)]
    pub run: u64,
    /// The verb that created it: `deploy` or `rollback`.
    pub verb: String,
    pub mode: Option<String>,
    pub operator: Operator,
    /// When it was complete, by the operator's clock.
    pub done: Timestamp,
    pub took: Duration,
    /// The revision of the git repository with the files.
    pub revision: Option<String>,
    /// The images of its services, also of those that the run did not change. Keys are the service, and
    /// `service/reference` for other images of a service, in hooks and mounts.
    pub images: BTreeMap<String, ReleaseImage>,
    /// How long the phases of the starts took, where the run waited for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub starts: Starts,
}

/// The phases of the start of a service in one run with the time of each, in order, by service.
pub type Starts = BTreeMap<String, Vec<(String, Duration)>>;

/// The service of a key of [`ReleaseEntry::images`], and whether it is the image of its containers.
pub fn service_of(key: &str) -> (&str, bool) {
    match key.split_once('/') {
        Some((service, _)) => (service, false),
        None => (key, true),
    }
}

/// The key of another image of a service.
pub fn beside(service: &str, reference: &str) -> String {
    format!("{service}/{reference}")
}

/// The image of a service in a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseImage {
    /// As in the Compose files.
    pub reference: String,
    /// The id on the engine.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: u64) -> ReleaseEntry {
        ReleaseEntry {
            number,
            run: number,
            verb: "deploy".into(),
            mode: None,
            operator: Operator::default(),
            done: Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            revision: None,
            ..ReleaseEntry::default()
        }
    }

    #[test]
    fn ten_releases_are_kept_and_no_number_is_used_twice() {
        let mut head = Head::default();
        for expected in 1..=25 {
            assert_eq!(head.next_release(), expected);
            let gone: Vec<u64> = head.add(release(expected)).iter().map(|release| release.number).collect();
            assert_eq!(gone, if expected > 10 { vec![expected - 10] } else { vec![] });
        }
        assert_eq!(head.releases.iter().map(|r| r.number).collect::<Vec<_>>(), (16..=25).collect::<Vec<_>>());
    }

    fn run(outcome: Option<Outcome>) -> RunEntry {
        RunEntry {
            number: 1,
            verb: "deploy".into(),
            mode: None,
            operator: Operator::default(),
            began: Timestamp::UNIX_EPOCH,
            outcome,
            reach: None,
        }
    }

    #[test]
    fn a_run_is_unfinished_until_it_is_settled_or_undone() {
        let unfinished = |outcome| {
            let head = Head { run: Some(run(outcome)), ..Head::default() };
            head.unfinished().is_some()
        };
        assert!(unfinished(None));
        assert!(
            [Outcome::UndoIncomplete, Outcome::Kept, Outcome::Interrupted]
                .map(Some)
                .into_iter()
                .all(unfinished)
        );
        assert!(!unfinished(Some(Outcome::Settled)) && !unfinished(Some(Outcome::Undone)));
        assert!(Head::default().unfinished().is_none());
    }

    #[test]
    fn a_run_stays_unfinished_until_every_service_that_it_changed_is_complete() {
        let services = ["db", "web"].map(str::to_owned).into();
        let open = RunEntry { reach: Some(Reach { since: 1, services }), ..run(None) };
        let left = open.remaining(|service| service == "web").unwrap();
        assert_eq!((left.since(), left.reach.clone().unwrap().services), (1, ["db".to_owned()].into()));
        assert_eq!(left.remaining(|service| service == "db"), None);
        assert_eq!(run(None).remaining(|_| false), None, "it is unknown what it changed");
        let head = Head { run: Some(run(Some(Outcome::Undone))), open: Some(open), ..Head::default() };
        assert!(head.unfinished().is_some());
    }

    #[test]
    fn records_of_an_older_sofa_are_read() {
        let text = r#"{"run": {"number": 4, "verb": "deploy", "mode": null, "operator": {"user": "", "host": ""},
            "began": "2026-01-01T00:00:00Z", "outcome": null}, "releases": []}"#;
        let head: Head = serde_json::from_str(text).unwrap();
        assert_eq!((head.unfinished().unwrap().since(), head.open), (4, None));
        let words = ["settled", "undone", "undo-incomplete", "kept", "left"];
        let outcomes: [Outcome; 5] = words.map(|word| serde_json::from_value(word.into()).unwrap());
        let all =
            [Outcome::Settled, Outcome::Undone, Outcome::UndoIncomplete, Outcome::Kept, Outcome::Interrupted];
        assert_eq!(outcomes, all);
    }
}
