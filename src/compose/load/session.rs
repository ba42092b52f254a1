//! What the phases of one load share: the sources, the problems found so far, the variables that were used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::complete::resolve::Contents;
use super::inputs::variables::Uses;
use super::request::{ServiceProblem, Unset};
use crate::compose::model::ServiceName;
use crate::diag::{Diagnostic, Diagnostics, Severity, Sources};
use crate::yaml::{SourceId, Span, YamlError};

/// One run of the loader.
pub(crate) struct Session<'s> {
    /// Every text that was read.
    pub(crate) sources: &'s mut Sources,
    /// What the files ask of variables.
    pub(crate) uses: Uses,
    /// The env files that interpolation was fed from.
    pub(crate) env_files: Vec<PathBuf>,
    /// The content of secrets and configs that name a variable.
    pub(crate) contents: Contents,
    /// What docker compose loses without a word.
    pub(crate) lost: Diagnostics,
    /// See [`Loaded::unset`](crate::compose::load::request::Loaded::unset).
    pub(crate) unset: Vec<Unset>,
    /// The working directory, for showing paths.
    here: PathBuf,
    problems: Diagnostics,
    errors: usize,
    reported: usize,
    unset_seen: BTreeSet<String>,
    judged: Option<ServiceName>,
    pub(crate) defers_service_problems: bool,
    service_problems: Vec<ServiceProblem>,
}

/// What is left of a run that went well.
pub(crate) struct Finished {
    pub(crate) warnings: Diagnostics,
    pub(crate) lost: Diagnostics,
    pub(crate) unset: Vec<Unset>,
    pub(crate) uses: Uses,
    pub(crate) service_problems: Vec<ServiceProblem>,
}

/// Whether a path was an address: `https://…`, `oci://…`, `git@host:…`, which joining with a folder made a path of.
fn is_remote(file: &Path) -> bool {
    let parts = file.components().filter_map(|part| part.as_os_str().to_str());
    parts.into_iter().any(|part| {
        matches!(part, "http:" | "https:" | "oci:" | "git:" | "ssh:" | "github.com")
            || part.starts_with("git@")
    })
}

/// More errors than these help no reader, and a file with errors everywhere must not take long.
const MOST_REPORTED: usize = 100;

/// The same place may be checked several times: once for every file that is merged over it, once for every alias of it.
fn is_same(seen: &Diagnostic, new: &Diagnostic) -> bool {
    seen == new
        || (seen.labels == new.labels && new.labels.first().is_some_and(|label| !label.text.is_empty()))
}

impl<'s> Session<'s> {
    pub(crate) fn new(here: &Path, sources: &'s mut Sources) -> Self {
        Self {
            sources,
            here: here.to_path_buf(),
            uses: Uses::default(),
            env_files: Vec::new(),
            contents: Contents::new(),
            lost: Diagnostics::default(),
            unset: Vec::new(),
            problems: Diagnostics::default(),
            errors: 0,
            reported: 0,
            unset_seen: BTreeSet::new(),
            judged: None,
            defers_service_problems: false,
            service_problems: Vec::new(),
        }
    }

    /// Notes the variables that the value of a key in an env file names in vain.
    pub(crate) fn note_unset(&mut self, key: &str, value: &str, unset: Vec<String>, span: Span) {
        for variable in unset {
            let key = key.to_owned();
            self.unset.push(Unset { variable, key, is_empty: value.is_empty(), span });
        }
    }

    /// From this call on, errors are those of one service, until it is called with `None`.
    pub(crate) fn judge_service(&mut self, service: Option<&ServiceName>) {
        self.judged = service.cloned();
    }

