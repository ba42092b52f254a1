//! Hand-over by commands: workers of RQ, Dramatiq and Arq, as the guide shows them, and what a hand-over that fails does.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sofa::testing::engine::exec::ExecCommand;

use crate::stack::{container, ids};
use crate::support::real_engine::TestProject;

/// The guide's example.
const EXAMPLE: &str = include_str!("../../docs/examples/queue-workers.yaml");

/// Its worker of RQ.
const RQ: &str = include_str!("../../docs/examples/rq_worker.py");

const DOCKERFILE: &str = r#"ARG BASE=sofa-base:bookworm
FROM ${BASE}
RUN set -eu; export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; \
    apt-get -qq install -y --no-install-recommends -o Dpkg::Use-Pty=0 python3-venv redis-server >/dev/null; \
    rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PIP_CERT=/etc/ssl/certs/ca-certificates.crt
RUN python3 -m venv /opt/app && pip install --quiet --no-cache-dir rq==3.0.0 'dramatiq[redis]==2.2.1' arq==0.28.0
WORKDIR /srv
COPY *.py /srv/
"#;

/// A job of some time, which counts itself when it is done.
const WORK: &str = r#"
import os, time, redis

def connection():
    return redis.Redis.from_url(os.environ["REDIS_URL"])

def work(kind, number):
    time.sleep(0.3)
    connection().rpush(f"done:{kind}", f"{number} {os.environ['HOSTNAME']}")
"#;

const DRAMATIQ: &str = r#"
import os, dramatiq, work
from dramatiq.brokers.redis import RedisBroker
dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))

@dramatiq.actor
def job(number):
    work.work("dramatiq", number)
"#;

const ARQ: &str = r#"
import asyncio, os, work
from arq.connections import RedisSettings

async def job(_, number):
    await asyncio.to_thread(work.work, "arq", number)

class WorkerSettings:
    functions = [job]
    redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
    max_jobs = 2
    job_completion_wait = 600
"#;

const SEND: &str = r#"
import asyncio, work, rq, dramatiq_app, arq_app
from arq import create_pool
queue = rq.Queue("jobs", connection=work.connection())
async def send():
    pool = await create_pool(arq_app.WorkerSettings.redis_settings)
    for number in range(60):
        queue.enqueue(work.work, "rq", number)
        dramatiq_app.job.send(number)
        await pool.enqueue_job("job", number)
asyncio.run(send())
"#;

const COUNT: &str = r#"
import json, time, work
def look(kind):
    return [entry.decode().split()[0] for entry in work.connection().lrange(f"done:{kind}", 0, -1)]
kinds = ["rq", "dramatiq", "arq"]
for _ in range(600):
    if all(len(set(look(kind))) >= 60 for kind in kinds):
        break
    time.sleep(0.2)
time.sleep(1)
print(json.dumps({kind: [len(look(kind)), len(set(look(kind)))] for kind in kinds}))
"#;

async fn python(test: &TestProject, code: &str) -> String {
    let id = container(test, "dramatiq").await.id;
    let command =
        ExecCommand { argv: vec!["python".into(), "-c".into(), code.into()], ..ExecCommand::default() };
    let outcome = test.engine().exec(&id, &command, Duration::from_secs(150)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(outcome.exit_code, Some(0), "{}{}", text(&outcome.stdout), text(&outcome.stderr));
    text(&outcome.stdout)
}

#[tokio::test]
async fn workers_of_rq_dramatiq_and_arq_lose_no_job() {
    let Some(mut test) = TestProject::new("queues").await else { return };
    test.file("compose.yaml", EXAMPLE);
    for (name, text) in [
        ("Dockerfile", DOCKERFILE),
        ("work.py", WORK),
        ("rq_worker.py", RQ),
        ("dramatiq_app.py", DRAMATIQ),
        ("arq_app.py", ARQ),
    ] {
        test.file(&format!("app/{name}"), text);
    }
    let image = format!("{}-workers", test.name());
    test.env("WORKER_IMAGE", &image);
    test.sofa(["deploy"]).ok();
    python(&test, SEND).await;
    for release in ["2", "3"] {
        test.env("RELEASE", release);
        let run = test.sofa(["deploy", "--progress", "plain"]);
        run.ok();
        for service in ["rq", "dramatiq", "arq"] {
            let at = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("{text}: {}", run.stderr));
            let (started, drained) = (format!("{service}: started"), format!("{service}: draining"));
            assert!(at(&started) < at(&drained), "the new one works meanwhile: {}", run.stderr);
        }
    }
    let counted: Value = serde_json::from_str(&python(&test, COUNT).await).unwrap();
    assert_eq!(counted, serde_json::json!({"rq": [60, 60], "dramatiq": [60, 60], "arq": [60, 60]}));
}

