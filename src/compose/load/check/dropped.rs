//! What docker compose drops from a file silently. It is dropped here too, so that the same files give the same containers; `sofa
//! check` reports it.

use crate::compat::argv;
use crate::compose::load::session::Session;
use crate::compose::load::syntax::schema;
use crate::diag::Diagnostic;
use crate::util::spelling;
use crate::yaml::{Node, Span};

/// Notes what a model loses when it becomes typed.
pub(crate) fn note(root: &Node, session: &mut Session<'_>) {
    for entry in root.get("services").and_then(Node::as_map).into_iter().flatten() {
        let (name, service) = (&*entry.key, &entry.value);
        for key in ["command", "entrypoint"] {
            command(name, key, service.get(key), session);
        }
        for request in service.get("gpus").and_then(Node::as_list).into_iter().flatten() {
            device_request(name, request, session);
        }
        for key in ["pre_start", "post_start", "pre_stop"] {
            for hook in service.get(key).and_then(Node::as_list).into_iter().flatten() {
                command(name, key, hook.get("command"), session);
            }
        }
    }
}

/// Keys of `gpus` that have no effect.
fn device_request(service: &str, request: &Node, session: &mut Session<'_>) {
    for entry in request.as_map().into_iter().flatten() {
        let key = &*entry.key;
        if schema::GPU.keys.iter().any(|(known, _)| *known == key) || key.starts_with("x-") {
            continue;
        }
        let message = format!("service `{service}`: `gpus`: key `{key}` is unknown and has no effect");
        let known = schema::GPU.keys.iter().map(|(known, _)| *known);
        let label = spelling::nearest(key, known)
            .map_or_else(String::new, |nearest| format!("did you mean `{nearest}`?"));
        session.lost.push(Diagnostic::warning(message).at(entry.key_span, label));
    }
}

fn command(service: &str, key: &str, line: Option<&Node>, session: &mut Session<'_>) {
    let Some((node, text)) = line.and_then(|node| Some((node, node.as_str()?))) else {
        return;
    };
    if let Some(dropped) = argv::dropped(text) {
        let what = if node.literal { format!("`{dropped}`") } else { "a part of it".to_owned() };
        let warning =
            Diagnostic::warning(format!("service `{service}`: `{key}` loses {what}")).at(node.span, "");
        session.lost.push(warning.hint("no shell reads this line; write `sh -c '…'` where one is meant"));
    }
}

/// Notes unknown options of a short mount.
pub(crate) fn mount_options(service: &str, unknown: &[&str], node: &Node, session: &mut Session<'_>) {
    for option in unknown.iter().filter(|_| node.literal) {
        let message = format!("service `{service}`: mount option `{option}` is unknown and has no effect");
        session.lost.push(Diagnostic::warning(message).at(node.span, ""));
    }
}

/// Notes a variable without a name, out of an env file.
pub(crate) fn nameless_variable(span: Span, session: &mut Session<'_>) {
    let warning = Diagnostic::warning("a variable without a name comes out of this line").at(span, "");
    session
        .lost
        .push(warning.hint("end the line, or write `NAME=value` with nothing behind a closing quote"));
}
