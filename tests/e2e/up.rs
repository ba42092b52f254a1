//! `sofa up`: a deploy whose services are followed, and what ends that.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::real_engine::TestProject;

const STACK: &str = r#"
services:
  long:
    image: ${IMAGE}
    init: true
    command: [sh, -c, "echo long begins; sleep 1000"]
  short:
    image: ${IMAGE}
    init: true
    command: [sh, -c, "echo short begins; sleep 4; echo short ends; exit 5"]
"#;

async fn stack(name: &str) -> Option<TestProject> {
    let mut test = TestProject::new(name).await?;
    let image = test.image().to_owned();
    test.env("IMAGE", &image);
    test.file("compose.yaml", STACK);
    Some(test)
}

/// Reads lines of stdout until one has this text.
fn reads(up: &mut Child, text: &str) {
    let lines = BufReader::new(up.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let mut seen = Vec::new();
    for line in lines {
        let found = line.contains(text);
        seen.push(line);
        if found {
            return;
        }
    }
    panic!("no `{text}`: {seen:?}");
}

async fn running(test: &TestProject) -> Vec<String> {
    let containers = test.engine().list_containers().await.unwrap();
    let own = containers.into_iter().filter(|found| found.project() == Some(test.name()) && found.is_up());
    own.map(|found| found.service).collect()
}

#[tokio::test]
async fn ctrl_c_stops_what_is_followed_and_detached_it_returns() {
    let Some(test) = stack("up").await else { return };
    let mut command = test.sofa_command();
    let mut up = command.args(["up"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    reads(&mut up, "long begins");
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &up.id().to_string()]);
    test.run(interrupt).ok();
    assert_eq!(up.wait().unwrap().code(), Some(130));
    assert!(running(&test).await.is_empty());
    // Again, and only one of them: the other one stays stopped. What was printed before is not shown again.
    let run = test.sofa(["up", "-d", "long"]);
    assert_eq!(run.ok().stdout, "");
    assert_eq!(running(&test).await, ["long"]);
    let run = test.sofa(["up", "short"]);
    assert_eq!(run.ok().stdout, "short-1 | short begins\nshort-1 | short ends\n");
    assert_eq!(running(&test).await, ["long"]);
}

#[tokio::test]
async fn the_end_of_a_container_ends_all_where_that_is_asked_for() {
    let Some(test) = stack("up-abort").await else { return };
    let run = test.sofa(["up", "--abort-on-container-exit", "--no-attach", "long", "--no-log-prefix"]);
    run.assert_code(5).says("short ended with exit code 5: stopping all");
    assert_eq!(run.stdout, "short begins\nshort ends\n");
    assert!(running(&test).await.is_empty());
    test.sofa(["up", "--abort-on-container-failure"]).assert_code(5);
    // The other one is stopped: 143 is what SIGTERM makes of it.
    test.sofa(["up", "--exit-code-from", "long"]).assert_code(143);
    assert!(running(&test).await.is_empty());
}
