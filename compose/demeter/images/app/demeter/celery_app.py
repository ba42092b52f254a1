"""The Celery application: a queue for each GPU, one for CPU work and one for I/O."""

import os

from celery import Celery, signals

GPU_QUEUES = os.environ.get("GPU_QUEUES", "gpu_queue_0,gpu_queue_1").split(",")
QUEUES = [*GPU_QUEUES, "cpu_queue", "io_queue"]

app = Celery(
    "demeter",
    broker=os.environ.get("BROKER_URL", "redis://redis:6379/0"),
    backend=os.environ.get("RESULT_BACKEND", "redis://redis:6379/1"),
    include=["demeter.tasks"],
)
app.conf.update(
    # A task that a crash cuts off comes again; each one may run twice without harm.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # What a worker has taken and not begun, no other can do.
    worker_prefetch_multiplier=1,
    task_default_queue="cpu_queue",
    task_routes={"demeter.tasks.aggregate": "cpu_queue", "demeter.tasks.store": "io_queue"},
    result_expires=3600,
    worker_send_task_events=True,
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # Redis gives a task to another worker after this time without an answer: longer than any task takes.
        "visibility_timeout": 3600,
        # 50 greenlets acknowledge at once. With the default of 10 connections an acknowledgement fails, and the task runs twice.
        "max_connections": 200,
    },
)


@signals.worker_ready.connect
def begin_life_signs(sender, **_):
    from demeter import life

    life.begin(sender)


@signals.worker_shutting_down.connect
def end_life_signs(**_):
    from demeter import life

    life.end()


@signals.task_postrun.connect
def recycle(**_):
    from demeter import life

    life.count_task()
