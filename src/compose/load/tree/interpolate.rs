//! Variables in values, never in keys; and the keys whose text becomes a number or boolean right after, as docker compose
//! casts them (before any check of types).

use std::borrow::Cow;

use crate::compose::load::inputs::variables::{Environment, ScalarScope};
use crate::compose::load::session::Session;
use crate::compose::load::tree::path::{self, Path, Step};
use crate::compose::load::tree::template::{Reference, Scope, TemplateError, substitute};
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Node, Span};

/// Substitutes variables in every text below a node, and casts typed values.
pub(crate) fn interpolate(root: &mut Node, environment: &Environment, session: &mut Session<'_>) {
    walk(root, &mut Path::new(), environment, session);
}

/// Notes which variables a tree asks for, and leaves them in their places.
pub(crate) fn note_variables(root: &Node, environment: &Environment, session: &mut Session<'_>) {
    match &root.kind {
        Kind::String(text) if text.contains('$') => {
            let span = root.span;
            let uses = &mut session.uses;
            let mut scope = ScalarScope { environment, uses, span, unset: Vec::new(), asked: false };
            // Nothing is required of a list of variables: with a value for each, the ones behind a required one are seen too.
            if substitute(text, &mut scope).is_err() {
                let _ = substitute(text, &mut AllSet(scope));
            }
        }
        Kind::List(list) => list.iter().for_each(|item| note_variables(item, environment, session)),
        Kind::Map(map) => {
            map.iter().for_each(|entry| note_variables(&entry.value, environment, session));
        }
        _ => {}
    }
}

/// A scope in which every variable has a value.
struct AllSet<'a>(ScalarScope<'a>);

impl Scope for AllSet<'_> {
    fn value(&self, _: &str) -> Option<String> {
        Some("set".to_owned())
    }

    fn used(&mut self, reference: Reference<'_>) {
        self.0.used(reference);
    }
}

fn walk<'a>(node: &'a mut Node, path: &mut Path<'a>, environment: &Environment, session: &mut Session<'_>) {
    if matches!(node.kind, Kind::String(_)) {
        text(node, path, environment, session);
        return;
    }
    match &mut node.kind {
        Kind::List(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                path.push(Step::Index(index));
                walk(item, path, environment, session);
                path.pop();
            }
        }
        Kind::Map(map) => {
            for entry in map {
                path.push(Step::Key(&entry.key));
                walk(&mut entry.value, path, environment, session);
                path.pop();
            }
        }
        _ => {}
    }
}

