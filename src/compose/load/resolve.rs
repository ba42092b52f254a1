//! Values that the environment gives: variables named without a value, and what secrets and configs hold by variable.

use super::variables::Environment;
use crate::yaml::{Kind, Node};

/// Resolves what belongs to the files, not to the project: an included file has its own variables.
pub(crate) fn environment(root: &mut Node, environment: &Environment) {
    for entry in root
        .get_mut("services")
        .and_then(Node::as_map_mut)
        .into_iter()
        .flatten()
    {
        if let Some(variables) = entry.value.get_mut("environment") {
            inherit(variables, environment);
        }
    }
    for section in ["secrets", "configs"] {
        for entry in root
            .get_mut(section)
            .and_then(Node::as_map_mut)
            .into_iter()
            .flatten()
        {
            let span = entry.value.span;
            let Some(object) = entry.value.as_map_mut() else {
                continue;
            };
            let value = object
                .get("environment")
                .and_then(Node::as_str)
                .and_then(|name| environment.get(name));
            let Some(value) = value.map(str::to_owned) else {
                continue;
            };
            if !object.contains("#resolved") {
                let value = Node {
                    literal: false,
                    ..Node::string(value, span)
                };
                object.insert("#resolved", span, value);
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
