//! A protected mode asks before it destroys; data that goes is named first, everywhere.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::real_engine::{Run, TestProject};

const STACK: &str = "
services:
  web:
    image: ${BUSYBOX}
    init: true
    command: [sleep, '600']
    volumes: ['data:/data']
volumes: { data: }
";

/// A project with a protected mode `live`, deployed.
async fn live(name: &str) -> Option<TestProject> {
    let mut test = TestProject::new(name).await?;
    test.also_clean(&format!("{}-live", test.name()));
    test.also_clean(&format!("{}-open", test.name()));
    test.file("stack.yml", STACK);
    let settings = format!(
        "project: {}\nmodes:\n  live: {{ files: [stack.yml], protected: true }}\n  open: {{ files: [stack.yml], down_volumes: true }}\n",
        test.name()
    );
    test.file("sofa.yaml", &settings);
    test.sofa_by_files(["deploy", "live"]).ok();
    Some(test)
}

/// Id and start of the one container.
async fn standing(test: &TestProject) -> Option<(String, String)> {
    let observed = test.engine().observe_project(&format!("{}-live", test.name())).await.expect("engine");
    let container = observed.containers.first()?;
    let details = test.engine().inspect(container.id.as_str()).await.expect("inspect");
    Some((container.id.as_str().to_owned(), format!("{} {:?}", details.state, details.started)))
}

/// `sofa` on a separate terminal, waiting for an answer.
struct Asked {
    child: Child,
    said: Vec<u8>,
    begun: Instant,
}

impl Asked {
    /// Runs a command line until it asks.
    fn by(test: &TestProject, line: &str) -> Asked {
        let mut command = Command::new("script");
        command.args(["-qefc", &format!("{} {line}", env!("CARGO_BIN_EXE_sofa")), "/dev/null"]);
        command.current_dir(test.folder()).envs(test.environment()).env_remove("CI").env("NO_COLOR", "1");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script");
        let mut asked = Asked { child, said: Vec::new(), begun: Instant::now() };
        let output = asked.child.stdout.as_mut().expect("output");
        let mut byte = [0];
        while !String::from_utf8_lossy(&asked.said).ends_with("[y/N] ") {
            assert!(output.read(&mut byte).expect("read") > 0, "{}", String::from_utf8_lossy(&asked.said));
            asked.said.push(byte[0]);
        }
        asked
    }

    /// Types something, and waits for the end.
    fn answer(mut self, typed: &str) -> Run {
        self.child.stdin.as_mut().expect("stdin").write_all(typed.as_bytes()).expect("typed");
        self.child.stdout.take().expect("output").read_to_end(&mut self.said).expect("read");
        let code = self.child.wait().expect("end").code().unwrap_or(-1);
        let stderr = String::from_utf8_lossy(&self.said).into_owned();
        Run { code, stdout: String::new(), stderr, took: self.begun.elapsed() }
    }
}

#[tokio::test]
async fn without_a_terminal_a_protected_mode_wants_a_yes_on_the_command_line() {
    let Some(mut test) = live("asking").await else { return };
    let before = standing(&test).await;
    for words in [
        "down live",
        "live down --volumes",
        "kill live",
        "rm live --stop",
        "deploy live --force-recreate",
        "deploy live --renew-anon-volumes",
        "scale live web=0",
    ] {
        let run = test.sofa_by_files(words.split(' '));
        run.assert_code(5).says("mode `live` is protected").says(&format!("sofa {words} --yes"));
        assert_eq!(standing(&test).await, before, "{words}");
    }
    // What asks nothing, and what there is nothing to be done for.
    for words in
        ["deploy live", "stop live", "start live", "restart live", "rm live", "deploy live --remove-orphans"]
    {
        test.sofa_by_files(words.split(' ')).ok();
    }
    test.sofa_by_files(["deploy", "live", "--force-recreate", "--yes"]).ok();
    test.env("SOFA_YES", "1");
    test.sofa_by_files(["down", "live"]).ok().says("stays");
    assert_eq!(standing(&test).await, None);
}

#[tokio::test]
async fn orphans_are_asked_for_before_they_go() {
    let Some(test) = live("asking-orphans").await else { return };
    let before = standing(&test).await;
    test.file("stack.yml", &STACK.replace("  web:", "  front:"));
    let run = test.sofa_by_files(["deploy", "live", "--remove-orphans"]);
    run.assert_code(5).says("`--remove-orphans`");
    assert_eq!(standing(&test).await, before);
}

#[tokio::test]
async fn on_a_terminal_only_a_yes_goes_on() {
    let Some(test) = live("asking-tty").await else { return };
    test.file("stack.yml", &STACK.replace("'data:/data'", "'data:/data', /scratch"));
    test.sofa_by_files(["deploy", "live"]).ok();
    let before = standing(&test).await;
    for (typed, code) in [("n\n", 5), ("\n", 5), ("\u{4}", 5), ("\u{3}", 130)] {
        let run = Asked::by(&test, "down live --volumes").answer(typed);
        run.assert_code(code).says("nothing was changed");
        run.says(&format!("`down` in project `{}-live` of the protected mode `live`? [y/N]", test.name()));
        // The plan and the data that would go stand above the question.
        run.says(&format!("volume {}-live_data (", test.name())).says("anonymous, of").says("- web");
        assert_eq!(standing(&test).await, before, "{typed:?}");
    }
    Asked::by(&test, "down live --volumes").answer("y\n").ok();
    assert_eq!(standing(&test).await, None);
    let left = test.engine().observe_project(&format!("{}-live", test.name())).await.expect("engine");
    assert!(left.volumes.is_empty(), "{:?}", left.volumes);
}

#[tokio::test]
async fn what_changed_while_a_person_thought_is_not_torn_down_unseen() {
    let Some(test) = live("asking-late").await else { return };
    let asked = Asked::by(&test, "down live");
    test.sofa_by_files(["deploy", "live", "--force-recreate", "--yes"]).ok();
    asked.answer("y\n").assert_code(5).says("changed after the plan was shown");
    assert!(standing(&test).await.is_some());
}

#[tokio::test]
async fn a_mode_without_protection_asks_nothing_and_still_names_the_data_that_goes() {
    let Some(test) = live("asking-open").await else { return };
    test.sofa_by_files(["deploy", "open"]).ok();
    let run = test.sofa_by_files(["down", "open"]);
    run.ok().says("data that will be removed:").says(&format!("volume {}-open_data (", test.name()));
    // Nothing that goes, nothing to name.
    test.sofa_by_files(["deploy", "open"]).ok();
    let run = test.sofa_by_files(["down", "open", "--keep-volumes"]);
    assert!(!run.ok().stderr.contains("data that will be removed"), "{}", run.stderr);
}
