//! The live display: one line per subject, redrawn in place. `frame` is pure; `Canvas` moves the cursor.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use owo_colors::Style;

use super::board::{Board, Line};
use super::event::{Phase, Subject};
use super::style;
use crate::util::elapsed::elapsed;

/// On a terminal with fewer columns a line has either the phase or what explains it.
const NARROW: usize = 60;

/// The board `now` after the start of the run, as at most `height` lines of `width` columns. Where the board has more lines,
/// finished subjects are hidden first.
pub(super) fn frame(board: &Board, now: Duration, width: usize, height: usize) -> Vec<String> {
    let names = board.lines.keys().map(|subject| subject.to_string().chars().count()).max().unwrap_or(0);
    let column = if width < NARROW { names } else { names.max(12) }.min(width / 3);
    let room = height.saturating_sub(2).max(1);
    let hidden = board.lines.len().saturating_sub(room);
    let mut finished = 0;
    let mut drawn = vec![head(board, now, width)];
    for (subject, line) in &board.lines {
        if finished < hidden && line.phase.is_final() {
            finished += 1;
            continue;
        }
        drawn.push(row(subject, line, now, column, width));
    }
    if finished > 0 {
        drawn.insert(1, style::paint(&format!("   … {finished} more done"), Style::new().dimmed()));
    }
    drawn.truncate(height.max(1));
    drawn
}

fn head(board: &Board, now: Duration, width: usize) -> String {
    let time = match board.deadline {
        Some(deadline) => format!("{} of {}", elapsed(now), elapsed(deadline)),
        None => elapsed(now),
    };
    let title = style::fit(&board.title, width.saturating_sub(time.len() + 2));
    format!("{}  {}", style::paint(&title, Style::new().bold()), style::paint(&time, Style::new().dimmed()))
}

fn row(subject: &Subject, line: &Line, now: Duration, column: usize, width: usize) -> String {
    let tick = usize::try_from(now.as_millis() / 100).unwrap_or(0);
    let end = if line.phase.is_final() { line.until } else { now };
    let style = style::of_phase(line.phase);
    let name = style::fit(&subject.to_string(), column);
    let spent = elapsed(end.saturating_sub(line.since));
    let before = format!(" {} {name:<column$}  ", style::sign(line.phase, tick));
    if width < NARROW {
        let told = match &line.start_phase {
            Some(phase) => phase.name.clone(),
            None => style::word(line.phase, line.detail.as_deref()).to_owned(),
        };
        let head = format!("{before}{spent:>7}  ");
        return match width.saturating_sub(head.chars().count()) {
            0 => style::fit(&head, width),
            room => format!("{head}{}", style::paint(&style::fit(&told, room), style)),
        };
    }
    let word = format!("{:<10}", style::word(line.phase, line.detail.as_deref()));
    let room = width.saturating_sub(before.chars().count() + word.len() + spent.len().max(7) + 3);
    if room == 0 {
        return style::fit(&format!("{before}{word}"), width);
    }
    let line_so_far = format!("{before}{} {spent:>7}", style::paint(&word, style));
    match style::fit(&explanation(line, now), room) {
        none if none.is_empty() => line_so_far,
        explained => format!("{line_so_far}  {}", style::paint(&explained, Style::new().dimmed())),
    }
}

/// The text after the phase: progress, else the phase of the start or the detail, and the last log line.
fn explanation(line: &Line, now: Duration) -> String {
    if let Some((what, current, total)) = &line.progress {
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / 1_048_576.0);
        return match total {
            Some(total) => format!("{what} {} of {} MiB", mib(*current), mib(*total)),
            None => format!("{what} {} MiB", mib(*current)),
        };
    }
    let detail = line.detail.clone().filter(|_| line.phase != Phase::Done);
    let detail = line.start_phase.as_ref().map(|phase| phase.text(now)).or(detail);
    match (detail, &line.last_line) {
        (Some(detail), Some(log)) => format!("{detail} │ {log}"),
        (Some(detail), None) => detail,
        (None, log) => log.clone().unwrap_or_default(),
    }
}

/// Redraws frames over each other on a terminal.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    drawn: usize,
}

