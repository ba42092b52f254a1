//! The verbs that look, build or take down: ps, logs, build, down; and docker compose beside them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::stack::{
    HEALTHY, assert_nothing_is_there, compose, container, ids, until, until_running, volumes,
};
use crate::support::real_engine::TestProject;

#[tokio::test]
async fn ps_tells_what_runs_from_labels_alone() {
    let Some(test) = TestProject::new("ps").await else {
        return;
    };
    compose(&test, &format!("  db: {{<<: *stay, {HEALTHY}}}\n  job: {{<<: *ends, x-sofa: {{role: job}}}}\n"));
    test.sofa(["deploy"]).ok();
    // A broken file cannot hide what runs.
    test.file("compose.yaml", "services: [");
    let table = test.sofa(["ps", "--all"]);
    table.ok();
    let row =
        |service: &str| table.stdout.lines().find(|line| line.starts_with(service)).unwrap().to_string();
    assert!(row("db").contains("running") && row("job").contains("exited (0)"), "{}", table.stdout);
    let json = test.sofa(["ps", "--all", "--format", "json"]);
    let first: serde_json::Value = serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((first["Service"].as_str(), first["State"].as_str()), (Some("db"), Some("running")));
    assert_eq!(
        (first["Release"].as_u64(), first["Restarts"].as_u64()),
        (Some(1), Some(0)),
        "{}",
        json.stdout
    );
}

