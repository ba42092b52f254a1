//! What a live display knows: one line per subject, kept up to date by events. No terminal here.

use std::time::Duration;

use indexmap::IndexMap;

use super::event::{Event, Phase, Subject};

/// The state of a run as its events told it.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) title: String,
    pub(super) deadline: Option<Duration>,
    pub(super) lines: IndexMap<Subject, Line>,
}

/// What is known of one subject.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) phase: Phase,
    pub(super) detail: Option<String>,
    /// The last log or build line, shown while the subject is under way.
    pub(super) last_line: Option<String>,
    pub(super) progress: Option<(String, u64, Option<u64>)>,
    /// When the subject first did something, and when it reached its last phase; from the run's begin.
    pub(super) since: Duration,
    pub(super) until: Duration,
}

impl Board {
    /// Takes in an event that happened `now` after the run's begin.
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
                line.until = now;
                if phase.is_final() {
                    line.last_line = None;
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
            since: now,
            until: now,
        })
    }
}
