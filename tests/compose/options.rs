//! The options of `config`, one by one. Each must print what docker compose printed for the project under `options/`: `answers`
//! has the output of docker compose 2, `answers-5` what docker compose 5 prints differently. `cargo test --test compose
//! record_options -- --ignored` records again.

use std::path::{Path, PathBuf};
use std::process::Command;

use sofa::testing::compat::Dialect;

use crate::cases;
use crate::support::{FOLDER, HOME, docker_compose, oracle};

/// The file of an answer, and the words behind `config`, or in front of it up to the bar.
const QUESTIONS: [(&str, &str); 26] = [
    ("yaml", "--profile fast |"),
    ("yaml-all-profiles", "--profile * |"),
    ("json", "--profile fast | --format json"),
    ("services", "--profile fast | --services"),
    ("services-of-all-profiles", "--profile * | --services"),
    ("images", "--profile * | --images"),
    ("images-of-a-service", "--profile * | --images web"),
    ("volumes", "--profile fast | --volumes"),
    ("networks", "--profile fast | --networks"),
    ("profiles", "--profile fast | --profiles"),
    ("models", "--profile fast | --models"),
    ("variables", "| --variables"),
    ("environment", "--profile fast | --environment"),
    ("hash-of-a-service", "--profile fast | --hash db"),
    ("quiet", "--profile fast | -q"),
    ("quiet-about-an-error", "| -q"),
    ("no-interpolate", "| --no-interpolate"),
    ("no-interpolate-json", "| --no-interpolate --format json"),
    ("no-interpolate-no-path-resolution", "| --no-interpolate --no-path-resolution"),
    ("no-normalize", "--profile fast | --no-normalize"),
    ("no-path-resolution", "--profile fast | --no-path-resolution"),
    ("no-consistency", "| --no-consistency"),
    ("one-service-and-what-it-needs", "--profile * | db"),
    ("service-with-dependencies", "--profile * | web"),
    ("service-of-a-profile", "--profile fast | tool"),
    ("service-that-is-not-there", "--profile fast | nobody"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/options")
}

fn sofa(dialect: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sofa"));
    command.env_clear().env("SOFA_DIALECT", dialect);
    command
}

/// Asks a program; the answer is what it prints, or that it fails.
fn ask(mut program: Command, words: &str) -> String {
    let (before, after) = words.split_once('|').expect("a bar");
    let output = program
        .args(before.split_whitespace())
        .arg("config")
        .args(after.split_whitespace())
        .current_dir(folder())
        .env("HOME", HOME)
        .output()
        .expect("a program");
    if !output.status.success() {
        return "refused\n".to_owned();
    }
    String::from_utf8(output.stdout).expect("text").replace(&folder().display().to_string(), FOLDER)
}

/// docker compose prints lists in no order, tables with other gaps, and the variables that it sets itself.
fn comparable(name: &str, answer: &str) -> String {
    if answer.starts_with(['{', '#']) || answer.contains("services:") {
        return format!("{}\n", answer.trim_end());
    }
    let own = |line: &&str| !["DOCKER_", "SOFA_", "PATH=", "PWD="].iter().any(|own| line.starts_with(own));
    let lines = answer.lines().filter(|line| name != "environment" || own(line));
    let mut lines: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_option_prints_what_docker_compose_prints() {
    for (name, words) in QUESTIONS {
        let answer = ask(sofa("2"), words);
        let recorded = std::fs::read_to_string(folder().join("answers").join(name)).expect(name);
        cases::same(&recorded, &comparable(name, &answer))
            .unwrap_or_else(|difference| panic!("config {words}: {difference}"));
    }
}

#[test]
fn every_option_prints_what_docker_compose_5_prints() {
    for (name, words) in QUESTIONS {
        let answer = comparable(name, &ask(sofa("5"), words));
        let read = |answers| std::fs::read_to_string(folder().join(answers).join(name));
        let recorded = read("answers-5").or_else(|_| read("answers")).expect(name);
        if !is_the_same(&recorded, &answer) {
            cases::same(&recorded, &answer)
                .unwrap_or_else(|difference| panic!("config {words}: {difference}"));
        }
    }
}

/// Whether two answers say the same: from 5.6 on docker compose has another order of keys, and other quotes.
fn is_the_same(one: &str, other: &str) -> bool {
    if one.starts_with('{') && other.starts_with('{') {
        return cases::equal(one, other);
    }
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.replace(['"', '\''], "")).collect();
        lines.sort();
        lines
    };
    lines(one) == lines(other)
}

#[test]
fn what_goes_to_a_file_is_what_is_printed_otherwise() {
    let file = tempfile::NamedTempFile::new().expect("file");
    let path = file.path().display().to_string();
    let ask = |words: &str| ask(sofa("5"), words);
    let printed = ask("--profile fast | --format json");
    assert_eq!(ask(&format!("--profile fast | --format json -o {path}")), "");
    let written = std::fs::read_to_string(file.path()).expect("written");
    assert_eq!(written.replace(&folder().display().to_string(), FOLDER), printed);
}

#[test]
fn variables_are_listed_before_any_of_them_is_set() {
    let words = "-f compose.yaml --env-file /dev/null | --variables";
    let answer = ask(sofa("5"), words);
    assert!(answer.contains("TOKEN     true"), "{answer}");
}

/// Asks docker compose again. DOCKER_CONFIG selects the docker compose.
#[test]
#[ignore = "needs docker compose; run by hand"]
fn record_options() {
    let (dialect, _) = oracle();
    let answers = folder().join(if dialect == Dialect::V2 { "answers" } else { "answers-5" });
    for (name, words) in QUESTIONS {
        let answer = comparable(name, &ask(docker_compose(), words));
        let two = std::fs::read_to_string(folder().join("answers").join(name)).unwrap_or_default();
        if dialect != Dialect::V2 && is_the_same(&two, &answer) {
            let _ = std::fs::remove_file(answers.join(name));
        } else {
            std::fs::create_dir_all(&answers).expect("folder");
            std::fs::write(answers.join(name), answer).expect("written");
        }
    }
}

#[test]
fn variables_are_printed_in_the_format_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("compose.yaml"),
        "services: {a: {image: \"x:${TAG:-1}\", command: \"${A:?no} ${B:+there} ${C}\"}}\n",
    )
    .unwrap();
    let print = |words: &[&str]| {
        let output =
            sofa("5").args(["config", "--variables"]).args(words).current_dir(folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&print(&["--format", "json"])).unwrap();
    let tag = serde_json::json!({"Name": "TAG", "DefaultValue": "1", "PresenceValue": "", "Required": false});
    assert_eq!(json["TAG"], tag);
    assert_eq!(json["B"]["PresenceValue"], "there");
    assert_eq!(json["A"]["Required"], true);
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(4));
    let yaml = print(&["--format", "yaml"]);
    assert!(yaml.starts_with("A:\n") && yaml.contains("defaultvalue: \"1\"\n"), "{yaml}");
    assert!(print(&[]).starts_with("NAME"));
}

#[test]
fn a_list_that_services_do_not_limit_says_so() {
    let output = sofa("5")
        .args(["--profile", "fast", "config", "--volumes", "web"])
        .current_dir(folder())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("do not limit this list"));
}
