//! Trees as JSON, byte for byte as Go's encoder writes it.

use std::fmt::Write as _;

use super::form::Tree;

/// Indented by two spaces.
pub(crate) fn pretty(tree: &Tree) -> String {
    let mut out = String::new();
    write(tree, Some(0), &mut out);
    out
}

/// Without white space.
pub(crate) fn compact(tree: &Tree) -> String {
    let mut out = String::new();
    write(tree, None, &mut out);
    out
}

fn write(tree: &Tree, level: Option<usize>, out: &mut String) {
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Tree::Number(number) => out.push_str(number),
        Tree::Text(text) => quote(text, out),
        Tree::List(list) if list.is_empty() => out.push_str("[]"),
        Tree::Map(entries) if entries.is_empty() => out.push_str("{}"),
        Tree::List(list) => {
            out.push('[');
            for (index, entry) in list.iter().enumerate() {
                separate(index, level, out);
                write(entry, level.map(|level| level + 1), out);
            }
            line(level, out);
            out.push(']');
        }
        Tree::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                separate(index, level, out);
                quote(key, out);
                out.push_str(if level.is_some() { ": " } else { ":" });
                write(value, level.map(|level| level + 1), out);
            }
            line(level, out);
            out.push('}');
        }
    }
}

fn separate(index: usize, level: Option<usize>, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    line(level.map(|level| level + 1), out);
}

fn line(level: Option<usize>, out: &mut String) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

/// Quotes text, safe for HTML as Go does it.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_safe_for_html() {
        let tree = Tree::Text("<a & \"b\">\u{2028}\u{1}\n\u{7f}".into());
        assert_eq!(compact(&tree), "\"\\u003ca \\u0026 \\\"b\\\"\\u003e\\u2028\\u0001\\n\u{7f}\"");
    }

    #[test]
    fn indentation_is_two_spaces() {
        let tree =
            Tree::Map(vec![("a".into(), Tree::List(vec![Tree::Null])), ("b".into(), Tree::Map(vec![]))]);
        assert_eq!(pretty(&tree), "{\n  \"a\": [\n    null\n  ],\n  \"b\": {}\n}");
        assert_eq!(compact(&tree), "{\"a\":[null],\"b\":{}}");
    }
}
