"""The market the models predict: a few price series that follow from their seeds alone.

A tick's price is a function of the series' seed and of the two prices before it, so the same seed gives the same series
everywhere, and it does not matter which program adds a tick. The market moves while the pipeline runs: after a pause it
goes on where it stopped.
"""

from math import exp, log
from random import Random

# symbol, start, volatility of one tick, momentum (part of the last move that goes on), reversion (pull to the start)
SYMBOLS = (
    ("CRUNCH", 100.0, 0.0040, 0.00, 0.000),
    ("DRIFT", 42.0, 0.0030, 0.55, 0.002),
    ("ELASTIC", 250.0, 0.0060, 0.00, 0.150),
)
HISTORY_TICKS = 240
# Any number will do, as long as every program takes the same.
ADVISORY_LOCK = 90_918_000


def next_price(series, tick, last, before):
    """The price at `tick`, after `last` and the one `before` it."""
    seed, start, volatility, momentum, reversion = series
    shock = Random(f"{seed}/{tick}").gauss(0.0, 1.0) * volatility
    move = momentum * log(last / before) + reversion * log(start / last) + shock
    return round(last * exp(move), 6)


def create(connection):
    """Writes the symbols and a history to begin with, where they are missing. Returns the symbols that were new."""
    created = []
    with connection, connection.cursor() as cursor:
        for symbol, start, volatility, momentum, reversion in SYMBOLS:
            cursor.execute(
                "INSERT INTO symbols VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (symbol, symbol, start, volatility, momentum, reversion),
            )
            cursor.execute("SELECT EXISTS (SELECT FROM prices WHERE symbol = %s)", (symbol,))
            if cursor.fetchone()[0]:
                continue
            cursor.execute("SELECT seed, start, volatility, momentum, reversion FROM symbols WHERE symbol = %s", (symbol,))
            series = cursor.fetchone()
            prices = [series[1], series[1]]
            for tick in range(2, HISTORY_TICKS):
                prices.append(next_price(series, tick, prices[-1], prices[-2]))
            cursor.executemany(
                "INSERT INTO prices (symbol, tick, price) VALUES (%s, %s, %s)",
                [(symbol, tick, price) for tick, price in enumerate(prices)],
            )
            created.append(symbol)
    return created


def advance(connection, tick_seconds):
    """Adds the next tick of every symbol whose last one is old enough. Whoever comes first adds it."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        if not cursor.fetchone()[0]:
            return
        cursor.execute("SELECT symbol, seed, start, volatility, momentum, reversion FROM symbols ORDER BY symbol")
        for symbol, *series in cursor.fetchall():
            cursor.execute(
                "SELECT tick, price, at + make_interval(secs => %s) <= clock_timestamp() FROM prices"
                " WHERE symbol = %s ORDER BY tick DESC LIMIT 2",
                (tick_seconds, symbol),
            )
            rows = cursor.fetchall()
            if len(rows) == 2 and rows[0][2]:
                tick = rows[0][0] + 1
                cursor.execute(
                    "INSERT INTO prices (symbol, tick, at, price) VALUES (%s, %s, clock_timestamp(), %s)",
                    (symbol, tick, next_price(series, tick, rows[0][1], rows[1][1])),
                )


def histories(connection, length):
    """For every symbol its last tick and its last prices, oldest first."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT symbol FROM symbols ORDER BY symbol")
        found = {}
        for (symbol,) in cursor.fetchall():
            cursor.execute("SELECT tick, price FROM prices WHERE symbol = %s ORDER BY tick DESC LIMIT %s", (symbol, length))
            rows = cursor.fetchall()
            if rows:
                found[symbol] = rows[0][0], [price for _, price in reversed(rows)]
        return found
