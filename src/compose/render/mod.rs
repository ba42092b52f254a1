//! What `sofa config` prints: the project as docker compose prints it, as JSON or YAML, and the lists of names.

mod form;
mod json;
mod lists;
mod yaml;

pub use form::{Form, Key, Tree};
pub use lists::{
    environment, images, lower_case, models, networks, profiles, services, variables, variables_by_name,
    volumes,
};

use std::collections::BTreeMap;

use super::model::Project;
use crate::compat::Dialect;
use crate::compat::natural;
use crate::yaml::Node;

/// The project as JSON, indented, with `$` doubled, as `docker compose config --format json` prints it.
pub fn project_json(project: &Project, dialect: Dialect) -> String {
    let text = json::pretty(&project_tree(project, Form::Json(dialect)));
    if text.contains('$') { escape_dollars(&text) } else { text }
}

/// The project as YAML, with `$` doubled in values, as `docker compose config` prints it. In keys, which are never
/// interpolated, docker compose doubles it as well; here it stays, so that the text reads back as the same model.
pub fn project_yaml(project: &Project, dialect: Dialect) -> String {
    let mut tree = project_tree(project, Form::Yaml(dialect));
    escape_values(&mut tree);
    yaml::print(&tree)
}

/// The merged files as JSON, variables untouched (`--no-interpolate`); the tree is that of
/// [`Origins`](super::load::Origins::tree).
pub fn raw_json(model: &Node) -> String {
    json::pretty(&Tree::of_node(model, str::cmp))
}

/// The merged files as YAML, variables untouched (`--no-interpolate`).
pub fn raw_yaml(model: &Node) -> String {
    yaml::print(&Tree::of_node(model, natural::compare))
}

/// One value as compact JSON, byte for byte what docker compose hashes.
pub fn compact_json<T: serde::Serialize>(value: &T, dialect: Dialect) -> String {
    json::compact(&Tree::of(value, Form::Hash(dialect)))
}

fn project_tree(project: &Project, form: Form) -> Tree {
    let Project { name, services, networks, volumes, secrets, configs, models, extensions, .. } = project;
    let mut sections: Vec<(&'static str, Tree)> = vec![("services", Tree::of(services, form))];
    // A file that pins images has none.
    if !(name.is_empty() && matches!(form, Form::Yaml(_))) {
        sections.insert(0, ("name", Tree::of(name, form)));
    }
    let mut add = |name: &'static str, tree: Tree| {
        if !tree.is_empty() {
            sections.push((name, tree));
        }
    };
    add("networks", Tree::of(networks, form));
    add("volumes", Tree::of(volumes, form));
    add("secrets", Tree::of(secrets, form));
    add("configs", Tree::of(configs, form));
    if let Form::Yaml(_) = form {
        add("models", Tree::of(models, form));
    }
    let mut entries: Vec<(Key, Tree)> = sections.into_iter().map(|(key, tree)| (key.into(), tree)).collect();
    entries.extend(extensions.iter().map(|(key, value)| (key.clone().into(), Tree::of(value, form))));
    if let Form::Json(_) = form {
        entries = entries.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    }
    Tree::Map(entries)
}

fn escape_values(tree: &mut Tree) {
    match tree {
        Tree::Text(text) if text.contains('$') => *text = escape_dollars(text),
        Tree::List(list) => list.iter_mut().for_each(escape_values),
        Tree::Map(entries) => entries.iter_mut().for_each(|(_, value)| escape_values(value)),
        _ => {}
    }
}

fn escape_dollars(text: &str) -> String {
    text.replace('$', "$$")
}
