"""The pure parts of the coordinator's programs: the market, the models, the score."""

import sys
import unittest
from math import erf, isclose, sqrt

import models
from coordinator import market, scoring


def walk(symbol, ticks):
    """A price series of the market, from its beginning."""
    _, start, *character = next(row for row in market.SYMBOLS if row[0] == symbol)
    prices = [start, start]
    for tick in range(2, ticks):
        prices.append(market.next_price((symbol, start, *character), tick, prices[-1], prices[-2]))
    return prices


def mean_score(model, prices, horizon=3):
    scores = []
    for now in range(100, len(prices) - horizon):
        forecast = models.predict(model, prices[now - 100 : now + 1], horizon)
        scores.append(scoring.crps(forecast["mean"], forecast["stddev"], prices[now + horizon]))
    return sum(scores) / len(scores)


class Market(unittest.TestCase):
    def test_the_same_seed_gives_the_same_series(self):
        self.assertEqual(walk("CRUNCH", 300), walk("CRUNCH", 300))

    def test_another_seed_gives_another_series(self):
        self.assertNotEqual(walk("CRUNCH", 300), walk("DRIFT", 300))

    def test_a_series_goes_on_from_its_last_two_prices(self):
        prices = walk("ELASTIC", 300)
        _, start, *character = market.SYMBOLS[2]
        self.assertEqual(prices[299], market.next_price(("ELASTIC", start, *character), 299, prices[298], prices[297]))

    def test_prices_stay_positive(self):
        for symbol, *_ in market.SYMBOLS:
            self.assertGreater(min(walk(symbol, 5000)), 0)


class Models(unittest.TestCase):
    def test_every_model_answers_with_a_normal_distribution(self):
        for name in models.MODELS:
            forecast = models.predict(name, walk("CRUNCH", 60), 3)
            self.assertGreater(forecast["mean"], 0, name)
            self.assertGreater(forecast["stddev"], 0, name)

    def test_a_price_that_never_moves_is_predicted_to_stay(self):
        for name in models.MODELS:
            self.assertAlmostEqual(models.predict(name, [10.0] * 30, 5)["mean"], 10.0, 6, name)

    def test_each_model_beats_last_value_where_its_belief_holds(self):
        drift, elastic = walk("DRIFT", 2000), walk("ELASTIC", 2000)
        self.assertLess(mean_score("momentum", drift), mean_score("last-value", drift))
        self.assertLess(mean_score("autoregression", drift), mean_score("last-value", drift))
        self.assertLess(mean_score("mean-reversion", elastic), mean_score("last-value", elastic))

    def test_questions_without_an_answer_are_refused(self):
        for prices, horizon in (([1.0] * 5, 3), ([1.0] * 30, 0), ([-1.0] * 30, 3), ([1.0] * 30, "3"), (["1"] * 30, 3)):
            with self.assertRaises(ValueError):
                models.predict("last-value", prices, horizon)


class Score(unittest.TestCase):
    def test_it_is_the_integral_that_defines_it(self):
        mean, stddev, truth = 100.0, 2.0, 101.5
        step, total = 0.001, 0.0
        for number in range(-20_000, 20_000):
            x = mean + number * step
            below = (1 + erf((x - mean) / (stddev * sqrt(2)))) / 2
            total += (below - (x >= truth)) ** 2 * step
        self.assertTrue(isclose(scoring.crps(mean, stddev, truth), total, rel_tol=1e-3))

    def test_a_sure_and_right_forecast_is_best(self):
        self.assertLess(scoring.crps(100, 0.1, 100), scoring.crps(100, 1, 100))
        self.assertLess(scoring.crps(100, 1, 100), scoring.crps(102, 1, 100))

    def test_a_sure_and_wrong_forecast_costs_its_error(self):
        self.assertAlmostEqual(scoring.crps(100, 1e-6, 103), 3, 5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
