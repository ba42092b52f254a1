//! One document of a Compose file, and what the files of one level have in common.

use std::path::{Path, PathBuf};

use crate::compose::load::complete::paths::Base;
use crate::compose::load::inputs::variables::Environment;
use crate::compose::load::request::{Input, Options};
use crate::compose::load::session::Session;
use crate::compose::load::syntax::canonical;
use crate::compose::load::tree::interpolate;
use crate::compose::load::tree::tags;
use crate::yaml::{self, Node, SourceId, Span};

/// What the files of one level (the project's, or those of one include) share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level<'a> {
    /// Where relative paths start.
    pub(crate) folder: &'a Path,
    /// The project's folder.
    pub(crate) root: &'a Path,
    pub(crate) environment: &'a Environment,
    pub(crate) options: Options,
    /// The files that include each other down to here.
    pub(crate) including: &'a [PathBuf],
}

impl Level<'_> {
    /// Where the paths of a file start that is extended or included: they are joined with its folder even where paths stay
    /// relative, since the project's folder is another.
    pub(crate) fn base_below<'b>(&'b self, folder: &'b Path) -> Base<'b> {
        let relative = folder.strip_prefix(self.root).ok().filter(|_| self.options.no_path_resolution);
        self.base(match relative {
            Some(here) if here.as_os_str().is_empty() => Path::new("."),
            Some(below) => below,
            None => folder,
        })
    }

    /// Where relative paths of a folder start, and what `~` means.
    pub(crate) fn base<'b>(&'b self, folder: &'b Path) -> Base<'b> {
        Base { folder, home: self.environment.get("HOME") }
    }
}

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// The file; `-` for standard input.
    pub(crate) file: PathBuf,
    pub(crate) root: Node,
}

/// Reads the documents of a file.
pub(crate) fn read(
    input: &Input,
    mentioned: Option<Span>,
    session: &mut Session<'_>,
) -> Option<Vec<Document>> {
    let (file, id) = match input {
        Input::Path(path) => {
            let text = session.read(path, "Compose file", mentioned)?;
            (path.clone(), session.sources.add(session.shown(path), text))
        }
        Input::Stdin(text) => (PathBuf::from("-"), session.sources.add("<stdin>", text.as_str())),
    };
    parsed(id, file, session)
}

/// Reads the text that the options of a verb make.
pub(crate) fn typed(text: &str, folder: &Path, session: &mut Session<'_>) -> Option<Vec<Document>> {
    let id = session.sources.add("<command line>", text);
    parsed(id, folder.join("-"), session)
}

fn parsed(id: SourceId, file: PathBuf, session: &mut Session<'_>) -> Option<Vec<Document>> {
    match yaml::parse(id, session.sources.text(id)) {
        Ok(roots) => Some(roots.into_iter().map(|root| Document { file: file.clone(), root }).collect()),
        Err(errors) => {
            session.yaml_errors(errors);
            None
        }
    }
}

/// What happens to a document before it meets any other.
pub(crate) fn prepare(root: &mut Node, level: Level<'_>, session: &mut Session<'_>) -> tags::Resets {
    let resets = tags::extract(root);
    if level.options.no_interpolate {
        interpolate::note_variables(root, level.environment, session);
    } else {
        interpolate::interpolate(root, level.environment, session);
    }
    canonical::canonicalize(root, level.options.no_interpolate, session);
    resets
}
