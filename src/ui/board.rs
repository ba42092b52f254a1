//! The content of a live display: one line per subject, updated by events. It does not print.

use std::time::Duration;

use indexmap::IndexMap;

use super::event::{Event, Phase, Subject};
use crate::util::elapsed::elapsed;

#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) title: String,
    pub(super) deadline: Option<Duration>,
    pub(super) lines: IndexMap<Subject, Line>,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) phase: Phase,
    pub(super) detail: Option<String>,
    /// The last log or build line, shown until the phase is final.
    pub(super) last_line: Option<String>,
    pub(super) progress: Option<(String, u64, Option<u64>)>,
    /// The phase of its start, while it is waited for.
    pub(super) start_phase: Option<StartPhase>,
    /// When the subject started and when it reached its current phase, from the start of the run.
    pub(super) since: Duration,
    pub(super) until: Duration,
}

#[derive(Debug)]
pub(super) struct StartPhase {
    pub(super) name: String,
    /// From the start of the run.
    since: Duration,
    usual: Option<Duration>,
    deadline: Option<Duration>,
}

impl StartPhase {
    /// `loading the model 42.0s, usually 1m40s, deadline 6m00s`.
    pub(super) fn text(&self, now: Duration) -> String {
        let mut text = format!("{} {}", self.name, elapsed(now.saturating_sub(self.since)));
        for (word, time) in [("usually", self.usual), ("deadline", self.deadline)] {
            if let Some(time) = time {
                text += &format!(", {word} {}", elapsed(time));
            }
        }
        text
    }
}

impl Board {
    /// Applies an event that happened `now` after the start of the run.
    pub(super) fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Begin { title, deadline } => {
                self.title.clone_from(title);
                self.deadline = *deadline;
            }
            Event::Phase { subject, phase, detail } => {
                let line = self.line(subject, *phase, now);
                if line.phase == Phase::Created && *phase != Phase::Created {
                    line.since = now;
                }
                line.phase = *phase;
                line.detail.clone_from(detail);
                line.progress = None;
                line.start_phase = None;
                line.until = now;
                if phase.is_final() {
                    line.last_line = None;
                }
            }
            Event::StartPhase { subject, name, usual, deadline } => {
                if let Some(known) = self.lines.get_mut(subject) {
                    let (usual, deadline) = (*usual, *deadline);
                    known.start_phase = Some(StartPhase { name: name.clone(), since: now, usual, deadline });
                }
            }
            Event::LogLine { subject, line }
            | Event::BuildLine { subject, line }
            | Event::HookLine { subject, line, .. } => {
                if let Some(known) = self.lines.get_mut(subject) {
                    known.last_line = Some(line.clone());
                }
            }
            Event::Progress { subject, what, current, total } => {
                if let Some(known) = self.lines.get_mut(subject) {
                    known.progress = Some((what.clone(), *current, *total));
                }
            }
            Event::Note(_) | Event::Warning(_) | Event::Outcome { .. } => {}
        }
    }

    fn line(&mut self, subject: &Subject, phase: Phase, now: Duration) -> &mut Line {
        self.lines.entry(subject.clone()).or_insert_with(|| Line {
            phase,
            detail: None,
            last_line: None,
            progress: None,
            start_phase: None,
            since: now,
            until: now,
        })
    }
}
