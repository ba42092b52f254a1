//! Every recorded case, and the recording.

use std::process::Command;

use sofa::compose::{Dialect, hash, load, render};

use crate::support::{Case, HOME};

/// What `sofa` answers: JSON and hashes, or that it refuses.
fn answer(case: &Case) -> Result<(String, String), String> {
    let (loaded, sources) = case.load();
    let loaded = loaded.map_err(|problems| problems.render(&sources, false))?;
    // What only docker compose 5 knows is printed in its dialect alone.
    let dialect = if case.read("differs").is_some() { Dialect::V5 } else { Dialect::V2 };
    let json = case.portable(&render::project_json(&loaded.project, dialect));
    let hashes = loaded
        .project
        .services
        .values()
        .map(|service| format!("{} {}\n", service.name, hash::service(service, Dialect::V2)))
        .collect();
    Ok((json, hashes))
}

#[test]
fn every_case_is_answered_as_docker_compose_answers_it() {
    let mut wrong = Vec::new();
    let cases = Case::all();
    assert!(cases.len() > 100, "only {} cases", cases.len());
    for case in &cases {
        if let Err(problem) = check(case) {
            wrong.push(format!("{}: {problem}", case.name()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let expected = case.read("expected.json");
    let refused = case.read("expected.error");
    let differs = case.read("differs").is_some();
    match (answer(case), expected, refused) {
        (Ok((json, _)), _, _) if differs => match case.read("sofa.json") {
            Some(ours) => same(&ours, &json),
            None => Err("accepted, but differs on purpose and has no sofa.json".to_owned()),
        },
        (Err(_), Some(_), _) if differs => Ok(()),
        (Ok((json, hashes)), Some(expected), None) => {
            same(&expected, &json)?;
            // The hash of a bind mount holds the folder's path, which differs from machine to machine.
            match case.read("expected.hash") {
                Some(expected) => same(&expected, &hashes),
                None => Ok(()),
            }
        }
        (Err(_), None, Some(_)) => Ok(()),
        (Ok(_), None, Some(error)) => Err(format!("accepted, docker compose refuses: {error}")),
        (Err(problems), Some(_), _) => Err(format!("refused, docker compose accepts:\n{problems}")),
        _ => Err("nothing is recorded".to_owned()),
    }
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
            let mut sources = sofa::diag::Sources::default();
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

/// Asks docker compose anew and writes its answers beside every case.
#[test]
#[ignore = "needs docker compose; run by hand"]
fn record_all() {
    record(Case::all());
}

/// The same for the cases that have no answer yet.
#[test]
#[ignore = "needs docker compose; run by hand"]
fn record_new() {
    record(Case::all().into_iter().filter(|case| case.read("version").is_none()).collect());
}

fn record(cases: Vec<Case>) {
    // What `create` needs is an image by this name; nothing of it ever runs.
    let image =
        r#"tar c --files-from /dev/null | docker import --change 'CMD ["none"]' - sofa-compose-case:latest"#;
    assert!(Command::new("sh").args(["-c", image]).status().expect("docker").success());
    for case in cases {
        let version = docker(&case, &["version", "--short"]).expect("docker compose");
        record_case(&case);
        case.write("version", &version);
    }
    let _ = Command::new("docker").args(["rmi", "sofa-compose-case:latest"]).status();
}

fn record_case(case: &Case) {
    for file in ["expected.json", "expected.hash", "expected.error"] {
        let _ = std::fs::remove_file(case.folder.join(file));
    }
    match docker(case, &["config", "--format", "json"]) {
        Ok(json) => {
            let portable = case.portable(&json);
            // Hashes that depend on where the case lies cannot be recorded; the name of a label file does.
            let names_folder = portable != json || json.contains(HOME) || case.name() == "label-file";
            if let Some(hashes) = (!names_folder).then(|| hashes(case)).flatten() {
                let mut lines: Vec<&str> = hashes.lines().collect();
                lines.sort_unstable();
                case.write("expected.hash", &lines.join("\n"));
            }
            case.write("expected.json", &portable);
        }
        Err(error) => case.write("expected.error", &case.portable(&error)),
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
    let output = Command::new("docker")
        .arg("compose")
        .args(options)
        .args(words)
        .current_dir(&case.folder)
        .env_clear()
        .env("PATH", option_env!("PATH").unwrap_or("/usr/bin"))
        .env("DOCKER_CONFIG", "/root/.docker")
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
    for case in Case::all().iter().filter(|case| case.read("differs").is_some()) {
        let file = case.folder.join("sofa.json");
        match answer(case) {
            Ok((json, _)) => std::fs::write(file, format!("{json}\n")).expect("written"),
            Err(_) => drop(std::fs::remove_file(file)),
        }
    }
}
