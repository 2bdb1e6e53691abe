"""Networks and forecasters outlive what a sensor may do, and a signal that becomes another one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import trophic
from trophic.testing.faults import FAULTS, harmed

from .test_bad_data import rms, stream

BEFORE = 10_000  # samples of clean stream; a fault; RECOVERY, thirty seconds; the window that is judged
RECOVERY, WINDOW = 30_000, 5_000
Values = NDArray[np.float64]


def network_error(values: Values) -> Values:
    """Of one-step predictions."""
    model = trophic.Network(n_blocks=4, block_size=16)
    return np.concatenate([info.error[:, 0] for info in trophic.run(model, values, sample_rate_hz=1000).infos or []])


def forecaster_error(values: Values) -> Values:
    """Of one-step forecasts; infinite where one is not finite."""
    model = trophic.Forecaster(n_blocks=4, block_size=16)
    result = trophic.run(model, values, sample_rate_hz=1000)
    forecast = np.concatenate([info.forecast[:, 0, 0] for info in result.infos or []])
    error = np.concatenate([[0.0], forecast[:-1] - values[1:]])
    return np.where(np.isfinite(error) | ~np.isfinite(values), error, np.inf)


ERRORS = {"Network": network_error, "Forecaster": forecaster_error}
NAMES = ["NaN a tenth", "1e38 once", "1e4 once", "1e4 a tenth", "1e4 1000 in a row", "1e4 at t = 0", "saturated",
         "stuck", "offset 1e4", "scale 1e-6", "scale 1e6"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("learner", ERRORS)
def test_the_error_comes_back(learner: str, name: str, figure: Callable[..., None]) -> None:
    """To 1.05 times that of a clean run in thirty seconds."""
    end = max(BEFORE, harmed(name, np.zeros(BEFORE + 20_000), BEFORE)[1])
    judged = slice(end + RECOVERY, end + RECOVERY + WINDOW)
    clean = stream(judged.stop)
    values, _ = harmed(name, clean, BEFORE)
    left = rms(ERRORS[learner](values)[judged]) / FAULTS[name].factor
    ratio = left / rms(ERRORS[learner](clean)[judged])
    figure(learner=learner, fault=name, ratio=ratio)
    assert ratio < 1.05


def test_a_spike_is_nobody_s_teacher() -> None:
    """A value 10,000 deviations off changes no weight, as a missing one would not."""
    clean = stream(3000)
    spiked, missing = clean.copy(), clean.copy()
    spiked[2000], missing[2000] = 1e4, np.nan
    model = trophic.Network(n_blocks=4, block_size=8)
    states = [trophic.run(model, values, sample_rate_hz=1000).state for values in (spiked, missing)]
    assert np.array_equal(states[0].weights, states[1].weights)
    assert np.array_equal(states[0].readout, states[1].readout)


def test_a_line_that_stays_flat_moves_no_unit() -> None:
    """Sixty thousand equal samples leave the unit of the signal before them, and so all that was learned in it."""
    clean = stream(15_000)
    values = np.concatenate([clean[:10_000], np.full(60_000, 0.7), clean[10_000:]])
    model = trophic.Network(n_blocks=4, block_size=16)
    before, after = (trophic.run(model, values[:n], sample_rate_hz=1000).state.channels for n in (10_000, 70_000))
    assert after["unit"][0] == before["unit"][0]
    assert rms(network_error(values)[-4000:]) < 1.05 * rms(network_error(clean)[-4000:])


@pytest.mark.parametrize("n_constant", [20, 100, 3000])
def test_a_constant_has_no_unit(n_constant: int) -> None:
    """A line that is exactly flat from the first sample on does no harm to what comes after it."""
    clean = stream(15_000)
    square = np.concatenate([np.full(n_constant, 20.0), 20 + 60 * (clean[:500] > 0)])
    assert np.isfinite(network_error(square)[1:]).all()
    late = network_error(np.concatenate([np.full(n_constant, 20.0), clean]))
    assert rms(late[-4000:]) < 1.05 * rms(network_error(clean)[-4000:])


CHANGES: dict[str, Callable[[Values], None]] = {
    "constant, then alive": lambda x: x.__setitem__(slice(0, 5000), 1 + 1e-6 * x[:5000]),
    "level for ever": lambda x: x.__setitem__(slice(10_000, None), x[10_000:] + 1e4),
    "a hundred times as large for ever": lambda x: x.__setitem__(slice(10_000, None), 100 * x[10_000:]),
    "a ten thousandth for ever": lambda x: x.__setitem__(slice(10_000, None), 1e-4 * x[10_000:]),
    "another level for five seconds": lambda x: x.__setitem__(slice(10_000, 15_000), 1e4),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_signal_may_become_another(name: str) -> None:
    """Within 50 s a forecaster is as good for it as one that never knew anything else."""
    values = stream(65_000)
    CHANGES[name](values)
    reference = stream(65_000) * (values[-5000:].std() / stream(65_000)[-5000:].std())
    ratio = rms(forecaster_error(values)[-5000:]) / rms(forecaster_error(reference)[-5000:])
    assert ratio < 1.05
