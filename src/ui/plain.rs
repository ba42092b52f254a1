//! Progress as plain lines, for logs and CI: what begins to take time and what ended.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::event::{Event, Phase, Subject};
use super::style;
use crate::util::elapsed::elapsed;

/// Prints events as lines. Remembers when each subject began, to tell how long it took.
#[derive(Debug, Default)]
pub(super) struct Plain {
    begun: BTreeMap<Subject, Duration>,
    shown: BTreeMap<Subject, Phase>,
}

impl Plain {
    /// Prints an event that happened `now` after the run's begin; short-lived phases are left out.
    pub(super) fn print(
        &mut self,
        out: &mut impl Write,
        event: &Event,
        now: Duration,
    ) -> std::io::Result<()> {
        match event {
            Event::Begin { title, .. } => writeln!(out, "{title}"),
            Event::Phase {
                subject,
                phase,
                detail,
            } => self.phase(out, subject, *phase, detail.as_deref(), now),
            Event::BuildLine { subject, line } => {
                writeln!(out, "{subject} | {}", style::strip_controls(line))
            }
            Event::LogLine { .. } | Event::Progress { .. } => Ok(()),
            Event::Note(text) => writeln!(out, "note: {text}"),
            Event::Warning(text) => writeln!(out, "warning: {text}"),
            Event::Outcome { text, .. } => writeln!(out, "{text}"),
        }
    }

    fn phase(
        &mut self,
        out: &mut impl Write,
        subject: &Subject,
        phase: Phase,
        detail: Option<&str>,
        now: Duration,
    ) -> std::io::Result<()> {
        // The time spent on waiting for dependencies is theirs.
        if phase == Phase::Starting {
            self.begun.insert(subject.clone(), now);
        }
        let since = *self.begun.entry(subject.clone()).or_insert(now);
        if matches!(
            phase,
            Phase::Creating
                | Phase::Created
                | Phase::Starting
                | Phase::Stopping
                | Phase::Removing
                | Phase::Unchanged
        ) {
            return Ok(());
        }
        if self.shown.insert(subject.clone(), phase) == Some(phase) {
            return Ok(());
        }
        write!(
            out,
            "  {subject}: {}",
            style::paint(style::word(phase, detail), style::of_phase(phase))
        )?;
        if let Some(detail) = detail.filter(|_| phase != Phase::Done) {
            write!(out, " ({})", style::strip_controls(detail))?;
        }
        if phase.is_final() && phase != Phase::Started {
            self.begun.remove(subject);
            let took = now.saturating_sub(since);
            if took >= Duration::from_millis(50) {
                write!(out, " {}", elapsed(took))?;
            }
        }
        writeln!(out)
    }
}
