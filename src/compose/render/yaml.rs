//! Trees as YAML: block style, two spaces, and quotes wherever a YAML 1.1 or 1.2 reader could see something else than text.

use super::form::{Key, Tree};

/// Prints a document.
pub(crate) fn print(tree: &Tree) -> String {
    let mut out = String::new();
    match tree {
        Tree::Map(entries) if !entries.is_empty() => map(entries, 0, &mut out),
        Tree::List(list) if !list.is_empty() => sequence(list, 0, &mut out),
        scalar => {
            inline(scalar, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

fn map(entries: &[(Key, Tree)], level: usize, out: &mut String) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 || level > 0 {
            indent_if_line_begins(level, out);
        }
        text(key, usize::MAX, out);
        out.push(':');
        value_of_key(value, level, out);
    }
}

fn indent_if_line_begins(level: usize, out: &mut String) {
    if out.is_empty() || out.ends_with('\n') {
        out.extend(std::iter::repeat_n("  ", level));
    }
}

fn value_of_key(value: &Tree, level: usize, out: &mut String) {
    match value {
        Tree::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            map(entries, level + 1, out);
        }
        Tree::List(list) if !list.is_empty() => {
            out.push('\n');
            sequence(list, level + 1, out);
        }
        scalar => {
            out.push(' ');
            inline(scalar, level + 1, out);
            out.push('\n');
        }
    }
}

fn sequence(list: &[Tree], level: usize, out: &mut String) {
    for entry in list {
        indent_if_line_begins(level, out);
        out.push_str("- ");
        match entry {
            Tree::Map(entries) if !entries.is_empty() => map(entries, level + 1, out),
            Tree::List(inner) if !inner.is_empty() => sequence(inner, level + 1, out),
            scalar => {
                inline(scalar, level + 1, out);
                out.push('\n');
            }
        }
    }
}

fn inline(tree: &Tree, level: usize, out: &mut String) {
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Tree::Number(number) => out.push_str(number),
        Tree::Text(value) => text(value, level, out),
        Tree::List(_) => out.push_str("[]"),
        Tree::Map(_) => out.push_str("{}"),
    }
}

/// Text in the simplest style that reads back as this text; a `level` of `usize::MAX` is a key, which stays on its line.
fn text(value: &str, level: usize, out: &mut String) {
    if is_simple_word(value) {
        out.push_str(value);
        return;
    }
    let has_control = value.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || is_special(c));
    let lines_end_clean =
        !value.lines().any(|line| line.ends_with([' ', '\t'])) && !value.starts_with([' ', '\n', '\t']);
    if level != usize::MAX && value.contains('\n') && !has_control && lines_end_clean && !value.contains('\t')
    {
        block(value, level, out);
    } else if has_control || value.contains(['\n', '\t']) {
        double_quoted(value, out);
    } else if is_plain(value) {
        out.push_str(value);
    } else if value.contains('\'') || looks_typed(value) || value.is_empty() {
        double_quoted(value, out);
    } else {
        out.push('\'');
        out.push_str(&value.replace('\'', "''"));
        out.push('\'');
    }
}

/// What most texts are: letters, digits and signs that mean nothing to YAML, too long for any word that it knows, and no number
/// because of the letter in front.
fn is_simple_word(value: &str) -> bool {
    const LONGEST_WORD: usize = "false".len();
    value.len() > LONGEST_WORD
        && value.as_bytes()[0].is_ascii_alphabetic()
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
}

fn is_special(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn block(value: &str, level: usize, out: &mut String) {
    let trailing = value.len() - value.trim_end_matches('\n').len();
    out.push_str(match trailing {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n("  ", level));
            out.push_str(line);
        }
    }
}

fn double_quoted(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            c if (c as u32) < 0x100 && (c.is_control() || is_special(c)) => {
                out.push_str(&format!("\\x{:02X}", c as u32))
            }
            c if is_special(c) => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether text needs no quotes.
fn is_plain(value: &str) -> bool {
    let Some(first) = value.chars().next() else {
        return false;
    };
    const INDICATORS: &str = "-?:,[]{}#&*!|>'\"%@`";
    let begins_well = !INDICATORS.contains(first)
        || (matches!(first, '-' | '?' | ':')
            && value[first.len_utf8()..].starts_with(|c: char| !c.is_whitespace()));
    begins_well
        && !value.starts_with(char::is_whitespace)
        && !value.ends_with(char::is_whitespace)
        && !value.ends_with(':')
        && !value.contains(": ")
        && !value.contains(" #")
        && !looks_typed(value)
        && !value.starts_with("---")
        && !value.starts_with("...")
}

/// Whether some reader takes it for a number, a boolean, null, a date, a merge key.
fn looks_typed(value: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "<<", "="];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
        || crate::yaml::is_typed(value)
        || is_base_60(value)
        || is_date_like(value)
}

/// `22:22`, a number to YAML 1.1.
fn is_base_60(value: &str) -> bool {
    if !value.contains(':') {
        return false;
    }
    let mut parts = value.trim_start_matches(['+', '-']).split(':');
    let is_digits = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '_')
    };
    let first = parts.next().is_some_and(is_digits);
    let rest: Vec<&str> = parts.map(|part| part.split('.').next().unwrap_or(part)).collect();
    first && !rest.is_empty() && rest.iter().all(|part| is_digits(part) && part.len() <= 2 && *part < "60")
}

/// `2024-13-01` too: some readers fail at a date that is none.
fn is_date_like(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() >= 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && value
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 't' | 'Z' | ' ' | '+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> String {
        print(&Tree::Map(vec![("k".into(), Tree::Text(value.into()))]))
    }

    /// What docker compose, PyYAML and Kubernetes would take for something else, or fail at.
    const AWKWARD: [&str; 60] = [
        "",
        " ",
        "a ",
        " a",
        "yes",
        "NO",
        "on",
        "Off",
        "y",
        "true",
        "null",
        "~",
        "1_000",
        "22:22",
        "3:25:45",
        "2020-01-01",
        "0x1F",
        "0o17",
        "017",
        "1e3",
        ".5",
        "1.10",
        "-1",
        "+1",
        ".inf",
        "-.inf",
        ".nan",
        "<<",
        "=",
        "a: b",
        "a #b",
        "#a",
        "- a",
        "-",
        "?",
        "? a",
        ":a",
        ": a",
        "a:",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "'a'",
        "\"a\"",
        "%a",
        "@a",
        "`a`",
        "{a}",
        "[a]",
        "a\nb",
        "a\n",
        "\na",
        "a\n\n",
        "a\tb",
        "\u{7}",
        "\u{2028}",
        "---",
        "...",
    ];

    #[test]
    fn every_text_reads_back() {
        for value in AWKWARD.into_iter().chain([
            "it's",
            "a\n  b\nc",
            "é",
            "\u{feff}x",
            "a\r\nb",
            "x \ny",
            "0b1",
            "2024-01-01T00:00:00Z",
        ]) {
            let text = one(value);
            let documents = crate::yaml::parse(crate::yaml::SourceId(0), &text).expect(&text);
            assert_eq!(documents[0].get("k").and_then(crate::yaml::Node::as_str), Some(value), "{text}");
        }
    }

    #[test]
    fn keys_are_quoted_like_values() {
        let tree =
            Tree::Map(vec![("yes".into(), Tree::Map(vec![("a: b".into(), Tree::List(vec![Tree::Null]))]))]);
        assert_eq!(print(&tree), "\"yes\":\n  'a: b':\n    - null\n");
    }
}
