"""predict: asks every model for a prediction on every symbol at an interval, and stores the answers.

One row per symbol, tick and model: asking again after a restart cannot count twice.
"""

import os
import time

from coordinator import market, service
from coordinator.orchestrator import Orchestrator, Refused, Unreachable

HISTORY = 200
POLL_SECONDS = 0.25


def main():
    service.run(lambda stopping: service.with_database(stopping, Predictor().step, POLL_SECONDS))


class Predictor:
    def __init__(self):
        self.url = os.environ["MODEL_ORCHESTRATOR_URL"]
        self.tick_seconds = service.seconds("TICK_SECONDS")
        self.horizon = int(service.seconds("HORIZON_TICKS"))
        self.interval = service.seconds("PREDICT_INTERVAL_SECONDS")
        self.next_round = 0.0
        self.last_ticks = {}
        self.away = False

    def step(self, connection):
        """Moves the market on; when a round is due and there is a new price, holds the round."""
        market.advance(connection, self.tick_seconds)
        if time.monotonic() < self.next_round:
            return
        histories = market.histories(connection, HISTORY)
        ticks = {symbol: tick for symbol, (tick, _) in histories.items()}
        if ticks == self.last_ticks:
            return
        try:
            rows = self.ask(histories)
        except (Unreachable, Refused) as error:
            if not self.away:
                service.log(f"orchestrator is away, asking again every second: {error}")
            self.away = True
            self.next_round = time.monotonic() + 1
            return
        if self.away:
            service.log("orchestrator is back")
            self.away = False
        self.next_round = time.monotonic() + self.interval
        if rows:
            store(connection, rows)
            self.last_ticks = ticks
            service.beat()
            service.log(f"stored {len(rows)} predictions of {len({row[0] for row in rows})} models for tick {max(ticks.values())}")

    def ask(self, histories):
        """The answers of all models for all symbols. A model that refuses is left out of the round."""
        rows = []
        with Orchestrator(self.url) as orchestrator:
            for model in orchestrator.models():
                for symbol, (tick, prices) in histories.items():
                    try:
                        mean, stddev = orchestrator.predict(model, prices, self.horizon)
                    except Refused as refusal:
                        service.log(f"no prediction for {symbol}: {refusal}")
                        continue
                    rows.append((model, symbol, tick, tick + self.horizon, prices[-1], mean, stddev))
        return rows


def store(connection, rows):
    with connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO predictions (model, symbol, tick, target, price, mean, stddev) VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            rows,
        )
