//! Celery's remote control from inside a worker's container: a script for its own Python, and what the script prints.
//!
//! The script finds the worker in `/proc`, reads its command line with Celery's own parser, and loads its application without GPUs.
//! This gives the broker, the queues and the node name of that worker, also behind shells and starters.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A task of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Ends the consumption from all queues.
    Quiesce,
    /// Reports the remaining work until there is none.
    Drain,
    /// Begins the consumption from the queues again.
    Resume,
    /// Reports the state of the worker once.
    Look,
}

impl Task {
    fn as_str(self) -> &'static str {
        match self {
            Task::Quiesce => "quiesce",
            Task::Drain => "drain",
            Task::Resume => "resume",
            Task::Look => "look",
        }
    }
}

/// The state of a worker: the sum over all workers of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// How many workers run in the container.
    pub workers: usize,
    /// Whether one of them did not answer. A solo worker answers between its tasks only.
    pub silent: bool,
    /// The queues that it consumes from, or consumed from before.
    pub queues: Vec<String>,
    /// Tasks that run.
    pub active: usize,
    /// Tasks that it has and does not run yet.
    pub reserved: usize,
    /// Tasks that it has for a later time. A stop gives them back.
    pub scheduled: usize,
    /// How many messages wait in each queue; only [`Task::Look`] asks.
    pub depths: BTreeMap<String, u64>,
    /// Whether a task is acknowledged when it is done, and not when it begins.
    pub acks_late: Option<bool>,
    /// Whether it would not consume from resumed queues after its next connection to the broker (`add_task_queue` before Celery 5.7).
    pub forgets: bool,
}

/// Marks the lines that the script prints: the application may print others.
const MARK: &str = "@sofa ";

/// The status in a printed line; `None` for lines of the application.
pub fn status(line: &str) -> Option<Status> {
    serde_json::from_str(line.strip_prefix(MARK)?).ok()
}

/// The command and its environment. `seconds` is how long the script may take; `queues` are those to consume from again, where they
/// are known.
pub fn command(task: Task, seconds: u64, queues: &[String]) -> (Vec<String>, Vec<String>) {
    let argv = ["/bin/sh", "-c", START].map(String::from).to_vec();
    let environment = vec![
        format!("SOFA_TASK={}", task.as_str()),
        format!("SOFA_SECONDS={seconds}"),
        format!("SOFA_QUEUES={}", queues.join(",")),
        format!("SOFA_SCRIPT={SCRIPT}"),
        "CUDA_VISIBLE_DEVICES=".to_owned(),
        "PYTHONDONTWRITEBYTECODE=1".to_owned(),
    ];
    (argv, environment)
}

/// Runs the script with the Python of a process of the container: that of a virtual environment may not be on the path.
const START: &str = r#"for process in /proc/[0-9]*; do
  python=$(tr '\0' '\n' 2>/dev/null <"$process/cmdline" | head -n 1)
  case "${python##*/}" in python*|pypy*) exec "$python" -c "$SOFA_SCRIPT";; esac
done
for python in python3 python; do
  command -v "$python" >/dev/null && exec "$python" -c "$SOFA_SCRIPT"
done
echo "no Python runs in the container" >&2
exit 127"#;

const SCRIPT: &str = r#"
import json, os, re, subprocess, sys, time

TASK, SECONDS = os.environ["SOFA_TASK"], float(os.environ["SOFA_SECONDS"])
KNOWN = [name for name in os.environ.get("SOFA_QUEUES", "").split(",") if name]
END = time.monotonic() + SECONDS


def say(**status):
    print("@sofa " + json.dumps(status), flush=True)


def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().decode(errors="surrogateescape")
    except OSError:
        return ""


def program(pid):
    # A process that has ended and was not waited for has none.
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def arguments(words):
    # The words behind `celery`; a worker that shows a title has one word.
    if words and words[0].startswith("[celeryd:"):
        shown = re.search(r"\((.*)\)\s*$", " ".join(words))
        return shown.group(1).split() if shown else None
    for at, word in enumerate(words):
        is_module = word == "celery" and at > 0 and words[at - 1] == "-m"
        is_script = os.path.basename(word) == "celery" or word.endswith("celery/__main__.py")
        if at < 4 and (is_module or is_script) and "worker" in words[at + 1:]:
            return words[at + 1:]
    return None


def processes():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        words = read(pid, "cmdline").split("\0")
        if int(pid) != os.getpid() and program(pid).startswith(("python", "pypy")):
            behind = arguments([word for word in words if word])
            if behind is not None and "ForkPoolWorker" not in words[0]:
                found[pid] = behind
    parent = lambda pid: read(pid, "stat").rpartition(")")[2].split()[1:2]
    return {pid: words for pid, words in found.items() if not set(parent(pid)) & set(found)}


workers = processes()
if not workers:
    say(workers=0)
    sys.exit(0)
first = next(iter(workers))
for entry in read(first, "environ").split("\0"):
    name, _, value = entry.partition("=")
    if name and not name.startswith("SOFA_") and name != "CUDA_VISIBLE_DEVICES":
        os.environ[name] = value
try:
    os.chdir(os.readlink(f"/proc/{first}/cwd"))
except OSError:
    pass

import celery
import click
from celery.bin.celery import celery as group
from celery.app.utils import find_app
from celery.utils.nodenames import default_nodename, host_format


def options(command, words):
    found, rest, _ = command.make_parser(click.Context(command)).parse_args(list(words))
    return found, rest


def parsed(words):
    of_group, rest = options(group, words)
    of_worker, _ = options(group.commands["worker"], rest[1:])
    variable = lambda key: os.environ.get("CELERY_WORKER_" + key.upper())
    value = lambda key: of_worker.get(key) or variable(key)
    return of_group, value


