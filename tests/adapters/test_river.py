"""The transformer under River's own checks, and against `trophic.run`."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("river", reason="pip install 'trophic[river]'")
pytest.importorskip("sklearn", reason="some of the checks of River need it")

from river import checks

import trophic
from trophic.adapters.river import EcologyTransformer

MODEL = EcologyTransformer()
CHECKS = list(checks.yield_checks(MODEL))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: getattr(check, "__name__", str(check)))
@pytest.mark.filterwarnings("ignore")
def test_its_own_checks(check: Any) -> None:
    check(copy.deepcopy(MODEL))


def test_it_is_the_same_ecology() -> None:
    x = np.cos(2 * np.pi * 0.1 * np.arange(500))
    x[100:120] = np.nan
    model = EcologyTransformer(f_min_hz=0.05, f_max_hz=0.45, n_branches=2)
    for value in x:
        model.learn_one({"x": None if math.isnan(value) else value})
    ecology = trophic.Ecology(f_min_hz=0.05, f_max_hz=0.45, n_branches=2)
    assert model._state.equals(trophic.run(ecology, x, sample_rate_hz=1.0).state)
