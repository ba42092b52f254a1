//! Progress as plain lines, for logs and CI: one when something starts to take time, and one when it ends.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::event::{Event, Phase, Subject};
use super::style;
use crate::util::elapsed::elapsed;

/// Prints events as lines, with the time that each subject took.
#[derive(Debug, Default)]
pub(super) struct Plain {
    begun: BTreeMap<Subject, Duration>,
    shown: BTreeMap<Subject, Phase>,
}

impl Plain {
    /// Prints an event that happened `now` after the start of the run. Short phases are not printed.
    pub(super) fn print(
        &mut self,
        out: &mut impl Write,
        event: &Event,
        now: Duration,
    ) -> std::io::Result<()> {
        match event {
            Event::Begin { title, .. } => writeln!(out, "{title}"),
            Event::Phase { subject, phase, detail } => {
                self.phase(out, subject, *phase, detail.as_deref(), now)
            }
            // Steps show the progress of a build. Its output is shown where it fails.
            Event::BuildLine { subject, line } if line.starts_with("Step ") => {
                writeln!(out, "  {subject}: {}", style::strip_controls(line))
            }
            Event::HookLine { subject, hook, line } => {
                writeln!(out, "  {subject}: {hook}: {}", style::strip_controls(line))
            }
            Event::BuildLine { .. } | Event::LogLine { .. } | Event::Progress { .. } => Ok(()),
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
        // The time before the start is the time of its dependencies.
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
        write!(out, "  {subject}: {}", style::paint(style::word(phase, detail), style::of_phase(phase)))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The output for events that happen one second apart.
    fn printed(events: &[Event]) -> String {
        let mut plain = Plain::default();
        let mut out = Vec::new();
        for (second, event) in events.iter().enumerate() {
            plain.print(&mut out, event, Duration::from_secs(second as u64)).unwrap();
        }
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    fn phase(phase: Phase, detail: Option<&str>) -> Event {
        let subject = Subject::Container { service: "web".into(), number: 1 };
        Event::Phase { subject, phase, detail: detail.map(String::from) }
    }

    #[test]
    fn the_time_of_a_service_begins_with_its_start_and_repeated_events_are_not_printed() {
        let events = [
            phase(Phase::Creating, None),
            phase(Phase::Created, None),
            phase(Phase::Starting, None),
            phase(Phase::Waiting, Some("healthy")),
            phase(Phase::Waiting, Some("healthy")),
            phase(Phase::Ready, Some("healthy")),
        ];
        assert_eq!(printed(&events), "  web: waiting (healthy)\n  web: ready (healthy) 3.0s\n");
    }

    #[test]
    fn the_cause_of_a_replacement_is_printed() {
        let cause = "configuration changed: environment.LEVEL";
        let events =
            [phase(Phase::Replacing, Some(cause)), phase(Phase::Starting, None), phase(Phase::Ready, None)];
        assert_eq!(printed(&events), format!("  web: replacing ({cause})\n  web: ready 1.0s\n"));
    }

    #[test]
    fn only_the_steps_of_a_build_are_printed() {
        let subject = Subject::Image("app".into());
        let line = |text: &str| Event::BuildLine { subject: subject.clone(), line: text.into() };
        let text =
            printed(&[line("Step 1/2 : FROM base"), line("Get:1 packages"), line("Step 2/2 : RUN make")]);
        assert_eq!(text, "  image app: Step 1/2 : FROM base\n  image app: Step 2/2 : RUN make\n");
    }
}
