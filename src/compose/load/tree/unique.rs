//! Lists whose entries have a key: a later entry with the key of an earlier one takes its place (Compose spec, “merge”,
//! unique resources).

use std::collections::HashMap;

use crate::yaml::{Kind, Node};

/// Removes redefinitions from every list of a model.
pub(crate) fn enforce(root: &mut Node) {
    for entry in root.get_mut("services").and_then(Node::as_map_mut).into_iter().flatten() {
        let Some(service) = entry.value.as_map_mut() else {
            continue;
        };
        for entry in service {
            enforce_in_service(&entry.key, &mut entry.value);
        }
    }
}

fn enforce_in_service(key: &str, value: &mut Node) {
    match key {
        "cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search" | "links" | "profiles" | "tmpfs" => {
            unique(value, key_of)
        }
        "expose" => unique(value, Node::to_text),
        "env_file" => unique(value, |entry| text_at(entry, "path")),
        "volumes" | "devices" => unique(value, |entry| text_at(entry, "target")),
        "configs" => unique(value, |entry| file_target(entry, "")),
        "secrets" => unique(value, |entry| file_target(entry, "/run/secrets")),
        "ports" => unique(value, port),
        "build" => {
            if let Some(tags) = value.get_mut("tags") {
                unique(tags, key_of);
            }
        }
        "networks" => {
            for entry in value.as_map_mut().into_iter().flatten() {
                for key in ["aliases", "link_local_ips"] {
                    if let Some(list) = entry.value.get_mut(key) {
                        unique(list, key_of);
                    }
                }
            }
        }
        _ => {}
    }
}

/// Keeps one entry for each key; entries without a key all stay.
fn unique(node: &mut Node, key: impl Fn(&Node) -> Option<String>) {
    let Some(list) = node.as_list_mut() else { return };
    if list.len() < 2 {
        return;
    }
    let mut positions = HashMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(list.len());
    for entry in list.drain(..) {
        match key(&entry).map(|key| *positions.entry(key).or_insert(kept.len())) {
            Some(position) if position < kept.len() => kept[position] = entry,
            _ => kept.push(entry),
        }
    }
    *list = kept;
}

fn key_of(entry: &Node) -> Option<String> {
    let text = entry.as_str()?;
    Some(text.split('=').next().unwrap_or(text).to_owned())
}

fn text_at(entry: &Node, key: &str) -> Option<String> {
    entry.get(key)?.as_str().map(str::to_owned)
}

fn file_target(entry: &Node, folder: &str) -> Option<String> {
    text_at(entry, "target").or_else(|| Some(format!("{folder}/{}", text_at(entry, "source")?)))
}

/// A published port that is a number is not the same as one that is text, as docker compose sees it.
fn port(entry: &Node) -> Option<String> {
    let map = entry.as_map()?;
    let published = match map.get("published").map(|node| &node.kind) {
        Some(Kind::String(text)) => text.to_string(),
        Some(Kind::Int(number)) => format!("#{number}"),
        _ => "-".to_owned(),
    };
    let text =
        |key: &str, default: &str| map.get(key).and_then(Node::to_text).unwrap_or_else(|| default.to_owned());
    Some(format!(
        "{}:{published}:{}/{}",
        text("host_ip", "0.0.0.0"),
        text("target", ""),
        text("protocol", "tcp")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: &str, list: &str, expected: &str) {
        let parse = |list: &str| {
            let text = format!("{{services: {{a: {{{section}: {list}}}}}}}");
            crate::yaml::parse(crate::yaml::SourceId(0), &text).expect("YAML").remove(0)
        };
        let mut node = parse(list);
        enforce(&mut node);
        assert_eq!(node, parse(expected), "{section}");
    }

    #[test]
    fn a_later_entry_takes_the_place_of_an_earlier_one() {
        check(
            "volumes",
            "[{target: /a, x: 1}, {target: /b}, {target: /a, x: 2}]",
            "[{target: /a, x: 2}, {target: /b}]",
        );
        check(
            "secrets",
            "[{source: s}, {source: t, target: /run/secrets/s}]",
            "[{source: t, target: /run/secrets/s}]",
        );
        check("cap_add", "[A, B, A]", "[A, B]");
        check("expose", "[80, '80', 81]", "['80', 81]");
    }

    #[test]
    fn ports_differ_by_address_published_target_and_protocol() {
        let one = "{target: 80, published: '80', protocol: tcp}";
        check(
            "ports",
            &format!("[{one}, {{target: 80, published: '80', host_ip: 0.0.0.0}}]"),
            "[{target: 80, published: '80', host_ip: 0.0.0.0}]",
        );
        let both = format!("[{one}, {{target: 80, published: '81', protocol: tcp}}]");
        check("ports", &both, &both);
        let number = format!("[{one}, {{target: 80, published: 80}}]");
        check("ports", &number, &number);
    }

    #[test]
    fn lists_without_keys_add_up() {
        check("security_opt", "[a, a]", "[a, a]");
    }
}
