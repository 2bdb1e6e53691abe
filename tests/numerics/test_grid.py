"""Irregular times on a regular grid, against pandas; forecasts of what was taken at random times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import trophic
from trophic.runtime.contract import Chunk
from trophic.runtime.grid import LONGEST_GAP, on_grid


def random_times(n: int, seed: int, mean_s: float) -> np.ndarray:
    return 1e6 + np.cumsum(np.random.default_rng(seed).exponential(mean_s, n))


def joined(chunks: list[Chunk], step_s: float) -> tuple[np.ndarray, np.ndarray]:
    found = list(on_grid(chunks, step_s))
    assert [chunk.first_sample for chunk in found] == np.cumsum([0, *map(len, found[:-1])]).tolist()
    return np.concatenate([c.values for c in found]), np.concatenate([c.time_stamps_s() for c in found])


@pytest.mark.parametrize("mean_s", [0.2, 1.0, 7.0])
def test_means_are_those_of_pandas(mean_s: float) -> None:
    times_s = random_times(500, 1, mean_s)
    values = np.random.default_rng(2).standard_normal((500, 2))
    values[::17, 1] = np.nan
    found, stamps = joined([Chunk(values, times_s=times_s)], 1.0)
    index = pd.to_datetime(times_s - times_s[0] + 0.5, unit="s")  # steps reach half a step to either side
    wanted = pd.DataFrame(values, index=index).resample("1s", origin="epoch").mean().to_numpy()
    assert np.allclose(found, wanted, equal_nan=True)
    assert np.allclose(stamps, times_s[0] + np.arange(len(found)))


def test_how_the_stream_is_cut_changes_nothing() -> None:
    times_s = random_times(400, 3, 0.7)
    values = np.random.default_rng(4).standard_normal((400, 1))
    whole, _ = joined([Chunk(values, times_s=times_s)], 1.0)
    cuts = np.array_split(np.arange(400), [1, 2, 50, 57, 300, 399])
    parts, _ = joined([Chunk(values[i], times_s=times_s[i]) for i in cuts], 1.0)
    assert np.allclose(whole, parts, rtol=0, atol=1e-15, equal_nan=True)


def test_what_comes_too_late_or_without_a_stamp_is_left_out() -> None:
    times_s = np.array([0.0, 5.0, 1.0, np.nan, 6.0])
    chunks = [Chunk(np.full((1, 1), float(k)), times_s=times_s[k : k + 1]) for k in range(5)]
    found, _ = joined(chunks, 1.0)
    assert np.array_equal(found[:, 0], [0, np.nan, np.nan, np.nan, np.nan, 1, 4], equal_nan=True)


def test_steps_and_gaps_have_limits() -> None:
    chunk = Chunk(np.zeros((2, 1)), times_s=np.array([0.0, 1e9]))
    for step_s, message in ((0.0, "step_s must be in"), (np.nan, "step_s must be in"), (1.0, f"at most {LONGEST_GAP}")):
        with pytest.raises(ValueError, match=message):
            list(on_grid([chunk], step_s))
    with pytest.raises(ValueError, match="step_s needs times_s"):
        trophic.forecast(np.zeros(100), step_s=1.0)
    with pytest.raises(ValueError, match="times_s holds no time stamp"):
        trophic.forecast(np.zeros(100), times_s=np.full(100, np.nan), step_s=1.0)


def test_a_rhythm_at_random_times_is_forecast() -> None:
    """Rows as steps know nothing of the time between them; on the grid only the times within a step are left."""
    times_s = random_times(4000, 5, 1.25)
    x = np.sin(2 * np.pi * times_s / 24)
    as_rows = trophic.forecast(x, horizon=6, times_s=times_s).skill["nrmse"][0]
    on_steps = trophic.forecast(x, horizon=6, times_s=times_s, step_s=1.0).skill["nrmse"][0]
    of_times = np.sqrt(1 / 12) * 2 * np.pi / 24  # a sample is up to half a step off, at the mean slope of a sine
    assert on_steps[0] < 1.3 * of_times
    assert (on_steps < 0.5 * as_rows).all()


def test_stamps_on_the_grid_are_left_alone() -> None:
    x = np.random.default_rng(6).standard_normal(300).cumsum()
    times_s = 0.5 * np.arange(300)
    kept = np.delete(np.arange(300), [40, 41, 200])
    with_holes = x.copy()
    with_holes[[40, 41, 200]] = np.nan
    a = trophic.forecast(x[kept], times_s=times_s[kept], step_s=0.5)
    b = trophic.forecast(with_holes, times_s=times_s)
    assert np.array_equal(a.prediction, b.prediction, equal_nan=True)
    assert np.array_equal(a.time_s, b.time_s)
