//! Any folder of Compose files through docker compose and `sofa`: how often they agree, and the first differences.
//! `SOFA_PARITY_DIR=… cargo test --test compose parity -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sofa::testing::compat::Dialect;
use sofa::testing::compose::load::{Input, Request, load};
use sofa::testing::compose::{hash, render};
use sofa::testing::diag::Sources;

use crate::cases::equal;
use crate::support::{bare, oracle};

#[derive(Default)]
struct Tally {
    accepted: usize,
    same_json: usize,
    same_hashes: usize,
    same_yaml: usize,
    refused: usize,
    also_refused: usize,
    differences: Vec<String>,
}

#[test]
#[ignore = "needs docker compose and a folder"]
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool for the terminal, told by a variable what to do"
)]
fn parity() {
    let folder = std::env::var("SOFA_PARITY_DIR").expect("SOFA_PARITY_DIR names a folder");
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    files.sort();
    let mut tally = Tally::default();
    let (dialect, version) = oracle();
    for file in &files {
        compare(file, dialect, &mut tally);
    }
    for difference in tally.differences.iter().take(20) {
        println!("{difference}\n");
    }
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    println!("{} files in {folder}, docker compose {version}", files.len());
    let Tally { accepted, same_json, same_hashes, same_yaml, refused, also_refused, .. } = tally;
    println!("accepted by docker compose: {accepted}");
    println!("  the same JSON:   {same_json} ({:.1} %)", share(same_json, accepted));
    println!("  the same hashes: {same_hashes} ({:.1} %)", share(same_hashes, accepted));
    println!(
        "  the same YAML:   {same_yaml} ({:.1} %), differing in quotes alone",
        share(same_yaml, accepted)
    );
    println!("refused by docker compose: {refused}");
    println!("  refused:         {also_refused} ({:.1} %)", share(also_refused, refused));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            files.push(path);
        }
    }
}

fn compare(file: &Path, dialect: Dialect, tally: &mut Tally) {
    let folder = file.parent().expect("folder");
    let request = Request {
        working_directory: folder.into(),
        files: vec![Input::Path(file.into())],
        environment: BTreeMap::from([("HOME".to_owned(), crate::support::HOME.to_owned())]),
        ..Request::default()
    };
    let mut sources = Sources::default();
    let ours = load(&request, &mut sources);
    let mut differ =
        |what: &str, detail: &str| tally.differences.push(format!("{}: {what}\n{detail}", file.display()));
    match (docker(file, &["--format", "json"]), ours) {
        (Ok(json), Ok(loaded)) => {
            tally.accepted += 1;
            let project = &loaded.project;
            let printed = render::project_json(project, dialect);
            match json.trim().lines().zip(printed.trim().lines()).find(|(theirs, ours)| theirs != ours) {
                None if json.trim().len() == printed.trim().len() => tally.same_json += 1,
                _ if dialect != Dialect::V2 && equal(&json, &printed) => tally.same_json += 1,
                line => differ("JSON differs", &format!("{line:?}")),
            }
            let hashes = project
                .services
                .values()
                .map(|service| format!("{} {}\n", service.name, hash::service(service, dialect)));
            let (theirs, hashes) = (
                sorted(&docker(file, &["--hash", "*"]).unwrap_or_default()),
                sorted(&hashes.collect::<String>()),
            );
            tally.same_hashes += usize::from(theirs == hashes);
            let unquoted = |text: &str| text.replace(['"', '\''], "");
            let yaml = render::project_yaml(project, dialect);
            tally.same_yaml +=
                usize::from(unquoted(&docker(file, &[]).unwrap_or_default()) == unquoted(&yaml));
        }
        (Ok(_), Err(problems)) => {
            tally.accepted += 1;
            differ("refused, docker compose accepts it", &problems.render(&sources, false));
        }
        (Err(error), Ok(_)) => {
            tally.refused += 1;
            differ("accepted, docker compose refuses it", &error);
        }
        (Err(_), Err(_)) => {
            tally.refused += 1;
            tally.also_refused += 1;
        }
    }
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// docker compose takes all memory on some files, and for ever on others: it gets 3 GB and 20 seconds.
const BOUNDED: &str = r#"ulimit -v 3000000; exec timeout 20 docker compose "$@""#;

fn docker(file: &Path, options: &[&str]) -> Result<String, String> {
    let output = bare("sh")
        .args(["-c", BOUNDED, "sh", "-f"])
        .arg(file)
        .arg("config")
        .args(options)
        .current_dir(file.parent().expect("folder"))
        .env("HOME", crate::support::HOME)
        .output()
        .expect("docker");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