impl Canvas {
    /// Replaces the last frame.
    pub(super) fn draw(&mut self, out: &mut impl Write, lines: &[String]) -> std::io::Result<()> {
        let mut text = String::new();
        if self.drawn > 0 {
            let _ = write!(text, "\u{1b}[{}A", self.drawn);
        }
        for line in lines {
            let _ = writeln!(text, "\r{line}\u{1b}[K");
        }
        text.push_str("\u{1b}[J");
        self.drawn = lines.len();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Removes the frame, so that lines can be printed above the next one.
    pub(super) fn clear(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        if self.drawn > 0 {
            write!(out, "\u{1b}[{}A\r\u{1b}[J", self.drawn)?;
            self.drawn = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::event::Event;

    fn service(name: &str) -> Subject {
        Subject::Container { service: name.into(), number: 1 }
    }

    fn phase(subject: Subject, phase: Phase, detail: Option<&str>) -> Event {
        Event::Phase { subject, phase, detail: detail.map(String::from) }
    }

    fn board() -> Board {
        let mut board = Board::default();
        let at = Duration::from_millis;
        board.apply(&Event::Begin { title: "deploy shop-local".into(), deadline: Some(at(360_000)) }, at(0));
        board.apply(
            &phase(Subject::Network("shop-local_default".into()), Phase::Done, Some("created")),
            at(100),
        );
        board.apply(&phase(service("db"), Phase::Starting, None), at(200));
        board.apply(&phase(service("db"), Phase::Ready, Some("healthy")), at(1700));
        board.apply(&phase(service("web"), Phase::Waiting, Some("healthy")), at(1800));
        board.apply(
            &Event::LogLine { subject: service("web"), line: "loading \u{1b}[1mmodel".into() },
            at(1900),
        );
        board.apply(&phase(service("cache"), Phase::Created, Some("after db")), at(1900));
        board
    }

    fn plain(lines: &[String]) -> String {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string() + "\n").collect()
    }

    #[test]
    fn a_frame_shows_state_time_and_the_last_log_line() {
        insta::assert_snapshot!(plain(&frame(&board(), Duration::from_secs(4), 90, 24)), @r"
        deploy shop-local  4.0s of 6m00s
         ✔ network shop-local_default  created       0.0s
         ✔ db                          ready         1.5s  healthy
         ⠋ web                         waiting       2.2s  healthy │ loading model
         · cache                       created       2.1s  after db
        ");
    }

    /// A stack whose backend installs its packages, half a minute after its begin.
    fn ml_stack() -> Board {
        let mut board = Board::default();
        let at = Duration::from_secs;
        board
            .apply(&Event::Begin { title: "deploy forecaster-stage".into(), deadline: Some(at(600)) }, at(0));
        board.apply(&phase(service("db"), Phase::Ready, Some("healthy")), at(1));
        board.apply(&phase(service("migrate"), Phase::Completed, None), at(2));
        let gate = "http 200 on :8000/ready, within 6m00s";
        board.apply(&phase(service("backend"), Phase::Waiting, Some(gate)), at(3));
        let installing = Event::StartPhase {
            subject: service("backend"),
            name: "installing ML packages".into(),
            usual: Some(at(100)),
            deadline: Some(at(360)),
        };
        board.apply(&installing, at(5));
        let line = Event::LogLine { subject: service("backend"), line: "Collecting scipy==1.17.1".into() };
        board.apply(&line, at(30));
        board.apply(&phase(service("frontend"), Phase::Created, Some("waits for its dependencies")), at(3));
        board
    }

    #[test]
    fn a_long_start_shows_its_phase_on_narrow_and_wide_terminals() {
        let drawn = |width| plain(&frame(&ml_stack(), Duration::from_secs(33), width, 24));
        insta::assert_snapshot!(drawn(40), @r#"
    deploy forecaster-stage  33.0s of 10m00s
     ✔ db           0.0s  ready
     ✔ migrate      0.0s  completed
     ⠋ backend     30.0s  installing ML pac…
     · frontend    30.0s  created
    "#);
        insta::assert_snapshot!(drawn(80), @r#"
    deploy forecaster-stage  33.0s of 10m00s
     ✔ db            ready         0.0s  healthy
     ✔ migrate       completed     0.0s
     ⠋ backend       waiting      30.0s  installing ML packages 28.0s, usually 1m40…
     · frontend      created      30.0s  waits for its dependencies
    "#);
        insta::assert_snapshot!(drawn(200), @r#"
    deploy forecaster-stage  33.0s of 10m00s
     ✔ db            ready         0.0s  healthy
     ✔ migrate       completed     0.0s
     ⠋ backend       waiting      30.0s  installing ML packages 28.0s, usually 1m40s, deadline 6m00s │ Collecting scipy==1.17.1
     · frontend      created      30.0s  waits for its dependencies
    "#);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [20, 40, 80] {
            for line in plain(&frame(&board(), Duration::from_secs(4), width, 24)).lines().skip(1) {
                assert!(line.chars().count() <= width.max(40), "{width}: {line}");
            }
        }
    }

    #[test]
    fn finished_services_are_hidden_first_on_a_small_terminal() {
        let drawn = plain(&frame(&board(), Duration::from_secs(4), 90, 5));
        assert!(drawn.contains("… 1 more done") && drawn.contains(" web "), "{drawn}");
    }
}
