//! `env_file` and `label_file` of services: read into `environment` and `labels`, which come before them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::compose::load::check::dropped;
use crate::compose::load::inputs::dotenv::{self, Assignment, DotenvError};
use crate::compose::load::inputs::variables::Environment;
use crate::compose::load::request::{Origin, Origins};
use crate::compose::load::session::Session;
use crate::compose::model::{EnvFile, OptionalMapping, Service};
use crate::diag::Diagnostic;
use crate::yaml::{SourceId, Span};

/// Texts that were read already; services often share a file.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    texts: BTreeMap<std::path::PathBuf, Option<(SourceId, String)>>,
}

/// Gives a service's variables that have a name alone their values.
pub(crate) fn inherit(service: &mut Service, environment: &Environment) {
    for (name, value) in &mut service.environment {
        if value.is_none() {
            *value = environment.get(name).map(str::to_owned);
        }
    }
}

/// Reads a service's env files into its environment.
pub(crate) fn resolve_environment(
    service: &mut Service,
    environment: &Environment,
    origins: &mut Origins,
    cache: &mut Cache,
    session: &mut Session<'_>,
) {
    let files = std::mem::take(&mut service.env_file);
    if files.is_empty() {
        return;
    }
    service.env_files = files.iter().map(|file| file.path.clone()).collect();
    let own = std::mem::take(&mut service.environment);
    let mut read: HashMap<String, String> =
        own.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
    for (index, file) in files.iter().enumerate() {
        let place =
            origins.of(&format!("services.{}.env_file[{index}]", service.name)).map(|origin| origin.span);
        let Some((source, assignments)) =
            read_env_file(file, place, &own, environment, &read, cache, session)
        else {
            continue;
        };
        for Assignment { name, value, range, unset } in assignments {
            let span = Span::new(source, range.0, range.1);
            if name.is_empty() {
                dropped::nameless_variable(span, session);
            }
            if !own.contains_key(&name) {
                session.note_unset(&name, &value, unset, span);
                let path = format!("services.{}.environment.{name}", service.name);
                origins.add(path, Origin { span, literal: false });
            }
            read.insert(name, value);
        }
    }
    let mut merged: OptionalMapping = read.into_iter().map(|(name, value)| (name, Some(value))).collect();
    merged.extend(own);
    service.environment = merged;
}

fn read_env_file(
    file: &EnvFile,
    place: Option<Span>,
    own: &OptionalMapping,
    environment: &Environment,
    read: &HashMap<String, String>,
    cache: &mut Cache,
    session: &mut Session<'_>,
) -> Option<(SourceId, Vec<Assignment>)> {
    if !file.required && !file.path.exists() {
        return None;
    }
    let (source, text) = cache.read(&file.path, "env file", place, session)?;
    // The project's variables, then the service's own, then the last value in this file or an earlier one.
    let outer =
        |name: &str| environment.get(name).map(str::to_owned).or_else(|| own.get(name).cloned().flatten());
    let parsed = match file.format.as_str() {
        "" => dotenv::parse_after(&text, read.clone(), &outer),
        "raw" => dotenv::parse_raw(&text, &outer),
        other => {
            let message = format!("env file format `{other}` is unknown");
            let error = Diagnostic::error(message).hint("leave it out, or write `format: raw`");
            session.error(match place {
                Some(span) => error.at(span, ""),
                None => error,
            });
            return None;
        }
    };
    match parsed {
        Ok(assignments) => Some((source, assignments)),
        Err(error) => {
            report(error, source, session);
            None
        }
    }
}

fn report(error: DotenvError, source: SourceId, session: &mut Session<'_>) {
    let span = Span::new(source, error.range.0, error.range.1);
    let mut diagnostic = Diagnostic::error(error.message).at(span, "");
    diagnostic.hints.extend(error.hint.map(str::to_owned));
    session.error(diagnostic);
}

/// Reads a service's label files into its labels.
pub(crate) fn resolve_labels(
    service: &mut Service,
    origins: &mut Origins,
    cache: &mut Cache,
    session: &mut Session<'_>,
) {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (index, file) in service.label_file.iter().enumerate() {
        let place =
            origins.of(&format!("services.{}.label_file[{index}]", service.name)).map(|origin| origin.span);
        let Some((source, text)) = cache.read(Path::new(file), "label file", place, session) else {
            continue;
        };
        match dotenv::parse(&text, &|name| labels.get(name).cloned()) {
            Ok(assignments) => {
                for Assignment { name, value, range, .. } in assignments {
                    if !service.labels.contains_key(&name) {
                        let path = format!("services.{}.labels.{name}", service.name);
                        let span = Span::new(source, range.0, range.1);
                        origins.add(path, Origin { span, literal: false });
                    }
                    labels.insert(name, value);
                }
            }
            Err(error) => report(error, source, session),
        }
    }
    for (name, value) in labels {
        service.labels.entry(name).or_insert(value);
    }
}

impl Cache {
    fn read(
        &mut self,
        file: &Path,
        what: &str,
        place: Option<Span>,
        session: &mut Session<'_>,
    ) -> Option<(SourceId, String)> {
        if let Some(known) = self.texts.get(file).filter(|known| known.is_some()) {
            return known.clone();
        }
        let text = session.read(file, what, place)?;
        let read = (session.sources.add(session.shown(file), text.as_str()), text);
        session.note_replaced_bytes(read.0);
        self.texts.insert(file.to_path_buf(), Some(read.clone()));
        Some(read)
    }
}
