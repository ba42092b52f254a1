//! What a rule of `sofa check` found, as plain data: severity, message, place and fix.

use std::fmt;

use serde::Serialize;

use super::Sources;
use crate::yaml::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A deploy is refused.
    Error,
    /// A deploy continues.
    Warning,
    /// The rule could not be checked from this machine.
    Unchecked,
}

/// Where the problem is: in a file, or on an engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// A file as people know it, or the engine's address.
    pub at: String,
    /// From 1; none where the place is not in a text.
    pub line: Option<usize>,
    /// From 1, counted in characters.
    pub column: Option<usize>,
}

impl Place {
    /// A place without lines.
    pub fn whole(at: impl Into<String>) -> Place {
        Place { at: at.into(), line: None, column: None }
    }

    pub fn of_span(span: Span, sources: &Sources) -> Place {
        let position = sources.position(span);
        Place {
            at: sources.name(span.source).to_owned(),
            line: Some(position.line),
            column: Some(position.column),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at)?;
        [self.line, self.column].iter().flatten().try_for_each(|number| write!(f, ":{number}"))
    }
}

/// One problem that a rule found. It never contains a value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// The rule's name. Scripts read it, so it never changes.
    pub rule: &'static str,
    /// One line.
    pub message: String,
    pub place: Place,
    /// A command that fixes it where there is one, else what to write.
    pub fix: String,
    /// Whether a protection or another owner forbids the deploy (exit code 5); else the files are wrong (exit code 3).
    #[serde(skip)]
    pub refusal: bool,
    /// The rendered diagnostic with its source lines, where they hold no secret.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

impl Finding {
    pub fn error(
        rule: &'static str,
        message: impl Into<String>,
        place: Place,
        fix: impl Into<String>,
    ) -> Finding {
        let (message, fix) = (message.into(), fix.into());
        Finding { severity: Severity::Error, rule, message, place, fix, refusal: false, excerpt: None }
    }

    pub fn warning(
        rule: &'static str,
        message: impl Into<String>,
        place: Place,
        fix: impl Into<String>,
    ) -> Finding {
        Finding { severity: Severity::Warning, ..Finding::error(rule, message, place, fix) }
    }

    pub fn unchecked(
        rule: &'static str,
        message: impl Into<String>,
        place: Place,
        fix: impl Into<String>,
    ) -> Finding {
        Finding { severity: Severity::Unchecked, ..Finding::error(rule, message, place, fix) }
    }

    /// Marks the finding as a refusal: exit code 5.
    #[must_use]
    pub fn refused(self) -> Finding {
        Finding { refusal: true, ..self }
    }
}
