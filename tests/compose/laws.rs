//! Laws that hold for every input, with inputs made up by proptest.

use proptest::prelude::*;
use sofa::testing::compat::Dialect;
use sofa::testing::compose::model::{Bytes, Duration};
use sofa::testing::compose::{load, render};
use sofa::testing::diag::Sources;

use crate::support::{load_text, load_with};

fn label(text: &str, variables: &[(&str, &str)]) -> Option<String> {
    let quoted = text.replace('\'', "''");
    let file = format!("services:\n  a:\n    image: x\n    labels:\n      l: '{quoted}'\n");
    load_with(&file, variables).0.ok()?.project.services["a"].labels.get("l").cloned()
}

/// Text that says something to a parser more often than by chance.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|parts| parts.concat())
}

const YAML: &[&str] = &[
    "services:",
    "\n",
    "  ",
    " ",
    "a:",
    "b: ",
    "image: x",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!reset ",
    "!override ",
    "|",
    ">",
    "\"",
    "'",
    "#",
    "~",
    "1",
    "0x1F",
    "2024-01-31",
    "${A",
    ":-",
    "}",
    "$",
    "\t",
    "---\n",
    "é",
    "extends:",
    "include:",
    "build:",
    "ports:",
    "volumes:",
    "environment:",
    "depends_on:",
    "networks:",
    "deploy:",
    "x-a:",
    "\u{feff}",
    "\r\n",
    "? ",
    ": ",
    "x-sofa:",
    "healthcheck:",
    "secrets:",
    "configs:",
    "profiles:",
    "command:",
];

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let (loaded, sources) = load_text(&text);
        if let Err(problems) = loaded {
            prop_assert!(!problems.render(&sources, true).is_empty());
        }
    }

    #[test]
    fn anything_like_yaml_is_answered(text in pieces(YAML)) {
        let (loaded, sources) = load_text(&text);
        if let Err(problems) = loaded {
            prop_assert!(!problems.render(&sources, false).is_empty());
        }
    }

    #[test]
    fn any_service_is_answered(text in pieces(YAML)) {
        let indented = text.replace('\n', "\n    ");
        let (loaded, sources) = load_text(&format!("services:\n  a:\n    image: x\n    {indented}\n"));
        if let Err(problems) = loaded {
            prop_assert!(!problems.render(&sources, false).is_empty());
        }
    }

    #[test]
    fn text_without_dollar_is_never_changed(text in "[^$\\x00-\\x1f\\x7f-\\u{9f}\\u{2028}\\u{2029}\\u{feff}]{1,40}") {
        prop_assert_eq!(label(&text, &[]), Some(text));
    }

    #[test]
    fn a_doubled_dollar_is_a_dollar(text in "[a-zA-Z${}:?+ -]{0,30}") {
        prop_assert_eq!(label(&text.replace('$', "$$"), &[("A", "x")]), Some(text));
    }

    #[test]
    fn a_set_variable_wins_over_its_default(value in "[a-z]{1,9}", default in "[a-z ]{0,9}") {
        prop_assert_eq!(label(&format!("${{V:-{default}}}"), &[("V", &value)]), Some(value.clone()));
        prop_assert_eq!(label(&format!("${{V-{default}}}"), &[("V", "")]), Some(String::new()));
        prop_assert_eq!(label(&format!("${{V:-{default}}}"), &[("V", "")]), Some(default));
    }

    #[test]
    fn durations_read_back(nanoseconds in 0u64..=i64::MAX as u64) {
        let duration = Duration(std::time::Duration::from_nanos(nanoseconds));
        let read = sofa::testing::compat::duration::parse(&duration.to_string());
        // Fractions go through floating point, as in Go: the last digits of a second may be lost.
        let difference = read.expect("duration").abs_diff(duration.0);
        prop_assert!(difference.as_nanos() <= 1_000, "{duration}: {difference:?}");
    }

    #[test]
    fn sizes_read_back(bytes in 0i64..1 << 52) {
        prop_assert_eq!(sofa::testing::compat::bytes::parse(&Bytes(bytes).to_string()), Ok(bytes));
    }

    #[test]
    fn command_lines_of_quoted_words_read_back(words in prop::collection::vec("[^']{0,12}", 0..6)) {
        let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        prop_assert_eq!(sofa::testing::compat::argv::split(&line), Ok(words));
    }

    #[test]
    fn any_command_line_is_answered(line in any::<String>()) {
        let _ = sofa::testing::compat::argv::split(&line);
        let _ = sofa::testing::compat::duration::parse(&line);
        let _ = sofa::testing::compat::bytes::parse(&line);
    }

    #[test]
    fn port_ranges_expand_to_their_length(first in 1u16..60_000, length in 0u16..50) {
        let (last, from, to) = (first + length, first, first + length);
        let file = format!("services: {{a: {{image: x, ports: ['{from}-{to}:{first}-{last}']}}}}");
        let project = load_text(&file).0.expect("ports").project;
        let ports = &project.services["a"].ports;
        prop_assert_eq!(ports.len(), usize::from(length) + 1);
        prop_assert!(ports.iter().all(|port| port.published == port.target.to_string()));
    }

    #[test]
    fn any_env_file_is_answered(text in pieces(&[
        "A", "B", "=", ":", "\"", "'", "\\", "\n", "$", "{", "}", " ", "#", "export ", "\\n", "\\0101", "é", "-", "?", "x", "\r\n", "\u{feff}",
    ])) {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join(".env"), &text).expect("written");
        std::fs::write(folder.path().join("compose.yaml"), "services: {a: {image: x, env_file: .env}}").expect("written");
        let request = load::Request { working_directory: folder.path().into(), ..load::Request::default() };
        let mut sources = Sources::default();
        let _ = load::load(&request, &mut sources);
    }

    #[test]
    fn merging_a_file_with_nothing_changes_nothing(values in prop::collection::btree_map("[a-z]{1,6}", "[a-z0-9 ]{0,8}", 0..6)) {
        let entries: String = values.iter().map(|(key, value)| format!("      {key}: '{value}'\n")).collect();
        let file = format!("services:\n  a:\n    image: x\n    environment:\n      Z: z\n{entries}");
        let once = load_text(&file).0.expect("once").project;
        for more in ["services: {}\n", "services: {a: {}}\n", &file] {
            let twice = load_text(&format!("{file}---\n{more}")).0.expect("twice").project;
            prop_assert_eq!(render::project_json(&once, Dialect::V5), render::project_json(&twice, Dialect::V5));
        }
    }
}
