//! The `x-sofa` block of a service. Unknown keys are errors here too.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use regex_lite::Regex;
use serde_json::Value;

use crate::compat::duration;
use crate::compose::load::check::hooks::is_literal;
use crate::compose::load::session::Session;
use crate::compose::load::syntax::shape::Shape::{self, Bool, List, OneOf, Text};
use crate::compose::load::syntax::shape::{self, Table};
use crate::compose::model::{
    Duration, HandOver, HandOverCommands, Http, HttpProbe, HttpRequest, JobRun, Probe, ReadyCheck, Role,
    ScaleRule, Sofa, StartPhase, Tls,
};
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Node};

static BLOCK: Table = Table {
    keys: &[
        ("role", Shape::Word(&["backend", "infra", "job"])),
        ("ready", OneOf(&[Shape::Word(&["engine"]), Shape::Object(&READY)])),
        ("run", Shape::Word(&["on-change", "always"])),
        ("worker", Shape::Word(&["celery"])),
        ("handover", Shape::Object(&HANDOVER)),
        ("http", OneOf(&[PORT, Shape::Object(&HTTP)])),
        ("scale", Shape::Object(&SCALE)),
        ("gpu", Bool),
    ],
    ..Table::CLOSED
};

static READY: Table = Table {
    keys: &[
        ("http", Text),
        ("tcp", Shape::Range(1, 65_535)),
        ("command", COMMAND),
        ("port", Shape::Range(1, 65_535)),
        ("headers", Shape::Object(&HEADERS)),
        ("expect", OneOf(&[STATUS, List(&STATUS)])),
        ("json", Shape::Object(&JSON)),
        ("body", Text),
        ("scheme", Shape::Word(&["http", "https"])),
        ("insecure", Bool),
        ("ca", Text),
        ("interval", Text),
        ("timeout", Text),
        ("deadline", Text),
        ("phases", List(&Shape::Object(&PHASE))),
    ],
    ..Table::CLOSED
};

static HANDOVER: Table = Table {
    keys: &[
        ("quiesce", COMMAND),
        ("idle", COMMAND),
        ("verify", COMMAND),
        ("resume", COMMAND),
        ("deadline", Text),
    ],
    ..Table::CLOSED
};

static HTTP: Table = Table {
    keys: &[
        ("port", PORT),
        ("host", OneOf(&[Text, List(&Text)])),
        ("path", Text),
        ("check", Text),
        ("timeout", Text),
        ("drain", Text),
        ("names", Shape::Word(&["edge", "containers"])),
    ],
    required: &["port"],
    ..Table::CLOSED
};

const PORT: Shape = Shape::Range(1, 65_535);

static SCALE: Table = Table {
    keys: &[
        ("min", Shape::Range(0, 10_000)),
        ("max", Shape::Range(1, 10_000)),
        ("cpu", Shape::Range(1, 100_000)),
        ("queue", Shape::Range(1, 1_000_000_000)),
    ],
    required: &["max"],
    ..Table::CLOSED
};

const COMMAND: Shape = OneOf(&[Text, List(&Text)]);

static PHASE: Table =
    Table { keys: &[("log", Text), ("name", Text)], required: &["log", "name"], ..Table::CLOSED };

const STATUS: Shape = Shape::Range(100, 599);
static HEADERS: Table = Table::of_named_keys(&Text);
static JSON: Table = Table::of_named_keys(&OneOf(&[Text, Bool, Shape::Number, Shape::Null]));

