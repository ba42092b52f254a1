"""Serves the models over HTTP.

GET  /models         the names of the models
POST /models/NAME    {"prices": [...], "horizon": ticks} -> {"mean": ..., "stddev": ...}
GET  /healthz        200 when every model answers a question of known size
"""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from models import MODELS, SHORTEST_HISTORY, predict

LONGEST_BODY = 1 << 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/models":
            self.answer(200, {"models": list(MODELS)})
        elif self.path == "/healthz":
            self.answer(*health())
        else:
            self.answer(404, {"error": "no such path"})

    def do_POST(self):
        size = int(self.headers.get("Content-Length") or 0)
        if size > LONGEST_BODY:
            self.close_connection = True
            return self.answer(413, {"error": f"more than {LONGEST_BODY} bytes"})
        body = self.rfile.read(size)
        name = self.path.removeprefix("/models/")
        if name == self.path or name not in MODELS:
            return self.answer(404, {"error": f"no model {name}"})
        try:
            question = json.loads(body)
            self.answer(200, predict(name, question["prices"], question["horizon"]))
        except (ValueError, KeyError, TypeError) as error:
            self.answer(400, {"error": str(error)})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        if code != 200:
            super().log_request(code, size)


def health():
    prices = [100.0 + tick % 3 for tick in range(SHORTEST_HISTORY)]
    try:
        for name in MODELS:
            predict(name, prices, 1)
    except Exception as error:
        return 503, {"status": "failing", "model": name, "error": str(error)}
    return 200, {"status": "ok", "models": len(MODELS)}


def main():
    # As process 1 a program gets no default action for SIGTERM: wait for it, then leave.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    port = int(os.environ.get("PORT", "9091"))
    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"serving {len(MODELS)} models on port {port}: {', '.join(MODELS)}", flush=True)
    name = signal.Signals(signal.sigwait(signals)).name
    print(f"{name}: leaving", flush=True)
    os._exit(0)


main()
