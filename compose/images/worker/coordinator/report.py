"""report: shows the standings.

GET /             a page that keeps itself up to date
GET /leaderboard  the standings as JSON
GET /prices       the last prices of every symbol as JSON
GET /healthz      200 when the database answers
"""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import sqrt
from pathlib import Path

import psycopg2

from coordinator import database, market, service

PAGE = Path(__file__).with_name("page.html").read_bytes()
BENCHMARK = "last-value"
PRICES = 120
ANSWER_SECONDS = 0.2
TURN_SECONDS = 3


class Server(ThreadingHTTPServer):
    """One thread per request; they take turns on one connection to the database."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address):
        super().__init__(address, Handler)
        self.turn = threading.Lock()
        self.connection = None

    def ask(self, question):
        """question(connection); a connection that was lost meanwhile is replaced once."""
        # Behind a database that hangs requests are turned away, or they would queue up without end.
        if not self.turn.acquire(timeout=TURN_SECONDS):
            raise psycopg2.OperationalError("the database hangs")
        try:
            for attempt in (1, 2):
                try:
                    self.connection = self.connection or database.connect()
                    return question(self.connection)
                except database.LOST:
                    database.close(self.connection)
                    self.connection = None
                    if attempt == 2:
                        raise
        finally:
            self.turn.release()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/":
            return self.answer(200, "text/html; charset=utf-8", PAGE)
        question = {"/leaderboard": leaderboard, "/prices": prices, "/healthz": alive}.get(path)
        if question is None:
            return self.answer_json(404, {"error": "no such path"})
        try:
            self.answer_json(200, self.server.ask(question))
        except psycopg2.Error:
            self.answer_json(503, {"status": "failing", "error": "the database does not answer"})

    def answer_json(self, status, content):
        self.answer(status, "application/json", json.dumps(content, indent=2).encode() + b"\n")

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        if self.path != "/healthz" or code != 200:
            super().log_request(code, size)


def alive(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM standings")
        cursor.fetchone()
    return {"status": "ok"}


def leaderboard(connection):
    """The models, best first. Scores are in basis points of the price; less is better."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT now()::text, (SELECT count(*) FROM predictions WHERE crps IS NULL)")
        now, pending = cursor.fetchone()
        cursor.execute("SELECT model, symbol, scored, crps, squared_error, last_scored_at::text FROM standings ORDER BY 1, 2")
        rows = cursor.fetchall()
    models = {}
    for model, symbol, scored, crps, squared_error, last_scored_at in rows:
        models.setdefault(model, []).append((symbol, scored, crps, squared_error, last_scored_at))
    entries = sorted((_entry(model, parts) for model, parts in models.items()), key=lambda entry: entry["crps"])
    benchmark = next((entry["crps"] for entry in entries if entry["model"] == BENCHMARK), None)
    for rank, entry in enumerate(entries, 1):
        entry["rank"] = rank
        entry["skill"] = round(1 - entry["crps"] / benchmark, 4) if benchmark else None
    return {
        "at": now,
        "score": "mean CRPS in basis points of the price, less is better",
        "skill": f"part of {BENCHMARK}'s score that is gone, more is better",
        "pending": pending,
        "models": entries,
    }


def prices(connection):
    return {symbol: {"tick": tick, "prices": series} for symbol, (tick, series) in market.histories(connection, PRICES).items()}


def _entry(model, parts):
    scored = sum(part[1] for part in parts)
    return {
        "rank": None,
        "model": model,
        "scored": scored,
        "crps": round(sum(part[2] for part in parts) / scored, 4),
        "rmse": round(sqrt(sum(part[3] for part in parts) / scored), 4),
        "skill": None,
        "last_scored_at": max(part[4] for part in parts),
        "symbols": {symbol: {"scored": count, "crps": round(crps / count, 4)} for symbol, count, crps, _, _ in parts},
    }


def main():
    port = int(os.environ.get("PORT", "8000"))
    server = Server(("0.0.0.0", port))
    service.log(f"leaderboard on port {port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    service.run(lambda stopping: _finish(server, stopping))


def _finish(server, stopping):
    """Takes no new request once the program is to end; those in hand have a moment to be answered."""
    stopping.wait()
    server.shutdown()
    server.server_close()
    time.sleep(ANSWER_SECONDS)
