//! Findings on the terminal: what is wrong, where, and the fix. Errors come first.

use owo_colors::Style;

use super::style::paint;
use crate::diag::finding::{Finding, Severity};

/// The findings as text, separated by blank lines.
pub fn render(findings: &[Finding]) -> String {
    let texts: Vec<String> = findings.iter().map(one).collect();
    texts.join("\n")
}

/// The number of findings of each kind, for the last line.
pub fn summary(title: &str, findings: &[Finding]) -> String {
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counted = |count: usize, word: &str, style: Style| {
        let plural = if count == 1 || word == "unchecked" { "" } else { "s" };
        (count > 0).then(|| paint(&format!("{count} {word}{plural}"), style))
    };
    let parts: Vec<String> = [
        counted(count(Severity::Error), "error", Style::new().red()),
        counted(count(Severity::Warning), "warning", Style::new().yellow()),
        counted(count(Severity::Unchecked), "unchecked", Style::new().cyan()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let told =
        if parts.is_empty() { paint("no problems found", Style::new().green()) } else { parts.join(", ") };
    format!("{}: {told}\n", paint(title, Style::new().bold()))
}

fn one(finding: &Finding) -> String {
    if let Some(excerpt) = &finding.excerpt {
        return format!("{}\n", excerpt.trim_end());
    }
    let (word, style) = match finding.severity {
        Severity::Error => ("error", Style::new().red()),
        Severity::Warning => ("warning", Style::new().yellow()),
        Severity::Unchecked => ("unchecked", Style::new().cyan()),
    };
    let arrow = paint("-->", Style::new().blue().bold());
    let hint = paint("hint:", Style::new().cyan().bold());
    format!(
        "{} {}\n {arrow} {}\n{hint} {}\n",
        paint(&format!("{word}:"), style.bold()),
        paint(&finding.message, Style::new().bold()),
        finding.place,
        finding.fix
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::finding::Place;

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_finding_says_what_where_and_what_mends_it() {
        let place = Place { at: "compose/x.yml".into(), line: Some(3), column: Some(5) };
        let finding = Finding::warning(
            "image-unpinned",
            "service `web`: its image has no tag",
            place,
            "name a version",
        );
        assert_eq!(
            bare(&render(&[finding])),
            "warning: service `web`: its image has no tag\n --> compose/x.yml:3:5\nhint: name a version\n"
        );
    }

    #[test]
    fn the_last_line_counts() {
        let finding = |severity| Finding { severity, ..Finding::error("x", "y", Place::whole("z"), "") };
        assert_eq!(bare(&summary("check x-local", &[])), "check x-local: no problems found\n");
        let some = [
            finding(Severity::Error),
            finding(Severity::Warning),
            finding(Severity::Warning),
            finding(Severity::Unchecked),
        ];
        assert_eq!(bare(&summary("check x", &some)), "check x: 1 error, 2 warnings, 1 unchecked\n");
    }
}
