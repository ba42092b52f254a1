//! Files that would take for ever, or all memory, are refused at once.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::load_text;

/// Generous, since the machine may be busy: what grows without bound takes for hours.
const AT_ONCE: Duration = Duration::from_secs(20);

fn refused_at_once(text: &str) -> String {
    let start = Instant::now();
    let (loaded, sources) = load_text(text);
    let took = start.elapsed();
    assert!(took < AT_ONCE, "took {took:?}");
    loaded.map(|_| ()).expect_err("refused").render(&sources, false)
}

#[test]
fn a_bomb_of_aliases() {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        writeln!(bomb, "{name}: &{name} [{}]", [format!("*{before}").as_str(); 9].join(",")).expect("text");
    }
    assert!(refused_at_once(&bomb).contains("aliases expand"));
}

#[test]
fn a_bomb_of_merge_keys() {
    let mut bomb = "x0: &x0 {k: v}\n".to_owned();
    for level in 1..30 {
        writeln!(bomb, "x{level}: &x{level} {{a: *x{0}, b: *x{0}}}", level - 1).expect("text");
    }
    assert!(refused_at_once(&bomb).contains("aliases expand"));
}

#[test]
fn depth() {
    assert!(refused_at_once(&format!("a: {}", "[".repeat(100_000))).contains("error"));
    let mut deep = String::new();
    for level in 0..5_000 {
        writeln!(deep, "{}a:", " ".repeat(level)).expect("text");
    }
    assert!(refused_at_once(&deep).contains("error"));
}

#[test]
fn an_anchor_that_holds_itself() {
    assert!(refused_at_once("services: &s\n  a: *s\n").contains("inside its own anchor"));
}

#[test]
fn more_mistakes_than_anybody_reads() {
    let mut text = "services:\n".to_owned();
    for service in 0..3_000 {
        writeln!(text, "  s{service}: {{imag: x, restrat: y}}").expect("text");
    }
    let rendered = refused_at_once(&text);
    assert!(rendered.lines().count() < 1_500, "{} lines", rendered.lines().count());
}

#[test]
fn long_lists_are_checked_for_repetition_in_linear_time() {
    let mut text = "services:\n  a:\n    image: x\n    security_opt:\n".to_owned();
    for number in 0..20_000 {
        writeln!(text, "      - label:x{number}").expect("text");
    }
    text.push_str("      - label:x7\n");
    let start = Instant::now();
    let (loaded, sources) = load_text(&text);
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
    assert!(
        loaded
            .map(|_| ())
            .expect_err("repeated")
            .render(&sources, false)
            .contains("`label:x7` appears twice")
    );
}

#[test]
fn a_long_chain_of_dependencies_is_no_circle() {
    let mut text = "services:\n  s0: {image: x}\n".to_owned();
    for service in 1..5_000 {
        writeln!(text, "  s{service}: {{image: x, depends_on: [s{}]}}", service - 1).expect("text");
    }
    assert!(load_text(&text).0.is_ok());
}

#[test]
fn a_long_range_of_ports() {
    let start = Instant::now();
    let (loaded, _) = load_text("services: {a: {image: x, ports: ['1-60000']}}");
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    assert_eq!(loaded.expect("loads").project.services["a"].ports.len(), 60_000);
}

#[test]
fn includes_of_includes() {
    let folder = tempfile::tempdir().expect("folder");
    for level in 0..40 {
        let text = format!("include: [{}.yaml]\n", level + 1);
        std::fs::write(folder.path().join(format!("{level}.yaml")), text).expect("written");
    }
    std::fs::write(folder.path().join("40.yaml"), "services: {a: {image: x}}\n").expect("written");
    let rendered = refused_at_once(&format!("include: ['{}/0.yaml']\n", folder.path().display()));
    assert!(rendered.contains("error: "), "{rendered}");
    insta::assert_snapshot!(rendered.lines().next().expect("a line"), @"error: includes are nested more than 32 deep");
}

#[test]
fn a_file_of_more_than_sixty_four_mebibytes() {
    let rendered = refused_at_once(&format!("# {}\n", "x".repeat(64 << 20)));
    assert!(rendered.contains("larger than 64 MiB"), "{}", &rendered[..200.min(rendered.len())]);
}

#[test]
fn defaults_within_defaults() {
    let text = format!("{}x{}", "${A:-".repeat(10_000), "}".repeat(10_000));
    assert!(refused_at_once(&format!("services: {{a: {{image: '{text}'}}}}\n")).contains("error: "));
}
