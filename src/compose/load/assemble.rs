//! Files and documents, one over the other, into one tree: each is interpolated, joined with what it includes and extends,
//! merged over those before it, and checked.

use std::path::{Path, PathBuf};

use super::paths::Base;
use super::request::{Input, Options};
use super::session::Session;
use super::shape;
use super::variables::Environment;
use super::{canonical, extends, include, interpolate, merge, schema, tags, unicity};
use crate::diag::Diagnostic;
use crate::yaml::{self, Kind, Map, Node, Span};

/// What files of one level (the project's, or those of one include) have in common.
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
    match yaml::parse(id, session.sources.text(id)) {
        Ok(roots) => Some(roots.into_iter().map(|root| Document { file: file.clone(), root }).collect()),
        Err(errors) => {
            session.yaml_errors(errors);
            None
        }
    }
}

/// Puts documents over each other.
pub(crate) fn assemble(documents: Vec<Document>, level: Level<'_>, session: &mut Session<'_>) -> Node {
    let mut model = Node::new(Kind::Map(Map::default()), Span::default());
    for document in documents {
        add(&mut model, document, level, session);
    }
    model
}

fn add(model: &mut Node, document: Document, level: Level<'_>, session: &mut Session<'_>) {
    let Document { file, mut root } = document;
    if root.as_map().is_none() {
        shape::check(&root, &schema::PROJECT, session);
        return;
    }
    let resets = prepare(&mut root, level, session);
    include::apply(&mut root, &file, &resets, level, session);
    resets.apply(model, &[]);
    extends::apply(&mut root, &file, &resets, level, session);
    if model.span == Span::default() {
        model.span = root.span;
    }
    merge::merge(model, root, session);
    unicity::enforce(model);
    shape::check(model, &schema::PROJECT, session);
    drop_version(model, session);
    drop_empty_name_servers(model);
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

fn drop_version(model: &mut Node, session: &mut Session<'_>) {
    let Some(version) = model.as_map_mut().and_then(|map| map.remove("version")) else {
        return;
    };
    let warning = Diagnostic::warning("`version` has no meaning any more").at(version.span, "");
    session.warn(warning.hint("remove the line"));
}

fn drop_empty_name_servers(model: &mut Node) {
    for entry in model.get_mut("services").and_then(Node::as_map_mut).into_iter().flatten() {
        if let Some(servers) = entry.value.get_mut("dns").and_then(Node::as_list_mut) {
            servers.retain(|server| server.as_str() != Some(""));
        }
    }
}
