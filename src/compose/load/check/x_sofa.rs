//! The `x-sofa` block of a service. Unknown keys are errors here too.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use regex_lite::Regex;
use serde_json::Value;

use crate::compat::duration;
use crate::compose::load::session::Session;
use crate::compose::load::syntax::shape::Shape::{self, Bool, List, OneOf, Text};
use crate::compose::load::syntax::shape::{self, Table};
use crate::compose::model::{Duration, HttpProbe, HttpRequest, JobRun, Probe, ReadyCheck, Role, Sofa};
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
        ("headers", Shape::Object(&HEADERS)),
        ("expect", OneOf(&[STATUS, List(&STATUS)])),
        ("json", Shape::Object(&JSON)),
        ("body", Text),
        ("interval", Text),
        ("timeout", Text),
    ],
    ..Table::CLOSED
};

const STATUS: Shape = Shape::Range(100, 599);
static HEADERS: Table = Table::of_named_keys(&Text);
static JSON: Table = Table::of_named_keys(&OneOf(&[Text, Bool, Shape::Number, Shape::Null]));

/// The keys that mean something only beside `http`.
const OF_HTTP: [&str; 5] = ["port", "headers", "expect", "json", "body"];

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
    let mut asked = ["http", "tcp", "command"].into_iter().filter(|key| ready.get(key).is_some());
    let (Some(kind), None) = (asked.next(), asked.next()) else {
        let message = format!("service `{service}`: `x-sofa.ready` asks one question");
        session.error(
            Diagnostic::error(message).at(ready.span, "").hint("write one of `http`, `tcp`, `command`"),
        );
        return None;
    };
    let stray = OF_HTTP.iter().filter(|_| kind != "http").find_map(|key| Some((key, ready.get(key)?)));
    if let Some((key, node)) = stray {
        let message = format!("service `{service}`: `x-sofa.ready.{key}` needs `http` beside it");
        session.error(Diagnostic::error(message).at(node.span, "").hint("ask with `http`, or remove it"));
        return None;
    }
    let probe = match kind {
        "http" => Probe::Http(read_http(service, ready, session)?),
        "tcp" => Probe::Tcp(ready.get("tcp").and_then(number)?),
        _ => Probe::Command(words(ready.get("command")?)),
    };
    let interval = time(service, ready, "interval", session)?;
    let timeout = time(service, ready, "timeout", session)?;
    Some(ReadyCheck::Probe { probe, interval, timeout })
}

fn read_http(service: &str, ready: &Node, session: &mut Session<'_>) -> Option<HttpProbe> {
    let mut refuse = |node: &Node, message: &str, label: &str, hint: &str| -> Option<HttpProbe> {
        let message = format!("service `{service}`: {message}");
        session.error(Diagnostic::error(message).at(node.span, label).hint(hint));
        None
    };
    let path = ready.get("http")?;
    if !path.as_str()?.starts_with('/') {
        let message = "`x-sofa.ready.http` is the path that is asked for";
        return refuse(path, message, "begins with `/`", "the port stands after `port:`");
    }
    let mut headers = BTreeMap::new();
    for header in ready.get("headers").and_then(Node::as_map).into_iter().flatten() {
        let value = header.value.as_str()?;
        if HeaderName::try_from(&*header.key).is_err() || HeaderValue::try_from(value).is_err() {
            let message = format!("`x-sofa.ready.headers`: `{}` cannot be sent", header.key);
            let hint = "a name has letters, digits and `-`, a value is one line";
            return refuse(&header.value, &message, "", hint);
        }
        headers.insert(header.key.to_string(), value.to_owned());
    }
    let expect: Vec<u16> = match ready.get("expect") {
        None => vec![200],
        Some(node) => match node.as_list() {
            Some([]) => {
                return refuse(node, "`x-sofa.ready.expect` has no status", "", "leave it out for 200");
            }
            Some(list) => list.iter().filter_map(number).collect(),
            None => number(node).into_iter().collect(),
        },
    };
    if let Some(node) = ready.get("body")
        && let Err(error) = Regex::new(node.as_str()?)
    {
        let message = format!("`x-sofa.ready.body` is no regular expression: {error}");
        return refuse(node, &message, "", "a text as it is: put `\\` before each of `.+*?()|[]{}^$`");
    }
    let json = ready.get("json").and_then(Node::as_map).into_iter().flatten();
    let request = HttpRequest {
        path: path.as_str()?.to_owned(),
        expect,
        headers,
        json: json.filter_map(|entry| Some((entry.key.to_string(), scalar(&entry.value)?))).collect(),
        body: ready.get("body").and_then(Node::as_str).map(str::to_owned),
    };
    Some(HttpProbe { port: ready.get("port").and_then(number), request })
}

fn number(node: &Node) -> Option<u16> {
    match node.kind {
        Kind::Int(number) => u16::try_from(number).ok(),
        _ => None,
    }
}

fn scalar(node: &Node) -> Option<Value> {
    Some(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => (*value).into(),
        Kind::Int(number) => (*number).into(),
        Kind::Float(number) => (*number).into(),
        _ => node.as_str()?.into(),
    })
}

/// One line runs in a shell; a list is the words themselves.
fn words(command: &Node) -> Vec<String> {
    match command.as_str() {
        Some(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()],
        None => command.as_list().unwrap_or_default().iter().filter_map(Node::to_text).collect(),
    }
}

fn time(service: &str, ready: &Node, key: &str, session: &mut Session<'_>) -> Option<Option<Duration>> {
    let Some(node) = ready.get(key) else {
        return Some(None);
    };
    match duration::parse(node.as_str()?) {
        Ok(time) => Some(Some(Duration(time))),
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

    /// The problems of a service with these lines below `ready:`.
    fn problems(ready: &str) -> String {
        let text = format!("services:\n  a:\n    image: a\n    x-sofa:\n      ready: {ready}\n");
        let files = vec![Input::Stdin(text)];
        let request = Request { working_directory: "/srv".into(), files, ..Request::default() };
        let mut sources = Sources::default();
        match load(&request, &mut sources) {
            Ok(_) => String::new(),
            Err(problems) => problems.render(&sources, false),
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (ready, part) in [
            ("{ tcp: 80, json: { a: 1 } }", "`x-sofa.ready.json` needs `http`"),
            ("{ command: [a], headers: { A: b } }", "`x-sofa.ready.headers` needs `http`"),
            ("{ http: /, headers: { 'a b': c } }", "`x-sofa.ready.headers`: `a b` cannot be sent"),
            ("{ http: /, body: '(' }", "`x-sofa.ready.body` is no regular expression"),
            ("{ tcp: 80, expect: 204 }", "`x-sofa.ready.expect` needs `http`"),
            ("{ http: /, expect: [] }", "`x-sofa.ready.expect` has no status"),
            ("{ http: /, expect: [200, 99] }", "`x-sofa.ready.expect[1]` must be 100 to 599"),
            ("{ http: /, json: { a: [1] } }", "`x-sofa.ready.json.a` must be"),
            ("{ http: /, json: { a: 2026-01-31 } }", "`x-sofa.ready.json.a` must be"),
        ] {
            let found = problems(ready);
            assert!(found.contains(part), "{ready}: {found}");
        }
        assert_eq!(problems("{ http: /, expect: [200, 204], json: { a.b: 1, c: true }, body: ok }"), "");
    }

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
