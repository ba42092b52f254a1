//! Progress as plain lines, for logs and CI: one when something starts to take time, one when it ends, and after a silence one with
//! what is still going on.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::board::{Board, Line};
use super::event::{Event, Phase, Subject};
use super::style;
use crate::util::elapsed::elapsed;

/// After such a silence a line says what is still going on.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// The time between two lines with the work that is left for a worker.
const DRAINING: Duration = Duration::from_secs(10);
/// That line names so many subjects.
const NAMED: usize = 4;

/// Prints events as lines, with the time that each subject took.
#[derive(Debug, Default)]
pub(super) struct Plain {
    begun: BTreeMap<Subject, Duration>,
    shown: BTreeMap<Subject, Phase>,
    /// When the work of a worker that drains was last printed.
    drained: BTreeMap<Subject, Duration>,
    board: Board,
}

impl Plain {
    /// Prints an event that happened `now` after the start of the run. Short phases are not printed.
    pub(super) fn print(
        &mut self,
        out: &mut impl Write,
        event: &Event,
        now: Duration,
    ) -> std::io::Result<()> {
        self.board.apply(event, now);
        match event {
            Event::Begin { title, .. } => writeln!(out, "{title}"),
            Event::Phase { subject, phase, detail } => {
                self.phase(out, subject, *phase, detail.as_deref(), now)
            }
            Event::StartPhase { subject, name, usual, .. } => {
                write!(out, "  {subject}: {}", style::strip_controls(name))?;
                usual.iter().try_for_each(|usual| write!(out, " (usually {})", elapsed(*usual)))?;
                writeln!(out)
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

    /// Whether the work that is left for a worker may be printed again: it may change many times a second.
    fn is_due(&mut self, subject: &Subject, now: Duration) -> bool {
        let is_due = self.drained.get(subject).is_none_or(|last| now.saturating_sub(*last) >= DRAINING);
        if is_due {
            self.drained.insert(subject.clone(), now);
        }
        is_due
    }

    /// Prints what is still going on `now` after the start of the run; nothing where nothing is.
    pub(super) fn still(&self, out: &mut impl Write, now: Duration) -> std::io::Result<()> {
        let active: Vec<String> = self
            .board
            .lines
            .iter()
            .filter(|(_, line)| {
                matches!(line.phase, Phase::Waiting | Phase::Draining | Phase::Pulling | Phase::Building)
            })
            .map(|(subject, line)| describe(subject, line, now))
            .collect();
        if active.is_empty() {
            return Ok(());
        }
        let (named, more) = active.split_at(active.len().min(NAMED));
        write!(out, "  after {}", elapsed(now))?;
        self.board.deadline.iter().try_for_each(|deadline| write!(out, " of {}", elapsed(*deadline)))?;
        write!(out, ": {}", named.join(", "))?;
        if !more.is_empty() {
            write!(out, ", {} more", more.len())?;
        }
        writeln!(out)
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
        let repeated = self.shown.insert(subject.clone(), phase) == Some(phase);
        if repeated && !(phase == Phase::Draining && self.is_due(subject, now)) {
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

/// `web waiting (loading the model 42.0s, usually 1m40s)`.
fn describe(subject: &Subject, line: &Line, now: Duration) -> String {
    let detail = match &line.start_phase {
        Some(phase) => phase.text(now),
        None => elapsed(now.saturating_sub(line.since)),
    };
    format!("{subject} {} ({})", line.phase.word(), style::strip_controls(&detail))
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
    fn the_work_of_a_worker_that_drains_is_printed_now_and_then() {
        let draining = |text: &str| phase(Phase::Draining, Some(text));
        let mut events = vec![draining("replaced")];
        events.extend((0..25).rev().map(|left| draining(&format!("{left} active"))));
        let expected = "  web: draining (replaced)\n  web: draining (24 active)\n  web: draining (14 active)\n  \
                        web: draining (4 active)\n";
        assert_eq!(printed(&events), expected);
    }

    #[test]
    fn only_the_steps_of_a_build_are_printed() {
        let subject = Subject::Image("app".into());
        let line = |text: &str| Event::BuildLine { subject: subject.clone(), line: text.into() };
        let text =
            printed(&[line("Step 1/2 : FROM base"), line("Get:1 packages"), line("Step 2/2 : RUN make")]);
        assert_eq!(text, "  image app: Step 1/2 : FROM base\n  image app: Step 2/2 : RUN make\n");
    }

    #[test]
    fn the_phases_of_a_start_are_printed_and_after_a_silence_what_is_still_going_on() {
        let begin = Event::Begin { title: "deploy shop".into(), deadline: Some(Duration::from_secs(360)) };
        let loading = Event::StartPhase {
            subject: Subject::Container { service: "web".into(), number: 1 },
            name: "loading the model".into(),
            usual: Some(Duration::from_secs(100)),
            deadline: Some(Duration::from_secs(240)),
        };
        let mut plain = Plain::default();
        let mut out = Vec::new();
        let second = Duration::from_secs;
        for (at, event) in [(0, &begin), (1, &phase(Phase::Waiting, Some("healthy"))), (2, &loading)] {
            plain.print(&mut out, event, second(at)).unwrap();
        }
        plain.still(&mut out, second(32)).unwrap();
        plain.print(&mut out, &phase(Phase::Ready, None), second(40)).unwrap();
        plain.still(&mut out, second(70)).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        assert_eq!(
            text,
            "deploy shop\n  web: waiting (healthy)\n  web: loading the model (usually 1m40s)\n  \
             after 32.0s of 6m00s: web waiting (loading the model 30.0s, usually 1m40s, deadline 4m00s)\n  \
             web: ready 39.0s\n"
        );
    }
}