fn text(node: &mut Node, path: &[Step<'_>], environment: &Environment, session: &mut Session<'_>) {
    let Kind::String(text) = &mut node.kind else {
        return;
    };
    if text.contains('$') {
        let Some((new, asked)) = substituted(text, node.span, path, environment, session) else {
            return;
        };
        *text = new;
        // A text in which only `$$` changes is as it was written.
        node.literal &= !asked;
    }
    if let Some(cast) = Cast::at(path) {
        cast_node(node, cast, path, session);
    }
}

/// The text with its variables' values, and whether it named any.
fn substituted(
    text: &str,
    span: Span,
    path: &[Step<'_>],
    environment: &Environment,
    session: &mut Session<'_>,
) -> Option<(Box<str>, bool)> {
    let mut scope =
        ScalarScope { environment, uses: &mut session.uses, span, unset: Vec::new(), asked: false };
    let result = substitute(text, &mut scope).map(Cow::into_owned);
    let (unset, asked) = (scope.unset, scope.asked);
    for name in unset {
        session.warn_unset(&name, span);
    }
    match result {
        Ok(text) => Some((text.into(), asked)),
        Err(error) => {
            let diagnostic = explain(&error, text, span, path, session);
            session.error(diagnostic.path(path::text(path)));
            None
        }
    }
}

fn explain(
    error: &TemplateError,
    text: &str,
    span: Span,
    path: &[Step<'_>],
    session: &Session<'_>,
) -> Diagnostic {
    let subject = path::subject(path);
    match error {
        TemplateError::Required { name, message } => {
            let reason = if message.is_empty() { String::new() } else { format!(": {message}") };
            let label = format!("not set in {}", session.where_variables_come_from());
            let place = session.find(span, &format!("${{{name}"), '}');
            Diagnostic::error(format!("{subject}: variable `{name}` is required{reason}")).at(place, label)
        }
        TemplateError::Invalid => {
            let place = session.find(span, "${", '}');
            let error = Diagnostic::error(format!("{subject}: `${{` begins no reference to a variable"))
                .at(place, "")
                .hint("a literal `$` is written `$$`");
            if text.contains('\n') {
                error.hint("a default ends with its line; put longer text into a variable")
            } else {
                error
                    .hint("references are `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+text}`")
            }
        }
    }
}

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    Bool,
    Int,
    Float,
    Float32,
}

impl Cast {
    fn at(path: &[Step<'_>]) -> Option<Self> {
        use Step::Key;
        match path {
            [Key("services"), Key(_), rest @ ..] => Self::in_service(rest),
            [
                Key("networks"),
                Key(_),
                Key("external" | "internal" | "attachable" | "enable_ipv4" | "enable_ipv6"),
            ]
            | [Key("volumes" | "secrets" | "configs"), Key(_), Key("external")] => Some(Self::Bool),
            _ => None,
        }
    }

    fn in_service(path: &[Step<'_>]) -> Option<Self> {
        use Step::{Index, Key};
        Some(match path {
            [Key("cpu_percent")] => Self::Float,
            [Key("cpus")] => Self::Float32,
            [
                Key(
                    "cpu_count" | "cpu_period" | "cpu_quota" | "cpu_rt_period" | "cpu_rt_runtime"
                    | "cpu_shares" | "oom_score_adj" | "pids_limit" | "scale",
                ),
            ]
            | [Key("deploy"), Key("replicas")]
            | [Key("deploy"), Key("update_config" | "rollback_config"), Key("parallelism")]
            | [Key("deploy"), Key("restart_policy"), Key("max_attempts")]
            | [Key("deploy"), Key("placement"), Key("max_replicas_per_node")]
            | [Key("healthcheck"), Key("retries")]
            | [Key("ports"), Index(_), Key("target")]
            | [Key("ulimits"), Key(_)]
            | [Key("ulimits"), Key(_), Key("hard" | "soft")] => Self::Int,
            [Key("deploy"), Key("update_config" | "rollback_config"), Key("max_failure_ratio")] => {
                Self::Float
            }
            [Key("init" | "oom_kill_disable" | "privileged" | "read_only" | "stdin_open" | "tty")]
            | [Key("healthcheck"), Key("disable")]
            | [Key("depends_on"), Key(_), Key("required" | "restart")]
            | [Key("volumes"), Index(_), Key("read_only")]
            | [Key("volumes"), Index(_), Key("volume"), Key("nocopy")] => Self::Bool,
            _ => return None,
        })
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Bool => "`true` or `false`",
            Self::Int => "a whole number",
            Self::Float | Self::Float32 => "a number",
        }
    }
}

fn cast_node(node: &mut Node, cast: Cast, path: &[Step<'_>], session: &mut Session<'_>) {
    let Kind::String(text) = &node.kind else { return };
    let kind = match cast {
        Cast::Bool => boolean(text).map(|(value, old_spelling)| {
            if old_spelling {
                let message =
                    format!("{}: `{text}` is no boolean of YAML 1.2; write `{value}`", path::subject(path));
                session.warn(Diagnostic::warning(message).at(node.span, ""));
            }
            Kind::Bool(value)
        }),
        Cast::Int => text.parse().ok().map(Kind::Int),
        Cast::Float => text.parse().ok().map(Kind::Float),
        Cast::Float32 => text.parse::<f32>().ok().map(|value| Kind::Float(shortest(value))),
    };
    match kind {
        Some(kind) => node.kind = kind,
        None => {
            let message = format!("{} must be {}", path::subject(path), cast.wanted());
            let shown = if node.literal {
                format!("`{text}` is not")
            } else {
                "the variable's value is not".to_owned()
            };
            session.error(Diagnostic::error(message).at(node.span, shown).path(path::text(path)));
        }
    }
}

/// The number with the fewest digits that is the same in 32 bits, so that it is printed as it was written.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// A boolean in any of YAML 1.1's spellings, and whether it is one that YAML 1.2 gave up.
pub(crate) fn boolean(text: &str) -> Option<(bool, bool)> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some((true, false)),
        "false" => Some((false, false)),
        "y" | "yes" | "on" => Some((true, true)),
        "n" | "no" | "off" => Some((false, true)),
        _ => None,
    }
}
