"""The model: fitted once and kept in the models' cache (`ets`), or downloaded into it (`chronos`)."""

import importlib.metadata
import os
import pickle
import tempfile
from pathlib import Path

CACHE = Path.home() / ".cache" / "huggingface"
CHRONOS = os.environ.get("CHRONOS_MODEL", "amazon/chronos-bolt-tiny")


def phase(name):
    print(f"::phase::{name}", flush=True)


def series():
    """Monthly CO₂ in the air above Mauna Loa since 1958, in ppm; the data comes with statsmodels."""
    from statsmodels.datasets import co2

    return co2.load_pandas().data.co2.resample("MS").mean().ffill()


class Ets:
    """Exponential smoothing with trend and season."""

    def __init__(self):
        phase("loading the model")
        file = CACHE / f"ets-co2-{importlib.metadata.version('statsmodels')}.pickle"
        self.fitted = self.read(file)
        if self.fitted is None:
            phase("fitting the model")
            self.fitted = self.fit()
            self.write(file)

    @staticmethod
    def read(file):
        try:
            fitted = pickle.loads(file.read_bytes())
            fitted.forecast(1)
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged file fails in any way
            print(f"model: {file.name} is damaged ({error}); it is fitted again", flush=True)
            return None
        print(f"model: {file.name} is in the cache", flush=True)
        return fitted

    @staticmethod
    def fit():
        from statsmodels.tsa.holtwinters import ExponentialSmoothing

        return ExponentialSmoothing(series(), trend="add", seasonal="add", seasonal_periods=12).fit()

    def write(self, file):
        with tempfile.NamedTemporaryFile(dir=CACHE, delete=False) as new:
            new.write(pickle.dumps(self.fitted))
        os.replace(new.name, file)

    def forecast(self, steps):
        return self.fitted.forecast(steps)


class Chronos:
    """A pretrained model; its weights are downloaded once."""

    def __init__(self):
        phase("loading the model")
        from chronos import BaseChronosPipeline

        self.pipeline = BaseChronosPipeline.from_pretrained(CHRONOS)

    def forecast(self, steps):
        import pandas
        import torch

        known = series()
        values = self.pipeline.predict_quantiles(
            torch.tensor(known.to_numpy()), prediction_length=steps, quantile_levels=[0.5]
        )[0][0, :, 0]
        months = pandas.date_range(known.index[-1], periods=steps + 1, freq="MS")[1:]
        return pandas.Series(values.numpy(), index=months)


KINDS = {"ets": Ets, "chronos": Chronos}


def load():
    kind = os.environ.get("MODEL", "ets")
    if kind not in KINDS:
        raise SystemExit(f"error: MODEL is `{kind}`; known are {', '.join(KINDS)}")
    return KINDS[kind]()
