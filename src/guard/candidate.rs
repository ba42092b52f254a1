//! What the rules of `check` judge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::compose::load::Loaded;
use crate::compose::model::Service;
use crate::diag::Sources;
use crate::diag::finding::Place;

/// The project that the rules judge before it is deployed.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The model, with the places of its values.
    pub loaded: &'a Loaded,
    /// The texts that these places point into.
    pub sources: &'a Sources,
    /// Absolute.
    pub env_files: &'a [PathBuf],
    /// The project's root. Paths below it are shown relative to it.
    pub root: &'a Path,
    /// Whether the mode is protected.
    pub protected: bool,
    /// How long all waits of a deploy together may take.
    pub wait_timeout: Duration,
}

impl Candidate<'_> {
    /// The place of a value of the model, such as `services.web.image`, or of the nearest value around it that is in a file.
    pub(super) fn place(&self, path: &str) -> Place {
        match self.loaded.origins.of(path) {
            Some(origin) => Place::of_span(origin.span, self.sources),
            None => {
                let file = self.loaded.project.compose_files.first();
                Place::whole(file.map_or_else(|| "the Compose files".to_owned(), |file| self.shown(file)))
            }
        }
    }

    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.root).unwrap_or(path).display().to_string()
    }

    pub(super) fn services<'a>(&'a self, scope: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a Service> {
        scope.iter().filter_map(|name| self.loaded.project.service(name))
    }
}
