//! The commands of a block, and whether they can be typed at all: `sofa` by the real command line, `make` by the real
//! Makefile, files of the repository by their presence.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::page::Block;

/// Programs of the system and of Docker that the documentation may use.
const PROGRAMS: [&str; 17] = [
    "cd",
    "cp",
    "chmod",
    "curl",
    "docker",
    "echo",
    "export",
    "git",
    "cargo",
    "dpkg",
    "apt-get",
    "tar",
    "sha256sum",
    "kill",
    "sleep",
    "rm",
    "mkdir",
];

/// One command of a block with the output that the page shows for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    pub command: String,
    pub shown: Vec<String>,
}

/// The commands of a block. In `sh` every line is one, in `console` those behind `$ `.
pub fn examples(block: &Block) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut continued = false;
    for line in block.text.lines() {
        let command = match line.strip_prefix("$ ") {
            Some(command) => Some(command),
            None if continued || block.language == "sh" => Some(line),
            None => None,
        };
        match (command, examples.last_mut()) {
            (Some(command), Some(last)) if continued => {
                last.command.push('\n');
                last.command.push_str(command);
            }
            (Some(command), _) if command.trim().is_empty() || command.starts_with('#') => continue,
            (Some(command), _) => {
                examples.push(Example { command: command.to_owned(), shown: Vec::new() });
            }
            (None, Some(last)) => last.shown.push(line.to_owned()),
            (None, None) => panic!("a console block begins with output: {line}"),
        }
        continued = command.is_some_and(|command| command.ends_with('\\'));
    }
    examples
}

/// Why the command cannot be typed, if so.
pub fn refusal(command: &str) -> Option<String> {
    let joined = command.replace("\\\n", " ");
    let parts = joined.split("&&").flat_map(|part| part.split('|'));
    let mut refusals = parts.filter_map(|part| {
        let words: Vec<String> = words(part).into_iter().skip_while(|word| is_assignment(word)).collect();
        let (program, rest) = words.split_first()?;
        refusal_of(program, rest)
    });
    refusals.next()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

fn refusal_of(program: &str, arguments: &[String]) -> Option<String> {
    match program.rsplit('/').next().unwrap() {
        "sofa" => {
            let line = std::iter::once("sofa".to_owned()).chain(arguments.iter().cloned()).collect();
            sofa::testing::parse(line).err().filter(clap::Error::use_stderr).map(|error| error.to_string())
        }
        "make" => make_refusal(arguments),
        _ if program.contains('/') => {
            let present = Path::new(program).is_file();
            (!present).then(|| format!("`{program}` is not in the repository"))
        }
        _ => (!PROGRAMS.contains(&program)).then(|| format!("`{program}` is not in {PROGRAMS:?}")),
    }
}

/// `make -n` judges the words and runs nothing.
fn make_refusal(arguments: &[String]) -> Option<String> {
    let output = Command::new("make")
        .arg("-n")
        .args(arguments)
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The words of a simple command, as a shell splits them; a comment and redirections are left out.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().filter(|word| !word.starts_with('>') && !word.starts_with("2>")).collect()
}

#[test]
fn a_command_that_cannot_be_typed_is_refused() {
    for command in [
        "sofa deploi production",
        "sofa deploy --no-such-option",
        "make deplyo",
        "make deploy dev production",
        "tools/no-such-tool",
        "frobnicate",
        "cd x && sofa ps --nothing",
    ] {
        assert!(refusal(command).is_some(), "{command}");
    }
    for command in [
        "sofa dev deploy   # a comment",
        "SOFA_YES=1 sofa down production",
        "make deploy production SERVICES=a,b",
        "target/sofa --help",
        "git clone x && cd x",
        "curl -s '127.0.0.1:8000/a b' | sofa config -f - --format json",
    ] {
        assert_eq!(refusal(command), None, "{command}");
    }
}

#[test]
fn commands_and_output_of_a_console_block_are_told_apart() {
    let block = Block {
        line: 1,
        language: "console".into(),
        marker: crate::page::Marker::None,
        text: "$ a \\\n  b\nout\n\n$ c\n".into(),
    };
    let expected = [
        Example { command: "a \\\n  b".into(), shown: vec!["out".into(), String::new()] },
        Example { command: "c".into(), shown: vec![] },
    ];
    assert_eq!(examples(&block), expected);
}
