"""The benchmark models.

Each takes the price history (oldest first) and a horizon in ticks, and says what it believes about the price at that
horizon: a mean and a standard deviation of a normal distribution. They are what a contributed model has to beat.
"""

from math import exp, log, sqrt
from statistics import fmean, pstdev

SHORTEST_HISTORY = 20


def last_value(prices, horizon):
    """The price stays where it is."""
    return _forecast(prices, horizon, prices[-1])


def moving_average(prices, horizon, window=10):
    """The price returns to its average of the last few ticks."""
    return _forecast(prices, horizon, fmean(prices[-window:]))


def momentum(prices, horizon, window=5):
    """The last few ticks' average move goes on, losing half of its strength with every tick."""
    move = fmean(_returns(prices)[-window:])
    return _forecast(prices, horizon, prices[-1] * exp(sum(move * 0.5**tick for tick in range(1, horizon + 1))))


def mean_reversion(prices, horizon):
    """The price is drawn to its long-run mean, as fast as the history says."""
    logs = [log(price) for price in prices]
    mean = fmean(logs)
    pull = -_slope([value - mean for value in logs[:-1]], _returns(prices))
    kept = (1 - min(max(pull, 0.0), 1.0)) ** horizon
    return _forecast(prices, horizon, exp(mean + (logs[-1] - mean) * kept))


def autoregression(prices, horizon):
    """The next move is a fixed part of the last one, fitted by least squares."""
    returns = _returns(prices)
    part = min(max(_slope(returns[:-1], returns[1:]), -0.9), 0.9)
    return _forecast(prices, horizon, prices[-1] * exp(sum(returns[-1] * part**tick for tick in range(1, horizon + 1))))


MODELS = {
    "last-value": last_value,
    "moving-average": moving_average,
    "momentum": momentum,
    "mean-reversion": mean_reversion,
    "autoregression": autoregression,
}


def predict(name, prices, horizon):
    """What the model of this name says; ValueError says what is wrong with the question."""
    if len(prices) < SHORTEST_HISTORY:
        raise ValueError(f"{len(prices)} prices given, {SHORTEST_HISTORY} needed")
    if not all(isinstance(price, (int, float)) and 0 < price < float("inf") for price in prices):
        raise ValueError("prices must be positive numbers")
    if not isinstance(horizon, int) or not 1 <= horizon <= 1000:
        raise ValueError("horizon must be a whole number of ticks from 1 to 1000")
    return MODELS[name](prices, horizon)


def _forecast(prices, horizon, mean):
    """Moves of different ticks are taken as independent: the spread grows with the root of the horizon."""
    spread = pstdev(_returns(prices)[-100:]) * sqrt(horizon) * prices[-1]
    return {"mean": mean, "stddev": max(spread, 1e-6 * prices[-1])}


def _returns(prices):
    return [log(after / before) for before, after in zip(prices, prices[1:])]


def _slope(xs, ys):
    """Least squares through the origin; 0 where the xs say nothing."""
    square = sum(x * x for x in xs)
    return sum(x * y for x, y in zip(xs, ys)) / square if square > 1e-18 else 0.0
