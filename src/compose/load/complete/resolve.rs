//! Values from the environment: variables that are named without a value, and the content of secrets and configs that name a
//! variable.

use std::collections::BTreeMap;

use crate::compose::load::inputs::variables::Environment;
use crate::yaml::{Kind, Node};

/// The content of secrets and configs that name a variable, by section and name. The variables of an included file come first.
pub(crate) type Contents = BTreeMap<(&'static str, String), String>;

/// Resolves what belongs to the files, not to the project: an included file has its own variables.
pub(crate) fn environment(root: &mut Node, environment: &Environment, contents: &mut Contents) {
    for entry in root.get_mut("services").and_then(Node::as_map_mut).into_iter().flatten() {
        if let Some(variables) = entry.value.get_mut("environment") {
            inherit(variables, environment);
        }
    }
    for section in ["secrets", "configs"] {
        for entry in root.get(section).and_then(Node::as_map).into_iter().flatten() {
            let name = entry.value.get("environment").and_then(Node::as_str);
            if let Some(value) = name.and_then(|name| environment.get(name)) {
                let key = (section, entry.key.to_string());
                contents.entry(key).or_insert_with(|| value.to_owned());
            }
        }
    }
}

/// Gives every key without a value the environment's, where it has one.
pub(crate) fn inherit(variables: &mut Node, environment: &Environment) {
    for entry in variables.as_map_mut().into_iter().flatten() {
        if entry.value.is_null()
            && let Some(value) = environment.get(&entry.key)
        {
            entry.value.kind = Kind::String(value.into());
            entry.value.literal = false;
        }
    }
}
