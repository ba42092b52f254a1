//! Checks a tree against shapes: kinds of values, known keys, required keys. Every mistake is reported with its place, and
//! an unknown key with the known one that it is most like.

use std::collections::HashMap;

use crate::compose::load::session::Session;
use crate::compose::load::tree::path::{self, Path, Step};
use crate::diag::Diagnostic;
use crate::util::spelling;
use crate::yaml::{Entry, Kind, Map, Node, Span};

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    Null,
    Bool,
    /// A number without a fraction, `80.0` too.
    Integer,
    /// A number written as an integer.
    Digits,
    Number,
    /// An integer within bounds.
    Range(i64, i64),
    Text,
    /// One of some words.
    Word(&'static [&'static str]),
    /// Text that a rule accepts, and the rule.
    Matching(fn(&str) -> bool, &'static str),
    List(&'static Shape),
    /// A list without repetition.
    Set(&'static Shape),
    Object(&'static Table),
    OneOf(&'static [Shape]),
}

/// Keys and the shapes of their values.
pub(crate) type Keys = &'static [(&'static str, Shape)];

/// The valid names, and the shape of their values.
pub(crate) type Names = (fn(&str) -> bool, &'static Shape);

/// The keys of a mapping.
#[derive(Debug)]
pub(crate) struct Table {
    /// Known keys.
    pub(crate) keys: Keys,
    /// Which of them must be there.
    pub(crate) required: &'static [&'static str],
    /// Keys that people choose: which are good, and the shape of their values.
    pub(crate) names: Option<Names>,
    /// What becomes of any other key.
    pub(crate) extra: Extra,
    /// Whether `x-*` keys are allowed.
    pub(crate) extensible: bool,
}

/// What happens to unknown keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    Refused,
    Anything,
}

impl Table {
    /// No key but the known ones.
    pub(crate) const CLOSED: Self =
        Self { keys: &[], required: &[], names: None, extra: Extra::Refused, extensible: false };
    /// The known keys and `x-*`.
    pub(crate) const EXTENSIBLE: Self = Self { extensible: true, ..Self::CLOSED };

    /// Keys that name services, networks and the like.
    pub(crate) const fn of_names(shape: &'static Shape, extra: Extra) -> Self {
        Self { names: Some((is_name, shape)), extra, ..Self::CLOSED }
    }

    /// Keys that are free but not empty.
    pub(crate) const fn of_named_keys(shape: &'static Shape) -> Self {
        Self { names: Some((is_not_empty, shape)), ..Self::CLOSED }
    }

    /// Keys that are free.
    pub(crate) const fn of_any_key(shape: &'static Shape) -> Self {
        Self { names: Some((is_not_empty, shape)), extra: Extra::Anything, ..Self::CLOSED }
    }

    fn shape_of(&self, key: &str) -> Option<&'static Shape> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, shape)| shape)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_not_empty(text: &str) -> bool {
    !text.is_empty()
}

/// Reports everything below a node that does not match the table.
pub(crate) fn check(root: &Node, table: &'static Table, session: &mut Session<'_>) {
    match &root.kind {
        Kind::Map(map) => check_map(map, root.span, table, &mut Path::new(), session),
        other => {
            let message = "a Compose file is a mapping, beginning with `services:`";
            session.error(Diagnostic::error(message).at(root.span, other.name()));
        }
    }
}

/// Reports everything below a mapping at a path that does not match the table.
pub(crate) fn check_at<'a>(
    node: &'a Node,
    table: &'static Table,
    path: &[Step<'a>],
    session: &mut Session<'_>,
) {
    let mut path: Path<'a> = path.to_vec();
    match &node.kind {
        Kind::Map(map) => check_map(map, node.span, table, &mut path, session),
        _ => wrong_kind(node, &Shape::Object(&Table::CLOSED), &path, session),
    }
}

fn check_map<'a>(
    map: &'a Map,
    span: Span,
    table: &'static Table,
    path: &mut Path<'a>,
    session: &mut Session<'_>,
) {
    for entry in map {
        path.push(Step::Key(&entry.key));
        if let Some(shape) = table.shape_of(&entry.key) {
            check_node(&entry.value, shape, path, session);
        } else if table.extensible && entry.key.starts_with("x-") {
            // Everything is allowed.
        } else if let Some((_, shape)) = table.names.filter(|(is_good, _)| is_good(&entry.key)) {
            check_node(&entry.value, shape, path, session);
        } else if table.extra == Extra::Refused && !is_empty_entry(entry) {
            unknown_key(&entry.key, entry.key_span, table, path, session);
        }
        path.pop();
    }
    for key in table.required {
        if !map.contains(key) {
            let message = format!("{}: `{key}` is missing", path::subject(path));
            session.error(Diagnostic::error(message).at(span, "").path(path::text(path)));
        }
    }
}

