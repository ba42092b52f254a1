//! Merges one tree over another (Compose spec, “merge”): scalars replace, mappings merge, lists add up without duplicates. Both
//! trees are in canonical form, so that mappings by meaning (`environment`, `labels`) are mappings.

use crate::compose::load::session::Session;
use crate::compose::load::tree::path::{self, Path, Step};
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Map, Node};

/// Merges a whole file over the files before it.
pub(crate) fn merge(base: &mut Node, over: Node, session: &mut Session<'_>) {
    merge_at(base, over, &mut Vec::new(), session);
}

/// Merges a service over the one that it extends.
pub(crate) fn merge_service(base: &mut Node, over: Node, name: &str, session: &mut Session<'_>) {
    merge_at(base, over, &mut vec!["services".into(), name.into()], session);
}

/// Merges the file's own keys over a resource that it includes.
pub(crate) fn merge_resource(
    base: &mut Node,
    over: Node,
    section: &str,
    name: &str,
    session: &mut Session<'_>,
) {
    merge_at(base, over, &mut vec![section.into(), name.into()], session);
}

/// The path owns its keys, since the mapping that they come from is consumed.
type Place = Vec<Box<str>>;

fn merge_at(base: &mut Node, over: Node, place: &mut Place, session: &mut Session<'_>) {
    let rule = Rule::at(place);
    let mappings = base.as_map().is_some() && over.as_map().is_some();
    if rule == Rule::Replace || rule == Rule::Bounds && !mappings {
        *base = over;
        return;
    }
    if over.is_null() && rule != Rule::KeyValues {
        return;
    }
    if base.is_null() {
        *base = over;
        return;
    }
    let span = over.span;
    match (&mut base.kind, over.kind) {
        (Kind::Map(map), Kind::Map(over)) => {
            if rule == Rule::Logging && drivers_differ(map, &over) {
                *map = over;
                base.span = span;
                return;
            }
            merge_maps(map, over, rule, place, session);
        }
        (Kind::List(list), Kind::List(over)) => match rule {
            Rule::Pools => merge_pools(list, over, place, session),
            _ => add(list, over),
        },
        (Kind::Map(_) | Kind::List(_), _) if rule == Rule::KeyValues => {}
        (Kind::Map(_), kind) => conflict(base, "a mapping", &Node::new(kind, span), place, session),
        (Kind::List(_), kind) => conflict(base, "a list", &Node::new(kind, span), place, session),
        (_, kind) => *base = Node { kind, tag: over.tag, literal: over.literal, span },
    }
}

fn merge_maps(map: &mut Map, over: Map, rule: Rule, place: &mut Place, session: &mut Session<'_>) {
    for entry in over {
        match map.get_mut(&entry.key) {
            // `KEY` without a value takes the place of an earlier value, unlike null anywhere else.
            Some(value) if rule != Rule::KeyValues => {
                place.push(entry.key);
                merge_at(value, entry.value, place, session);
                place.pop();
            }
            _ => {
                map.insert(entry.key, entry.key_span, entry.value);
            }
        }
    }
}

/// A duplicate entry adds nothing (docker compose 5.5; earlier versions repeat it).
fn add(list: &mut Vec<Node>, over: Vec<Node>) {
    let own = list.len();
    for entry in over {
        if !list[..own].contains(&entry) {
            list.push(entry);
        }
    }
}

fn drivers_differ(base: &Map, over: &Map) -> bool {
    matches!((base.get("driver"), over.get("driver")), (Some(base), Some(over)) if base != over)
}

/// Address pools are the same when their subnet is.
fn merge_pools(list: &mut Vec<Node>, over: Vec<Node>, place: &mut Place, session: &mut Session<'_>) {
    for pool in over {
        let subnet = pool.get("subnet").cloned();
        match list.iter_mut().find(|known| known.get("subnet").cloned() == subnet) {
            Some(known) => {
                place.push("[]".into());
                merge_at(known, pool, place, session);
                place.pop();
            }
            None => list.push(pool),
        }
    }
}

fn conflict(base: &Node, wanted: &str, over: &Node, place: &Place, session: &mut Session<'_>) {
    let steps: Path<'_> = place.iter().map(|key| Step::Key(key)).collect();
    let message = format!("{} cannot be merged", path::subject(&steps));
    let error = Diagnostic::error(message).at(over.span, over.kind.name()).at(base.span, wanted);
    session.error(
        error
            .path(path::text(&steps))
            .hint("`!override` in front of the later value replaces the earlier one"),
    );
}

