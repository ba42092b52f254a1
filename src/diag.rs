//! Problems with a place: sources, labels, diagnostics as plain data, and their text (`file:line:column`, the source line,
//! what is wrong, what to do). Nothing is printed here.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

pub mod finding;

use crate::yaml::{SourceId, Span, YamlError};

/// The texts that were read, so that a place can be shown.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

/// Line and column of a place, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Sources {
    /// Takes a text under the name that people know it by.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.files.push(Source { name: name.into(), text: text.into() });
        SourceId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The name of a source; empty for one that was never added.
    pub fn name(&self, id: SourceId) -> &str {
        self.get(id).map_or("", |source| &source.name)
    }

    /// The text of a source; empty for one that was never added.
    pub fn text(&self, id: SourceId) -> &str {
        self.get(id).map_or("", |source| &source.text)
    }

    /// Line and column where a span begins.
    pub fn position(&self, span: Span) -> Position {
        let text = self.text(span.source);
        let (start, _) = self.bounds(span);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// `file:line:column` of a span.
    pub fn place(&self, span: Span) -> String {
        let Position { line, column } = self.position(span);
        format!("{}:{line}:{column}", self.name(span.source))
    }

    /// First byte of a span and the byte after its last, both between characters of the text.
    fn bounds(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.source);
        let start = text.floor_char_boundary(span.start as usize);
        (start, text.ceil_char_boundary((span.end as usize).max(start)))
    }

    /// The whole lines that a span stands on, at most so many.
    fn lines(&self, span: Span, most: usize) -> (usize, usize) {
        let text = self.text(span.source);
        let (from, to) = self.bounds(span);
        let start = text[..from].rfind('\n').map_or(0, |newline| newline + 1);
        let shown = text[from..to].match_indices('\n').nth(most - 1).map_or(to, |(at, _)| from + at);
        let end = text[shown..].find('\n').map_or(text.len(), |newline| shown + newline);
        (start, end)
    }

    fn get(&self, id: SourceId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing can be done with these files.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be said; may be empty.
    pub text: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where in the model, such as `services.web.ports[1]`; empty where that means nothing.
    pub path: String,
    /// The place, then the places that it conflicts with.
    pub labels: Vec<Label>,
    /// What to do, one line each.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into())
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into())
    }

    fn new(severity: Severity, message: String) -> Self {
        Self { severity, message, path: String::new(), labels: Vec::new(), hints: Vec::new() }
    }

    /// Adds a place; the first one is where the problem is.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says where in the model it is.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Adds a line on what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The text for people: message, places with their source lines, hints. `color` asks for ANSI colours.
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        for cluster in self.clusters(sources) {
            let excerpt = &sources.text(cluster.source)[cluster.start..cluster.end];
            let mut snippet =
                Snippet::source(excerpt).path(sources.name(cluster.source)).line_start(cluster.first_line);
            for index in cluster.labels {
                let label = &self.labels[index];
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                let (start, end) = sources.bounds(label.span);
                let annotation = kind.span(start - cluster.start..end.min(cluster.end) - cluster.start);
                snippet = snippet
                    .annotation(annotation.label((!label.text.is_empty()).then_some(label.text.as_str())));
            }
            group = group.element(snippet);
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.render(&[group]);
        for hint in &self.hints {
            let _ = write!(text, "\nhint: {hint}");
        }
        text
    }
}

impl From<YamlError> for Diagnostic {
    fn from(error: YamlError) -> Self {
        let mut diagnostic = Self::error(error.message);
        for (span, text) in error.places {
            diagnostic = diagnostic.at(span, text);
        }
        diagnostic.hints.extend(error.hint.map(str::to_owned));
        diagnostic
    }
}

/// Labels that are shown in one excerpt of a source.
struct Cluster {
    source: SourceId,
    /// First byte of the excerpt's first line, and the end of its last.
    start: usize,
    end: usize,
    first_line: usize,
    labels: Vec<usize>,
}

impl Diagnostic {
    /// Labels of one source whose lines are near each other share an excerpt. A long value shows its first lines only.
    fn clusters(&self, sources: &Sources) -> Vec<Cluster> {
        const NEAR: usize = 12;
        let mut clusters: Vec<Cluster> = Vec::new();
        for (index, label) in self.labels.iter().enumerate() {
            let (start, end) = sources.lines(label.span, NEAR);
            let first_line = sources.position(label.span).line;
            let near = |cluster: &&mut Cluster| {
                cluster.source == label.span.source && first_line.abs_diff(cluster.first_line) <= NEAR
            };
            match clusters.iter_mut().find(near) {
                Some(cluster) => {
                    cluster.start = cluster.start.min(start);
                    cluster.end = cluster.end.max(end);
                    cluster.first_line = cluster.first_line.min(first_line);
                    cluster.labels.push(index);
                }
                None => {
                    let source = label.span.source;
                    clusters.push(Cluster { source, start, end, first_line, labels: vec![index] });
                }
            }
        }
        clusters
    }
}

/// All problems of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The same problems, for somebody whom they do not stop.
    #[must_use]
    pub fn as_warnings(mut self) -> Diagnostics {
        self.list.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Warning);
        self
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// All of them as text, a blank line between two.
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        let texts: Vec<String> =
            self.list.iter().map(|diagnostic| diagnostic.render(sources, color)).collect();
        texts.join("\n\n")
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { list: vec![diagnostic] }
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: T) {
        self.list.extend(diagnostics);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
