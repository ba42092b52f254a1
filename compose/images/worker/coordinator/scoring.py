"""How good a prediction was."""

from math import erf, exp, pi, sqrt


def crps(mean, stddev, truth):
    """The continuous ranked probability score of a normal forecast, in the unit of the price; 0 is perfect."""
    z = (truth - mean) / stddev
    density = exp(-z * z / 2) / sqrt(2 * pi)
    below = (1 + erf(z / sqrt(2))) / 2
    return stddev * (z * (2 * below - 1) + 2 * density - 1 / sqrt(pi))


def basis_points(value, price):
    """Hundredths of a percent of the price, so that symbols of different price compare."""
    return value / price * 10_000
