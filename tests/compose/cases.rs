//! Every recorded case, and the recording.

use std::process::Command;

use sofa::testing::compat::Dialect;
use sofa::testing::compose::{hash, load, render};

use crate::support::{Answer, Case, HOME, docker_compose, oracle};

/// What `sofa` answers: JSON and hashes, or that it refuses.
fn answer(case: &Case, dialect: Dialect) -> Result<(String, String), String> {
    let (loaded, sources) = case.load();
    let loaded = loaded.map_err(|problems| problems.render(&sources, false))?;
    let json = case.portable(&render::project_json(&loaded.project, dialect));
    let hashes = loaded
        .project
        .services
        .values()
        .map(|service| format!("{} {}\n", service.name, hash::service(service, dialect)))
        .collect();
    Ok((json, hashes))
}

#[test]
fn every_case_is_answered_as_docker_compose_answers_it() {
    let mut wrong = Vec::new();
    let cases = Case::all();
    assert!(cases.len() > 100, "only {} cases", cases.len());
    for case in &cases {
        if let Err(problem) = check(case, Dialect::V2, "differs") {
            wrong.push(format!("{}: {problem}", case.name()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

#[test]
fn every_case_is_answered_as_docker_compose_5_answers_it() {
    let mut wrong = Vec::new();
    let cases = Case::all();
    for case in &cases {
        if let Err(problem) = check(case, Dialect::V5, "differs-5") {
            wrong.push(format!("{}: {problem}", case.name()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

/// Whether the answer is docker compose's; where a file of that name says that it differs, it must.
fn check(case: &Case, dialect: Dialect, differs: &str) -> Result<(), String> {
    let ours = answer(case, dialect);
    let agrees = agree(&ours, &case.recorded(dialect), dialect);
    if case.read(differs).is_none() {
        return agrees;
    }
    if agrees.is_ok() {
        return Err(format!("`{differs}` says that it differs, and it does not"));
    }
    match (answer(case, Dialect::V5), case.read("sofa.json")) {
        // What is printed otherwise is hashed as docker compose 5 hashes it all the same.
        (Ok((json, hashes)), Some(ours)) => {
            let theirs = case.recorded(Dialect::V5).hashes;
            same(&ours, &json).and(theirs.map_or(Ok(()), |theirs| same(&theirs, &hashes)))
        }
        (Ok(_), None) => Err("accepted, but differs on purpose and has no sofa.json".to_owned()),
        (Err(_), _) => Ok(()),
    }
}

fn agree(ours: &Result<(String, String), String>, theirs: &Answer, dialect: Dialect) -> Result<(), String> {
    match (ours, &theirs.json, &theirs.error) {
        (Ok((json, hashes)), Some(expected), None) => {
            // docker compose 5.6 prints the keys of a service in another order.
            if dialect == Dialect::V2 || !equal(expected, json) {
                same(expected, json)?;
            }
            // The hash of a bind mount holds the folder's path, which differs from machine to machine.
            theirs.hashes.as_ref().map_or(Ok(()), |expected| same(expected, hashes))
        }
        (Err(_), None, Some(_)) => Ok(()),
        (Ok(_), None, Some(error)) => Err(format!("accepted, docker compose refuses: {error}")),
        (Err(problems), Some(_), _) => Err(format!("refused, docker compose accepts:\n{problems}")),
        _ => Err("nothing is recorded".to_owned()),
    }
}

/// Whether two texts are the same JSON, whatever the order of keys.
pub fn equal(one: &str, other: &str) -> bool {
    let value = |text| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    value(one) == value(other)
}

pub fn same(expected: &str, actual: &str) -> Result<(), String> {
    let first =
        expected.trim().lines().zip(actual.trim().lines()).find(|(expected, actual)| expected != actual);
    match first {
        Some((expected, actual)) => Err(format!("expected {}\n     got {}", expected.trim(), actual.trim())),
        None if expected.trim().lines().count() != actual.trim().lines().count() => {
            Err("length differs".to_owned())
        }
        None => Ok(()),
    }
}

#[test]
fn what_is_printed_reads_back_to_the_same_model() {
    // docker compose makes variables and labels without a name in the first three, which no Compose file can hold, two equal
    // ports of differently written ones in the fourth, and keeps a dependency on a service that it leaves out in the last.
    const ODD: [&str; 5] = [
        "env-file-key-without-line-end",
        "env-file-junk-behind-quote",
        "list-empty-entry",
        "merge-ports-number-published",
        "profiles-depends-on-disabled-optional",
    ];
    for case in Case::all().into_iter().filter(|case| !ODD.contains(&case.name().as_str())) {
        let (Ok(loaded), _) = case.load() else { continue };
        for dialect in Dialect::ALL {
            let yaml = render::project_yaml(&loaded.project, dialect);
            let request = load::Request {
                working_directory: case.folder.clone(),
                files: vec![load::Input::Stdin(yaml.clone())],
                profiles: vec!["*".to_owned()],
                ..load::Request::default()
            };
            let mut sources = sofa::testing::diag::Sources::default();
            let again = load::load(&request, &mut sources).unwrap_or_else(|problems| {
                panic!("{}: {}\n{yaml}", case.name(), problems.render(&sources, false))
            });
            let print = |project| render::project_json(project, dialect);
            assert_eq!(print(&loaded.project), print(&again.project), "{}", case.name());
        }
    }
}

#[test]
fn a_model_survives_being_stored() {
    for case in Case::all() {
        let (Ok(loaded), _) = case.load() else { continue };
        let stored = serde_json::to_string(&loaded.project).expect("stored");
        let again = serde_json::from_str(&stored).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        assert_eq!(loaded.project, again, "{}", case.name());
    }
}

/// Asks docker compose again and writes its answers beside every case. DOCKER_CONFIG selects the docker compose.
#[test]
#[ignore = "needs docker compose; run by hand"]
fn record_all() {
    record(|_, _| true);
}

/// The same for the cases that have no answer of its major version yet.
#[test]
#[ignore = "needs docker compose; run by hand"]
fn record_new() {
    record(|case, major| {
        !case.read("version").unwrap_or_default().lines().any(|line| line.starts_with(major))
    });
}

fn record(wanted: fn(&Case, &str) -> bool) {
    // What `create` needs is an image by this name; nothing of it ever runs.
    let image =
        r#"tar c --files-from /dev/null | docker import --change 'CMD ["none"]' - sofa-compose-case:latest"#;
    assert!(Command::new("sh").args(["-c", image]).status().expect("docker").success());
    let (dialect, version) = oracle();
    let version = version.trim_start_matches('v');
    let (major, _) = version.split_once('.').expect("a version");
    for case in Case::all().into_iter().filter(|case| wanted(case, major)) {
        match dialect {
            Dialect::V2 => keep(&case, &ask(&case), "expected"),
            _ => keep_what_5_changes(&case, ask(&case)),
        }
        let versions = case.read("version").unwrap_or_default();
        let others = versions.lines().filter(|line| !line.starts_with(major));
        let mut versions: Vec<&str> = others.chain([version]).collect();
        versions.sort_unstable();
        case.write("version", &versions.join("\n"));
    }
    let _ = Command::new("docker").args(["rmi", "sofa-compose-case:latest"]).status();
}

fn keep(case: &Case, answer: &Answer, name: &str) {
    for (kind, text) in [("json", &answer.json), ("hash", &answer.hashes), ("error", &answer.error)] {
        match text {
            Some(text) => case.write(&format!("{name}.{kind}"), text),
            None => drop(std::fs::remove_file(case.folder.join(format!("{name}.{kind}")))),
        }
    }
}

/// The words of a refusal and the order of keys do not count as differences.
fn keep_what_5_changes(case: &Case, mut answer: Answer) {
    let two = case.recorded(Dialect::V2);
    if let (Some(json), Some(other)) = (&answer.json, &two.json)
        && equal(json, other)
    {
        answer.json = None;
    }
    answer.hashes =
        answer.hashes.filter(|hashes| Some(hashes.trim()) != two.hashes.as_deref().map(str::trim));
    answer.error = answer.error.filter(|_| two.error.is_none());
    keep(case, &answer, "expected-5");
}

fn ask(case: &Case) -> Answer {
    match docker(case, &["config", "--format", "json"]) {
        Ok(json) => {
            let portable = case.portable(&json);
            // Hashes that depend on the folder of the case, such as with a label file, cannot be recorded.
            let names_folder = portable != json || json.contains(HOME) || case.name() == "label-file";
            let hashes = (!names_folder).then(|| hashes(case)).flatten().map(|hashes| {
                let mut lines: Vec<&str> = hashes.lines().collect();
                lines.sort_unstable();
                lines.join("\n")
            });
            Answer { json: Some(portable), hashes, error: None }
        }
        Err(error) => Answer { error: Some(case.portable(&error)), ..Answer::default() },
    }
}

/// `NAME HASH` lines. Where files add to a service, those in the labels of created containers count: docker compose 2's
/// `config --hash` forgets the files.
fn hashes(case: &Case) -> Option<String> {
    let text = case.read("compose.yaml").unwrap_or_default();
    if !text.contains("env_file") && !text.contains("label_file") {
        return docker(case, &["config", "--hash", "*"]).ok();
    }
    // The engine refuses some of what docker compose lets through, such as a variable without a name.
    let created = docker(case, &["create", "--no-build", "--pull", "never"]);
    let format = r#"{{.Label "com.docker.compose.service"}} {{.Label "com.docker.compose.config-hash"}}"#;
    let project = format!("label=com.docker.compose.project={}", case.name());
    let list = Command::new("docker").args(["ps", "-a", "--filter", &project, "--format", format]).output();
    docker(case, &["down", "-v"]).expect("removed");
    created.ok()?;
    Some(String::from_utf8_lossy(&list.expect("docker").stdout).into_owned())
}

fn docker(case: &Case, words: &[&str]) -> Result<String, String> {
    let (variables, options) = case.command();
    let output = docker_compose()
        .args(options)
        .args(words)
        .current_dir(&case.folder)
        .envs(variables)
        .output()
        .expect("docker");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Writes what `sofa` answers where it differs on purpose; read it before it is kept.
#[test]
#[ignore = "writes; run by hand"]
fn record_differences() {
    for case in Case::all()
        .iter()
        .filter(|case| ["differs", "differs-5"].iter().any(|file| case.read(file).is_some()))
    {
        let file = case.folder.join("sofa.json");
        match answer(case, Dialect::V5) {
            Ok((json, _)) => std::fs::write(file, format!("{json}\n")).expect("written"),
            Err(_) => drop(std::fs::remove_file(file)),
        }
    }
}
