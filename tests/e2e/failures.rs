//! What an operator reads when a service does not get ready: one report for each kind of failure, on a real engine. The release
//! before runs on each time.

use crate::stack::{compose, containers, ids};
use crate::support::real_engine::TestProject;
use sofa::testing::plan::observed::State;

/// The report of a deploy that brings this `web` into the place of one that runs, without what differs from run to run.
async fn report(name: &str, web: &str, arguments: &[&str]) -> Option<String> {
    let test = TestProject::new(name).await?;
    let db = "  db: {<<: *stay, healthcheck: {test: [CMD, \"true\"], interval: 10s}}\n";
    let needs = "    depends_on: {db: {condition: service_healthy}}\n";
    compose(&test, &format!("{db}  web:\n    <<: *stay\n{needs}"));
    test.sofa(["deploy"]).ok();
    let before = ids(&test).await;
    compose(&test, &format!("{db}  web:\n    <<: *stay\n{needs}{web}"));
    let run = test.sofa(["deploy", "--progress", "plain"].into_iter().chain(arguments.iter().copied()));
    run.assert_code(4);
    assert_eq!(ids(&test).await, before, "the release before is whole: {}", run.stderr);
    for container in containers(&test).await.values() {
        assert_eq!(container.state, State::Running, "{}", container.name);
    }
    let log = test.sofa(["logs", "--run", "2", "web", "--no-prefix"]);
    log.ok();
    assert_eq!(
        log.stdout.lines().count(),
        run.stderr.lines().filter(|line| line.starts_with("    ")).count()
    );
    let report: Vec<&str> = run.stderr.lines().skip_while(|line| !line.starts_with("error:")).collect();
    Some(report.join("\n").replace(test.name(), "PROJECT"))
}

/// Compares a report with what it should be, where times are `0.0s` and ages `0s`.
macro_rules! assert_report {
    ($report:expr, @$expected:literal) => {
        let Some(report) = $report.await else { return };
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"\b\d+\.\ds\b", "0.0s");
        settings.add_filter(r"(healthy|running) \d+s", "$1 0s");
        settings.add_filter(r"\b[0-9a-f]{12}_PROJECT", "PROJECT");
        settings.add_filter(r"\d+ restarts", "3 restarts");
        settings.add_filter(r"(    boom\n)+", "    boom\n");
        settings.add_filter(r"disk: \d+ MiB free in \S+", "disk: 0 MiB free in ROOT");
        settings.bind(|| insta::assert_snapshot!(report, @$expected));
    };
}