    /// An error of these services, where only a deploy of all of them has it.
    pub(crate) fn service_error(&mut self, services: &[&ServiceName], diagnostic: Diagnostic) {
        if !self.defers_service_problems {
            return self.error(diagnostic);
        }
        let services = services.iter().map(|name| (*name).clone()).collect();
        self.service_problems.push(ServiceProblem { services, diagnostic });
    }

    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error
            && self.defers_service_problems
            && let Some(service) = self.judged.clone()
        {
            return self.service_error(&[&service], diagnostic);
        }
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if !self.is_full() && !self.problems.iter().any(|seen| is_same(seen, &diagnostic)) {
            self.reported += 1;
            self.problems.push(diagnostic);
        }
    }

    /// Whether more is only counted; then it need not be explained.
    pub(crate) fn is_full(&self) -> bool {
        self.reported >= MOST_REPORTED
    }

    /// Counts an error without its text.
    pub(crate) fn count_error(&mut self) {
        self.errors += 1;
    }

    pub(crate) fn warn(&mut self, diagnostic: Diagnostic) {
        self.error(diagnostic);
    }

    /// How many errors there are so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Says once for each variable that it is not set.
    pub(crate) fn warn_unset(&mut self, name: &str, span: Span) {
        if self.unset_seen.insert(name.to_owned()) {
            let label = format!("not set in {}", self.where_variables_come_from());
            let place = self.find(span, &format!("${name}"), ' ');
            let place = if place == span { self.find(span, &format!("${{{name}"), '}') } else { place };
            let warning =
                Diagnostic::warning(format!("variable `{name}` is not set; it becomes the empty text"));
            self.warn(warning.at(place, label));
        }
    }

    /// `envs/.local.env, nor in the environment`, or just the latter.
    pub(crate) fn where_variables_come_from(&self) -> String {
        let files: Vec<String> = self.env_files.iter().map(|file| self.shown(file)).collect();
        match files.as_slice() {
            [] => "the environment, and there is no env file".to_owned(),
            files => format!("{}, nor in the environment", files.join(", ")),
        }
    }

    /// The part of a span where a text begins, up to and with `end` (a blank `end`: the text itself); else the whole span.
    pub(crate) fn find(&self, span: Span, text: &str, end: char) -> Span {
        let source = self.sources.text(span.source);
        let (from, to) = (span.start as usize, (span.end as usize).min(source.len()));
        let Some(written) = source.get(from..to) else {
            return span;
        };
        let Some(at) = written.find(text) else { return span };
        let length = match end {
            ' ' => text.len(),
            end => written[at..].find(end).map_or(text.len(), |last| last + end.len_utf8()),
        };
        Span::new(span.source, from + at, from + at + length)
    }

    /// Adds the errors of a YAML text.
    pub(crate) fn yaml_errors(&mut self, errors: Vec<YamlError>) {
        for error in errors {
            self.error(error.into());
        }
    }

    /// A file's name in messages: relative to the working directory if it is below it.
    pub(crate) fn shown(&self, file: &Path) -> String {
        file.strip_prefix(&self.here).unwrap_or(file).display().to_string()
    }

    /// Reads a file; why it cannot be read is reported where it was mentioned.
    pub(crate) fn read(&mut self, file: &Path, what: &str, mentioned: Option<Span>) -> Option<String> {
        let error = match std::fs::read(file).map(|bytes| decoded(bytes, what)) {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(line)) => {
                let message = format!("{what} {}: line {line} is not UTF-8 text", self.shown(file));
                Diagnostic::error(message).hint("save the file as UTF-8")
            }
            Err(_) if is_remote(file) => {
                let error = Diagnostic::error(format!("{what} {} is not on this machine", self.shown(file)));
                error.hint("only files of this machine are read: fetch it first, and name the copy")
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let error = Diagnostic::error(format!("{what} {} does not exist", self.shown(file)));
                if what == "env file" && mentioned.is_some() {
                    error.hint("create it, or write `{path: …, required: false}`")
                } else {
                    error
                }
            }
            Err(error) => Diagnostic::error(format!("{what} {} cannot be read: {error}", self.shown(file))),
        };
        self.error(match mentioned {
            Some(span) => error.at(span, ""),
            None => error,
        });
        None
    }

    /// Warns about bytes that are not UTF-8 in an env or label file. The engine gets them so from docker compose too.
    pub(crate) fn note_replaced_bytes(&mut self, source: SourceId) {
        let text = self.sources.text(source);
        let Some(at) = text.find(char::REPLACEMENT_CHARACTER) else { return };
        let span = Span::new(source, at, at + char::REPLACEMENT_CHARACTER.len_utf8());
        let warning = Diagnostic::warning("bytes that are not UTF-8 text become `\u{fffd}`").at(span, "");
        self.warn(warning.hint("save the file as UTF-8"));
    }

    /// Ends the run.
    pub(crate) fn finish(self) -> Result<Finished, Diagnostics> {
        match self.errors {
            0 => Ok(Finished {
                warnings: self.problems,
                lost: self.lost,
                unset: self.unset,
                service_problems: self.service_problems,
                uses: self.uses,
            }),
            _ => Err(self.problems),
        }
    }
}

/// The text of a file. Compose files may be UTF-16 with a byte order mark, as Windows shells write them.
///
/// # Errors The line with the first byte that is not text.
fn decoded(bytes: Vec<u8>, what: &str) -> Result<String, usize> {
    let pairs = |unit: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect()
    };
    let wide = match (&bytes[..], what) {
        ([0xff, 0xfe, ..], "Compose file") => pairs(u16::from_le_bytes),
        ([0xfe, 0xff, ..], "Compose file") => pairs(u16::from_be_bytes),
        (_, "env file" | "label file") => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
        _ => {
            return String::from_utf8(bytes).map_err(|error| {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                1 + before.iter().filter(|byte| **byte == b'\n').count()
            });
        }
    };
    String::from_utf16(&wide).map_err(|_| 1)
}
