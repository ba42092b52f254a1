//! `sofa run`: a command in a container of its own, after its dependencies are ready, and what is left afterwards.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::real_engine::{Run, TestProject};
use crate::terminal::Terminal;

const STACK: &str = r#"
services:
  db:
    image: ${IMAGE}
    command: [sh, -c, "sleep 1; touch /tmp/ready; sleep 1000"]
    init: true
    healthcheck: { test: test -e /tmp/ready, interval: 500ms, retries: 20 }
  app:
    image: ${IMAGE}
    command: [sh, -c, "echo service; exit 4"]
    init: true
    environment: { GREETING: hello }
    ports: ["127.0.0.1:${PORT}:80"]
    volumes: [data:/data]
    depends_on: { db: { condition: service_healthy } }
    restart: always
    x-sofa: { role: backend }
volumes: { data: {} }
"#;

async fn stack(name: &str) -> Option<TestProject> {
    let mut test = TestProject::new(name).await?;
    let image = test.image().to_owned();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    test.env("IMAGE", &image).env("PORT", &port.to_string());
    test.file("compose.yaml", STACK);
    Some(test)
}

/// The one-off containers of the project, as the engine's list has them.
async fn one_offs(test: &TestProject) -> Vec<(String, bool)> {
    let containers = test.engine().list_containers().await.unwrap();
    let own = containers.into_iter().filter(|found| found.project() == Some(test.name()) && found.oneoff);
    own.map(|found| (found.name.clone(), found.is_up())).collect()
}

#[tokio::test]
async fn a_command_runs_once_beside_the_service_after_its_dependencies_are_ready() {
    let Some(test) = stack("run").await else { return };
    let plain = |run: Run| (run.stdout.clone(), run.stderr.clone());
    // The first one starts `db`, waits for it, and creates the network and the volume.
    let run = test.sofa(["run", "--rm", "app", "sh", "-c", "echo $GREETING; echo kept >/data/file; exit 3"]);
    run.assert_code(3).says("db: ready (healthy)");
    assert_eq!(run.stdout, "hello\n");
    assert!(one_offs(&test).await.is_empty());
    // The next one has nothing to do before it, and says nothing.
    let run =
        test.sofa(["run", "--rm", "-e", "GREETING=a$b", "app", "sh", "-c", "echo $GREETING; cat /data/file"]);
    assert_eq!(plain(run), ("a$b\nkept\n".into(), String::new()));
    // The service's own command, its own program, options like those of `sofa`.
    let run = test.sofa(["run", "--rm", "app"]);
    assert_eq!(run.stdout, "service\n");
    run.assert_code(4);
    assert_eq!(test.sofa(["run", "--rm", "--entrypoint", "echo 'a b'", "app"]).ok().stdout, "a b\n");
    assert_eq!(test.sofa(["run", "--rm", "app", "echo", "--rm", "-e"]).ok().stdout, "--rm -e\n");
    assert_eq!(
        test.sofa(["run", "--rm", "-u", "12", "-w", "/data", "app", "sh", "-c", "id -u; pwd"]).ok().stdout,
        "12\n/data\n"
    );
    // A folder here, and pipes.
    test.file("here/file", "of the host");
    let run = test.sofa(["run", "--rm", "-v", "./here:/there:ro", "app", "cat", "/there/file"]);
    assert_eq!(run.ok().stdout, "of the host");
    // It made no release, and no container of `app`.
    test.sofa(["history"]).ok().says("no kept releases");
    let run = test.sofa(["ps", "--all", "--format", "json"]);
    let services: Vec<Value> =
        run.ok().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(services.iter().map(|found| found["Service"].as_str().unwrap()).collect::<Vec<_>>(), ["db"]);
    // Mistakes are named, and nothing is left.
    test.sofa(["run", "--rm", "ap", "true"]).assert_code(2).says("did you mean `app`?");
    test.sofa(["run", "--rm", "-p", "abc", "app", "true"]).assert_code(3).says("`abc` is no port");
    test.sofa(["run", "--rm", "app", "no-such-program"]).assert_code(127).says("no-such-program");
    assert!(one_offs(&test).await.is_empty());
}