/// How values at a place are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// By the kinds of the values.
    Plain,
    /// The later one, whatever it is.
    Replace,
    /// Two bounds, each by its name, or one number for both.
    Bounds,
    /// Text by key: the later one, even if it is nothing.
    KeyValues,
    /// Merged only where the drivers are the same, or one is not named.
    Logging,
    /// Address pools.
    Pools,
}

impl Rule {
    fn at(place: &[Box<str>]) -> Self {
        let mut keys = [""; 6];
        let Some(keys) = keys.get_mut(..place.len()) else {
            return Self::Plain;
        };
        for (key, name) in keys.iter_mut().zip(place) {
            *key = name;
        }
        match keys {
            ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => {
                Self::Replace
            }
            ["services", _, "ulimits", _] => Self::Bounds,
            ["services", _, "annotations" | "environment" | "labels" | "sysctls"]
            | ["services", _, "build", "args" | "labels" | "additional_contexts"]
            | ["services", _, "deploy", "labels"]
            | ["networks" | "volumes", _, "labels"] => Self::KeyValues,
            ["services", _, "logging"] => Self::Logging,
            ["networks", _, "ipam", "config"] => Self::Pools,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn merged(base: &str, over: &str) -> (Node, usize) {
        let mut sources = Sources::default();
        let mut session = Session::new(std::path::Path::new("/"), &mut sources);
        let mut parse = |text: &str| {
            let id = session.sources.add("file", text);
            crate::yaml::parse(id, text).expect("YAML").remove(0)
        };
        let (mut base, over) = (parse(base), parse(over));
        merge(&mut base, over, &mut session);
        (base, session.errors())
    }

    fn check(base: &str, over: &str, expected: &str) {
        let (result, errors) = merged(base, over);
        assert_eq!(errors, 0);
        assert_eq!(result, merged(expected, "{}").0, "{base} + {over}");
    }

    #[test]
    fn scalars_replace_mappings_merge_lists_add_up() {
        check(
            "{a: 1, b: {c: 1, d: 2}, e: [1]}",
            "{a: 2, b: {c: 3}, e: [2]}",
            "{a: 2, b: {c: 3, d: 2}, e: [1, 2]}",
        );
        check("{a: 1, b: [1]}", "{a: null, b: null}", "{a: 1, b: [1]}");
    }

    #[test]
    fn commands_and_tests_replace_and_can_be_cleared() {
        check(
            "{services: {a: {command: [x, y], healthcheck: {test: [CMD, a], retries: 3}}}}",
            "{services: {a: {command: null, healthcheck: {test: [NONE]}}}}",
            "{services: {a: {command: null, healthcheck: {test: [NONE], retries: 3}}}}",
        );
    }

    #[test]
    fn a_variable_without_value_replaces_one_that_has_one() {
        check(
            "{services: {a: {environment: {A: 1, B: 2}}}}",
            "{services: {a: {environment: {A: null}}}}",
            "{services: {a: {environment: {A: null, B: 2}}}}",
        );
    }

    #[test]
    fn logging_merges_only_for_one_driver() {
        let service = |logging: &str| format!("{{services: {{a: {{logging: {logging}}}}}}}");
        let check = |base: &str, over: &str, expected: &str| {
            check(&service(base), &service(over), &service(expected))
        };
        check("{driver: a, options: {x: 1}}", "{options: {y: 2}}", "{driver: a, options: {x: 1, y: 2}}");
        check("{driver: a, options: {x: 1}}", "{driver: b}", "{driver: b}");
    }

    #[test]
    fn address_pools_merge_by_subnet() {
        check(
            "{networks: {n: {ipam: {config: [{subnet: a, gateway: g}]}}}}",
            "{networks: {n: {ipam: {config: [{subnet: a, ip_range: r}, {subnet: b}]}}}}",
            "{networks: {n: {ipam: {config: [{subnet: a, gateway: g, ip_range: r}, {subnet: b}]}}}}",
        );
    }

    #[test]
    fn kinds_that_do_not_fit_are_an_error() {
        assert_eq!(merged("{a: {b: 1}}", "{a: [1]}").1, 1);
        assert_eq!(merged("{a: [1]}", "{a: text}").1, 1);
    }
}
