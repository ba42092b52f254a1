//! DemeterAI, the stack in `compose/demeter`, as an operator lives with it: a photo through all queues, workers that are replaced,
//! scaled, killed and broken while tasks run, and not one task lost or run twice. One test, since its images take a minute.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sofa::testing::engine::exec::ExecCommand;

use crate::stack::{container, ids};
use crate::support::real_engine::{Run, TestProject};

const WORKERS: &str = "SERVICES=celery_gpu_0,celery_gpu_1,celery_cpu,celery_io";

/// Three plants on soil, away from the borders of the tiles.
const PHOTO: &str = r#"
import json, time, urllib.request as u
w, h = 128, 96
pixels = bytearray(bytes((120, 90, 60)) * (w * h))
for x0, y0, size in [(5, 5, 10), (80, 20, 20), (30, 70, 15)]:
    for y in range(y0, y0 + size):
        for x in range(x0, x0 + size):
            pixels[3 * (y * w + x):3 * (y * w + x) + 3] = bytes((30, 200, 40))
post = u.Request(f"http://api:8000/photos?width={w}&height={h}", bytes(pixels), method="POST")
photo = json.load(u.urlopen(post))["photo"]
for _ in range(150):
    found = json.load(u.urlopen(f"http://api:8000/photos/{photo}"))
    if found["done"]:
        break
    time.sleep(0.2)
print(json.dumps(found))
"#;

/// Sends tasks that count themselves. The GPU queues get few, since one worker works on each.
const SEND: &str = r#"
from demeter.celery_app import app
from demeter.tasks import count
queues = ["gpu_queue_0", "gpu_queue_1"] + ["cpu_queue"] * 22 + ["io_queue"] * 26
with app.producer_pool.acquire() as producer:
    for number in range(FROM, FROM + MANY):
        queue = queues[number % 50]
        seconds = {"cpu_queue": 0.2, "io_queue": 0.5}.get(queue, 0.1)
        count.apply_async((number, seconds), queue=queue, producer=producer)
"#;

/// How often each task ran, once as many have run as were sent and nothing is left.
const COUNTED: &str = r#"
import json, time
from demeter import database, life
from demeter.celery_app import QUEUES
broker = life.broker()
def look():
    with database.connection() as connection:
        return connection.execute("SELECT count(*), count(DISTINCT number) FROM counted").fetchone()
for _ in range(600):
    left = broker.hlen("unacked") + sum(broker.llen(queue) for queue in QUEUES)
    if not left and look()[1] >= EXPECTED:
        break
    time.sleep(0.2)
# A second run of a task would come now.
time.sleep(1)
runs, tasks = look()
waiting = {queue: broker.llen(queue) for queue in QUEUES if broker.llen(queue)}
print(json.dumps({"runs": runs, "tasks": tasks, "unacked": broker.hlen("unacked"), "waiting": waiting}))
"#;

/// The stack, in a project and with images of its own.
async fn stack() -> Option<TestProject> {
    let mut test = TestProject::new("demeter").await?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose");
    let folder = test.folder().display().to_string();
    let mut copy = Command::new("cp");
    copy.arg("-r").args([source.join("demeter"), source.join("images")]).arg(&folder);
    test.run(copy).ok();
    let name = test.name().to_owned();
    for (variable, image) in [
        ("APP_IMAGE", format!("{name}-app")),
        ("POSTGIS_IMAGE", format!("{name}-postgis:15")),
        ("REDIS_IMAGE", format!("{name}-redis:7")),
        ("PROMETHEUS_IMAGE", format!("{name}-prometheus:2")),
    ] {
        test.env(variable, &image);
    }
    test.env("RECYCLE_AFTER", "0");
    Some(test)
}

fn sofa(test: &TestProject, arguments: &[&str]) -> Run {
    test.sofa(["-C", "demeter"].into_iter().chain(arguments.iter().copied()))
}

/// Deploys the workers alone. `level` changes their configuration.
fn deploy_workers(test: &mut TestProject, level: &str) -> Run {
    test.env("LOG_LEVEL", level);
    sofa(test, &["deploy", "local", WORKERS, "--no-deps", "--progress", "plain"])
}