#[tokio::test]
async fn a_one_off_stays_or_goes_as_asked_and_never_takes_the_services_ports() {
    let Some(test) = stack("run-left").await else { return };
    let run = test.sofa([
        "run",
        "-d",
        "--name",
        &format!("{}-x", test.name()),
        "-l",
        "a=b",
        "app",
        "sleep",
        "1000",
    ]);
    assert_eq!(run.ok().stdout, format!("{}-x\n", test.name()));
    let found = test.engine().inspect(&format!("{}-x", test.name())).await.unwrap();
    assert_eq!(found.labels["a"], "b");
    assert!(found.restart_policy == sofa::testing::engine::RestartPolicy::No);
    // Its service has its ports for itself, its roles too.
    assert!(!found.labels.contains_key("sofa.role"), "{:?}", found.labels);
    test.sofa(["run", "--rm", "--service-ports", "app", "true"]).ok();
    // Without `--rm` one that ended stays, over later runs too; a deploy removes it.
    test.sofa(["run", "app", "true"]).ok();
    test.sofa(["run", "--rm", "app", "true"]).ok();
    let left = one_offs(&test).await;
    assert_eq!(left.iter().filter(|(_, up)| !up).count(), 1, "{left:?}");
    test.sofa(["deploy", "db"]).ok();
    assert_eq!(one_offs(&test).await, [(format!("{}-x", test.name()), true)]);
    test.sofa(["down"]).ok();
    assert!(one_offs(&test).await.is_empty());
}

#[tokio::test]
async fn a_signal_reaches_the_command_and_a_killed_run_is_cleaned_up_by_the_next() {
    let Some(test) = stack("run-signals").await else { return };
    test.sofa(["run", "--rm", "app", "true"]).ok();
    let begin = || {
        let mut command = test.sofa_command();
        let line = "trap 'echo ended; exit 9' INT; echo up; while :; do sleep 0.1; done";
        command.args(["run", "--rm", "app", "sh", "-c", line]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let is_up = || async {
        for _ in 0..100 {
            if one_offs(&test).await.iter().any(|(_, up)| *up) {
                tokio::time::sleep(Duration::from_millis(500)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no container");
    };
    let run = begin();
    is_up().await;
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &run.id().to_string()]);
    test.run(interrupt).ok();
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(9), "the command decides");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "up\nended\n");
    assert!(one_offs(&test).await.is_empty());

    let mut run = begin();
    is_up().await;
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(one_offs(&test).await.len(), 1);
    test.sofa(["run", "--rm", "app", "true"]).ok().says("the `sofa run` that it belongs to was killed");
    assert!(one_offs(&test).await.is_empty());
}

#[tokio::test]
async fn a_person_has_a_terminal_and_may_detach_from_it() {
    let Some(test) = stack("run-tty").await else { return };
    test.sofa(["run", "--rm", "app", "true"]).ok();
    let mut terminal = Terminal::open(&test, &["run", "--rm", "-e", "PS1=> ", "app", "sh"]);
    terminal.shows("> ");
    terminal.types("stty size; exit 5\n");
    terminal.shows("33 77");
    assert_eq!(terminal.ends(), Some(5));
    assert!(one_offs(&test).await.is_empty());
    // One that is left running stays, also where a later run cleans up; and goes when it has ended.
    let mut terminal = Terminal::open(&test, &["run", "--rm", "app", "sh", "-c", "echo up; sleep 1000"]);
    terminal.shows("up");
    terminal.types("\u{10}\u{11}");
    terminal.shows("runs on");
    assert_eq!(terminal.ends(), Some(0));
    test.sofa(["run", "--rm", "app", "true"]).ok();
    let left = one_offs(&test).await;
    assert!(matches!(left.as_slice(), [(_, true)]), "{left:?}");
    let containers = test.engine().list_containers().await.unwrap();
    let left = containers.iter().find(|found| found.name == left[0].0).unwrap();
    test.engine().stop(&left.id, None).await.unwrap();
    test.sofa(["run", "--rm", "app", "true"]).ok();
    assert!(one_offs(&test).await.is_empty());
}
