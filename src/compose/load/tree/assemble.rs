//! Merges files and documents into one tree. Each is interpolated, extended with what it includes and extends, merged over those
//! before it, and checked.

use crate::compose::load::session::Session;
use crate::compose::load::syntax::schema;
use crate::compose::load::syntax::shape;
use crate::compose::load::tree::document::{Document, Level, prepare};
use crate::compose::load::tree::extends;
use crate::compose::load::tree::include;
use crate::compose::load::tree::merge;
use crate::compose::load::tree::unique;
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Map, Node, Span};

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
    include::apply(&mut root, &file, &resets, level, session, assemble);
    resets.apply(model, &[]);
    extends::apply(&mut root, &file, &resets, level, session);
    if model.span == Span::default() {
        model.span = root.span;
    }
    merge::merge(model, root, session);
    unique::enforce(model);
    shape::check(model, &schema::PROJECT, session);
    drop_version(model, session);
    drop_empty_name_servers(model);
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
