"""Life signs of a worker, and its end after a number of tasks.

A solo worker answers no `inspect ping` while it runs a task, and ignores `--max-tasks-per-child`. So a thread shows that the process
lives, and the worker ends itself after RECYCLE_AFTER tasks; its restart policy starts it again.
"""

import os
import pathlib
import signal
import socket
import threading
import time

import redis

from demeter.celery_app import app

FILE = pathlib.Path("/tmp/worker-lives")
SECONDS = 5
RECYCLE_AFTER = int(os.environ.get("RECYCLE_AFTER", "0"))

_ended = threading.Event()
_done = 0


def key(queue):
    """The sign of the workers of a queue."""
    return f"demeter:consumes:{queue}"


def broker():
    """A connection to Redis beside Celery's own."""
    return redis.Redis.from_url(app.conf.broker_url, socket_timeout=2)


def process():
    """The name of this process: its host, and when it began, since the first process of every container has the number 1."""
    with open("/proc/self/stat") as file:
        begun = file.read().rpartition(")")[2].split()[19]
    return f"{socket.gethostname()} {os.getpid()} {begun}"


def begin(consumer):
    """Shows every few seconds that this worker lives and which queues it consumes."""
    queues = lambda: [queue.name for queue in getattr(consumer.task_consumer, "queues", [])]
    threading.Thread(target=_show, args=(queues,), daemon=True).start()


def _show(queues):
    connection = broker()
    while not _ended.is_set():
        FILE.touch()
        try:
            for queue in queues():
                connection.hset(key(queue), socket.gethostname(), int(time.time()))
        except redis.RedisError as error:
            print(f"no life sign: {error}", flush=True)
        _ended.wait(SECONDS)


def end():
    """Takes the signs away."""
    _ended.set()
    try:
        connection = broker()
        for name in connection.scan_iter(key("*")):
            connection.hdel(name, socket.gethostname())
    except redis.RedisError:
        pass


def active(connection, queue):
    """Whether a worker consumes from a queue, by its last sign."""
    signs = connection.hgetall(key(queue)).values()
    return any(time.time() - int(sign) < 3 * SECONDS for sign in signs)


def count_task():
    """Ends this process after its last task, as a stop does: with what it has taken finished or given back."""
    global _done
    _done += 1
    if RECYCLE_AFTER and _done == RECYCLE_AFTER:
        print(f"recycling after {_done} tasks", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
