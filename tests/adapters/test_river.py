"""The learners under River's own checks, and against `trophic.run`."""

from __future__ import annotations

import copy
import math
from typing import Any
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("river", reason="pip install 'trophic[river]'")
pytest.importorskip("sklearn", reason="some of the checks of River need it")

from river import checks

import trophic
from trophic.adapters.river import EcologyTransformer, NetworkForecaster, NoveltyDetector


class LabelledStream:
    """Two rhythms with a spike now and then, in place of a data set that River would have to download."""

    def take(self, n: int) -> list[tuple[dict[str, float], int]]:
        rng = np.random.default_rng(0)
        rows = []
        for i in range(n):
            is_spike = rng.random() < 0.01
            a, b = math.sin(0.2 * i), math.cos(0.05 * i) + 0.1 * rng.normal()
            rows.append(({"a": a + 3 * is_spike, "b": b}, int(is_spike)))
        return rows


MODELS = (EcologyTransformer(), NetworkForecaster(horizon=12), NoveltyDetector(capacity=16))
with mock.patch("river.datasets.CreditCard", LabelledStream):
    CHECKS = [
        pytest.param(model, check, id=f"{type(model).__name__}-{getattr(check, '__name__', str(check))}")
        for model in MODELS
        for check in checks.yield_checks(model)
    ]


@pytest.mark.parametrize(("model", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore")
def test_their_own_checks(model: Any, check: Any) -> None:
    check(copy.deepcopy(model))


def test_it_is_the_same_ecology() -> None:
    x = np.cos(2 * np.pi * 0.1 * np.arange(500))
    x[100:120] = np.nan
    model = EcologyTransformer(f_min_hz=0.05, f_max_hz=0.45, n_branches=2)
    for value in x:
        model.learn_one({"x": None if math.isnan(value) else value})
    ecology = trophic.Ecology(f_min_hz=0.05, f_max_hz=0.45, n_branches=2)
    assert model._state.equals(trophic.run(ecology, x, sample_rate_hz=1.0).state)


def test_it_is_the_same_forecaster() -> None:
    rng = np.random.default_rng(0)
    y, x = np.sin(0.3 * np.arange(300)), rng.normal(size=300)
    river = NetworkForecaster(horizon=3)
    for row in zip(y, x):
        river.learn_one(row[0], {"x": row[1]})
    model = trophic.Forecaster(n_inputs=2, horizons=(1, 2, 3))
    state = model.init()
    model.advance(state, trophic.Chunk(np.stack([y, x], axis=1), sample_period_s=1.0))
    assert river._state.equals(state)
    assert river.forecast(2) == model.predict(state)[0, :2, 0].tolist()
    with pytest.raises(ValueError, match=r"horizon must be in 1\.\.3, got 4"):
        river.forecast(4)


def test_scoring_learns_nothing() -> None:
    detector = NoveltyDetector(capacity=64)
    for value in np.sin(0.2 * np.arange(600)):
        detector.learn_one({"x": value})
    before = detector._state.copy()
    assert detector.score_one({"x": 5.0}) > 0.99 > detector.score_one({"x": 0.5})
    assert detector._state.equals(before)
