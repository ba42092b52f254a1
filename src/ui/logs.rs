//! Log lines of several services in one stream, each with the prefix and the color of its service.

use std::collections::BTreeMap;

use owo_colors::{AnsiColors, Style};

use super::style::paint;

const COLORS: [AnsiColors; 10] = [
    AnsiColors::Cyan,
    AnsiColors::Yellow,
    AnsiColors::Green,
    AnsiColors::Magenta,
    AnsiColors::Blue,
    AnsiColors::BrightCyan,
    AnsiColors::BrightYellow,
    AnsiColors::BrightGreen,
    AnsiColors::BrightMagenta,
    AnsiColors::BrightBlue,
];

/// The prefixes of log lines. A source's color depends on its position in the sorted list, so it is the same in every call.
#[derive(Debug)]
pub struct Prefixes {
    looks: BTreeMap<String, Style>,
    width: usize,
    shown: bool,
}

impl Prefixes {
    /// Prefixes for these sources (`web-1`, `db-1`, …). If not `shown`, lines have no prefix.
    pub fn new(sources: impl IntoIterator<Item = String>, shown: bool) -> Prefixes {
        let mut looks: BTreeMap<String, Style> =
            sources.into_iter().map(|name| (name, Style::new())).collect();
        for (index, look) in looks.values_mut().enumerate() {
            *look = Style::new().color(COLORS[index % COLORS.len()]);
        }
        let width = looks.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        Prefixes { looks, width, shown }
    }

    /// The line with its prefix and a newline.
    pub fn line(&self, source: &str, line: &str) -> String {
        let line = line.trim_end_matches(['\n', '\r']);
        if !self.shown {
            return format!("{line}\n");
        }
        let width = self.width;
        let look = self.looks.get(source).copied().unwrap_or_default();
        format!("{} {line}\n", paint(&format!("{source:<width$} |"), look))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_line_up() {
        let prefixes = Prefixes::new(["db-1".to_string(), "worker-1".to_string()], true);
        let line = anstream::adapter::strip_str(&prefixes.line("db-1", "ready\n")).to_string();
        assert_eq!(line, "db-1     | ready\n");
    }

    #[test]
    fn without_prefixes_the_line_stands_alone() {
        assert_eq!(Prefixes::new(["a".to_string()], false).line("a", "x\r\n"), "x\n");
    }
}
