//! Secrets that are empty: their variable is not set, or nobody filled in the line of an env file. Also any other value of an env
//! file that lacks a variable.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::compose::load::Variable;
use crate::compose::secrecy::is_secretive;
use crate::diag::finding::{Finding, Place};
use crate::yaml::Span;

const RULE: &str = "empty-secret";

/// Errors in a protected mode, else warnings.
pub(super) fn findings(candidate: &Candidate<'_>) -> Vec<Finding> {
    let mut findings = Findings { candidate, found: Vec::new(), places: BTreeSet::new() };
    findings.of_env_files();
    findings.of_variables();
    findings.of_services();
    findings.found
}

struct Findings<'a> {
    candidate: &'a Candidate<'a>,
    found: Vec<Finding>,
    /// Several services read the same line.
    places: BTreeSet<Place>,
}

impl Findings<'_> {
    /// Values that name a variable which is not set.
    fn of_env_files(&mut self) {
        for unset in &self.candidate.loaded.unset {
            let effect = if unset.is_empty { "is empty" } else { "lacks its value" };
            let message = format!("`{}` {effect}: variable `{}` is not set", unset.key, unset.variable);
            let fix = format!("set it, or write `${{{}:-}}` if it may be empty", unset.variable);
            self.add(message, fix, Place::of_span(unset.span, self.candidate.sources));
        }
    }

    /// Empty variables that an env file sets and the files use.
    fn of_variables(&mut self) {
        for (name, variable) in &self.candidate.loaded.variables {
            let is_empty = variable.value.as_deref() == Some("");
            let Some(place) = variable.set_at.filter(|_| is_empty && is_secretive(name)) else { continue };
            let place = Place::of_span(place, self.candidate.sources);
            self.add(format!("`{name}` is empty"), "set it, or remove the line".to_owned(), place);
        }
    }

    /// Empty values in the environment of services that an env file or a variable gave. A file that writes the empty text itself,
    /// or as a default, means it.
    fn of_services(&mut self) {
        let Candidate { loaded, sources, .. } = *self.candidate;
        for service in loaded.project.services.values() {
            let empty = service
                .environment
                .iter()
                .filter(|(name, value)| value.as_deref() == Some("") && is_secretive(name));
            for (name, _) in empty {
                let path = format!("services.{}.environment.{name}", service.name);
                let Some(origin) = loaded.origins.of(&path).filter(|origin| !origin.literal) else {
                    continue;
                };
                let place = Place::of_span(origin.span, sources);
                let (message, fix) = match self.used_at(origin.span) {
                    None => (format!("`{name}` is empty"), "set it, or remove the line".to_owned()),
                    Some((variable, used)) if is_unset(used) => (
                        format!(
                            "service `{}`: `{name}` is empty: variable `{variable}` is not set",
                            service.name
                        ),
                        format!("set it, or write `${{{variable}:-}}` if it may be empty"),
                    ),
                    Some(_) => continue,
                };
                self.add(message, fix, place);
            }
        }
    }

    /// A variable that the value at this place names; none for a line of an env file.
    fn used_at(&self, span: Span) -> Option<(&String, &Variable)> {
        self.candidate.loaded.variables.iter().find(|(_, variable)| variable.used_at.contains(&span))
    }

    fn add(&mut self, message: String, fix: String, place: Place) {
        if !self.places.insert(place.clone()) {
            return;
        }
        self.found.push(match self.candidate.protected {
            true => Finding::error(RULE, message, place, fix).refused(),
            false => Finding::warning(RULE, message, place, fix),
        });
    }
}

/// Whether a variable is not set, and no place says what to do then.
fn is_unset(variable: &Variable) -> bool {
    variable.value.is_none() && variable.default.is_none() && variable.alternate.is_none()
}
