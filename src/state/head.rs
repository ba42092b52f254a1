//! The head of a store: small, read with one call, and what points to everything else that lies in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many releases are kept.
pub const RELEASES: usize = 10;

/// What a project's store holds, without the large parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// The last run, under way or ended.
    pub run: Option<RunEntry>,
    /// A run before it that did not finish, with what no later run has settled of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<RunEntry>,
    /// The releases, oldest first.
    pub releases: Vec<ReleaseEntry>,
}

impl Head {
    /// The run that began and has no good end: under way, killed, or left with things neither old nor new. Its reach tells of
    /// all in a row that went on from one another.
    pub fn unfinished(&self) -> Option<&RunEntry> {
        let last = self.run.as_ref().filter(|run| run.outcome.is_none_or(Outcome::leaves_work));
        last.or(self.open.as_ref())
    }

    /// The number that the next run gets.
    pub fn next_run(&self) -> u64 {
        self.run.as_ref().map_or(1, |run| run.number + 1)
    }

    /// The number that the next release gets.
    pub fn next_release(&self) -> u64 {
        self.releases.last().map_or(1, |release| release.number + 1)
    }

    /// Adds a release and returns those that are not kept any longer.
    pub fn add(&mut self, release: ReleaseEntry) -> Vec<ReleaseEntry> {
        self.releases.push(release);
        let surplus = self.releases.len().saturating_sub(RELEASES);
        self.releases.drain(..surplus).collect()
    }
}

/// Who runs a command, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The user, or the CI job.
    pub user: String,
    /// The machine.
    pub host: String,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.user, self.host)
    }
}

/// A run in the head; its plan lies beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// Its number, from 1.
    pub number: u64,
    /// The verb («deploy»).
    pub verb: String,
    /// The mode it ran in.
    pub mode: Option<String>,
    /// Who ran it.
    pub operator: Operator,
    /// When it began, by the clock of who ran it.
    pub began: Timestamp,
    /// How it ended; none while it is under way, or when it was killed.
    pub outcome: Option<Outcome>,
    /// What it may have changed; none where an older `sofa` did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

impl RunEntry {
    /// The first run in a row that did not finish: what has this number or a later one in its label is theirs.
    pub fn since(&self) -> u64 {
        self.reach.as_ref().map_or(self.number, |reach| reach.since)
    }

    /// Whether it was ended half way: what it left is neither a state that anybody wanted nor the one before it.
    pub fn was_cut_off(&self) -> bool {
        matches!(self.outcome, None | Some(Outcome::Left | Outcome::UndoIncomplete))
    }

    /// What of it remains once these services are whole; none where that is nothing.
    #[must_use]
    pub fn without(&self, whole: impl Fn(&str) -> bool) -> Option<RunEntry> {
        let reach = self.reach.as_ref()?;
        let services: BTreeSet<String> =
            reach.services.iter().filter(|service| !whole(service)).cloned().collect();
        let reach = Reach { services, ..reach.clone() };
        (!reach.services.is_empty()).then(|| RunEntry { reach: Some(reach), ..self.clone() })
    }
}

/// What a run may have changed, by itself or by those that did not finish and that it goes on from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reach {
    /// The number of the first of them.
    pub since: u64,
    /// The services whose containers their plans changed.
    pub services: BTreeSet<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done.
    Settled,
    /// It failed or was interrupted; everything was taken back.
    Undone,
    /// It failed or was interrupted; not everything could be taken back.
    UndoIncomplete,
    /// It failed or was interrupted; what was done was kept.
    Kept,
    /// It was ended at once, or its lock was lost; what was begun was left as it was.
    Left,
}

impl Outcome {
    /// Whether things may be neither as before the run nor as it wanted them.
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
            Outcome::Kept => "failed, what was done is kept",
            Outcome::Left => "left as it was",
        })
    }
}

/// A release in the head; its model lies beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEntry {
    /// Its number, from 1.
    pub number: u64,
    /// The run that made it: its containers have that number in their label.
    #[serde(default)]
    pub run: u64,
    /// The verb that made it («deploy», «rollback»).
    pub verb: String,
    /// The mode it was made in.
    pub mode: Option<String>,
    /// Who made it.
    pub operator: Operator,
    /// When it was done, by the clock of who made it.
    pub done: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The revision of the files' git repository.
    pub revision: Option<String>,
    /// The images of its services, those that the run did not touch included: by service, and by `service/reference` those
    /// that a service uses beside its own, in hooks and mounts.
    pub images: BTreeMap<String, ReleaseImage>,
}

/// The service of a key of [`ReleaseEntry::images`]; and whether it is the image that its containers are made from.
pub fn service_of(key: &str) -> (&str, bool) {
    match key.split_once('/') {
        Some((service, _)) => (service, false),
        None => (key, true),
    }
}

/// The key of an image that a service uses beside its own.
pub fn beside(service: &str, reference: &str) -> String {
    format!("{service}/{reference}")
}

/// The image that a service had in a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseImage {
    /// As the files name it.
    pub reference: String,
    /// Its id on the engine.
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
            images: BTreeMap::new(),
        }
    }

    #[test]
    fn ten_releases_are_kept_and_numbers_never_return() {
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
    fn a_run_is_unfinished_until_it_ended_well_or_was_taken_back() {
        let unfinished = |outcome| {
            let head = Head { run: Some(run(outcome)), ..Head::default() };
            head.unfinished().is_some()
        };
        assert!(unfinished(None));
        assert!(
            [Outcome::UndoIncomplete, Outcome::Kept, Outcome::Left].map(Some).into_iter().all(unfinished)
        );
        assert!(!unfinished(Some(Outcome::Settled)) && !unfinished(Some(Outcome::Undone)));
        assert!(Head::default().unfinished().is_none());
    }

    #[test]
    fn a_run_stays_open_until_every_service_that_it_touched_is_whole() {
        let services = ["db", "web"].map(str::to_owned).into();
        let open = RunEntry { reach: Some(Reach { since: 1, services }), ..run(None) };
        let left = open.without(|service| service == "web").unwrap();
        assert_eq!((left.since(), left.reach.clone().unwrap().services), (1, ["db".to_owned()].into()));
        assert_eq!(left.without(|service| service == "db"), None);
        assert_eq!(run(None).without(|_| false), None, "nobody knows what it touched");
        let head = Head { run: Some(run(Some(Outcome::Undone))), open: Some(open), ..Head::default() };
        assert!(head.unfinished().is_some());
    }

    #[test]
    fn records_of_an_older_sofa_are_read() {
        let text = r#"{"run": {"number": 4, "verb": "deploy", "mode": null, "operator": {"user": "", "host": ""},
            "began": "2026-01-01T00:00:00Z", "outcome": null}, "releases": []}"#;
        let head: Head = serde_json::from_str(text).unwrap();
        assert_eq!((head.unfinished().unwrap().since(), head.open), (4, None));
    }
}