/// The keys that say what is asked.
const QUESTIONS: [&str; 3] = ["http", "tcp", "command"];
/// The keys that mean something only beside `http`.
const OF_HTTP: [&str; 8] = ["port", "headers", "expect", "json", "body", "scheme", "insecure", "ca"];
/// The keys that mean something only beside a question.
const OF_QUESTION: [&str; 2] = ["interval", "timeout"];

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
    let ready = block.get("ready");
    Some(Sofa {
        literal: true,
        role: word("role").and_then(|role| {
            [Role::Backend, Role::Infra, Role::Job].into_iter().find(|known| known.as_str() == role)
        }),
        ready: match ready {
            Some(ready) => read_ready(service, ready, session)?,
            None => None,
        },
        deadline: match ready {
            Some(ready) => read_deadline(service, "ready", ready, session)?,
            None => None,
        },
        phases: match ready {
            Some(ready) => read_phases(service, ready, session)?,
            None => Vec::new(),
        },
        run: if word("run") == Some("always") { JobRun::Always } else { JobRun::OnChange },
        worker: word("worker").map(str::to_owned),
        handover: match block.get("handover") {
            Some(handover) => Some(read_handover(service, handover, word("worker"), session)?),
            None => None,
        },
        http: match block.get("http") {
            Some(http) => Some(read_edge_http(service, http, block, session)?),
            None => None,
        },
        scale: match block.get("scale") {
            Some(scale) => Some(read_scale(service, scale, session)?),
            None => None,
        },
        gpu: is_true(block.get("gpu")),
    })
}

/// What is asked. Without a question the healthcheck decides.
fn read_ready(service: &str, ready: &Node, session: &mut Session<'_>) -> Option<Option<ReadyCheck>> {
    if ready.as_str().is_some() {
        return Some(Some(ReadyCheck::Engine));
    }
    let mut asked = QUESTIONS.into_iter().filter(|key| ready.get(key).is_some());
    let kind = asked.next();
    let alone = ["deadline", "phases"].iter().any(|key| ready.get(key).is_some());
    if asked.next().is_some() || kind.is_none() && !alone {
        let message = format!("service `{service}`: `x-sofa.ready` asks one question");
        session.error(
            Diagnostic::error(message).at(ready.span, "").hint("write one of `http`, `tcp`, `command`"),
        );
        return None;
    }
    let of_http =
        OF_HTTP.iter().filter(|_| kind != Some("http")).map(|key| (key, "`http`", "ask with `http`"));
    let of_any = OF_QUESTION
        .iter()
        .filter(|_| kind.is_none())
        .map(|key| (key, "a question", "ask with `http`, `tcp` or `command`"));
    let stray =
        of_http.chain(of_any).find_map(|(key, needs, hint)| Some((key, needs, hint, ready.get(key)?)));
    if let Some((key, needs, hint, node)) = stray {
        let message = format!("service `{service}`: `x-sofa.ready.{key}` needs {needs} beside it");
        session.error(Diagnostic::error(message).at(node.span, "").hint(format!("{hint}, or remove it")));
        return None;
    }
    let probe = match kind {
        None => return Some(None),
        Some("http") => Probe::Http(read_http(service, ready, session)?),
        Some("tcp") => Probe::Tcp(ready.get("tcp").and_then(number)?),
        Some(_) => Probe::Command(words(ready.get("command")?)),
    };
    let interval = time(service, "ready", ready, "interval", session)?;
    let timeout = time(service, "ready", ready, "timeout", session)?;
    Some(Some(ReadyCheck::Probe { probe, interval, timeout }))
}

/// How a worker gives up its work. Commands are said together, and not beside a kind of worker that `sofa` knows.
fn read_handover(
    service: &str,
    handover: &Node,
    worker: Option<&str>,
    session: &mut Session<'_>,
) -> Option<HandOver> {
    let mut refuse = |node: &Node, message: &str, hint: &str| -> Option<HandOver> {
        let message = format!("service `{service}`: {message}");
        session.error(Diagnostic::error(message).at(node.span, "").hint(hint));
        None
    };
    let said = |key: &'static str| Some((key, handover.get(key)?));
    let commands: Vec<_> = ["quiesce", "idle", "verify", "resume"].into_iter().filter_map(said).collect();
    if let (Some(worker), Some((key, node))) = (worker, commands.first()) {
        let message = format!("`x-sofa.handover.{key}` beside `worker: {worker}`");
        return refuse(node, &message, "`sofa` knows how such a worker stops; only `deadline` may be set");
    }
    let has_both = ["quiesce", "idle"].iter().all(|key| handover.get(key).is_some());
    if worker.is_none() && !has_both {
        let message = "`x-sofa.handover` needs `quiesce` and `idle`";
        return refuse(handover, message, "or `worker: celery`, with which no command is needed");
    }
    for (key, node) in &commands {
        if !is_literal(node) {
            let message =
                format!("`x-sofa.handover.{key}` comes from a variable, and a label of the container has it");
            let hint = "let the command read the variable in the container: `sh -c '… $$NAME'`";
            return refuse(node, &message, hint);
        }
        if words(node).is_empty() {
            return refuse(node, &format!("`x-sofa.handover.{key}` has no words"), "write a command");
        }
    }
    let deadline = read_deadline(service, "handover", handover, session)?;
    let command = |key: &str| handover.get(key).map(words);
    let commands = command("quiesce").zip(command("idle")).map(|(quiesce, idle)| HandOverCommands {
        quiesce,
        idle,
        verify: command("verify"),
        resume: command("resume"),
    });
    Some(HandOver { commands, deadline })
}