/// A worker of busybox: it works while `/tmp/work` is there and `/tmp/quiet` is not, and ends on SIGTERM.
fn worker(test: &TestProject, version: &str, keys: &str) -> String {
    let image = test.image();
    format!(
        "services:\n  w:\n    image: {image}\n    command: [sh, -c, \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"]\n    \
         environment: {{V: \"{version}\"}}\n    stop_grace_period: 5s\n    x-sofa:\n      handover:\n        \
         quiesce: [touch, /tmp/quiet]\n        idle: test ! -e /tmp/work\n{keys}"
    )
}

const RESUME: &str = "        resume: [rm, /tmp/quiet]\n";

async fn in_worker(test: &TestProject, line: &str) -> bool {
    let id = container(test, "w").await.id;
    let argv = ["sh", "-c", line].map(String::from).to_vec();
    let command = ExecCommand { argv, ..ExecCommand::default() };
    test.engine().exec(&id, &command, Duration::from_secs(10)).await.unwrap().exit_code == Some(0)
}

#[tokio::test]
async fn a_hand_over_that_fails_or_is_interrupted_leaves_the_worker_at_work() {
    let Some(test) = TestProject::new("handover").await else { return };
    test.file("compose.yaml", &worker(&test, "1", RESUME));
    test.sofa(["deploy"]).ok();
    let before = ids(&test).await;
    assert!(in_worker(&test, "touch /tmp/work").await);

    // An interrupt while it waits.
    test.file("compose.yaml", &worker(&test, "2", RESUME));
    let mut command = test.sofa_command();
    command.args(["deploy"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut deploy = command.spawn().unwrap();
    for _ in 0..100 {
        if in_worker(&test, "test -e /tmp/quiet").await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &deploy.id().to_string()]);
    test.run(interrupt).ok();
    assert_eq!(deploy.wait().unwrap().code(), Some(130));
    assert_eq!(ids(&test).await, before);
    assert!(in_worker(&test, "test ! -e /tmp/quiet").await, "it works again");
    // What `quiesce` did is in the file system, so a stop does not end it.
    assert!(in_worker(&test, "rm /tmp/work").await);
    test.file("compose.yaml", &worker(&test, "1", RESUME));
    test.sofa(["restart"]).ok();
    assert!(in_worker(&test, "test ! -e /tmp/quiet").await, "it works after a restart");
    test.sofa(["stop"]).ok();
    test.sofa(["start"]).ok();
    assert!(in_worker(&test, "test ! -e /tmp/quiet").await, "it works after a stop and a start");
    assert_eq!(ids(&test).await, before);
    // An undo of a deploy that had stopped it.
    let stop_first = format!("{RESUME}    deploy: {{update_config: {{order: stop-first}}}}\n");
    let broken = worker(&test, "3", &stop_first).replace("trap 'exit 0' TERM;", "exit 3;");
    test.file("compose.yaml", &broken);
    test.sofa(["deploy"]).assert_code(4).says("undone");
    assert_eq!(ids(&test).await, before);
    assert!(in_worker(&test, "test ! -e /tmp/quiet").await, "it works after an undo");
}

#[tokio::test]
async fn a_deadline_ends_the_wait_and_a_stop_goes_on_whatever_happens() {
    let Some(test) = TestProject::new("deadline").await else { return };
    let keys = "        deadline: 1s\n        verify: sh -c 'echo two jobs are left; exit 9'\n";
    test.file("compose.yaml", &worker(&test, "1", keys));
    test.sofa(["deploy"]).ok();
    assert!(in_worker(&test, "touch /tmp/work").await);
    test.file("compose.yaml", &worker(&test, "2", keys));
    test.sofa(["deploy"]).ok().says("it is not idle after 1.0s; it is stopped now");

    // Idle, but not verified: the deploy is undone, and without `resume` the worker is restarted.
    let before = ids(&test).await;
    test.file("compose.yaml", &worker(&test, "3", keys));
    let run = test.sofa(["deploy"]);
    run.assert_code(4).says("hand-over: verify exited with code 9").says("two jobs are left");
    assert_eq!(ids(&test).await, before);
    test.sofa(["stop"]).ok().says("the container is stopped anyway");
}
