"""The database: photos, the plants in them, and a count of tasks."""

import contextlib
import os

from psycopg_pool import ConnectionPool

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE TABLE IF NOT EXISTS photos (
    id bigserial PRIMARY KEY, width int NOT NULL, height int NOT NULL, pixels bytea NOT NULL,
    stored timestamptz, plants int);
CREATE TABLE IF NOT EXISTS plants (
    photo bigint NOT NULL REFERENCES photos, area int NOT NULL, shape geometry(Polygon) NOT NULL,
    center geometry(Point) NOT NULL);
CREATE TABLE IF NOT EXISTS counted (
    number bigint NOT NULL, queue text NOT NULL, process text NOT NULL, at timestamptz NOT NULL DEFAULT now());
"""


_pools = {}


@contextlib.contextmanager
def connection():
    """A connection whose transaction ends with the block."""
    # A forked process has connections of its own.
    pool = _pools.get(os.getpid())
    if pool is None:
        pool = _pools[os.getpid()] = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=20, timeout=30)
    with pool.connection() as database:
        yield database


def prepare():
    """Creates what is missing; one process at a time."""
    with connection() as database:
        database.execute("SELECT pg_advisory_xact_lock(20260801)")
        database.execute(SCHEMA)
