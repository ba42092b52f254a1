//! Every code block of the documentation is run, or parsed where it must not run.

use std::process::Command;

use crate::page::{Block, Marker, Page, pages};
use crate::session::Session;
use crate::shell::{examples, refusal};
use crate::support::real_engine::TestProject;

/// The languages that a block may have. A block with commands in any other would never be run.
const LANGUAGES: [&str; 8] = ["sh", "console", "yaml", "text", "json", "dockerfile", "mermaid", "rust"];

#[test]
fn every_block_is_run_or_says_why_not() {
    let wrong: Vec<String> = pages().iter().flat_map(unrun_blocks).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_can_be_typed() {
    let mut wrong = Vec::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.is_command()) {
            for example in examples(block) {
                if let Some(refusal) = refusal(&example.command) {
                    wrong.push(format!("{}: `{}`: {refusal}", page.at(block.line), example.command));
                }
            }
        }
        for (line, span) in &page.spans {
            let is_command = span.starts_with("sofa ") || span.starts_with("make ");
            if let Some(refusal) = is_command.then(|| refusal(span)).flatten() {
                wrong.push(format!("{}: `{span}`: {refusal}", page.at(*line)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_that_need_no_engine_print_what_is_shown() {
    let mut wrong = Vec::new();
    for page in pages() {
        let parent = tempfile::tempdir().unwrap();
        wrong.extend(Session::without_engine(&page, parent.path()).run());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn commands_on_a_real_engine_print_what_is_shown() {
    let mut wrong = Vec::new();
    for page in pages().iter().filter(|page| page.blocks.iter().any(needs_engine)) {
        let Some(project) = TestProject::new("docs").await else { return };
        let session = Session::with_engine(page, project.folder(), project.name(), project.image());
        wrong.extend(session.run());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_yaml_block_loads() {
    let mut wrong = Vec::new();
    for page in pages() {
        let alone = |block: &&Block| block.language == "yaml" && block.marker == Marker::None;
        for block in page.blocks.iter().filter(alone) {
            let folder = tempfile::tempdir().unwrap();
            let is_settings = !block.text.contains("services:\n");
            let name = if is_settings { "sofa.yaml" } else { "compose.yaml" };
            std::fs::write(folder.path().join(name), &block.text).unwrap();
            // What the mode `local` needs, so that the settings are read.
            std::fs::write(folder.path().join("docker-compose-local.yml"), "services: {a: {image: b}}")
                .unwrap();
            std::fs::write(folder.path().join(".local.env"), "").unwrap();
            let file = ["-f", name];
            let output = Command::new(env!("CARGO_BIN_EXE_sofa"))
                .args(["config", "--services"])
                .args(if is_settings { &[][..] } else { &file[..] })
                .current_dir(folder.path())
                .output()
                .unwrap();
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                wrong.push(format!("{}: {said}", page.at(block.line)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_unmarked_block_that_nobody_would_run_is_found() {
    for (text, expected) in [
        ("```\nx\n```\n", "language"),
        ("```bash\nsofa ps\n```\n", "language"),
        ("```text\n$ sofa ps\n```\n", "console"),
        ("```text\nsofa deploy\n```\n", "console"),
        ("```console\nsofa ps\n```\n", "`$ `"),
        ("<!-- test: engine -->\n```yaml\na: 1\n```\n", "no command"),
    ] {
        let page = Page::parse("x.md".as_ref(), text);
        let found = unrun_blocks(&page).join("\n");
        assert!(found.contains(expected), "{text}: {found}");
    }
    let fine = "```sh\nsofa ps\n```\n<!-- test: parsed root -->\n```sh\nsofa ps\n```\n```text\nx\n```\n";
    assert_eq!(unrun_blocks(&Page::parse("x.md".as_ref(), fine)), [""; 0]);
}

fn needs_engine(block: &Block) -> bool {
    matches!(block.marker, Marker::Engine { .. })
}

/// Blocks that hold commands which no test would run or parse.
fn unrun_blocks(page: &Page) -> Vec<String> {
    page.blocks
        .iter()
        .filter_map(|block| {
            let wrong = wrong_with(block)?;
            Some(format!("{}: {wrong}", page.at(block.line)))
        })
        .collect()
}

fn wrong_with(block: &Block) -> Option<String> {
    if !LANGUAGES.contains(&block.language.as_str()) {
        return Some(format!("the block's language `{}` is not one of {LANGUAGES:?}", block.language));
    }
    if block.language == "console" && !block.text.starts_with("$ ") {
        return Some("a console block begins with a command behind `$ `".to_owned());
    }
    let is_run = matches!(block.marker, Marker::Engine { .. } | Marker::Parsed);
    if is_run && !block.is_command() {
        return Some("the marked block holds no command".to_owned());
    }
    let looks_run =
        |line: &str| ["$ ", "sofa ", "make ", "docker "].iter().any(|start| line.starts_with(start));
    if block.language == "text" && block.text.lines().any(looks_run) {
        return Some("commands belong into a `sh` or `console` block".to_owned());
    }
    None
}
