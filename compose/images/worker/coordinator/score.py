"""score: scores each prediction once the price it was about is known, and adds it to the standings.

A prediction's score and its part of the standings are one transaction, and rows that another scorer has in hand are left
to it: every prediction counts once, whatever is killed or scaled.
"""

import time
from collections import defaultdict

from coordinator import market, scoring, service

BATCH = 1000
CLEAN_EVERY_SECONDS = 600
# Prices that models and the page look back on stay, however old.
KEPT_TICKS = 1000


def main():
    service.run(lambda stopping: service.with_database(stopping, Scorer().step, service.seconds("SCORE_INTERVAL_SECONDS")))


class Scorer:
    def __init__(self):
        self.tick_seconds = service.seconds("TICK_SECONDS")
        self.keep_days = service.seconds("KEEP_DAYS")
        self.next_cleaning = 0.0

    def step(self, connection):
        market.advance(connection, self.tick_seconds)
        scored = 0
        while batch := score(connection):
            scored += batch
        service.beat()
        if scored:
            service.log(f"scored {scored} predictions")
        if time.monotonic() >= self.next_cleaning:
            clean(connection, self.keep_days)
            self.next_cleaning = time.monotonic() + CLEAN_EVERY_SECONDS


def score(connection):
    """Scores one batch of predictions whose truth is known; returns how many there were."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.model, p.symbol, p.tick, p.price, p.mean, p.stddev, truth.price"
            " FROM predictions p JOIN prices truth ON truth.symbol = p.symbol AND truth.tick = p.target"
            " WHERE p.crps IS NULL ORDER BY p.symbol, p.target, p.model LIMIT %s FOR UPDATE OF p SKIP LOCKED",
            (BATCH,),
        )
        rows = cursor.fetchall()
        sums = defaultdict(lambda: [0, 0.0, 0.0])
        for model, symbol, tick, price, mean, stddev, truth in rows:
            crps = scoring.basis_points(scoring.crps(mean, stddev, truth), price)
            error = scoring.basis_points(truth - mean, price)
            cursor.execute(
                "UPDATE predictions SET crps = %s WHERE symbol = %s AND tick = %s AND model = %s", (crps, symbol, tick, model)
            )
            total = sums[model, symbol]
            total[0] += 1
            total[1] += crps
            total[2] += error * error
        # In one order everywhere, so that two scorers never wait for each other in a circle.
        for (model, symbol), total in sorted(sums.items()):
            cursor.execute(
                "INSERT INTO standings AS s VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (model, symbol) DO UPDATE SET"
                " scored = s.scored + excluded.scored, crps = s.crps + excluded.crps,"
                " squared_error = s.squared_error + excluded.squared_error, last_scored_at = excluded.last_scored_at",
                (model, symbol, *total),
            )
        return len(rows)


def clean(connection, keep_days):
    """Deletes scored predictions and prices past their age; the standings keep what they added up to."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM predictions WHERE crps IS NOT NULL AND made_at < now() - make_interval(secs => %s)",
            (keep_days * 86_400,),
        )
        cursor.execute(
            "DELETE FROM prices p USING (SELECT symbol, max(tick) AS tick FROM prices GROUP BY symbol) last"
            " WHERE p.symbol = last.symbol AND p.tick < last.tick - %s AND p.at < now() - make_interval(secs => %s)"
            " AND NOT EXISTS (SELECT FROM predictions o WHERE o.symbol = p.symbol AND o.target = p.tick AND o.crps IS NULL)",
            (KEPT_TICKS, keep_days * 86_400),
        )
