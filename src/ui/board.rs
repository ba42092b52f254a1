//! The content of a live display: one line per subject, updated by events. It does not print.

use std::time::Duration;

use indexmap::IndexMap;

use super::event::{Event, Phase, Subject};

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
    /// When the subject started and when it reached its current phase, from the start of the run.
    pub(super) since: Duration,
    pub(super) until: Duration,
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
