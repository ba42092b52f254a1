//! The differences between two services or networks, field by field, in the words of a Compose file. The fields that are compared
//! are those that are hashed, so they are the whole reason for another config hash. A value is shown only if a Compose file has
//! it as it is. A value from a variable or an env file, or with the name of a secret, is only reported as changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::compat::Dialect;

use super::hash;
use super::model::{Given, Network, Service};
use super::render::{Form, Tree};
use super::secrecy::{is_secretive, user_infos};

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 72;

/// Parts of a service or network whose fields have the same path in the files and in the model, so that values from variables are
/// known field by field. Elsewhere one such field hides its whole part.
const PRECISE: [&str; 14] = [
    "annotations",
    "configs",
    "deploy",
    "driver_opts",
    "environment",
    "healthcheck",
    "labels",
    "logging",
    "networks",
    "ports",
    "secrets",
    "sysctls",
    "ulimits",
    "volumes",
];

/// Parts that every list of containers shows anyway, whatever gave them: hiding them here would only keep people from seeing
/// which version replaces which.
const PUBLIC: [&str; 2] = ["image", "ports"];

/// Lists whose order means something: they are shown whole.
const ORDERED: [&str; 3] = ["command", "entrypoint", "test"];

/// One field that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its path: `environment.LOG_LEVEL`, `ports[8000/tcp].published`.
    pub field: String,
    pub change: Difference,
    /// Its value before, where there was one and it may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// Its value now, where there is one and it may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It has another value.
    Changed,
}

impl FieldChange {
    /// A field of two values that may both be shown.
    pub fn shown(field: &str, old: impl fmt::Display, new: impl fmt::Display) -> FieldChange {
        FieldChange {
            field: field.into(),
            change: Difference::Changed,
            old: Some(old.to_string()),
            new: Some(new.to_string()),
        }
    }

    /// A field whose values may not be shown.
    pub fn hidden(field: String) -> FieldChange {
        FieldChange { field, change: Difference::Changed, old: None, new: None }
    }
}

/// `environment.LOG_LEVEL: info → debug`; without values `environment.TOKEN: changed`.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match (self.change, &self.old, &self.new) {
            (Difference::Changed, Some(old), Some(new)) => write!(f, "{field}: {old} → {new}"),
            (Difference::Changed, ..) => write!(f, "{field}: changed"),
            (Difference::Added, _, Some(new)) => write!(f, "{field}: {new} (new)"),
            (Difference::Added, ..) => write!(f, "{field}: new"),
            (Difference::Removed, Some(old), _) => write!(f, "{field}: {old} (removed)"),
            (Difference::Removed, ..) => write!(f, "{field}: removed"),
        }
    }
}

/// The differences between two services, as far as they are hashed.
pub fn of_services(old: &Service, new: &Service) -> Vec<FieldChange> {
    let tree = |service: &Service| Tree::of(&hash::hashed(service), Form::Hash(Dialect::default()));
    compare((&tree(old), &old.given), (&tree(new), &new.given))
}

/// What differs between two networks.
pub fn of_networks(old: &Network, new: &Network) -> Vec<FieldChange> {
    let tree = |network: &Network| Tree::of(network, Form::Hash(Dialect::default()));
    compare((&tree(old), &old.given), (&tree(new), &new.given))
}

fn compare(old: (&Tree, &Given), new: (&Tree, &Given)) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let side = |(tree, given)| Side { tree: Some(tree), path: String::new(), given };
    differ(String::new(), "", side(old), side(new), &mut changes);
    changes
}

/// A value of one of the two sides, with its path.
#[derive(Clone)]
struct Side<'a> {
    tree: Option<&'a Tree>,
    path: String,
    given: &'a Given,
}

