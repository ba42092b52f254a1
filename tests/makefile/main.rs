//! The Makefile, judged by what reaches the binary. A stand-in for `sofa` and for the set-up tools writes down its
//! arguments, so nothing is built and no engine is needed.
#![allow(clippy::unwrap_used, reason = "a test that cannot arrange itself has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A stand-in for every program that the Makefile calls; each call is a line in `calls`.
struct Bench {
    folder: TempDir,
    environment: Vec<(&'static str, &'static str)>,
}

/// What one run of make did.
struct Run {
    code: i32,
    calls: Vec<String>,
    stdout: String,
    stderr: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for program in ["sofa", "ensure-engine", "build", "base-image"] {
            let script = format!(
                "#!/bin/sh\nprintf '%s%s%s\\n' \"{program}${{*:+ $*}}\" \"${{SOFA_SERVICES+ services=$SOFA_SERVICES}}\" \
                 \"${{BASE_IMAGE+ base=$BASE_IMAGE}}\" >>{}/calls\necho some-base\n",
                folder.path().display()
            );
            write_program(&folder.path().join(program), &script);
        }
        Self {
            folder,
            environment: Vec::new(),
        }
    }

    fn with_environment(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn without_binary(self) -> Self {
        fs::remove_file(self.folder.path().join("sofa")).unwrap();
        self
    }

    fn make(&self, arguments: &[&str]) -> Run {
        let path = self.folder.path();
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("make")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .env_remove("SERVICES")
            .env_remove("SOFA_SERVICES")
            .env_remove("BASE_IMAGE")
            .envs(self.environment.iter().copied())
            .arg(format!("SOFA={}/sofa", path.display()))
            .arg(format!("TOOLS={}", path.display()))
            .args(arguments)
            .output()
            .unwrap();
        let calls = fs::read_to_string(path.join("calls")).unwrap_or_default();
        Run {
            code: status.code().unwrap(),
            calls: calls.lines().map(str::to_owned).collect(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// The place where hostile input would leave its mark.
    fn mark(&self) -> String {
        self.folder.path().join("mark").display().to_string()
    }

    fn is_unmarked(&self) -> bool {
        !self.folder.path().join("mark").exists()
    }
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What the binary was called with, of a command that calls nothing else.
fn called(arguments: &[&str]) -> Vec<String> {
    let run = Bench::new().make(arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.calls
}

/// Asserts that make refuses before anything runs, and says why.
fn assert_refused(arguments: &[&str], reason: &str) {
    let run = Bench::new().make(arguments);
    assert_eq!(run.code, 2, "make {arguments:?}");
    assert!(run.stderr.contains(reason), "make {arguments:?}: {}", run.stderr);
    assert_eq!(run.calls, [""; 0], "make {arguments:?}");
}

#[test]
fn make_alone_prints_help() {
    let run = Bench::new().make(&[]);
    assert_eq!((run.code, run.calls.len()), (0, 0));
    assert!(run.stdout.starts_with("make VERB"), "{}", run.stdout);
}

#[test]
fn deploy_sees_to_engine_binary_and_base_first() {
    let calls = called(&["deploy"]);
    assert_eq!(
        calls,
        [
            "ensure-engine",
            "build",
            "base-image",
            "sofa deploy base=some-base"
        ]
    );
}

#[test]
fn a_failing_tool_keeps_deploy_from_running() {
    for tool in ["ensure-engine", "build", "base-image"] {
        let bench = Bench::new();
        write_program(&bench.folder.path().join(tool), "#!/bin/sh\nexit 1\n");
        let run = bench.make(&["deploy"]);
        assert_eq!(run.code, 2, "{tool}");
        assert!(
            !run.calls.iter().any(|call| call.starts_with("sofa")),
            "{tool}: {:?}",
            run.calls
        );
    }
}

#[test]
fn other_verbs_use_the_binary_that_is_there() {
    for verb in ["ps", "logs", "down", "plan", "config"] {
        assert_eq!(called(&[verb]), [format!("sofa {verb}")]);
    }
}

#[test]
fn other_verbs_build_a_binary_where_there_is_none() {
    let run = Bench::new().without_binary().make(&["ps"]);
    assert_eq!(run.calls, ["build"]);
}

#[test]
fn words_come_in_any_order() {
    for (typed, called_with) in [
        (["dev", "deploy"].as_slice(), "sofa deploy dev base=some-base"),
        (&["deploy", "dev"], "sofa deploy dev base=some-base"),
        (
            &["production", "all", "deploy"],
            "sofa deploy production all base=some-base",
        ),
        (
            &["all", "deploy", "production"],
            "sofa deploy all production base=some-base",
        ),
        (&["-j4", "local", "deploy"], "sofa deploy local base=some-base"),
    ] {
        assert_eq!(called(typed).last().unwrap(), called_with, "make {typed:?}");
    }
}

#[test]
fn services_reach_the_binary_as_typed() {
    assert_eq!(called(&["ps", "SERVICES=a,b"]), ["sofa ps services=a,b"]);
    assert_eq!(
        called(&["SERVICES=a b", "dev", "ps"]),
        ["sofa ps dev services=a b"]
    );
}

#[test]
fn nothing_expands_what_services_holds() {
    for hostile in [
        "a;touch MARK",
        "$(shell touch MARK)",
        "`touch MARK`",
        "$$(touch MARK)",
        "'\"; touch MARK #",
        "${HOME}",
    ] {
        for options in [["--silent"], ["-n"], ["-e"]] {
            let bench = Bench::new();
            let services = hostile.replace("MARK", &bench.mark());
            let run = bench.make(&[options[0], "ps", &format!("SERVICES={services}")]);
            assert!(bench.is_unmarked(), "{options:?} {hostile}");
            if options[0] == "--silent" {
                assert_eq!(run.calls, [format!("sofa ps services={services}")]);
            }
        }
    }
}

#[test]
fn services_of_the_environment_are_not_read() {
    let bench = Bench::new().with_environment("SERVICES", "web");
    assert_eq!(bench.make(&["ps"]).calls, ["sofa ps"]);
}

#[test]
fn services_of_the_command_line_beat_the_environment() {
    let bench = Bench::new().with_environment("SOFA_SERVICES", "web");
    assert_eq!(bench.make(&["ps", "SERVICES=db"]).calls, ["sofa ps services=db"]);
}

#[test]
fn a_dry_run_runs_nothing() {
    for goals in [["deploy", "dev"], ["down", "local"], ["ps", "all"]] {
        let run = Bench::new().make(&["-n", goals[0], goals[1]]);
        assert_eq!((run.code, run.calls.len()), (0, 0), "{goals:?}: {:?}", run.calls);
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    assert_refused(&["deploy", "prod"], "no goal `prod`");
    assert_refused(&["prod", "deploy"], "no goal `prod`");
    assert_refused(&["production"], "`production` needs a verb");
    assert_refused(&["all"], "`all` needs a verb");
    assert_refused(&["down", "deploy"], "two verbs");
    assert_refused(&["deploy", "dev", "production"], "more than one mode");
    assert_refused(&["deploy", "test"], "do not go together");
    assert_refused(&["Makefile"], "no goal `Makefile`");
    assert_refused(&["$(shell id)"], "no goal");
}

#[test]
fn empty_services_are_refused() {
    for empty in ["SERVICES=", "SERVICES=  "] {
        assert_refused(&["deploy", "production", empty], "SERVICES is empty");
    }
    assert_refused(&["SERVICES=web"], "SERVICES needs a verb");
}
