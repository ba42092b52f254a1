//! The arrows between modules: reads every `crate::` path in `src/` and fails on one that is not drawn here.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use, beside `util`, `compat`, `error` and `labels`, which everything may. A longer name wins over a shorter one.
const ARROWS: [(&str, &[&str]); 20] = [
    ("yaml", &[]),
    ("util", &[]),
    ("compat", &[]),
    ("error", &[]),
    ("labels", &[]),
    ("diag", &["yaml"]),
    ("compose::model", &[]),
    ("compose::hash", &["compose::model"]),
    ("compose::secrecy", &["compose::model"]),
    ("compose::fields", &["compose::model", "compose::hash", "compose::render", "compose::secrecy"]),
    ("compose::render", &["compose::model", "compose::load", "compose::hash", "yaml"]),
    ("compose::load", &["compose::model", "compose::secrecy", "yaml", "diag"]),
    ("settings", &["yaml", "diag"]),
    ("plan", &["compose::model", "compose::hash", "compose::fields", "settings"]),
    ("guard", &["compose::model", "compose::load", "plan", "yaml", "diag"]),
    ("engine", &["compose::model", "plan"]),
    ("state", &["compose::model", "plan"]),
    ("apply", &["plan", "ui::event"]),
    ("docker", &["apply", "state", "engine", "plan", "ui::event", "compose::model", "compose::secrecy"]),
    ("ui", &["plan", "diag"]),
];

/// These may use everything: they are what ties the rest together.
const EVERYTHING: [&str; 5] = ["commands", "cli", "lib", "ops", "testing"];

#[test]
fn modules_use_only_what_the_design_draws() {
    let mut wrong = Vec::new();
    for (file, module) in sources() {
        if EVERYTHING.contains(&module.split("::").next().unwrap()) {
            continue;
        }
        for used in crate_paths(&fs::read_to_string(&file).unwrap()) {
            if !allowed(&module, &used) {
                wrong.push(format!("{}: {module} → {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that are not drawn:\n{}", wrong.join("\n"));
}

#[test]
fn one_command_never_uses_another() {
    let verbs: BTreeSet<String> = fs::read_to_string("src/cli/mod.rs")
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().split_once('(')?.1.strip_suffix("::Args),").map(String::from))
        .collect();
    assert!(verbs.len() > 5, "{verbs:?}");
    for (file, _) in sources().into_iter().filter(|(_, module)| module.starts_with("commands::")) {
        let text = fs::read_to_string(&file).unwrap();
        for verb in &verbs {
            assert!(
                !text.contains(&format!("commands::{verb}::")),
                "{} uses the verb `{verb}`",
                file.display()
            );
        }
    }
}

#[test]
fn only_the_engine_names_bollard() {
    for (file, module) in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let named = text.lines().any(|line| line.contains("bollard::") || line.contains("use bollard"));
        assert!(!named || module.starts_with("engine"), "{} names bollard", file.display());
    }
}

#[test]
fn only_settings_reads_the_environment() {
    // `main` hands over the command line; the platform's name is a constant of the compiler.
    const MAY: [(&str, &str); 3] = [
        ("settings::environment", "env::"),
        ("main", "env::args_os()"),
        ("ops::build_info", "env::consts::"),
    ];
    for (file, module) in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for (at, name) in text.match_indices("env::").filter(|(at, _)| !text[..*at].ends_with("dot")) {
            let is_allowed = MAY.iter().any(|(may, what)| module == *may && text[at..].starts_with(what));
            assert!(is_allowed, "{}: `{name}` outside of settings", file.display());
        }
    }
}

#[test]
fn every_file_says_its_subject_first() {
    for (file, _) in sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with `//!`", file.display());
    }
}

#[test]
fn a_wrong_arrow_is_seen() {
    assert!(!allowed("plan", "engine"));
    assert!(!allowed("ui", "engine"));
    assert!(!allowed("compose::model", "compose::load"));
    assert!(!allowed("apply", "ui::live"));
    assert!(allowed("apply", "ui::event"));
    assert!(allowed("plan", "util"));
    assert_eq!(
        crate_paths("use crate::{plan::graph, ui};\nlet x = crate::diag::Label;"),
        ["diag", "plan", "ui"]
    );
}

/// Whether a module may use a path.
fn allowed(module: &str, used: &str) -> bool {
    let own = |prefix: &str, name: &str| name == prefix || name.starts_with(&format!("{prefix}::"));
    if own("util", used)
        || own("compat", used)
        || own("labels", used)
        || own("error", used)
        || module.split("::").next() == used.split("::").next() && !used.contains("::")
    {
        return true;
    }
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let Some(name) = arrows.keys().filter(|name| own(name, module)).max_by_key(|name| name.len()) else {
        return false;
    };
    own(name, used) || arrows[name].iter().any(|target| own(target, used))
}

/// The modules that a text names behind `crate::`, as deep as [`ARROWS`] tells them apart. Test modules may build what
/// they need from anywhere, so the text ends where they begin.
fn crate_paths(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut paths = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split("};").next().unwrap_or_default();
            paths.extend(list.split(',').map(|item| cut(item.trim())));
        } else {
            paths.insert(cut(rest));
        }
    }
    paths.into_iter().filter(|path| !path.is_empty()).collect()
}

/// The first name of a path, with the second where the first is told apart by it.
fn cut(path: &str) -> String {
    let name =
        |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let first = name(path);
    let second = path[first.len()..].strip_prefix("::").map(name).unwrap_or_default();
    match (first.as_str(), second.as_str()) {
        ("compose" | "ui", second) if !second.is_empty() => format!("{first}::{second}"),
        _ => first,
    }
}

/// Every source file with its module's path; folders of tests are left out.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), module_of(&path)));
            }
        }
    }
    assert!(found.len() > 50, "sources not found");
    found.sort();
    found
}

fn module_of(path: &Path) -> String {
    let parts: Vec<String> = path
        .with_extension("")
        .iter()
        .skip(1)
        .map(|part| part.to_string_lossy().into_owned())
        .filter(|part| part != "mod")
        .collect();
    parts.join("::")
}