impl<'a> Side<'a> {
    /// The value, where it is more than a default that Go prints.
    fn value(&self) -> Option<&'a Tree> {
        self.tree.filter(|tree| !is_blank(tree))
    }

    fn below(&self, path: String, tree: Option<&'a Tree>) -> Side<'a> {
        Side { tree, path, given: self.given }
    }

    fn under_key(&self, key: &str) -> Side<'a> {
        let tree = match self.tree {
            Some(Tree::Map(entries)) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        };
        self.below(joined(&self.path, key), tree)
    }

    fn elements(&self) -> &'a [Tree] {
        match self.tree {
            Some(Tree::List(list)) => list,
            _ => &[],
        }
    }

    fn keys(&self) -> impl Iterator<Item = &'a str> {
        let entries: &[_] = match self.tree {
            Some(Tree::Map(entries)) => entries,
            _ => &[],
        };
        entries.iter().map(|(key, _)| key.as_ref())
    }

    /// The value as it may be shown.
    fn text(&self) -> Option<String> {
        let tree = self.value()?;
        let public = PUBLIC.contains(&part_of(&self.path));
        let shown = public || !self.given.gave(&self.path) && !contains_a_secret(&self.path, tree);
        shown.then(|| shortened(&flow(tree)))
    }
}

/// Adds what differs at one place; `key` is the key that leads there.
fn differ(field: String, key: &str, old: Side<'_>, new: Side<'_>, changes: &mut Vec<FieldChange>) {
    let (before, now) = (old.value(), new.value());
    if before == now {
        return;
    }
    match (before, now) {
        (None | Some(Tree::Map(_)), None | Some(Tree::Map(_))) => {
            let keys: BTreeSet<&str> = old.keys().chain(new.keys()).collect();
            for key in keys {
                differ(joined(&field, key), key, old.under_key(key), new.under_key(key), changes);
            }
        }
        (None | Some(Tree::List(_)), None | Some(Tree::List(_))) if !ORDERED.contains(&key) => {
            differ_in_elements(&field, key, &old, &new, changes);
        }
        _ => changes.push(change(field, &old, &new)),
    }
}

/// Adds the differences between two lists. Elements that are mappings are matched by their purpose, others by their value.
fn differ_in_elements(
    field: &str,
    key: &str,
    old: &Side<'_>,
    new: &Side<'_>,
    changes: &mut Vec<FieldChange>,
) {
    let (before, now) = (named(key, old), named(key, new));
    let names: Vec<&String> =
        before.keys().chain(now.keys().filter(|name| !before.contains_key(*name))).collect();
    let first = changes.len();
    for name in names {
        match (before.get(name), now.get(name)) {
            (Some(one), Some(other)) => {
                differ(format!("{field}[{name}]"), "", one.clone(), other.clone(), changes);
            }
            (one, other) => {
                let element = one.or(other);
                let mapping = matches!(element.and_then(|side| side.tree), Some(Tree::Map(_)));
                let field = if mapping { format!("{field}[{name}]") } else { field.to_owned() };
                let nothing = Side { tree: None, ..old.clone() };
                changes.push(change(field, one.unwrap_or(&nothing), other.unwrap_or(&nothing)));
            }
        }
    }
    if changes.len() == first {
        changes.push(FieldChange::hidden(format!("{field} (order)")));
    }
}

/// The elements of a list by name: the purpose of a mapping if it may be shown, else its position; other values by themselves. A
/// name that occurs twice gets a number.
fn named<'a>(key: &str, list: &Side<'a>) -> BTreeMap<String, Side<'a>> {
    let mut named = BTreeMap::new();
    for (index, element) in list.elements().iter().enumerate() {
        let side = list.below(format!("{}[{index}]", list.path), Some(element));
        let name = match element {
            Tree::Map(_) => purpose(key, &side).unwrap_or_else(|| index.to_string()),
            scalar => flow(scalar),
        };
        let mut unique = name.clone();
        let mut count = 1;
        while named.contains_key(&unique) {
            count += 1;
            unique = format!("{name} #{count}");
        }
        named.insert(unique, side);
    }
    named
}

