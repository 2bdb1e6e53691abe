"""Learners given the Numenta Anomaly Benchmark as it is: pulses, bursts in silence, jumps, flat lines."""

from __future__ import annotations

import numpy as np
from benchmarks import nab

import trophic


def test_networks_and_forecasts_stay_sane_on_servers_sensors_and_crowds(data_root):
    for series in nab.read(data_root / "streams/NAB"):
        chunk = trophic.Chunk(series.x[:, None], sample_period_s=1.0)
        network = trophic.Network(n_inputs=1)
        forecaster = trophic.Forecaster(horizons=(1, 6, 48))
        info = forecaster.advance(forecaster.init(), chunk)
        middle, width = (series.x.max() + series.x.min()) / 2, max(np.ptp(series.x), 1e-9)
        assert np.isfinite(network.advance(network.init(), chunk).prediction[1:]).all(), series.name
        assert np.isfinite(info.forecast).all(), series.name
        assert np.abs(info.forecast - middle).max() < 2.5 * width + 1e-9, series.name


def test_alarms_in_what_is_labelled(data_root):
    """The detector's own alarms on one set of defaults: seven tenths of the way from silence to perfection."""
    corpus = nab.read(data_root / "streams/NAB")
    verdict = nab.judge([nab.novelty(series.x) for series in corpus], corpus, 1.0 - 10.0**-2.3)
    assert verdict.other > 70.0
    assert verdict.fixed > 70.0
