//! Signs, colours and widths that all printers share.

use owo_colors::{OwoColorize, Style};

use super::event::Phase;

/// How a phase looks: green when it ended well, red when it failed, yellow on the way back, cyan under way.
pub(super) fn of_phase(phase: Phase) -> Style {
    match phase {
        Phase::Failed => Style::new().red(),
        Phase::Undoing | Phase::Undone => Style::new().yellow(),
        Phase::Unchanged | Phase::Created => Style::new().dimmed(),
        phase if phase.is_final() => Style::new().green(),
        _ => Style::new().cyan(),
    }
}

/// The word for a phase. What is merely done says how: `created`, `pulled`, `built`.
pub(super) fn word(phase: Phase, detail: Option<&str>) -> &str {
    detail.filter(|_| phase == Phase::Done).unwrap_or(phase.word())
}

/// The sign before a line; `tick` turns the wheel of what is under way.
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

/// Text in a style.
pub(super) fn paint(text: &str, style: Style) -> String {
    text.style(style).to_string()
}

/// The text's first `width` columns, ending in `…` where something was cut. Control characters are dropped,
/// so a service's log line cannot move the cursor.
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

/// The text without escape sequences and control characters; tabs become a blank.
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