/// An empty entry of a list that became a mapping, as `- ${MORE:-}` leaves one: docker compose lets it pass, though not a key
/// that is written as nothing. Key and value of such an entry are one text in the file.
fn is_empty_entry(entry: &Entry) -> bool {
    entry.key.is_empty() && entry.key_span == entry.value.span
}

/// Keys that docker's command line or other tools have, and their name in a Compose file.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("cmd", "command"),
    ("cpu", "cpus"),
    ("env", "environment"),
    ("health", "healthcheck"),
    ("mem", "mem_limit"),
    ("memory", "mem_limit"),
    ("mount", "volumes"),
    ("publish", "ports"),
];

fn unknown_key(key: &str, span: Span, table: &'static Table, path: &[Step<'_>], session: &mut Session<'_>) {
    if session.is_full() {
        return session.count_error();
    }
    let parent = &path[..path.len() - 1];
    let whole = path::text(path);
    if table.names.is_some() {
        let message = format!("`{key}` is no name for an entry of `{}`", path::text(parent));
        let hint = "names hold letters, digits, `_`, `.` and `-`";
        session.error(Diagnostic::error(message).at(span, "").path(whole).hint(hint));
        return;
    }
    let message = match parent {
        [] => format!("unknown key `{key}`"),
        _ => format!("{}: unknown key `{key}`", path::subject(parent)),
    };
    let known = || table.keys.iter().map(|(known, _)| *known);
    let error = Diagnostic::error(message).path(whole);
    let other = OTHER_NAMES.iter().find(|(name, is)| *name == key && known().any(|known| known == *is));
    let extension = key.strip_prefix("x_").filter(|_| table.extensible);
    if let Some(rest) = extension {
        session.error(
            error.at(span, format!("did you mean `x-{rest}`?")).hint("keys of your own begin with `x-`"),
        );
        return;
    }
    let error = match other.map(|(_, is)| *is).or_else(|| spelling::nearest(key, known())) {
        Some(nearest) => error.at(span, format!("did you mean `{nearest}`?")),
        None => {
            let error = error.at(span, "");
            match known().count() {
                0..=12 => error.hint(format!("known keys: {}", known().collect::<Vec<_>>().join(", "))),
                _ if table.extensible => error.hint("keys of your own begin with `x-`"),
                _ => error,
            }
        }
    };
    session.error(error);
}

fn check_node<'a>(node: &'a Node, shape: &'static Shape, path: &mut Path<'a>, session: &mut Session<'_>) {
    match (shape, &node.kind) {
        (Shape::OneOf(shapes), _) => match shapes.iter().find(|shape| accepts_kind(shape, &node.kind)) {
            Some(shape) => check_node(node, shape, path, session),
            None => wrong_kind(node, shape, path, session),
        },
        (Shape::Object(table), Kind::Map(map)) => check_map(map, node.span, table, path, session),
        (Shape::List(item) | Shape::Set(item), Kind::List(list)) => {
            for (index, entry) in list.iter().enumerate() {
                path.push(Step::Index(index));
                check_node(entry, item, path, session);
                path.pop();
            }
            if matches!(shape, Shape::Set(_)) {
                check_repetition(list, path, session);
            }
        }
        (Shape::Word(words), Kind::String(text)) if !words.contains(&&**text) => {
            let message = format!("{} is {}", path::subject(path), shown(node, text));
            let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let label = spelling::nearest(text, words.iter().copied())
                .map_or_else(String::new, |nearest| format!("did you mean `{nearest}`?"));
            let error = Diagnostic::error(message).at(node.span, label).hint(format!("it is one of {list}"));
            session.error(error.path(path::text(path)));
        }
        (Shape::Matching(is_good, rule), Kind::String(text)) if !is_good(text) => {
            let message = format!("{} is {}", path::subject(path), shown(node, text));
            let error = Diagnostic::error(message).at(node.span, "").hint(format!("it is {rule}"));
            session.error(error.path(path::text(path)));
        }
        (Shape::Range(least, most), kind) if accepts_kind(shape, kind) => {
            let good = match kind {
                Kind::Int(value) => (*least..=*most).contains(value),
                Kind::Float(value) => (*least as f64..=*most as f64).contains(value),
                _ => true,
            };
            if !good {
                let bound = if *most == i64::MAX {
                    format!("at least {least}")
                } else {
                    format!("{least} to {most}")
                };
                let message = format!("{} must be {bound}", path::subject(path));
                session.error(Diagnostic::error(message).at(node.span, "").path(path::text(path)));
            }
        }
        (_, kind) if accepts_kind(shape, kind) => {}
        _ => wrong_kind(node, shape, path, session),
    }
}