/// What an element of a list is for: the container's port, the place of a mount, a file or a device, a subnet.
fn purpose(list: &str, element: &Side<'_>) -> Option<String> {
    let text = |key: &str| element.under_key(key).text();
    match list {
        "ports" => Some(format!("{}/{}", text("target")?, text("protocol").unwrap_or_else(|| "tcp".into()))),
        "volumes" | "devices" => text("target"),
        "configs" | "secrets" => text("target").or_else(|| text("source")),
        _ => None,
    }
}

fn change(field: String, old: &Side<'_>, new: &Side<'_>) -> FieldChange {
    let (before, now) = (old.value().is_some(), new.value().is_some());
    let change = match (before, now) {
        (false, _) => Difference::Added,
        (_, false) => Difference::Removed,
        _ => Difference::Changed,
    };
    let (old, new) = (old.text(), new.text());
    match change {
        // One value alone would look as if the other were empty.
        Difference::Changed if old.is_none() || new.is_none() => FieldChange::hidden(field),
        _ => FieldChange { field, change, old, new },
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn is_blank(tree: &Tree) -> bool {
    match tree {
        Tree::Null => true,
        Tree::Map(entries) => entries.iter().all(|(_, value)| is_blank(value)),
        Tree::List(list) => list.is_empty(),
        _ => false,
    }
}

/// Whether a value contains a secret although the file has it as it is: by its name, by a name in it (`--token …`, `TOKEN=…`), or
/// as the user's part of an address (`postgres://user:password@host`).
fn contains_a_secret(path: &str, tree: &Tree) -> bool {
    let name = path.rsplit(['.', '[']).next().unwrap_or(path);
    is_secretive(name)
        || match tree {
            Tree::Text(text) => names_a_secret(text) || user_infos(text).next().is_some(),
            Tree::List(list) => list.iter().any(|element| contains_a_secret("", element)),
            Tree::Map(entries) => entries.iter().any(|(key, value)| contains_a_secret(key, value)),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => false,
        }
}

fn names_a_secret(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.any(|word| match word.split_once('=') {
        Some((name, _)) => is_secretive(name),
        None => word.starts_with('-') && is_secretive(word),
    })
}

/// A value on one line.
fn flow(tree: &Tree) -> String {
    match tree {
        Tree::Null => "null".into(),
        Tree::Bool(value) => value.to_string(),
        Tree::Number(number) => number.clone(),
        Tree::Text(text) if text.is_empty() => "\"\"".into(),
        Tree::Text(text) => text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        Tree::List(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Tree::Map(entries) => {
            let told = entries.iter().filter(|(_, value)| !is_blank(value));
            let told: Vec<String> = told.map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", told.join(", "))
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Given {
    /// Whether the value at a path, a part of it, or the value that it is a part of does not come from a Compose file.
    fn gave(&self, path: &str) -> bool {
        let part = part_of(path);
        let precise = PRECISE.contains(&part);
        self.0.iter().any(|given| match precise {
            true => holds(given, path) || holds(path, given),
            false => part_of(given) == part,
        })
    }
}

fn part_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// Whether the second path is the first, or is inside it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load::{self, Input, Request};
    use crate::compose::model::{Project, ServiceName};
    use crate::diag::Sources;

    /// The project of a Compose file, with these variables.
    fn load(text: &str, variables: &[(&str, &str)]) -> Project {
        let request = Request {
            working_directory: "/p".into(),
            files: vec![Input::Stdin(text.to_owned())],
            environment: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Request::default()
        };
        let mut sources = Sources::default();
        load::load(&request, &mut sources)
            .unwrap_or_else(|error| panic!("{}", error.render(&sources, false)))
            .project
    }

    /// What differs in the service `web` of two files, a line each.
    fn differ(old: &str, new: &str) -> Vec<String> {
        let [old, new] = [old, new].map(|text| {
            let text = format!("services: {{web: {text}}}\nvolumes: {{data: , other: }}\n");
            load(&text, &[("GIVEN", "hunter2"), ("OTHER", "hunter3")]).services[&ServiceName::from("web")]
                .clone()
        });
        of_services(&old, &new).iter().map(FieldChange::to_string).collect()
    }

    #[test]
    fn fields_are_told_by_their_path_with_both_values() {
        assert_eq!(
            differ(
                "{image: a:1, environment: {LEVEL: info, GONE: x}, healthcheck: {test: [CMD, a], interval: 5s}}",
                "{image: a:2, environment: {LEVEL: debug, MORE: y}, healthcheck: {test: [CMD, b], interval: 10s}}",
            ),
            [
                "environment.GONE: x (removed)",
                "environment.LEVEL: info → debug",
                "environment.MORE: y (new)",
                "healthcheck.interval: 5s → 10s",
                "healthcheck.test: [CMD, a] → [CMD, b]",
                "image: a:1 → a:2",
            ]
        );
        assert_eq!(differ("{image: a}", "{image: a}"), [""; 0]);
    }

    #[test]
    fn elements_of_lists_are_told_apart_by_what_they_are_for() {
        assert_eq!(
            differ(
                "{image: a, ports: ['80:80', '81:81'], volumes: ['data:/data', './x:/x'], cap_add: [A, B]}",
                "{image: a, ports: ['8080:80', '82:82/udp'], volumes: ['other:/data', './x:/x'], cap_add: [B, C]}",
            ),
            [
                "cap_add: A (removed)",
                "cap_add: C (new)",
                "ports[80/tcp].published: 80 → 8080",
                "ports[81/tcp]: {mode: ingress, target: 81, published: 81, protocol: tcp} (removed)",
                "ports[82/udp]: {mode: ingress, target: 82, published: 82, protocol: udp} (new)",
                "volumes[/data].source: data → other",
            ]
        );
        assert_eq!(
            differ("{image: a, dns: [1.1.1.1, 2.2.2.2]}", "{image: a, dns: [2.2.2.2, 1.1.1.1]}"),
            ["dns (order): changed"]
        );
        assert_eq!(
            differ("{image: a, command: [a, b]}", "{image: a, command: [b, a]}"),
            ["command: [a, b] → [b, a]"]
        );
    }

    #[test]
    fn variable_values_are_hidden_except_images_and_ports() {
        assert_eq!(
            differ(
                "{image: 'a:${GIVEN}', environment: {A: '${GIVEN}', B: plain}, ports: ['${GIVEN:+80}:80'], command: 'x ${GIVEN}'}",
                "{image: 'a:${OTHER}', environment: {A: '${OTHER}', B: other, C: '${OTHER}'}, ports: ['${OTHER:+81}:80'], command: 'x ${OTHER}'}",
            ),
            [
                "command: changed",
                "environment.A: changed",
                "environment.B: plain → other",
                "environment.C: new",
                "image: a:hunter2 → a:hunter3",
                "ports[80/tcp].published: 80 → 81",
            ]
        );
        // From a variable to a literal: the old value is still not shown.
        assert_eq!(
            differ("{image: a, environment: {A: '${GIVEN}'}}", "{image: a, environment: {A: plain}}"),
            ["environment.A: changed"]
        );
    }

    #[test]
    fn values_with_names_of_secrets_are_hidden_even_in_files() {
        assert_eq!(
            differ(
                "{image: a, environment: {DB_PASSWORD: one, API_KEY: one, URL: 'db://u:one@db/x', N: one}, command: [a, --token, one], user: turnkey}",
                "{image: a, environment: {DB_PASSWORD: two, API_KEY: two, URL: 'db://u:two@db/x', N: two}, command: [a, --token, two], user: monkey}",
            ),
            [
                "command: changed",
                "environment.API_KEY: changed",
                "environment.DB_PASSWORD: changed",
                "environment.N: one → two",
                "environment.URL: changed",
                "user: turnkey → monkey",
            ]
        );
    }

    #[test]
    fn long_values_are_cut_and_control_characters_written_out() {
        let long = "x".repeat(100);
        let told = differ(
            "{image: a, environment: {A: \"one\\ntwo\"}}",
            &format!("{{image: a, environment: {{A: {long}}}}}"),
        );
        assert_eq!(told, [format!("environment.A: one\\ntwo → {}…", "x".repeat(72))]);
    }

    #[test]
    fn a_networks_fields_are_told_as_a_services_are() {
        let network = |text: &str| {
            let text = format!("services: {{web: {{image: a, networks: [n]}}}}\nnetworks: {{n: {text}}}\n");
            load(&text, &[("GIVEN", "10.1.0.0/24")]).networks["n"].clone()
        };
        let changes = of_networks(
            &network("{internal: true, ipam: {config: [{subnet: 10.0.0.0/24}]}, driver_opts: {a: x}}"),
            &network("{ipam: {config: [{subnet: '${GIVEN}'}]}, driver_opts: {a: y}}"),
        );
        let told: Vec<String> = changes.iter().map(FieldChange::to_string).collect();
        assert_eq!(
            told,
            ["driver_opts.a: x → y", "internal: true (removed)", "ipam.config[0].subnet: changed"]
        );
    }

    /// In a file where every text of every key of a service comes from a variable, only changes of images and ports show values.
    #[test]
    fn no_key_of_a_service_tells_what_a_variable_gave() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compose/cases/every-service-key");
        let text = std::fs::read_to_string(format!("{folder}/compose.yaml")).unwrap();
        let plain = load(&text, &[]);
        let mut seen = 0;
        for (number, line) in text.lines().enumerate() {
            let Some(words) = interpolated(line) else { continue };
            let with = |value: &str| {
                let lines: Vec<String> = text
                    .lines()
                    .enumerate()
                    .map(|(at, line)| if at == number { words.clone() } else { line.to_owned() })
                    .collect();
                let request = Request {
                    working_directory: folder.into(),
                    files: vec![Input::Stdin(lines.join("\n"))],
                    environment: BTreeMap::from([("GIVEN".to_owned(), value.to_owned())]),
                    ..Request::default()
                };
                load::load(&request, &mut Sources::default()).ok().map(|loaded| loaded.project)
            };
            // Not everything may be any text: a network of another name is none.
            let (Some(old), Some(new)) = (with("hunter2"), with("hunter3")) else { continue };
            for (name, service) in &new.services {
                for (before, now) in
                    [(&old, service), (&plain, service)].map(|(before, now)| (before.services.get(name), now))
                {
                    let Some(before) = before else { continue };
                    let told: Vec<String> =
                        of_services(before, now).iter().map(FieldChange::to_string).collect();
                    assert!(
                        !told.iter().any(|change| change.contains("hunter") && !is_public(change)),
                        "line {}: {told:?}",
                        number + 1
                    );
                    seen += usize::from(!told.is_empty());
                }
            }
        }
        assert!(seen > 60, "{seen} changes were told");
    }

    fn is_public(change: &str) -> bool {
        PUBLIC.contains(&part_of(change.split(':').next().unwrap()))
    }

    /// A line of YAML whose last text comes out of a variable.
    fn interpolated(line: &str) -> Option<String> {
        let (head, value) = line.rsplit_once(": ").or_else(|| line.rsplit_once("- "))?;
        let separator = &line[head.len()..head.len() + 2];
        let closing: String = value.chars().rev().take_while(|c| matches!(c, '}' | ']')).collect();
        let value = value.trim_end_matches(['}', ']']);
        if value.is_empty() || value.starts_with(['{', '[', '&', '*']) {
            return None;
        }
        Some(format!("{head}{separator}\"${{GIVEN}}\"{}", closing.chars().rev().collect::<String>()))
    }
}
