//! The messages that `docs/guide/troubleshooting.md` quotes are in the code. `…` matches variable parts.

use std::fs;
use std::path::Path;

use crate::page::Page;

const TROUBLESHOOTING: &str = "docs/guide/troubleshooting.md";

#[test]
fn every_quoted_message_is_in_the_code() {
    let literals = literals();
    let missing: Vec<String> = quoted(&fs::read_to_string(TROUBLESHOOTING).unwrap())
        .into_iter()
        .filter(|message| !is_in(message, &literals))
        .collect();
    assert!(missing.is_empty(), "not in src/:\n{}", missing.join("\n"));
}

#[test]
fn a_message_that_is_not_in_the_code_is_found() {
    let literals = ["service `…` is not ready".to_owned()];
    assert!(is_in("service `…` is not ready", &literals));
    assert!(is_in("service `…` is …", &literals));
    assert!(!is_in("service `…` is ready", &literals));
    assert!(!is_in("is not ready: service", &literals));
}

#[test]
fn the_page_quotes_messages() {
    let page = Page::read(Path::new(TROUBLESHOOTING));
    assert!(page.anchors.len() > 20, "{:?}", page.anchors);
    assert!(quoted(&fs::read_to_string(TROUBLESHOOTING).unwrap()).len() > 20);
}

/// The headings of the third level are messages, and so are the lines that begin with `> `.
fn quoted(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("### ").or_else(|| line.strip_prefix("> ")))
        .map(str::to_owned)
        .collect()
}

/// Whether one literal has the parts of the message in their order.
fn is_in(message: &str, literals: &[String]) -> bool {
    let has_parts = |literal: &String| {
        let mut rest = literal.as_str();
        message.split('…').filter(|part| !part.trim().is_empty()).all(|part| {
            let found = rest.find(part).map(|at| &rest[at + part.len()..]);
            rest = found.unwrap_or_default();
            found.is_some()
        })
    };
    literals.iter().any(has_parts)
}

/// The text of every string in `src/`, with `…` for each argument and one space for a line break.
fn literals() -> Vec<String> {
    let mut literals = Vec::new();
    let mut folders = vec![Path::new("src").to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                literals.extend(strings(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    literals
}

/// The strings of a Rust file. Good enough for messages: a quote in a comment or character only yields further strings.
fn strings(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => {
                chars.by_ref().take_while(|c| *c != '\n').for_each(drop);
            }
            '\'' if chars.peek() == Some(&'"') => {
                chars.next();
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match c {
                        '\\' => match chars.next() {
                            Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                            Some('n') => text.push('\n'),
                            Some(escaped) => text.push(escaped),
                            None => {}
                        },
                        '{' if chars.next_if_eq(&'{').is_some() => text.push('{'),
                        '{' => {
                            chars.by_ref().take_while(|c| *c != '}').for_each(drop);
                            text.push('…');
                        }
                        c => text.push(c),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_strings_of_a_file_are_read() {
    let code = "let a = format!(\"x `{name}` is \\\n        y {0:?}\"); // \"no\nlet b = '\"'; \"z\"";
    assert_eq!(strings(code), ["x `…` is y …", "z"]);
}
