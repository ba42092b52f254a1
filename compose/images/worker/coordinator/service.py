"""What every long-running program shares: its log lines, its heartbeat, how it ends, how it lives through a lost database."""

import os
import signal
import threading
import traceback
from pathlib import Path

import psycopg2

from coordinator import database

HEARTBEAT = Path("/tmp/heartbeat")
SIGNALS = {signal.SIGTERM, signal.SIGINT}
# Time for the work in hand to end after a signal. What is cut off was one transaction: it did not happen.
GRACE_SECONDS = 0.5
RETRY_SECONDS = 1.0


def log(text):
    print(text, flush=True)


def seconds(name):
    """A positive number of seconds (or ticks, or days) from the environment."""
    value = float(os.environ[name])
    if value <= 0:
        raise ValueError(f"{name}: {value} is not positive")
    return value


def beat():
    """Says that a piece of work was done. The healthcheck looks at how long ago that was."""
    HEARTBEAT.touch()


def run(work):
    """Runs work(stopping) until it returns, fails or the process is told to end.

    It has a thread of its own, so that a call that hangs (a name lookup, a dead connection) cannot delay the end.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    # A container that starts again has its files still: the work of its last life is no sign of this one's.
    HEARTBEAT.unlink(missing_ok=True)
    stopping = threading.Event()
    worker = threading.Thread(target=_guarded, args=(work, stopping), daemon=True)
    worker.start()
    log(f"{signal.Signals(signal.sigwait(SIGNALS)).name}: leaving")
    stopping.set()
    worker.join(GRACE_SECONDS)
    os._exit(0)


def with_database(stopping, step, interval):
    """Calls step(connection) every interval seconds, connecting again whenever the database goes away."""
    connection = None
    waiting = False
    while not stopping.is_set():
        try:
            if connection is None:
                connection = database.connect()
                if waiting:
                    log("database is back")
                waiting = False
            step(connection)
            stopping.wait(interval)
        except database.LOST as error:
            if not waiting:
                log(f"database is away, trying again every {RETRY_SECONDS:g} s: {str(error).strip()}")
            waiting = True
            database.close(connection)
            connection = None
            stopping.wait(RETRY_SECONDS)
        except psycopg2.Error as error:
            # Such as a statement that took too long behind a lock: the connection is good, the step comes again.
            log(f"database refused: {str(error).strip()}")
            connection.rollback()
            stopping.wait(RETRY_SECONDS)


def _guarded(work, stopping):
    try:
        work(stopping)
    except BaseException:
        if not stopping.is_set():
            traceback.print_exc()
            os._exit(1)
