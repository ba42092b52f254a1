//! Services behind the edge: no request is lost, whatever happens to their containers; a port moves there and back; names, ports and
//! routes; the proxy itself.

#[path = "edge/load.rs"]
mod load;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sofa::testing::engine::exec::ExecCommand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::load::{Clients, Load};
use crate::stack::{assert_nothing_is_there, container, containers, ids};
use crate::support::real_engine::{Run, TestProject};

const SERVER: &str = include_str!("edge/server.py");
const DOCKERFILE: &str = r#"ARG BASE=sofa-base:bookworm
FROM ${BASE}
RUN set -eu; export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; \
    apt-get -qq install -y --no-install-recommends -o Dpkg::Use-Pty=0 python3 >/dev/null; \
    rm -rf /var/lib/apt/lists/*
COPY server.py /
CMD ["python3", "-u", "/server.py"]
"#;

/// `api` behind the edge, and what counts its POST requests. `http` and `more` are YAML.
fn stack(test: &TestProject, port: u16, http: &str, more: &str) {
    test.file("server/Dockerfile", DOCKERFILE);
    test.file("server/server.py", SERVER);
    let x_sofa = if http.is_empty() { String::new() } else { format!("x-sofa: {{ http: {http} }}") };
    let image = format!("{}-server", test.name());
    test.file(
        "compose.yaml",
        &format!(
            r#"
x-server: &server
  image: {image}
  build: server
  stop_grace_period: 5s
services:
  ledger:
    <<: *server
    environment: {{ LEDGER: "1" }}
  api:
    <<: *server
    environment: {{ VERSION: "${{VERSION:-1}}" }}
    ports: ["127.0.0.1:{port}:8000"]
    expose: ["9000"]
    depends_on: [ledger]
    healthcheck:
      test: ["CMD", "python3", "-c", "${{CHECK:-import socket; socket.create_connection(('127.0.0.1', 8000))}}"]
      interval: 500ms
      retries: 4
      start_period: 5s
    {x_sofa}
{more}
"#
        ),
    );
}

/// A port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

async fn stack_behind_edge(name: &str) -> Option<(TestProject, u16)> {
    let test = TestProject::new(name).await?;
    let port = free_port();
    stack(&test, port, "{ port: 8000, drain: 90s }", "");
    test.sofa(["deploy", "--progress", "plain"]).ok();
    Some((test, port))
}

fn deploy(test: &mut TestProject, version: &str) -> Run {
    test.env("VERSION", version);
    test.sofa(["deploy", "--progress", "plain"])
}

/// The answer to one request.
async fn get(port: u16, host: &str, path: &str) -> String {
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    match answer.await {
        Ok(text) => {
            let status = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            if status == "200" { body.trim().to_owned() } else { status }
        }
        Err(error) => error.kind().to_string(),
    }
}

/// Runs Python in the first container of a service.
async fn python(test: &TestProject, service: &str, code: &str) -> String {
    let id = container(test, service).await.id;
    let argv = ["python3", "-c", code].map(String::from).to_vec();
    let command = ExecCommand { argv, ..ExecCommand::default() };
    let outcome = test.engine().exec(&id, &command, Duration::from_secs(30)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if outcome.exit_code == Some(0) { text(&outcome.stdout) } else { text(&outcome.stderr) }
}

/// How often POST requests ran, and how many there were.
async fn ledger(test: &TestProject) -> (u64, u64) {
    let code = "import socket; s = socket.create_connection(('127.0.0.1', 7000)); s.sendall(b'?\\n'); print(s.recv(99).decode())";
    let text = python(test, "ledger", code).await;
    let (runs, numbers) = text.split_once(' ').unwrap_or_else(|| panic!("{text}"));
    (runs.parse().unwrap(), numbers.parse().unwrap())
}

/// A deploy that is under way, and drains the old container.
fn draining(test: &mut TestProject, version: &str) -> std::process::Child {
    use std::io::BufRead;
    test.env("VERSION", version);
    let mut command = test.sofa_command();
    command.args(["deploy", "--progress", "plain"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = std::io::BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let mut seen = Vec::new();
    for line in lines.map_while(Result::ok) {
        let found = line.contains("api: draining (") && line.contains("requests");
        seen.push(line);
        if found {
            return child;
        }
    }
    let ended = child.wait();
    panic!("no drain, {ended:?}: {seen:#?}");
}

async fn lives_under(load: Load, least: u64, seconds_of_stream: u64) {
    let Some((mut test, port)) = stack_behind_edge("edge-load").await else { return };
    let load = Load { streams: (load.streams.0, seconds_of_stream), ..load };
    let clients = Clients::begin(port, load);
    clients.answer(50);
    for version in ["2", "3", "4"] {
        let run = deploy(&mut test, version);
        run.ok().says("api: draining (replaced)");
        clients.answer(least / 10);
    }
    test.sofa(["scale", "api=3", "--progress", "plain"]).ok();
    clients.answer(least / 10);
    test.sofa(["restart", "api", "--progress", "plain"]).ok();
    clients.answer(least / 10);
    test.sofa(["scale", "api=1", "--progress", "plain"]).ok();
    // A version that never gets ready: undone.
    test.env("CHECK", "raise SystemExit(1)");
    deploy(&mut test, "5").assert_code(4).says("undone");
    test.env("CHECK", "import socket; socket.create_connection(('127.0.0.1', 8000))");
    deploy(&mut test, "4").ok();
    // An interrupt in the drain: undone.
    let before = ids(&test).await;
    let mut child = draining(&mut test, "6");
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &child.id().to_string()]);
    test.run(interrupt).ok();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(ids(&test).await, before);
    clients.answer(least / 10);
    // A kill in the drain: the next deploy goes on.
    let mut child = draining(&mut test, "7");
    child.kill().unwrap();
    child.wait().unwrap();
    clients.answer(least / 10);
    deploy(&mut test, "7").ok();
    // Another service: the proxy reads its file again.
    let other = format!(
        "  docs:\n    <<: *server\n    environment: {{ VERSION: docs }}\n    ports: [\"127.0.0.1:{port}:8000\"]\n    x-sofa: {{ http: {{ port: 8000, path: /docs }} }}\n"
    );
    stack(&test, port, "{ port: 8000, drain: 90s }", &other);
    deploy(&mut test, "7").ok().says("edge: configuring (settings of docs changed)");
    assert_eq!(get(port, "x", "/docs/a").await, "docs /docs/a");
    deploy(&mut test, "8").ok();
    while clients.answered() < least {
        clients.answer(50);
    }
    let seen = clients.end();
    assert!(seen.failures.is_empty(), "{seen:#?}");
    assert!(seen.requests >= least, "{seen:#?}");
    for version in ["1", "2", "3", "4", "7", "8"] {
        assert!(seen.versions.contains_key(version), "{version}: {seen:#?}");
    }
    assert!(!seen.versions.contains_key("5"), "{seen:#?}");
    assert_eq!(ledger(&test).await, (seen.posts, seen.posts), "each POST ran once");
}

const LIGHT: Load =
    Load { keep_alive: 4, fresh: 2, streams: (1, 4), websockets: 1, pause: Duration::from_millis(15) };

#[tokio::test]
async fn no_request_is_lost_whatever_happens_to_the_containers() {
    lives_under(LIGHT, 3_000, 4).await;
}

#[tokio::test]
#[ignore = "several minutes under full load"]
async fn long_no_request_of_a_hundred_thousand_is_lost() {
    let load = Load { keep_alive: 12, fresh: 8, streams: (3, 60), websockets: 3, pause: Duration::ZERO };
    lives_under(load, 100_000, 60).await;
}

/// After a reload an earlier process of the proxy serves the streams, and its connections are counted beside those that close meanwhile.
#[tokio::test]
async fn a_stream_lives_through_a_reload_and_a_replacement_after_it() {
    let Some((mut test, port)) = stack_behind_edge("edge-reload").await else { return };
    let load = Load { keep_alive: 12, streams: (3, 8), websockets: 0, pause: Duration::ZERO, ..LIGHT };
    let clients = Clients::begin(port, load);
    clients.answer(500);
    let other = |version: &str| {
        format!(
            "  docs:\n    <<: *server\n    environment: {{ VERSION: \"{version}\" }}\n    ports: [\"127.0.0.1:{port}:8000\"]\n    x-sofa: {{ http: {{ port: 8000, path: /docs{version} }} }}\n"
        )
    };
    stack(&test, port, "{ port: 8000, drain: 90s }", &other("2"));
    test.sofa(["deploy", "docs", "--progress", "plain"]).ok().says("edge: configuring");
    deploy(&mut test, "2").ok();
    let seen = clients.end();
    assert!(seen.failures.is_empty(), "{seen:#?}");
}

/// The same clients see the gap of a service that is replaced stop-first: they can find one.
#[tokio::test]
async fn a_replacement_that_stops_first_loses_requests() {
    let Some((mut test, port)) = stack_behind_edge("edge-control").await else { return };
    let text = std::fs::read_to_string(test.folder().join("compose.yaml")).unwrap();
    test.file(
        "compose.yaml",
        &text.replace("    expose:", "    deploy: { update_config: { order: stop-first } }\n    expose:"),
    );
    let clients = Clients::begin(port, Load { streams: (0, 1), websockets: 0, ..LIGHT });
    clients.answer(50);
    deploy(&mut test, "2").ok();
    clients.answer(50);
    let seen = clients.end();
    assert!(seen.failures.keys().any(|failure| failure.contains("503")), "{seen:#?}");
    // An undo gives the old container its requests back, though it was stopped meanwhile.
    test.env("CHECK", "raise SystemExit(1)");
    deploy(&mut test, "3").assert_code(4).says("undone");
    assert_eq!(get(port, "x", "/").await, "2 /");
}

#[tokio::test]
async fn a_host_port_moves_to_the_edge_and_back() {
    let Some(mut test) = TestProject::new("edge-moves").await else { return };
    let port = free_port();
    stack(&test, port, "", "");
    deploy(&mut test, "plain").ok();
    assert_eq!(get(port, "x", "/").await, "plain /");
    let before = ids(&test).await;
    // A failure gives the port back.
    stack(&test, port, "8000", "");
    let plan = test.sofa(["plan"]);
    plan.ok();
    assert!(
        plan.stdout.contains(&format!("host port {port} moves from {}-api-1 to the edge", test.name())),
        "{}",
        plan.stdout
    );
    test.env("CHECK", "raise SystemExit(1)");
    deploy(&mut test, "broken").assert_code(4);
    assert_eq!(ids(&test).await, before);
    assert_eq!(get(port, "x", "/").await, "plain /");
    // So does one after the port has moved.
    test.env("CHECK", "import socket; socket.create_connection(('127.0.0.1', 8000))");
    let crash = "  crash:\n    <<: *server\n    command: [sh, -c, \"sleep 1.5; exit 1\"]\n";
    stack(&test, port, "8000", crash);
    let run = deploy(&mut test, "broken");
    run.assert_code(4).says("edge: publishes its host ports").says("crash: undone");
    assert_eq!(ids(&test).await, before);
    assert_eq!(get(port, "x", "/").await, "plain /");
    // The move has one short gap.
    stack(&test, port, "8000", "");
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watch = {
        let done = done.clone();
        async move {
            let (mut longest, mut last) = (Duration::ZERO, Instant::now());
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                if get(port, "x", "/").await.ends_with(" /") {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            longest
        }
    };
    let watcher = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(watch)
    });
    deploy(&mut test, "moved").ok();
    tokio::time::sleep(Duration::from_millis(300)).await;
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    let gap = watcher.join().unwrap();
    // Beside other tests an engine may take its time; alone it is 0.3 to 0.6 s.
    assert!(gap > Duration::from_millis(20) && gap < Duration::from_secs(8), "{gap:?}");
    assert_eq!(get(port, "x", "/").await, "moved /");
    assert_eq!(test.sofa(["port", "api", "8000"]).ok().stdout, format!("127.0.0.1:{port}\n"));
    let again = test.sofa(["deploy"]);
    again.ok().says("2 unchanged");
    // A failure on the way back leaves it behind the edge.
    stack(&test, port, "", "");
    test.env("CHECK", "raise SystemExit(1)");
    deploy(&mut test, "broken").assert_code(4).says("undone");
    assert_eq!(get(port, "x", "/").await, "moved /");
    test.env("CHECK", "import socket; socket.create_connection(('127.0.0.1', 8000))");
    // And back.
    stack(&test, port, "", "");
    deploy(&mut test, "back").ok().says("edge: removed");
    assert_eq!(get(port, "x", "/").await, "back /");
    let left = test.engine().list_containers().await.unwrap();
    assert!(!left.iter().any(|found| found.name == format!("sofa.edge.{}", test.name())));
    test.sofa(["down"]).ok();
    assert_nothing_is_there(&test).await;
}

#[tokio::test]
async fn the_edge_has_the_names_of_its_services_and_survives_its_proxy() {
    let Some((mut test, port)) = stack_behind_edge("edge-names").await else { return };
    let other =
        "  other:\n    <<: *server\n    environment: { VERSION: other }\n    x-sofa: { http: 8000 }\n";
    stack(&test, port, "{ port: 8000, host: [a.example] }", other);
    deploy(&mut test, "1").ok();
    let fetch = |url: &str| format!("import urllib.request as u; print(u.urlopen('{url}').read().decode())");
    // Inside, each name is its service, on the same port; and the other port of one of them is passed on.
    assert_eq!(python(&test, "ledger", &fetch("http://api:8000/in")).await, "1 /in");
    assert_eq!(python(&test, "ledger", &fetch("http://other:8000/in")).await, "other /in");
    assert_eq!(python(&test, "ledger", &fetch("http://api:9000/passed-on")).await, "1 /passed-on");
    // Outside, by its host.
    assert_eq!(get(port, "a.example", "/").await, "1 /");
    assert_eq!(get(port, "b.example", "/").await, "503");
    // The server sees the address of the caller, as callers write it.
    let seen = get(port, "a.example", "/caller").await;
    let caller = seen.strip_prefix("1 /caller ").unwrap_or_else(|| panic!("{seen}"));
    assert!(caller.parse::<std::net::Ipv4Addr>().is_ok(), "{seen}");
    let name = format!("sofa.edge.{}", test.name());
    let kill = |code: &str| {
        let mut command = Command::new("docker");
        command.args(["exec", &name, "sh", "-c", code]);
        command
    };
    let processes = "for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in haproxy) kill -9 ${p#/proc/};; esac; done";
    test.run(kill(processes)).ok();
    let end = Instant::now() + Duration::from_secs(20);
    while get(port, "a.example", "/").await != "1 /" {
        assert!(Instant::now() < end, "the proxy does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Its first process too: the engine starts it again.
    let mut crash = Command::new("docker");
    crash.args(["inspect", "-f", "{{.State.Pid}}", &name]);
    let pid = test.run(crash).stdout.trim().to_owned();
    let mut crash = Command::new("kill");
    crash.args(["-9", &pid]);
    test.run(crash).ok();
    while get(port, "a.example", "/").await != "1 /" {
        assert!(Instant::now() < end, "the edge does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Somebody removed it: the next deploy makes it again, with the servers that run.
    let before = ids(&test).await;
    let mut remove = Command::new("docker");
    remove.args(["rm", "-f", &name]);
    test.run(remove).ok();
    deploy(&mut test, "1").ok();
    assert_eq!(ids(&test).await, before);
    assert_eq!(get(port, "a.example", "/").await, "1 /");
    let status = test.sofa(["edge", "status"]);
    status.ok();
    assert!(status.stdout.contains(&format!("api       {}-api-1", test.name())), "{}", status.stdout);
    // Stopped and started, it has its address and its requests again.
    test.sofa(["stop", "api"]).ok();
    assert_eq!(get(port, "a.example", "/").await, "503");
    test.sofa(["start", "api"]).ok();
    assert_eq!(get(port, "a.example", "/").await, "1 /");
    // Another host port needs another container of the edge.
    let second = free_port();
    stack(&test, second, "{ port: 8000, host: [a.example] }", other);
    deploy(&mut test, "1").ok().says("edge: configuring (settings of api changed)");
    assert_eq!(get(second, "a.example", "/").await, "1 /");
    assert_eq!(get(port, "a.example", "/").await, "connection refused");
    // docker compose leaves the edge alone, and `sofa down` takes it.
    test.sofa(["down", "api", "ledger"]).ok();
    assert!(containers(&test).await.keys().any(|name| name.contains("other")));
    assert!(test.sofa(["edge", "status"]).ok().stdout.contains("other"));
    test.sofa(["down"]).ok().says("edge: removed");
    assert_nothing_is_there(&test).await;
    let left = test.engine().list_networks().await.unwrap();
    let own = left.iter().filter(|network| network.name.contains(test.name()));
    assert_eq!(own.map(|network| network.name.as_str()).collect::<Vec<_>>(), [""; 0]);
}
