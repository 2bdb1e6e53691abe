"""Bad data do no harm: what no sensor measured leaves no trace, and what harms passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import trophic
from trophic.runtime.contract import Chunk, State
from trophic.testing.compare import all_finite, require_same
from trophic.testing.faults import FAULTS, harmed

from .conftest import at_scale
from .models import public_models, signal

BEFORE = 30_000  # samples of clean stream, the fault, then RECOVERY, then the window that is judged
RECOVERY = 60_000  # 60 s: nine time constants 1/gamma of the branches of a clean run at the fault
WINDOW = 5_000
ECOLOGIES = {
    "float64": trophic.Ecology(f_min_hz=5, f_max_hz=400),
    "float32": trophic.Ecology(f_min_hz=5, f_max_hz=400, precision="float32"),
}
BAD = [name for name, fault in FAULTS.items() if fault.is_bad]
CLOCK = {"clock.n_samples", "clock.n_bad"}


def stream(n: int, seed: int = 0) -> NDArray[np.float64]:
    index = np.arange(n)
    tones = np.cos(2 * np.pi * 0.05 * index) + 0.5 * np.cos(2 * np.pi * 0.12 * index + 1)
    return tones + 0.1 * np.random.default_rng(seed).standard_normal(n)


def learn(model: Any, values: NDArray[np.float64]) -> tuple[State, NDArray[np.float64]]:
    """The State at the end, and what was left of every sample."""
    result = trophic.run(model, values, sample_rate_hz=1000, chunk_size=1 << 14)
    return result.state, np.concatenate([info.residual[:, 0] for info in result.infos])


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("precision", ECOLOGIES)
def test_the_error_comes_back(name: str, precision: str, figure: Callable[..., None]) -> None:
    """To 1.05 times that of a clean run within ten time constants of the branches."""
    ratios, model = [], ECOLOGIES[precision]
    for seed in range(at_scale(1, 5)):
        end = harmed(name, np.zeros(1_200_000), BEFORE)[1]
        judged = slice(max(BEFORE, end) + RECOVERY, max(BEFORE, end) + RECOVERY + WINDOW)
        clean = stream(judged.stop, seed)
        values, _ = harmed(name, clean, BEFORE, seed)
        state, left = learn(model, values)
        ratios.append(rms(left[judged]) / FAULTS[name].factor / rms(learn(model, clean)[1][judged]))
        clock: Any = state
        expected = int(np.count_nonzero(~(np.abs(values) < 1e36)))
        assert int(clock.clock.n_bad[0]) == expected
    figure(precision=precision, seeds=len(ratios), worst_error_against_clean=max(ratios))
    assert max(ratios) <= 1.05


WEIGHTS = {"weights", "season_weights", "input_weights", "readout", "feedback", "slots"}


def test_a_bad_sample_changes_nothing_but_the_count() -> None:
    model: Any = public_models()["Ecology"]
    state = trophic.run(model, signal(3000), sample_rate_hz=1000, collect=False).state
    for value in (np.nan, np.inf, -np.inf, 1e38, -3.4e38):
        after: Any = trophic.run(model, np.full((1000, 1), value), state, sample_rate_hz=1000, collect=False).state
        require_same(state, after, f"1000 samples of {value}", CLOCK)
        assert after.clock.n_bad.tolist() == [1000]
        assert after.clock.index == 4000


@pytest.mark.parametrize("name", public_models())
def test_a_run_of_bad_samples_is_counted_and_outlived(name: str) -> None:
    """Of every model; for some of them time goes on while samples are missing, and so does their State."""
    model: Any = public_models()[name]
    state = trophic.run(model, signal(3000), sample_rate_hz=1000, collect=False).state
    first: Any = trophic.run(model, np.full((1, 1), 1e38), state, sample_rate_hz=1000, collect=False).state
    after: Any = trophic.run(model, np.full((999, 1), 1e38), first, sample_rate_hz=1000, collect=False).state
    assert after.clock.n_bad.tolist() == [1000]
    for key, array in first.arrays().items():  # the last good sample's change of weights may wait for the next step
        if key.rpartition(".")[2] in WEIGHTS:
            np.testing.assert_array_equal(after.arrays()[key], array, err_msg=key)
    for key, array in after.arrays().items():
        assert all_finite(array) or not all_finite(state.arrays()[key]), key


@pytest.mark.parametrize("name", public_models())
def test_all_bad_values_are_alike(name: str) -> None:
    """NaN, infinities and 1e38 at the same places end in the same bits."""
    model, ends = public_models()[name], []
    for value in (np.nan, np.inf, -np.inf, 1e38):
        values = signal(3000)
        values[np.random.default_rng(5).random(3000) < 0.1] = value
        values[:3] = value
        values[1500:1700] = value
        ends.append(trophic.run(model, values, sample_rate_hz=1000, collect=False).state)
    for end in ends[1:]:
        require_same(ends[0], end, "the same stream with another bad value")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
def test_on_an_irregular_stream_a_bad_sample_is_none_at_all(value: float) -> None:
    model = ECOLOGIES["float64"]
    random = np.random.default_rng(2)
    stamps = np.cumsum(random.uniform(0.5e-3, 1.5e-3, size=20_000))
    values = np.cos(2 * np.pi * 31 * stamps)
    bad = random.random(len(values)) < 0.1
    clean = trophic.run(model, values[~bad], times_s=stamps[~bad], collect=False).state
    values[bad] = value
    harmed_state = trophic.run(model, values, times_s=stamps, collect=False).state
    require_same(clean, harmed_state, f"{value} in a tenth", CLOCK | {"clock.last_index", "clock.n_gaps"})
    assert int(harmed_state.clock.n_bad[0]) == np.count_nonzero(bad)


def test_one_channel_lost_is_nobody_else_s() -> None:
    model = trophic.Ecology(f_min_hz=5, f_max_hz=400, n_channels=3)
    values = np.stack([stream(20_000, seed) for seed in range(3)], axis=1)
    alone = trophic.run(dataclasses.replace(model, n_channels=1), values[:, 2], sample_rate_hz=1000)
    values[5000:, 1] = np.nan
    values[8000:9000, 0] = 1e38
    state = trophic.run(model, values, sample_rate_hz=1000).state
    assert state.clock.n_bad.tolist() == [1000, 15_000, 0]
    assert state.hot[2].tobytes() == alone.state.hot[0].tobytes()


def test_what_is_given_is_left_alone() -> None:
    values = np.array([[1.0], [1e38], [2.0]])
    model = ECOLOGIES["float64"]
    trophic.run(model, Chunk(values, sample_period_s=1e-3))
    assert values.tolist() == [[1.0], [1e38], [2.0]]
