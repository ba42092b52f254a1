"""The client of the model orchestrator."""

import http.client
import json
from math import isfinite
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5


class Unreachable(Exception):
    """The orchestrator did not answer."""


class Refused(Exception):
    """The orchestrator or a model answered with something that is not a prediction."""


class Orchestrator:
    """One connection, kept open for the questions of a round."""

    def __init__(self, url):
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
        self._path = parts.path.rstrip("/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def models(self):
        """The names of the models."""
        return self._ask("GET", "/models")["models"]

    def predict(self, model, prices, horizon):
        """The model's mean and standard deviation for the price at the horizon."""
        answer = self._ask("POST", f"/models/{model}", {"prices": prices, "horizon": horizon})
        try:
            mean, stddev = float(answer["mean"]), float(answer["stddev"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(f"{model}: not a prediction: {answer}") from error
        if not (isfinite(mean) and isfinite(stddev) and stddev > 0):
            raise Refused(f"{model}: not a prediction: {answer}")
        return mean, stddev

    def _ask(self, method, path, question=None):
        body = None if question is None else json.dumps(question)
        try:
            self._connection.request(method, self._path + path, body)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(str(error) or type(error).__name__) from error
        if response.status != 200:
            raise Refused(f"{method} {path}: {response.status} {content[:200].decode(errors='replace')}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise Refused(f"{method} {path}: not JSON") from error