/// How long a service behind the edge may take to answer, and how long its last requests may take, where nothing is written.
const REQUEST_TIME: std::time::Duration = std::time::Duration::from_secs(60);

/// How requests reach a service through the edge: its port, or a block.
fn read_edge_http(service: &str, http: &Node, block: &Node, session: &mut Session<'_>) -> Option<Http> {
    let mut refuse = |node: &Node, message: &str, hint: &str| -> Option<Http> {
        let message = format!("service `{service}`: {message}");
        session.error(Diagnostic::error(message).at(node.span, "").hint(hint));
        None
    };
    if block.get("handover").is_some() || block.get("worker").is_some() {
        let message = "`x-sofa.http` beside `worker` or `handover`";
        return refuse(http, message, "the edge ends the requests of a container before its stop");
    }
    for key in ["path", "check"] {
        if let Some(node) = http.get(key)
            && !node.as_str().is_some_and(is_path)
        {
            let message = format!("`x-sofa.http.{key}` is no path");
            return refuse(node, &message, "it begins with `/` and has no spaces");
        }
    }
    let hosts: Vec<&Node> = match http.get("host") {
        Some(node) => node.as_list().map_or_else(|| vec![node], |list| list.iter().collect()),
        None => Vec::new(),
    };
    let is_host = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    if let Some(node) = hosts.iter().find(|node| !node.as_str().is_some_and(is_host)) {
        return refuse(node, "`x-sofa.http.host` is no host name", "without a port: api.example.com");
    }
    let text = |key: &str| http.get(key).and_then(Node::as_str);
    let time = |key: &'static str, session: &mut Session<'_>| -> Option<Duration> {
        let read = time(service, "http", http, key, session)?.unwrap_or(Duration(REQUEST_TIME));
        if let (true, Some(node)) = (read.0.is_zero(), http.get(key)) {
            let message = format!("service `{service}`: `x-sofa.http.{key}` is no time at all");
            session.error(Diagnostic::error(message).at(node.span, ""));
            return None;
        }
        Some(read)
    };
    Some(Http {
        port: number(http.get("port").unwrap_or(http))?,
        host: hosts.iter().filter_map(|node| node.as_str()).map(str::to_ascii_lowercase).collect(),
        path: text("path").unwrap_or("/").to_owned(),
        check: text("check").map(str::to_owned),
        timeout: time("timeout", session)?,
        drain: time("drain", session)?,
        containers_have_names: text("names") == Some("containers"),
    })
}

/// Whether a text can stand as a path in the configuration of a proxy.
fn is_path(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%+=:@?&,".contains(&byte);
    text.starts_with('/') && text.bytes().all(is_plain)
}

fn read_scale(service: &str, scale: &Node, session: &mut Session<'_>) -> Option<ScaleRule> {
    let count = |key: &str| match scale.get(key)?.kind {
        Kind::Int(number) => u64::try_from(number).ok(),
        _ => None,
    };
    let rule = ScaleRule {
        min: count("min").unwrap_or(1),
        max: count("max")?,
        cpu: count("cpu"),
        queue: count("queue"),
    };
    let wrong = match rule {
        ScaleRule { min, max, .. } if min > max => "`min` is more than `max`",
        ScaleRule { cpu: None, queue: None, .. } => "it needs `cpu` or `queue`: the load of one container",
        _ => return Some(rule),
    };
    let message = format!("service `{service}`: `x-sofa.scale`: {wrong}");
    session.error(Diagnostic::error(message).at(scale.span, ""));
    None
}