/// A deploy of one GPU worker that is under way and waits for its task.
fn draining(test: &mut TestProject, level: &str) -> Child {
    test.env("LOG_LEVEL", level);
    let mut command = test.sofa_command();
    command.args(["-C", "demeter", "deploy", "local", "celery_gpu_0", "--no-deps", "--progress", "plain"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let mut seen = Vec::new();
    for line in lines.map_while(Result::ok) {
        // This line follows the command to stop consuming.
        let found = line.contains("celery_gpu_0: draining (it is busy");
        seen.push(line);
        if found {
            return child;
        }
    }
    let ended = child.wait();
    panic!("no drain, {ended:?}: {seen:#?}");
}

/// Runs Python in the first container of the api.
async fn python(test: &TestProject, code: &str) -> String {
    let id = container(test, "api").await.id;
    let argv = vec!["python".to_owned(), "-c".to_owned(), code.to_owned()];
    let command = ExecCommand { argv, ..ExecCommand::default() };
    let outcome = test.engine().exec(&id, &command, Duration::from_secs(180)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(outcome.exit_code, Some(0), "{}{}", text(&outcome.stdout), text(&outcome.stderr));
    text(&outcome.stdout)
}

async fn json(test: &TestProject, code: &str) -> Value {
    serde_json::from_str(&python(test, code).await).unwrap()
}

async fn get(test: &TestProject, url: &str) -> Value {
    json(test, &format!("import urllib.request as u; print(u.urlopen('{url}').read().decode())")).await
}

async fn send(test: &TestProject, from: usize, many: usize) {
    python(test, &SEND.replace("FROM", &from.to_string()).replace("MANY", &many.to_string())).await;
}

/// One task of some seconds for a queue.
async fn send_one(test: &TestProject, number: usize, seconds: f64, queue: &str) {
    let code =
        format!("from demeter.tasks import count; count.apply_async(({number}, {seconds}), queue='{queue}')");
    python(test, &code).await;
}

/// Every task ran, and none of them twice.
async fn assert_counted(test: &TestProject, tasks: usize) {
    let counted = json(test, &COUNTED.replace("EXPECTED", &tasks.to_string())).await;
    let expected = serde_json::json!({"runs": tasks, "tasks": tasks, "unacked": 0, "waiting": {}});
    assert_eq!(counted, expected);
}

/// The state of each worker, by `sofa status`.
fn does(test: &TestProject) -> BTreeMap<String, String> {
    let run = sofa(test, &["status", "local", "--format", "json"]);
    assert!(!run.stderr.contains("could not be asked"), "{}", run.stderr);
    let objects = run.ok().stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let workers = objects.filter(|object| object.get("Worker").is_some());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    workers.map(|worker| (text(&worker["Worker"]), text(&worker["Does"]))).collect()
}

#[tokio::test]
async fn demeter_loses_no_task_whatever_happens_to_its_workers() {
    let Some(mut test) = stack().await else { return };
    sofa(&test, &["deploy", "local", "--progress", "plain"]).ok().says("10 created");
    the_parts_work_together(&test).await;
    let mut tasks = workers_are_replaced_under_load(&mut test).await;
    tasks = an_interrupt_and_a_kill_in_a_drain_leave_the_worker_consuming(&mut test, tasks).await;
    tasks = a_broken_image_is_undone_under_load(&mut test, tasks).await;
    a_worker_recycles_and_its_memory_has_a_limit(&mut test, tasks).await;
    let run = sofa(&test, &["down", "local", "--volumes", "--progress", "plain"]);
    run.ok().says("celery_cpu: draining");
    missing_gpus_are_reported_before_anything_changes(&test).await;
}

/// The machine of these tests has no GPU, or an engine that cannot give it away.
async fn missing_gpus_are_reported_before_anything_changes(test: &TestProject) {
    let production = "POSTGRES_PASSWORD=Xk29vQwT7mLz\nFLOWER_BASIC_AUTH=ann:Rp83cNfYt5Hs\n";
    test.file("demeter/envs/.production.env", production);
    let refused = "the engine cannot give it a GPU";
    for mode in ["gpu", "production"] {
        let check = sofa(test, &["check", mode, "--format", "json"]);
        let found: Value = serde_json::from_str(&check.stdout).unwrap();
        let findings = found["findings"].as_array().unwrap();
        let errors = findings.iter().filter(|finding| finding["severity"] == "error");
        let messages: Vec<&str> = errors.filter_map(|finding| finding["message"].as_str()).collect();
        assert!(messages.len() == 2 && messages.iter().all(|text| text.contains(refused)), "{messages:#?}");
        let deploy = sofa(test, &["deploy", mode, "--yes"]);
        deploy.assert_code(3).says(refused).says("nvidia-container-toolkit");
        let left = test.engine().list_containers().await.unwrap();
        let is_own = |name: &str| name.contains(test.name()) && !name.starts_with("sofa.state.");
        let own = left.iter().filter(|found| is_own(&found.name));
        assert_eq!(own.map(|found| found.name.as_str()).collect::<Vec<_>>(), [""; 0]);
    }
}

async fn the_parts_work_together(test: &TestProject) {
    let found = json(test, PHOTO).await;
    let plants = found["plants"].as_array().unwrap();
    let areas: Vec<i64> = plants.iter().filter_map(|plant| plant["area"].as_i64()).collect();
    assert_eq!((found["count"].as_i64(), areas), (Some(3), vec![400, 225, 100]));
    assert_eq!(plants[0]["center"], "POINT(89.5 29.5)");
    assert_eq!(plants[1]["shape"], "POLYGON((30 70,30 85,45 85,45 70,30 70))");
    let health = get(test, "http://api:8000/health").await;
    assert_eq!((&health["status"], &health["workers"]["gpu_queue_1"]), (&"healthy".into(), &"active".into()));
    let seen = get(test, "http://flower:5555/api/workers?refresh=1").await;
    assert_eq!(seen.as_object().unwrap().len(), 4, "Flower sees every worker: {seen}");
    let rules = get(test, "http://prometheus:9090/api/v1/rules").await;
    assert_eq!(rules["data"]["groups"][0]["rules"].as_array().unwrap().len(), 5, "{rules}");
    // It looks every 15 s.
    let mut up = Value::Null;
    for _ in 0..60 {
        up = get(test, "http://prometheus:9090/api/v1/query?query=sum(up)").await;
        if up["data"]["result"][0]["value"][1] == "3" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(up["data"]["result"][0]["value"][1], "3", "Prometheus reads both apis and Flower: {up}");
    let does = does(test);
    assert_eq!(does.len(), 4);
    assert!(does.values().all(|word| word == "consumes"), "{does:?}");
    let advice = sofa(test, &["scale", "local", "--advise"]);
    let said = &advice.ok().stdout;
    assert!(said.contains("celery_cpu: 1 is right (0 tasks wait, 50 each; 1 to 4)"), "{said}");
    assert!(said.contains("celery_gpu_0: one container for each GPU, at any load"), "{said}");
}

async fn workers_are_replaced_under_load(test: &mut TestProject) -> usize {
    send(test, 0, 10_000).await;
    let said = sofa(test, &["scale", "local", "--advise"]).ok().stdout.clone();
    assert!(said.contains("sofa scale celery_cpu=4"), "{said}");
    sofa(test, &["scale", "local", "celery_cpu=2", "--no-deps"]).ok();
    let first = deploy_workers(test, "first");
    first.ok();
    // The GPU workers take turns: the second drains when the first one's successor is ready.
    let at = |text: &str| first.stderr.find(text).unwrap_or_else(|| panic!("{text}: {}", first.stderr));
    let (one, other) = ("celery_gpu_0", "celery_gpu_1");
    let in_turn = |one: &str, other: &str| at(&format!("{one}: ready")) < at(&format!("{other}: draining"));
    assert!(in_turn(one, other) || in_turn(other, one), "{}", first.stderr);
    // The others overlap.
    assert!(at("celery_cpu: ready") < at("celery_cpu: draining"), "{}", first.stderr);
    deploy_workers(test, "second").ok();
    assert_counted(test, 10_000).await;
    10_000
}

async fn an_interrupt_and_a_kill_in_a_drain_leave_the_worker_consuming(
    test: &mut TestProject,
    tasks: usize,
) -> usize {
    let before = ids(test).await;
    // Ctrl-C: undone, and the same worker consumes again.
    send_one(test, tasks, 30.0, "gpu_queue_0").await;
    let mut deploy = draining(test, "interrupted");
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &deploy.id().to_string()]);
    test.run(interrupt).ok();
    assert_eq!(deploy.wait().unwrap().code(), Some(130));
    assert_eq!(ids(test).await, before);
    send_one(test, tasks + 1, 0.0, "gpu_queue_0").await;
    assert_counted(test, tasks + 2).await;
    // kill -9, with tasks in all queues: the worker consumes nothing until the next run resumes it.
    send_one(test, tasks + 2, 40.0, "gpu_queue_0").await;
    send(test, tasks + 3, 3_000).await;
    let mut deploy = draining(test, "killed");
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    let mut state = "busy".to_owned();
    for _ in 0..60 {
        // It may answer before it has read all commands that waited for the end of its task.
        state = does(test)["celery_gpu_0"].clone();
        if state == "drained" {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(state, "drained");
    let tasks = tasks + 3_003;
    send_one(test, tasks, 0.0, "gpu_queue_0").await;
    let resumed = deploy_workers(test, "second");
    resumed.ok().says("celery_gpu_0: consumes again");
    assert_counted(test, tasks + 1).await;
    assert!(does(test).values().all(|word| word == "consumes"));
    tasks + 1
}

async fn a_broken_image_is_undone_under_load(test: &mut TestProject, tasks: usize) -> usize {
    let before = ids(test).await;
    send(test, tasks, 3_000).await;
    let path = "demeter/images/app/demeter/celery_app.py";
    let whole = std::fs::read_to_string(test.folder().join(path)).unwrap();
    test.file(path, &format!("{whole}\nraise SystemExit('this release is broken')\n"));
    let broken = sofa(test, &["deploy", "local", WORKERS, "--no-deps", "--progress", "plain"]);
    broken.assert_code(4).says("this release is broken").says("undone; the previous containers run again");
    assert_eq!(ids(test).await, before);
    test.file(path, &whole);
    assert_counted(test, tasks + 3_000).await;
    assert!(does(test).values().all(|word| word == "consumes"));
    tasks + 3_000
}

async fn a_worker_recycles_and_its_memory_has_a_limit(test: &mut TestProject, tasks: usize) {
    test.env("RECYCLE_AFTER", "5").env("GPU_WORKER_MEMORY", "200m");
    sofa(test, &["deploy", "local", "celery_gpu_1", "--no-deps"]).ok();
    for number in tasks..tasks + 12 {
        send_one(test, number, 0.0, "gpu_queue_1").await;
    }
    assert_counted(test, tasks + 12).await;
    let processes = format!(
        "from demeter import database\nwith database.connection() as c: \
         print(c.execute('SELECT count(DISTINCT process) FROM counted WHERE number >= {tasks}').fetchone()[0])"
    );
    assert_eq!(python(test, &processes).await.trim(), "3", "12 tasks, 5 for each process");
    let restarts = async || {
        let id = container(test, "celery_gpu_1").await.id;
        test.engine().inspect(id.as_str()).await.unwrap().restarts
    };
    let before = restarts().await;
    python(test, "from demeter.tasks import fill; fill.apply_async((400,), queue='gpu_queue_1')").await;
    for _ in 0..60 {
        if restarts().await > before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(restarts().await > before, "the kernel ends what takes more than the limit");
    // The task that was killed stays unacknowledged until Redis gives it to another worker.
    send_one(test, tasks + 12, 0.0, "gpu_queue_1").await;
    let ran = format!(
        "import time\nfrom demeter import database\nfor _ in range(300):\n    with database.connection() as c: \
         runs = c.execute('SELECT count(*) FROM counted WHERE number = {}').fetchone()[0]\n    if runs: break\n    \
         time.sleep(0.2)\nprint(runs)",
        tasks + 12
    );
    assert_eq!(python(test, &ran).await.trim(), "1", "the worker lives again");
}
