//! The `x-sofa` block of a service. Unknown keys are errors here too.

use crate::compat::duration;
use crate::compose::load::session::Session;
use crate::compose::load::syntax::shape::Shape::{self, Bool, List, OneOf, Text};
use crate::compose::load::syntax::shape::{self, Table};
use crate::compose::model::{Duration, HttpProbe, JobRun, Probe, ReadyCheck, Role, Sofa};
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Node};

static BLOCK: Table = Table {
    keys: &[
        ("role", Shape::Word(&["backend", "infra", "job"])),
        ("ready", OneOf(&[Shape::Word(&["engine"]), Shape::Object(&READY)])),
        ("run", Shape::Word(&["on-change", "always"])),
        ("worker", Text),
        ("gpu", Bool),
    ],
    ..Table::CLOSED
};

static READY: Table = Table {
    keys: &[
        ("http", Text),
        ("tcp", Shape::Range(1, 65_535)),
        ("command", OneOf(&[Text, List(&Text)])),
        ("port", Shape::Range(1, 65_535)),
        ("expect", Shape::Range(100, 599)),
        ("interval", Text),
        ("timeout", Text),
    ],
    ..Table::CLOSED
};

/// Reads a block. Its errors are in the session.
pub(crate) fn read(service: &str, block: &Node, session: &mut Session<'_>) -> Option<Sofa> {
    let before = session.errors();
    let path = [
        crate::compose::load::tree::path::Step::Key("services"),
        crate::compose::load::tree::path::Step::Key(service),
        crate::compose::load::tree::path::Step::Key("x-sofa"),
    ];
    shape::check_at(block, &BLOCK, &path, session);
    if session.errors() > before {
        return None;
    }
    let word = |key: &str| block.get(key).and_then(Node::as_str);
    Some(Sofa {
        literal: true,
        role: word("role").and_then(|role| {
            [Role::Backend, Role::Infra, Role::Job].into_iter().find(|known| known.as_str() == role)
        }),
        ready: match block.get("ready") {
            Some(ready) => Some(read_ready(service, ready, session)?),
            None => None,
        },
        run: if word("run") == Some("always") { JobRun::Always } else { JobRun::OnChange },
        worker: word("worker").map(str::to_owned),
        gpu: matches!(block.get("gpu").map(|node| &node.kind), Some(Kind::Bool(true))),
    })
}

fn read_ready(service: &str, ready: &Node, session: &mut Session<'_>) -> Option<ReadyCheck> {
    if ready.as_str().is_some() {
        return Some(ReadyCheck::Engine);
    }
    let number = |key: &str| match ready.get(key).map(|node| &node.kind) {
        Some(Kind::Int(number)) => u16::try_from(*number).ok(),
        _ => None,
    };
    let mut asked = ["http", "tcp", "command"].into_iter().filter(|key| ready.get(key).is_some());
    let (Some(kind), None) = (asked.next(), asked.next()) else {
        let message = format!("service `{service}`: `x-sofa.ready` asks one question");
        session.error(
            Diagnostic::error(message).at(ready.span, "").hint("write one of `http`, `tcp`, `command`"),
        );
        return None;
    };
    let probe = match kind {
        "http" => {
            let path = ready.get("http")?;
            let text = path.as_str()?;
            if !text.starts_with('/') {
                let message =
                    format!("service `{service}`: `x-sofa.ready.http` is the path that is asked for");
                session.error(
                    Diagnostic::error(message)
                        .at(path.span, "begins with `/`")
                        .hint("the port stands after `port:`"),
                );
                return None;
            }
            Probe::Http(HttpProbe {
                path: text.to_owned(),
                port: number("port"),
                expect: number("expect").unwrap_or(200),
            })
        }
        "tcp" => Probe::Tcp(number("tcp")?),
        _ => Probe::Command(words(ready.get("command")?)),
    };
    let interval = pause(service, ready, "interval", session)?;
    let timeout = pause(service, ready, "timeout", session)?;
    Some(ReadyCheck::Probe { probe, interval, timeout })
}

/// One line runs in a shell; a list is the words themselves.
fn words(command: &Node) -> Vec<String> {
    match command.as_str() {
        Some(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()],
        None => command.as_list().unwrap_or_default().iter().filter_map(Node::to_text).collect(),
    }
}

fn pause(service: &str, ready: &Node, key: &str, session: &mut Session<'_>) -> Option<Option<Duration>> {
    let Some(node) = ready.get(key) else {
        return Some(None);
    };
    match duration::parse(node.as_str()?) {
        Ok(pause) => Some(Some(Duration(pause))),
        Err(error) => {
            let message = format!("service `{service}`: `x-sofa.ready.{key}`: {error}");
            session.error(Diagnostic::error(message).at(node.span, ""));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X_SOFA_EXAMPLE: &str = include_str!("../../../../docs/x-sofa.yaml");
    use crate::compose::load::{Input, Request, load};
    use crate::diag::Sources;

    #[test]
    fn the_example_is_right_and_shows_every_key() {
        let files = vec![Input::Stdin(X_SOFA_EXAMPLE.to_owned())];
        let request = Request { working_directory: "/srv".into(), files, ..Request::default() };
        let mut sources = Sources::default();
        let loaded =
            load(&request, &mut sources).map_err(|problems| problems.render(&sources, false)).unwrap();
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(&sources, false));
        for (key, _) in BLOCK.keys.iter().chain(READY.keys) {
            assert!(X_SOFA_EXAMPLE.contains(&format!("{key}:")), "`{key}` is not in the example");
        }
    }
}
