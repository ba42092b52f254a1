//! Symbols, colors and widths for all printers.

use owo_colors::{OwoColorize, Style};

use super::event::Phase;

/// Green for success, red for failure, yellow for undo, cyan for work in progress.
pub(super) fn of_phase(phase: Phase) -> Style {
    match phase {
        Phase::Failed => Style::new().red(),
        Phase::Undoing | Phase::Undone => Style::new().yellow(),
        Phase::Unchanged | Phase::Created => Style::new().dimmed(),
        phase if phase.is_final() => Style::new().green(),
        _ => Style::new().cyan(),
    }
}

/// The word for a phase. `Done` uses its detail: `created`, `pulled`, `built`.
pub(super) fn word(phase: Phase, detail: Option<&str>) -> &str {
    detail.filter(|_| phase == Phase::Done).unwrap_or(phase.word())
}

/// The symbol before a line. `tick` animates the symbol of work in progress.
pub(super) fn sign(phase: Phase, tick: usize) -> &'static str {
    const WHEEL: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    match phase {
        Phase::Failed => "✘",
        Phase::Undone => "↩",
        Phase::Unchanged => "=",
        Phase::Created => "·",
        phase if phase.is_final() => "✔",
        _ => WHEEL[tick % WHEEL.len()],
    }
}

pub(super) fn paint(text: &str, style: Style) -> String {
    text.style(style).to_string()
}

/// The first `width` columns of a text, with `…` at the end where it was cut. Control characters are removed, so a log line
/// cannot move the cursor.
pub(super) fn fit(text: &str, width: usize) -> String {
    let clean: String = strip_controls(text);
    if clean.chars().count() <= width {
        return clean;
    }
    let mut cut: String = clean.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// The text without escape sequences and control characters. Tabs become spaces.
pub(super) fn strip_controls(text: &str) -> String {
    anstream::adapter::strip_str(text)
        .to_string()
        .chars()
        .filter_map(|c| if c == '\t' { Some(' ') } else { (!c.is_control()).then_some(c) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_with_an_ellipsis() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("abc", 4), "abc");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn escape_sequences_of_a_log_line_are_dropped() {
        assert_eq!(fit("\u{1b}[31mred\u{1b}[0m\u{1b}[2J\tx\r", 20), "red x");
    }
}
