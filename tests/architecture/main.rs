//! The rules between modules: which may use which, no circles between files, and what only one module may do.
#![allow(missing_docs, clippy::unwrap_used)]

mod imports;

use std::collections::BTreeSet;
use std::fs;

use imports::{Imports, module_of, sources};

/// What each module may use, beside `util`, `compat`, `error` and `labels`, which every module may use. A longer name wins over a
/// shorter one.
const ARROWS: &[(&str, &[&str])] = &[
    ("yaml", &[]),
    ("util", &[]),
    ("compat", &[]),
    ("error", &[]),
    ("labels", &[]),
    ("diag", &["yaml"]),
    ("compose::model", &[]),
    ("compose::hash", &["compose::model", "compose::render"]),
    ("compose::secrecy", &["compose::model"]),
    ("compose::fields", &["compose::model", "compose::hash", "compose::render", "compose::secrecy"]),
    ("compose::render", &["compose::model", "compose::load", "yaml"]),
    ("compose::load", &["compose::model", "compose::secrecy", "yaml", "diag"]),
    ("settings", &["yaml", "diag"]),
    ("plan", &["compose::model", "compose::hash", "compose::fields", "edge", "settings", "worker"]),
    ("worker", &[]),
    ("edge", &[]),
    ("guard", &["compose::model", "compose::load", "compose::secrecy", "plan", "worker", "yaml", "diag"]),
    ("engine", &["compose::model", "edge", "plan"]),
    ("state", &["compose::model", "plan"]),
    ("apply", &["plan", "ui::event"]),
    (
        "docker",
        &[
            "apply",
            "state",
            "edge",
            "engine",
            "plan",
            "worker",
            "ui::event",
            "compose::model",
            "compose::secrecy",
        ],
    ),
    ("ui", &["plan", "diag"]),
    (
        "ops",
        &[
            "apply", "compose", "diag", "docker", "edge", "engine", "guard", "plan", "settings", "state",
            "ui", "worker", "yaml",
        ],
    ),
    ("commands", &["ops", "settings", "ui", "plan"]),
    ("cli", &["commands", "ops", "settings"]),
    ("lib", &["cli", "ops", "settings", "ui"]),
    ("main", &[]),
    // The façade for tests.
    ("testing", &["cli", "compose", "diag", "docker", "engine", "plan", "state", "yaml"]),
];

#[test]
fn modules_use_only_what_the_design_allows() {
    let imports = Imports::of_sources();
    let mut wrong = Vec::new();
    for (module, used) in &imports.uses {
        let forbidden = used.iter().filter(|used| !is_allowed(module, used));
        wrong.extend(forbidden.map(|used| format!("{module} → {used}")));
    }
    assert!(wrong.is_empty(), "arrows that are not drawn:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let imports = Imports::of_sources();
    assert!(imports.uses["ops::deploy"].contains("apply::report"), "uses are not found");
    assert!(imports.uses["docker"].contains("apply::target"), "uses are not found");
    let circles: Vec<String> = imports.circles().into_iter().map(|circle| circle.join(", ")).collect();
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

#[test]
fn commands_are_the_verbs_and_no_verb_uses_another() {
    let imports = Imports::of_sources();
    let command = sofa::testing::command();
    let verbs: BTreeSet<String> = command.get_subcommands().map(|verb| verb.get_name().to_string()).collect();
    assert!(verbs.len() > 15, "{verbs:?}");
    let files = imports.files.keys().filter_map(|module| module.strip_prefix("commands::"));
    let files: BTreeSet<String> =
        files.filter(|name| !name.starts_with("args")).map(|name| name.to_string()).collect();
    assert_eq!(files, verbs, "each file of `commands` is a verb, and each verb has a file");
    for verb in &verbs {
        let used = &imports.uses[&format!("commands::{verb}")];
        let other =
            used.iter().find(|used| used.strip_prefix("commands::").is_some_and(|name| verbs.contains(name)));
        assert_eq!(other, None, "`{verb}` uses another verb");
    }
}

#[test]
fn only_the_engine_names_bollard() {
    for file in sources() {
        let module = module_of(&file);
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
    for file in sources() {
        let module = module_of(&file);
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
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with `//!`", file.display());
    }
}

#[test]
fn a_forbidden_arrow_is_seen() {
    assert!(!is_allowed("plan", "engine"));
    assert!(!is_allowed("ui", "engine::client"));
    assert!(!is_allowed("apply::executor", "docker::failure"));
    assert!(!is_allowed("ops::deploy", "commands::deploy"));
    assert!(!is_allowed("compose::model", "compose::load"));
    assert!(!is_allowed("apply", "ui::live"));
    assert!(is_allowed("apply", "ui::event"));
    assert!(is_allowed("plan::deploy", "util::git"));
}

/// Whether a module may use another.
fn is_allowed(module: &str, used: &str) -> bool {
    let within = |prefix: &str, name: &str| name == prefix || name.starts_with(&format!("{prefix}::"));
    let arrows = ARROWS.iter().filter(|(name, _)| within(name, module));
    let Some((own, arrows)) = arrows.max_by_key(|(name, _)| name.len()) else { return false };
    let common = ["util", "compat", "labels", "error"];
    within(own, used) || common.iter().chain(arrows.iter()).any(|target| within(target, used))
}