fn accepts_kind(shape: &Shape, kind: &Kind) -> bool {
    match shape {
        Shape::Null => matches!(kind, Kind::Null),
        Shape::Bool => matches!(kind, Kind::Bool(_)),
        Shape::Integer | Shape::Range(..) => match kind {
            Kind::Int(_) => true,
            Kind::Float(value) => value.fract() == 0.0,
            _ => false,
        },
        Shape::Digits => matches!(kind, Kind::Int(_)),
        Shape::Number => matches!(kind, Kind::Int(_) | Kind::Float(_)),
        Shape::Text | Shape::Word(_) | Shape::Matching(..) => matches!(kind, Kind::String(_)),
        Shape::List(_) | Shape::Set(_) => matches!(kind, Kind::List(_)),
        Shape::Object(_) => matches!(kind, Kind::Map(_)),
        Shape::OneOf(shapes) => shapes.iter().any(|shape| accepts_kind(shape, kind)),
    }
}

fn wrong_kind(node: &Node, shape: &Shape, path: &[Step<'_>], session: &mut Session<'_>) {
    let mut wanted = Vec::new();
    describe(shape, &mut wanted);
    wanted.dedup();
    let wanted = match wanted.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        wanted => wanted.join(""),
    };
    let label = match &node.kind {
        Kind::Null => "nothing is written here".to_owned(),
        other => other.name().to_owned(),
    };
    let error = Diagnostic::error(format!("{} must be {wanted}", path::subject(path)))
        .at(node.span, label)
        .path(path::text(path));
    let wants_text = accepts_kind(shape, &Kind::String("".into()));
    let key = path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(*key),
        Step::Index(_) => None,
    });
    let key = key.unwrap_or_default();
    session.error(match &node.kind {
        Kind::Int(value) if wants_text && node.literal && DURATIONS.contains(&key) => {
            error.hint(format!("write `{value}s`: a duration has a unit"))
        }
        Kind::Bool(false) if key == "restart" => error.hint("write `'no'`, with quotes"),
        Kind::Map(map) if wants_text && map.len() == 1 && node.literal => match one_entry(map) {
            Some((name, value)) if PAIRS.contains(&key) => error.hint(format!("write `- {name}={value}`")),
            Some((name, value)) => error.hint(format!("text with `: ` needs quotes: `\"{name}: {value}\"`")),
            None => error,
        },
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Timestamp(_) if wants_text => {
            error.hint("put the value in quotes")
        }
        Kind::String(_) if matches!(shape, Shape::Set(_) | Shape::List(_)) => {
            error.hint("write it as a list: `- …`")
        }
        _ => error,
    });
}

/// The keys whose values are durations.
const DURATIONS: [&str; 9] = [
    "delay",
    "interval",
    "max_replicas_interval",
    "monitor",
    "start_interval",
    "start_period",
    "stop_grace_period",
    "timeout",
    "window",
];
/// The lists of `NAME=VALUE`.
const PAIRS: [&str; 8] =
    ["annotations", "args", "driver_opts", "environment", "extra_hosts", "labels", "storage_opt", "sysctls"];

/// The only entry of a mapping, if it is a scalar that the file has as it is.
fn one_entry(map: &Map) -> Option<(&str, String)> {
    let entry = map.iter().next().filter(|entry| entry.value.literal)?;
    Some((&entry.key, entry.value.to_text()?))
}

fn describe(shape: &Shape, wanted: &mut Vec<&'static str>) {
    let name = match shape {
        Shape::Null => return,
        Shape::Bool => "a boolean",
        Shape::Integer | Shape::Digits | Shape::Range(..) => "a whole number",
        Shape::Number => "a number",
        Shape::Text | Shape::Word(_) | Shape::Matching(..) => "text",
        Shape::List(_) | Shape::Set(_) => "a list",
        Shape::Object(_) => "a mapping",
        Shape::OneOf(shapes) => {
            for shape in *shapes {
                describe(shape, wanted);
            }
            return;
        }
    };
    if !wanted.contains(&name) {
        wanted.push(name);
    }
}

/// A value in a message. The value of a variable may be a secret.
fn shown(node: &Node, text: &str) -> String {
    if node.literal { format!("`{text}`") } else { "an invalid value".to_owned() }
}

/// Reports duplicate scalars in a list.
pub(crate) fn check_repetition(list: &[Node], path: &[Step<'_>], session: &mut Session<'_>) {
    // Only scalars are ever asked not to repeat themselves here: ports and mounts have keys, see `unique`.
    let mut seen: HashMap<(bool, String), &Node> = HashMap::new();
    for node in list {
        let Some(text) = node.to_text() else { continue };
        let first = seen.insert((node.as_str().is_some(), text), node);
        let Some(first) = first else { continue };
        let what = node.to_text().map_or_else(|| "an entry".to_owned(), |text| format!("`{text}`"));
        let shown = if node.literal { what } else { "an entry".to_owned() };
        let message = format!("{}: {shown} appears twice", path::subject(path));
        let error = Diagnostic::error(message).at(node.span, "again here").at(first.span, "first here");
        session.error(error.path(path::text(path)).hint("remove one of the two"));
    }
}
