//! The head of a store: small, read with one call, and what points to everything else that lies in it.

use std::collections::BTreeMap;
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
    /// The releases, oldest first.
    pub releases: Vec<ReleaseEntry>,
}

impl Head {
    /// The run that began and has no good end: under way, killed, or left with things neither old nor new.
    pub fn unfinished(&self) -> Option<&RunEntry> {
        self.run.as_ref().filter(|run| run.outcome.is_none_or(Outcome::leaves_work))
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
    /// The images of its services, those that the run did not touch included.
    pub images: BTreeMap<String, ReleaseImage>,
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

    #[test]
    fn a_run_is_unfinished_until_it_ended_well_or_was_taken_back() {
        let run = |outcome| RunEntry {
            number: 1,
            verb: "deploy".into(),
            mode: None,
            operator: Operator::default(),
            began: Timestamp::UNIX_EPOCH,
            outcome,
        };
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
}