fn read_deadline(
    service: &str,
    part: &str,
    block: &Node,
    session: &mut Session<'_>,
) -> Option<Option<Duration>> {
    let deadline = time(service, part, block, "deadline", session)?;
    match (deadline, block.get("deadline")) {
        (Some(Duration(std::time::Duration::ZERO)), Some(node)) => {
            let message = format!("service `{service}`: `x-sofa.{part}.deadline` is no time at all");
            session.error(Diagnostic::error(message).at(node.span, "").hint("leave it out for no deadline"));
            None
        }
        _ => Some(deadline),
    }
}

fn read_phases(service: &str, ready: &Node, session: &mut Session<'_>) -> Option<Vec<StartPhase>> {
    let mut phases = Vec::new();
    for phase in ready.get("phases").and_then(Node::as_list).into_iter().flatten() {
        for key in ["log", "name"] {
            let node = phase.get(key)?;
            if node.as_str()?.trim().is_empty() {
                let message = format!("service `{service}`: `{key}` of a phase is empty");
                session.error(Diagnostic::error(message).at(node.span, "").hint(
                    "`log` is a text that begins the phase when the container prints it, `name` what is shown",
                ));
                return None;
            }
        }
        let text = |key: &str| phase.get(key).and_then(Node::as_str).map(str::to_owned);
        phases.push(StartPhase { log: text("log")?, name: text("name")? });
    }
    Some(phases)
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
    let ca = ready.get("ca");
    let is_secure = ready.get("scheme").and_then(Node::as_str) == Some("https");
    if let Some(node) = ca.or(ready.get("insecure")).filter(|_| !is_secure) {
        let message = "`x-sofa.ready.ca` and `x-sofa.ready.insecure` are about a certificate";
        return refuse(node, message, "", "write `scheme: https` beside it, or remove it");
    }
    if let Some(node) = ca.filter(|_| is_true(ready.get("insecure"))) {
        let message = "`x-sofa.ready.ca` checks nothing beside `insecure: true`";
        return refuse(node, message, "", "remove one of the two");
    }
    let tls =
        Tls { insecure: is_true(ready.get("insecure")), ca: ca.and_then(Node::as_str).map(str::to_owned) };
    let json = ready.get("json").and_then(Node::as_map).into_iter().flatten();
    let request = HttpRequest {
        path: path.as_str()?.to_owned(),
        expect,
        headers,
        json: json.filter_map(|entry| Some((entry.key.to_string(), scalar(&entry.value)?))).collect(),
        body: ready.get("body").and_then(Node::as_str).map(str::to_owned),
        tls: is_secure.then_some(tls),
    };
    Some(HttpProbe { port: ready.get("port").and_then(number), request })
}