#[tokio::test]
async fn it_exits() {
    let web = "    command: [\"sh\", \"-c\", \"echo no database; exit 3\"]\n";
    assert_report!(report("fexit", web, &[]), @r#"
    error: service `web`: exited with code 3 (waited 0.0s for: running)
      depends on: db healthy 0s
      last lines of `PROJECT-web-1`:
        no database
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    "#);
}

#[tokio::test]
async fn it_crashes_again_and_again() {
    let web = "    restart: always\n    command: [\"sh\", \"-c\", \"echo boom; exit 9\"]\n";
    assert_report!(report("floop", web, &[]), @r#"
    error: service `web`: restarts again and again, last exit code 9 (waited 0.0s for: running), 3 restarts
      depends on: db healthy 0s
      last lines of `PROJECT-web-1`:
        boom
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    "#);
}

#[tokio::test]
async fn it_needs_more_memory_than_it_may_have() {
    let web = "    mem_limit: 16m\n    command: [\"sh\", \"-c\", \"echo loading; tail /dev/zero; exit 1\"]\n";
    assert_report!(report("foom", web, &[]), @r#"
    error: service `web`: exited with code 1, killed for want of memory (limit 16 MiB) (waited 0.0s for: running)
      depends on: db healthy 0s
      last lines of `PROJECT-web-1`:
        loading
        Killed
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    hint: give `web` more memory: `deploy.resources.limits.memory`
    "#);
}

#[tokio::test]
async fn it_is_unhealthy() {
    let web = "    healthcheck: {test: [CMD-SHELL, \"echo sick; exit 1\"], interval: 1s, retries: 1}\n";
    assert_report!(report("fsick", web, &[]), @r#"
    error: service `web`: is unhealthy (waited 0.0s for: healthy)
      last health test: sick
      depends on: db healthy 0s
      last lines of `PROJECT-web-1`:
        up
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    "#);
}

#[tokio::test]
async fn its_own_deadline_passes_in_a_phase() {
    let web = r#"    command: ["sh", "-c", "echo ::phase::installing packages; sleep 1; echo Loading model-7b; sleep 1000"]
    stop_grace_period: 0s
    x-sofa: {ready: {tcp: 80, deadline: 3s, phases: [{log: Loading, name: loading the model}]}}
"#;
    assert_report!(report("fown", web, &[]), @r#"
    error: service `web`: not ready within its deadline of 0.0s, still running (waited 0.0s of 0.0s for: tcp :80 open)
      phase: `loading the model`, 0.0s
      last answer: connection refused
      depends on: db healthy 0s
      last lines of `PROJECT-web-1`:
        ::phase::installing packages
        Loading model-7b
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    hint: `x-sofa.ready.deadline` of the service gives it more time
    "#);
}

#[tokio::test]
async fn the_deadline_of_the_deploy_passes() {
    let web = "    healthcheck: {test: [CMD, \"false\"], interval: 60s, start_period: 600s}\n";
    assert_report!(report("fall", web, &["--wait-timeout", "2"]), @r#"
    error: service `web`: not ready in time, still running (starting) (waited 0.0s of 0.0s for: healthy)
      last health test: exit code 1
      depends on: db healthy 0s
      last lines of `PROJECT-web-1`:
        up
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `--wait-timeout` gives it more time
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    "#);
}

#[tokio::test]
async fn its_answer_has_the_wrong_json() {
    let web = r#"    command:
      - sh
      - -c
      - mkdir /www; echo '{"status":"starting","models":0}' >/www/ready; httpd -h /www; sleep 1000
    stop_grace_period: 0s
    x-sofa: {ready: {http: /ready, port: 80, json: {status: healthy}, deadline: 2s}}
"#;
    assert_report!(report("fjson", web, &[]), @r#"
    error: service `web`: not ready within its deadline of 0.0s, still running (waited 0.0s of 0.0s for: http 200 on :80/ready, status "healthy")
      last answer: 200 OK, but `status` is "starting": {"status":"starting","models":0}
      depends on: db healthy 0s
      container `PROJECT-web-1` printed nothing
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `x-sofa.ready.deadline` of the service gives it more time
    "#);
}

#[tokio::test]
async fn its_answer_does_not_come() {
    let web = r#"    command: ["sh", "-c", "nc -ll -p 80 -e sleep 1000"]
    stop_grace_period: 0s
    x-sofa: {ready: {http: /ready, port: 80, timeout: 1s, deadline: 3s}}
"#;
    assert_report!(report("fhang", web, &[]), @r#"
    error: service `web`: not ready within its deadline of 0.0s, still running (waited 0.0s of 0.0s for: http 200 on :80/ready)
      last answer: none within 0.0s
      depends on: db healthy 0s
      container `PROJECT-web-1` printed nothing
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `x-sofa.ready.deadline` of the service gives it more time
    "#);
}

#[tokio::test]
async fn its_disk_is_full() {
    let web = r#"    command: ["sh", "-c", "dd if=/dev/zero of=/cache/model bs=1M count=8 || exit 2"]
    tmpfs: ["/cache:size=1m"]
"#;
    assert_report!(report("fdisk", web, &[]), @r#"
    error: service `web`: exited with code 2 (waited 0.0s for: running)
      depends on: db healthy 0s
      disk: 0 MiB free in ROOT
      last lines of `PROJECT-web-1`:
        dd: error writing '/cache/model': No space left on device
        2+0 records in
        1+0 records out
    error: PROJECT: undone; the previous containers run again
    error: PROJECT: undone: web
    hint: `docker system df` shows what takes the engine's disk
    hint: `sofa deploy --no-undo` keeps the failed containers, so that you can inspect them
    hint: `sofa logs --run 2 web` shows all of its output
    "#);
}
