"""init_db: creates the tables and the market where they are missing, then ends. Nothing that exists is changed."""

import sys
import time

from coordinator import database, market
from coordinator.service import log

PATIENCE_SECONDS = 30


def main():
    connection = _connect()
    with connection, connection.cursor() as cursor:
        # Two of these at once would create the same table twice.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (market.ADVISORY_LOCK,))
        cursor.execute(database.TABLES)
    created = market.create(connection)
    log(f"created {', '.join(created)}" if created else "nothing to create")


def _connect():
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return database.connect()
        except database.LOST as error:
            if time.monotonic() > deadline:
                sys.exit(f"no database after {PATIENCE_SECONDS} s: {str(error).strip()}")
            time.sleep(0.5)