fn is_true(node: Option<&Node>) -> bool {
    matches!(node.map(|node| &node.kind), Some(Kind::Bool(true)))
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

fn time(
    service: &str,
    part: &str,
    block: &Node,
    key: &str,
    session: &mut Session<'_>,
) -> Option<Option<Duration>> {
    let Some(node) = block.get(key) else {
        return Some(None);
    };
    match duration::parse(node.as_str()?) {
        Ok(time) => Some(Some(Duration(time))),
        Err(error) => {
            let message = format!("service `{service}`: `x-sofa.{part}.{key}`: {error}");
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

    /// The problems of a project with these services.
    fn problems_of(services: &str) -> String {
        let files = vec![Input::Stdin(format!("services:\n{services}"))];
        let request = Request { working_directory: "/srv".into(), files, ..Request::default() };
        let mut sources = Sources::default();
        match load(&request, &mut sources) {
            Ok(_) => String::new(),
            Err(problems) => problems.render(&sources, false),
        }
    }

    #[test]
    fn what_the_edge_cannot_serve_is_refused() {
        for (lines, part) in [
            ("x-sofa: { http: 0 }", "x-sofa.http"),
            ("x-sofa: { http: { host: a } }", "`port`"),
            ("x-sofa: { http: { port: 80, path: docs } }", "`x-sofa.http.path` is no path"),
            ("x-sofa: { http: { port: 80, check: '/a b' } }", "`x-sofa.http.check` is no path"),
            ("x-sofa: { http: { port: 80, host: 'a.b:80' } }", "`x-sofa.http.host` is no host name"),
            ("x-sofa: { http: { port: 80, drain: 0s } }", "`x-sofa.http.drain` is no time at all"),
            ("x-sofa: { http: { port: 80, timeout: soon } }", "`x-sofa.http.timeout`: "),
            ("x-sofa: { http: { port: 80, names: both } }", "names"),
            ("x-sofa: { http: 80, handover: { quiesce: a, idle: b } }", "`x-sofa.http` beside `worker`"),
            ("x-sofa: { http: 80, role: job }", "`x-sofa.http` of a job"),
            ("x-sofa: { http: 80 }\n    network_mode: host", "`x-sofa.http` beside `network_mode: host`"),
            ("x-sofa: { http: 80 }\n    ports: ['80:80/udp']", "port 80 is published, and not over TCP"),
        ] {
            let found = problems_of(&format!("  a:\n    image: a\n    {lines}\n"));
            assert!(found.contains(part), "{lines}: {found}");
        }
        for right in [
            "x-sofa: { http: 80 }",
            "x-sofa: { http: { port: 80, host: [a.example, b.example], path: /a, check: /b?c=d, timeout: 5m, drain: 1h, names: edge } }",
            "x-sofa: { http: 80 }\n    ports: ['80:80', '80:80/udp']",
        ] {
            assert_eq!(problems_of(&format!("  a:\n    image: a\n    {right}\n")), "", "{right}");
        }
    }

    #[test]
    fn services_on_one_host_port_are_distinguished_by_host_or_path() {
        let service = |name: &str, http: &str| {
            format!("  {name}:\n    image: a\n    ports: ['80:8000']\n    x-sofa: {{ http: {http} }}\n")
        };
        let of = |one: &str, other: &str| problems_of(&(service("a", one) + &service("b", other)));
        let found = of("8000", "8000");
        assert!(found.contains("cannot be distinguished from those of `a`"), "{found}");
        assert_eq!(of("8000", "{ port: 8000, path: /docs }"), "");
        assert_eq!(of("{ port: 8000, host: a.example }", "{ port: 8000, host: b.example }"), "");
        assert!(
            !of("{ port: 8000, host: a.example }", "{ port: 8000, host: [b.example, a.example] }").is_empty()
        );
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (ready, part) in [
            ("{ tcp: 80, json: { a: 1 } }", "`x-sofa.ready.json` needs `http`"),
            ("{ command: [a], headers: { A: b } }", "`x-sofa.ready.headers` needs `http`"),
            ("{ http: /, headers: { 'a b': c } }", "`x-sofa.ready.headers`: `a b` cannot be sent"),
            ("{ http: /, body: '(' }", "`x-sofa.ready.body` is no regular expression"),
            ("{ tcp: 80, expect: 204 }", "`x-sofa.ready.expect` needs `http`"),
            ("{}", "`x-sofa.ready` asks one question"),
            ("{ http: /, tcp: 80, deadline: 1m }", "`x-sofa.ready` asks one question"),
            ("{ deadline: 1m, interval: 1s }", "`x-sofa.ready.interval` needs a question"),
            ("{ deadline: 1m, expect: 204 }", "`x-sofa.ready.expect` needs `http`"),
            ("{ deadline: 0s }", "`x-sofa.ready.deadline` is no time at all"),
            ("{ deadline: soon }", "`x-sofa.ready.deadline`"),
            ("{ phases: [{ log: a }] }", "`name`"),
            ("{ phases: [{ log: ' ', name: b }] }", "`log` of a phase is empty"),
            ("{ http: /, ca: a.pem }", "are about a certificate"),
            ("{ http: /, scheme: http, insecure: true }", "are about a certificate"),
            ("{ http: /, scheme: https, ca: a.pem, insecure: true }", "checks nothing beside"),
            ("{ http: /, expect: [] }", "`x-sofa.ready.expect` has no status"),
            ("{ http: /, expect: [200, 99] }", "`x-sofa.ready.expect[1]` must be 100 to 599"),
            ("{ http: /, json: { a: [1] } }", "`x-sofa.ready.json.a` must be"),
            ("{ http: /, json: { a: 2026-01-31 } }", "`x-sofa.ready.json.a` must be"),
        ] {
            let found = problems(ready);
            assert!(found.contains(part), "{ready}: {found}");
        }
        for right in [
            "{ http: /, expect: [200, 204], json: { a.b: 1, c: true }, body: ok }",
            "{ http: /, scheme: https, insecure: true }",
            "{ deadline: 6m, phases: [{ log: Installing, name: installing packages }] }",
        ] {
            assert_eq!(problems(right), "", "{right}");
        }
    }

    #[test]
    fn a_hand_over_or_a_scale_that_means_nothing_is_refused() {
        let problems = |lines: &str| {
            let text = format!("services:\n  a:\n    image: a\n    x-sofa: {lines}\n");
            let environment = [("WORD".to_owned(), "secret".to_owned())].into();
            let files = vec![Input::Stdin(text)];
            let request =
                Request { working_directory: "/srv".into(), files, environment, ..Request::default() };
            let mut sources = Sources::default();
            load(&request, &mut sources)
                .map_or_else(|problems| problems.render(&sources, false), |_| String::new())
        };
        for (lines, part) in [
            (
                "{ worker: celery, handover: { quiesce: a, idle: b } }",
                "`x-sofa.handover.quiesce` beside `worker: celery`",
            ),
            ("{ handover: { quiesce: a } }", "needs `quiesce` and `idle`"),
            ("{ handover: { deadline: 1m } }", "needs `quiesce` and `idle`"),
            ("{ handover: { quiesce: a, idle: [] } }", "`x-sofa.handover.idle` has no words"),
            (
                "{ handover: { quiesce: 'a $WORD', idle: b } }",
                "`x-sofa.handover.quiesce` comes from a variable",
            ),
            ("{ handover: { quiesce: a, idle: b, deadline: 0s } }", "`x-sofa.handover.deadline` is no time"),
            ("{ handover: { quiesce: a, idle: b, deadline: soon } }", "`x-sofa.handover.deadline`: "),
            ("{ handover: { quiesce: a, idle: b, after: c } }", "after"),
            ("{ scale: { max: 4 } }", "needs `cpu` or `queue`"),
            ("{ scale: { min: 5, max: 4, cpu: 70 } }", "`min` is more than `max`"),
            ("{ scale: { cpu: 70 } }", "`max`"),
        ] {
            let found = problems(lines);
            assert!(found.contains(part), "{lines}: {found}");
        }
        for right in [
            "{ worker: celery, handover: { deadline: 5m } }",
            "{ handover: { quiesce: 'kill -TSTP 1', idle: [test, -e, /idle], verify: a, resume: b } }",
            "{ handover: { quiesce: 'echo $$WORD', idle: b } }",
            "{ scale: { max: 4, queue: 50 } }",
        ] {
            assert_eq!(problems(right), "", "{right}");
        }
    }

    #[test]
    fn the_example_is_right_and_shows_every_key() {
        let files = vec![Input::Stdin(X_SOFA_EXAMPLE.to_owned())];
        let request = Request { working_directory: "/srv".into(), files, ..Request::default() };
        let mut sources = Sources::default();
        let loaded =
            load(&request, &mut sources).map_err(|problems| problems.render(&sources, false)).unwrap();
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(&sources, false));
        for (key, _) in
            BLOCK.keys.iter().chain(READY.keys).chain(HANDOVER.keys).chain(SCALE.keys).chain(HTTP.keys)
        {
            assert!(X_SOFA_EXAMPLE.contains(&format!("{key}:")), "`{key}` is not in the example");
        }
    }
}