of_group, _ = parsed(workers[first])
if of_group.get("workdir"):
    os.chdir(of_group["workdir"])
sys.path.insert(0, os.getcwd())
for key, variable in [("broker", "CELERY_BROKER_URL"), ("config", "CELERY_CONFIG_MODULE"), ("loader", "CELERY_LOADER")]:
    if of_group.get(key):
        os.environ[variable] = of_group[key]
named = of_group.get("app") or os.environ.get("APP")
if named:
    app = find_app(named)
else:
    from celery import current_app as app


def configured(value):
    queues = app.amqp.queues
    names = value("queues")
    queues = [name.strip() for name in names.split(",")] if names else list(queues.consume_from)
    left_out = (value("exclude_queues") or "").split(",")
    return [name for name in queues if name not in left_out]


nodes = {}
for words in workers.values():
    _, value = parsed(words)
    nodes[host_format(default_nodename(value("hostname")))] = configured(value)


def ask(node, what, timeout=1.0):
    replies = app.control.broadcast(what, destination=[node], reply=True, timeout=timeout, limit=1)
    return replies[0].get(node) if replies else None


def consumed(node, timeout=1.0):
    queues = ask(node, "active_queues", timeout)
    return None if queues is None else [queue["name"] for queue in queues]


def cancel(node, queues):
    for queue in queues:
        app.control.cancel_consumer(queue, destination=[node], reply=False)


def look():
    status = dict(workers=len(nodes), silent=False, queues=[], active=0, reserved=0, scheduled=0)
    for node in nodes:
        queues = consumed(node)
        work = {what: ask(node, what) for what in ("active", "reserved", "scheduled")} if queues is not None else {}
        if queues is None or None in work.values():
            status["silent"] = True
            continue
        status["queues"] += queues
        for what, tasks in work.items():
            status[what] += len(tasks)
    return status


def quiesce():
    seen = []
    for node, queues in nodes.items():
        found = consumed(node)
        cancel(node, queues if found is None else found)
        seen += queues if found is None else found
    silent = any(consumed(node, 2.0) != [] for node in nodes)
    say(workers=len(nodes), silent=silent, queues=sorted(set(seen)), acks_late=bool(app.conf.task_acks_late))


def drain():
    idle, shown = 0, None
    while True:
        status = look()
        for node in nodes:
            if status["queues"]:
                cancel(node, status["queues"])
        done = not (status["silent"] or status["queues"] or status["active"] or status["reserved"])
        idle = idle + 1 if done else 0
        if status != shown:
            shown = status
            say(**status)
        # A message may be under way when the first look finds nothing.
        if idle == 2:
            return
        if time.monotonic() > END:
            sys.exit(3)
        time.sleep(0.25)


def end_others():
    # An exec in a container outlives the client that started it, and would work against this one.
    for pid in filter(str.isdigit, os.listdir("/proc")):
        tasks = {f"SOFA_TASK={task}" for task in ("quiesce", "drain", "resume", "tend")}
        if int(pid) != os.getpid() and tasks & set(read(pid, "environ").split("\0")):
            os.kill(int(pid), 9)


def lacking(node, queues, timeout):
    # The queues that a worker does not consume from; all of them where it does not answer.
    found = consumed(node, timeout)
    return found is not None, [queue for queue in KNOWN or queues if queue not in (found or [])]


def add(node, queues):
    for queue in queues:
        app.control.add_consumer(queue, destination=[node], reply=False)


def resume():
    for node, queues in nodes.items():
        add(node, KNOWN or queues)
    # Celery keeps commands that arrive during a task in a set, so «cancel» may run after «add», and after the first answer too. The
    # second answer comes when that set is empty.
    silent = any(lacking(node, queues, 2.0)[1] for node, queues in nodes.items() for _ in range(2))
    say(workers=len(nodes), silent=silent, forgets=celery.VERSION[:2] < (5, 7))
    # Another process repeats «add» until the worker consumes.
    if silent:
        nothing, again = subprocess.DEVNULL, dict(os.environ, SOFA_TASK="tend")
        streams = dict(stdin=nothing, stdout=nothing, stderr=nothing)
        subprocess.Popen([sys.executable, "-c", again["SOFA_SCRIPT"]], env=again, start_new_session=True, **streams)


def tend():
    answers = {node: 0 for node in nodes}
    while min(answers.values()) < 2 and time.monotonic() < END:
        time.sleep(0.5)
        for node, queues in nodes.items():
            answered, missing = lacking(node, queues, 1.0)
            answers[node] = 0 if missing else answers[node] + 1
            if missing and answered:
                add(node, missing)


def depths():
    found = {}
    with app.connection_for_read() as connection:
        for name in sorted({name for queues in nodes.values() for name in queues}):
            channel = connection.channel()
            try:
                found[name] = channel.queue_declare(name, passive=True).message_count
            except connection.channel_errors:
                # Redis has no empty queues.
                found[name] = 0
    return found


if TASK in ("quiesce", "resume"):
    end_others()
if TASK == "look":
    say(**dict(look(), depths=depths(), acks_late=bool(app.conf.task_acks_late)))
else:
    dict(quiesce=quiesce, drain=drain, resume=resume, tend=tend)[TASK]()
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_lines_have_a_status() {
        let found = status("@sofa {\"workers\": 1, \"active\": 2, \"queues\": [\"cpu\"]}").unwrap();
        assert_eq!((found.workers, found.active, found.queues), (1, 2, vec!["cpu".to_owned()]));
        assert_eq!(status("{\"workers\": 1}"), None, "a line of the application");
        assert_eq!(status("@sofa nothing"), None);
    }
}
