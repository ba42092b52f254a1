//! The small verbs that only look, next to docker compose: `ps -q`, `port`, `top`, `ls`, `wait`, `attach`.

use std::process::{Command, Stdio};

use crate::support::real_engine::{TestProject, has_docker_compose};

const STACK: &str = r#"
services:
  web:
    image: ${IMAGE}
    init: true
    command: [sleep, "1000"]
    ports: ["127.0.0.1:${PORT}:80", "81"]
    deploy: { replicas: 1 }
  job:
    image: ${IMAGE}
    command: [sh, -c, exit 0]
    x-sofa: { role: job }
  reader:
    image: ${IMAGE}
    stdin_open: true
    init: true
    command: [sh, -c, "while read line; do echo got $$line; done; exit 6"]
"#;

#[tokio::test]
async fn what_programs_read_is_what_docker_compose_prints() {
    let Some(mut test) = TestProject::new("verbs").await else { return };
    let image = test.image().to_owned();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    test.env("IMAGE", &image).env("PORT", &port.to_string());
    test.file("compose.yaml", STACK);
    test.sofa(["deploy"]).ok();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    if has_docker_compose() {
        for line in [
            "ps -q web reader",
            "ps -a -q job",
            "ps --services --status exited",
            "port web 80",
            "port web 81",
        ] {
            let (ours, theirs) = (test.sofa(line.split(' ')), test.docker_compose(line.split(' ')));
            assert_eq!(sorted(&ours.ok().stdout), sorted(&theirs.ok().stdout), "{line}");
        }
        let processes = |text: &str| text.lines().filter(|line| line.ends_with("sleep 1000")).count();
        assert_eq!(
            processes(&test.sofa(["top", "web"]).ok().stdout),
            processes(&test.docker_compose(["top", "web"]).ok().stdout)
        );
        for line in ["port web 82", "exec web true", "exec web false"] {
            let (ours, theirs) = (test.sofa(line.split(' ')), test.docker_compose(line.split(' ')));
            assert_eq!(ours.code, theirs.code, "{line}: {}{}", ours.stderr, theirs.stderr);
        }
    }
    assert_eq!(test.sofa(["port", "web", "80"]).ok().stdout, format!("127.0.0.1:{port}\n"));
    test.sofa(["port", "web", "eighty"]).assert_code(2).says("sofa port web 80");
    test.sofa(["port", "web", "82"]).assert_code(1).says("port 82/tcp is not published");
    assert!(test.sofa(["ls"]).ok().stdout.contains(test.name()));
    test.sofa(["ps", "--status", "bad"]).assert_code(2).says("one of: created");
    // The events of one service.
    let events = test.sofa(["events", "--json", "--since", "5m", "--until", "0s", "job"]);
    let actions: Vec<serde_json::Value> =
        events.ok().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let words: Vec<&str> = actions.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(words, ["create", "start", "die"], "{actions:#?}");
    assert!(actions.iter().all(|event| event["service"] == "job"));
    assert_eq!(actions[2]["attributes"]["exitCode"], "0");
    let events = test.sofa(["events", "--since", "5m", "--until", "0s", "job"]);
    assert!(events.ok().stdout.contains(" container die "), "{}", events.stdout);

    // Piped input reaches the process; its end is the end of `attach`.
    let mut command = test.sofa_command();
    let mut attached =
        command.args(["attach", "reader"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(attached.stdin.as_mut().unwrap(), b"one\ntwo\n").unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(attached.stdout.as_mut().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "got one");
    assert_eq!(lines.next().unwrap().unwrap(), "got two");
    drop(lines);
    // A signal goes to the container.
    let mut terminate = Command::new("kill");
    terminate.args(["-TERM", &attached.id().to_string()]);
    test.run(terminate).ok();
    assert_eq!(attached.wait().unwrap().code(), Some(143));
    // One that has ended counts; docker compose fails there.
    test.sofa(["wait", "reader"]).assert_code(143);
}
