//! Marks the parts of hooks and readiness that may not be written into a container's label, because the file does not have them
//! as they are.

use crate::compose::load::request::Origins;
use crate::compose::model::{Hook, Project};
use crate::compose::secrecy::is_secretive;
use crate::yaml::{Kind, Node};

/// Marks the hooks that run in a service's container. `pre_start` hooks run in separate containers and need no label.
pub(crate) fn mark(project: &mut Project, origins: &Origins) {
    for (name, service) in &mut project.services {
        for (key, hooks) in [("post_start", &mut service.post_start), ("pre_stop", &mut service.pre_stop)] {
            for (index, hook) in hooks.iter_mut().enumerate() {
                hook.withheld = withheld(hook, &format!("services.{name}.{key}[{index}]"), origins);
            }
        }
        if let Some(sofa) = &mut service.sofa {
            let ready =
                origins.tree().get("services").and_then(|all| all.get(name)?.get("x-sofa")?.get("ready"));
            sofa.literal = ready.is_none_or(is_literal);
        }
    }
}

/// Whether nothing in a value was given by a variable.
pub(super) fn is_literal(node: &Node) -> bool {
    let below = match &node.kind {
        Kind::List(list) => list.iter().all(is_literal),
        Kind::Map(map) => map.iter().all(|entry| is_literal(&entry.value)),
        _ => true,
    };
    node.literal && below
}

fn withheld(hook: &Hook, path: &str, origins: &Origins) -> Vec<String> {
    let literal = |part: &str| origins.of(&format!("{path}.{part}")).is_none_or(|origin| origin.literal);
    let words = hook.command.0.as_deref().unwrap_or_default().len();
    let mut parts = Vec::new();
    if !literal("command") || !(0..words).all(|word| literal(&format!("command[{word}]"))) {
        parts.push("command".to_owned());
    }
    parts.extend(
        ["user", "working_dir", "privileged"].into_iter().filter(|key| !literal(key)).map(String::from),
    );
    for (variable, value) in &hook.environment {
        let part = format!("environment.{variable}");
        if value.is_some() && (is_secretive(variable) || !literal(&part)) {
            parts.push(part);
        }
    }
    parts
}