#[tokio::test]
async fn ps_lists_what_runs_and_jobs_that_succeeded_and_notes_the_rest() {
    let Some(test) = TestProject::new("ps-exited").await else {
        return;
    };
    compose(
        &test,
        "  web: {<<: *stay}
  job: {<<: *ends, x-sofa: {role: job}}
  failed: {<<: *ends, command: [\"sh\", \"-c\", \"exit 3\"], x-sofa: {role: job}}
  gone: {<<: *stay}
",
    );
    let deploy = test.sofa(["deploy", "--no-wait", "--no-undo"]);
    assert!(deploy.code == 0 || deploy.code == 4, "{}", deploy.stderr);
    until(async || !container(&test, "failed").await.is_up()).await;
    test.sofa(["stop", "gone"]).ok();
    let services = |arguments: &[&str]| {
        let run = test.sofa(arguments.iter().copied());
        run.ok();
        let lines = run.stdout.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().to_owned());
        (lines.collect::<Vec<_>>(), run.stderr)
    };
    let (listed, notes) = services(&["ps"]);
    assert_eq!(listed, ["job", "web"]);
    assert_eq!(
        notes,
        "note: not running: failed (exited (3)), gone (exited (0)); `sofa ps --all` lists them\n"
    );
    let (listed, notes) = services(&["ps", "--all"]);
    assert_eq!((listed.len(), notes.as_str()), (4, ""));
    let (listed, notes) = services(&["ps", "gone"]);
    assert!(listed.is_empty() && notes.contains("gone (exited (0))"), "{listed:?} {notes}");
}

#[tokio::test]
async fn ps_gives_programs_the_ports_of_docker_compose() {
    let Some(test) = TestProject::new("ps-ports").await else {
        return;
    };
    compose(
        &test,
        "  web: {<<: *stay, ports: [\"127.0.0.1::80\", \"81/udp\", \"82-83\"], expose: [\"9000\", \"9001\", \"53/udp\"]}
  none: {<<: *stay}
",
    );
    test.sofa(["deploy", "--no-wait"]).ok();
    let ports = |text: &str| {
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let of = |object: serde_json::Value| {
            (object["Service"].to_string(), (object["Ports"].clone(), object["Publishers"].clone()))
        };
        lines.map(of).collect::<std::collections::BTreeMap<_, _>>()
    };
    let theirs = test.docker_compose(["ps", "--format", "json"]);
    let ours = test.sofa(["ps", "--format", "json"]);
    assert_eq!(ports(&ours.ok().stdout), ports(&theirs.ok().stdout));
}

#[tokio::test]
async fn ps_shows_the_list_again_when_something_happens() {
    let Some(test) = TestProject::new("watch").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay}\n");
    test.sofa(["deploy", "--no-wait"]).ok();
    let mut watching = test
        .sofa_command()
        .args(["ps", "--all", "--watch"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lists) = std::sync::mpsc::channel();
    let stdout = std::io::BufReader::new(watching.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let tells = |state: &str| {
        let patience = std::time::Duration::from_secs(20);
        while !lists.recv_timeout(patience).expect("a list with that state").contains(state) {}
    };
    tells("running");
    test.sofa(["stop"]).ok();
    tells("exited");
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[tokio::test]
async fn logs_have_a_prefix_a_tail_and_the_order_of_their_times() {
    let Some(test) = TestProject::new("logs").await else {
        return;
    };
    compose(
        &test,
        "  a: {<<: *ends, command: [\"sh\", \"-c\", \"echo a1; echo a2\"], x-sofa: {role: job}}
  b: {<<: *ends, command: [\"sh\", \"-c\", \"echo b1\"], x-sofa: {role: job}, depends_on: {a: {condition: service_completed_successfully}}}
",
    );
    test.sofa(["deploy"]).ok();
    let all = test.sofa(["logs"]);
    all.ok();
    assert_eq!(all.stdout, "a-1 | a1\na-1 | a2\nb-1 | b1\n");
    assert_eq!(test.sofa(["logs", "--tail", "1", "--no-prefix", "a"]).stdout, "a2\n");
    test.sofa(["logs", "nobody"]).assert_code(2);
}

#[tokio::test]
async fn a_container_whose_logs_cannot_be_read_does_not_hide_the_others() {
    let Some(test) = TestProject::new("unreadable").await else {
        return;
    };
    compose(
        &test,
        "  none: {<<: *stay, logging: {driver: none}}
  uncached: {<<: *stay, logging: {driver: syslog, options: {syslog-address: \"udp://127.0.0.1:9\", cache-disabled: \"true\"}}}
  web: {<<: *stay, command: [\"sh\", \"-c\", \"echo seen; trap 'exit 0' TERM; sleep 1000 & wait\"]}
",
    );
    test.sofa(["deploy", "--no-wait"]).ok();
    let logs = test.sofa(["logs"]);
    logs.ok();
    assert_eq!(logs.stdout, "web-1      | seen\n");
    for service in ["none-1", "uncached-1"] {
        let warning = format!(
            "warning: {service}: logs cannot be read: configured logging driver does not support reading"
        );
        assert!(logs.stderr.contains(&warning), "{}", logs.stderr);
    }
    // With `follow` too: new lines of the readable container arrive, also after a restart.
    let mut following =
        test.sofa_command().args(["logs", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("web-1      | seen"));
    test.sofa(["restart", "none", "web"]).ok();
    assert_eq!(lines.next().as_deref(), Some("web-1      | seen"));
    following.kill().unwrap();
    following.wait().unwrap();
}

#[tokio::test]
async fn following_logs_goes_on_when_the_container_is_replaced_and_ends_when_nobody_reads() {
    let Some(mut test) = TestProject::new("follow").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay, environment: {V: \"${V}\"}}\n");
    test.env("V", "1").sofa(["deploy", "--no-wait"]).ok();
    let mut child = test
        .sofa_command()
        .args(["logs", "-f"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "web-1 | up");
    test.env("V", "2").sofa(["deploy", "--no-wait"]).ok();
    assert_eq!(lines.next().unwrap().unwrap(), "web-1 | up");
    drop(lines);
    // The next line finds no reader.
    test.env("V", "3").sofa(["deploy", "--no-wait"]).ok();
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn down_keeps_volumes_unless_asked_and_networks_in_use() {
    let Some(test) = TestProject::new("down").await else {
        return;
    };
    let services = "  db: {<<: *stay, volumes: [\"data:/data\"]}\n  web: {<<: *stay}\nvolumes: {data: {}}\n";
    compose(&test, services);
    test.sofa(["deploy", "--no-wait"]).ok();
    let before = ids(&test).await;
    let one = test.sofa(["down", "web"]);
    one.ok().says("_default stays: used by");
    assert_eq!(
        ids(&test).await.into_iter().collect::<Vec<_>>(),
        [("db-1".to_string(), before["db-1"].clone())]
    );
    let all = test.sofa(["down"]);
    all.ok().says("_data stay");
    assert_nothing_is_there(&test).await;
    assert_eq!(volumes(&test).await.len(), 1);
    test.sofa(["deploy", "--no-wait"]).ok();
    test.sofa(["down", "--volumes"]).ok();
    assert_eq!(volumes(&test).await, [""; 0]);
    test.sofa(["down"]).ok().says("nothing to remove");
}

#[tokio::test]
async fn an_image_is_built_when_its_context_changed_and_only_then() {
    let Some(test) = TestProject::new("image").await else {
        return;
    };
    compose(&test, "  web: {<<: *stay, image: \"\", build: .}\n");
    let compose_file = std::fs::read_to_string(test.folder().join("compose.yaml")).unwrap();
    test.file(
        "compose.yaml",
        &compose_file
            .replace("image: \"\", ", "")
            .replace("<<: *stay, ", "command: [sleep, \"600\"], init: true, "),
    );
    test.file("Dockerfile", &format!("FROM {}\nCOPY note /note\n", test.image()));
    test.file("note", "one");
    test.sofa(["deploy"]).ok().says("built");
    let first = container(&test, "web").await;
    let again = test.sofa(["deploy"]);
    again.ok();
    assert!(!again.stderr.contains("built"), "{}", again.stderr);
    test.file("note", "two");
    test.sofa(["plan"]).ok();
    test.sofa(["deploy"]).ok().says("built").says("1 replaced");
    let second = container(&test, "web").await;
    assert_ne!(first.image_id, second.image_id);
    test.file("note", "three");
    test.sofa(["build"]).ok().says("1 image built");
    assert_eq!(container(&test, "web").await.id, second.id, "build touches no container");
}

#[tokio::test]
async fn docker_compose_and_sofa_leave_each_others_containers_alone() {
    let Some(test) = TestProject::new("beside").await else {
        return;
    };
    if test.docker_compose(["version"]).code != 0 {
        eprintln!("SKIPPED: docker compose is not installed");
        return;
    }
    compose(
        &test,
        &format!(
            "  db: {{<<: *stay, {HEALTHY}, volumes: [\"data:/data\"]}}\n  web: {{<<: *stay, depends_on: [db]}}\nvolumes: {{data: {{}}}}\n"
        ),
    );
    test.sofa(["deploy"]).ok();
    let deployed = ids(&test).await;
    let seen = test.docker_compose(["ps", "--services"]);
    seen.ok();
    assert_eq!(seen.stdout.lines().collect::<Vec<_>>(), ["db", "web"]);
    test.docker_compose(["up", "-d"]).ok();
    assert_eq!(ids(&test).await, deployed, "docker compose recreated what sofa deployed");
    test.docker_compose(["down"]).ok();
    test.docker_compose(["up", "-d"]).ok();
    let composed = ids(&test).await;
    until_running(&test, "web").await;
    test.sofa(["deploy"]).ok().says("2 unchanged");
    assert_eq!(ids(&test).await, composed, "sofa recreated what docker compose started");
}

#[tokio::test]
async fn config_leaves_variables_in_their_places_when_asked() {
    let Some(test) = TestProject::new("config").await else { return };
    test.file("compose.yaml", "services:\n  web:\n    image: app:${TAG:-1}\n");
    let resolved = test.sofa(["config"]);
    assert!(resolved.ok().stdout.contains("image: app:1\n"), "{}", resolved.stdout);
    let raw = test.sofa(["config", "--no-interpolate"]);
    assert!(raw.ok().stdout.contains("image: app:${TAG:-1}\n"), "{}", raw.stdout);
    assert_eq!(test.sofa(["config", "--services"]).stdout, "web\n");
    assert_eq!(test.sofa(["config", "-q"]).ok().stdout, "");
}

#[tokio::test]
async fn a_service_without_a_healthcheck_is_not_called_healthy() {
    let Some(test) = TestProject::new("no-health").await else {
        return;
    };
    let stay = "image: \"${BUSYBOX}\", command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']";
    test.file("compose.yaml", &format!("services:\n  web: {{{stay}}}\n"));
    test.sofa(["deploy", "--no-wait"]).ok();
    for verb in ["restart", "stop", "start"] {
        let run = test.sofa([verb]);
        run.ok();
        assert!(!run.stderr.contains("healthy"), "{verb}: {}", run.stderr);
    }
}
