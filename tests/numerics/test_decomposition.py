"""`trophic.decompose`: what it accepts, what it refuses, what it gives back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import trophic
from trophic.ecology.decomposition import default_band

FS = 200.0
T = np.arange(4000) / FS
X = 2.0 * np.cos(2 * np.pi * 7 * T + 0.4) + 0.5 * np.cos(2 * np.pi * 31 * T)


@pytest.fixture(scope="module")
def found():
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(X))
    return trophic.decompose(X + noise, sample_rate_hz=FS)


def test_components_tracks_and_residual_belong_together(found):
    assert np.allclose(found.components["frequency_hz"], [7, 31], atol=0.01)
    assert np.allclose(found.components["amplitude"], [2.0, 0.5], atol=0.03)
    assert np.var(found.residual[2000:]) == pytest.approx(0.01, rel=0.1)  # the noise that was put in
    assert 0.9 < found.explained < 1
    assert found.residual.shape == X.shape
    last = found.tracks.frequency_hz[-1][found.tracks.alive[-1]]
    assert np.allclose(np.sort(last), [7, 31], atol=0.05)
    assert found.energy.relative_imbalance < 1e-11


def test_the_signal_is_the_components_plus_the_residual(found):
    """Late in the record the reconstruction from amplitude and phase tracks is the signal less the residual."""
    tracks = found.tracks
    model = np.nansum(tracks.amplitude * np.cos(tracks.phase_rad), axis=1)
    at = np.searchsorted(found.time_s, tracks.time_s)
    late = tracks.time_s > 15
    left = (found.signal - found.residual)[at] - model
    assert np.std(left[late]) < 0.05


def test_a_frame_and_a_text(found):
    frame = found.to_frame()
    assert list(frame.columns) == list(found.components.dtype.names)
    assert "2 components" in str(found)


def test_dates_of_a_pandas_series_are_used():
    days = pd.date_range("2000-01-01", periods=3000, freq="D")
    weekly = pd.Series(np.cos(2 * np.pi * np.arange(3000) / 7), index=days)
    table = trophic.decompose(weekly).components
    assert 1 / table["frequency_hz"][0] / 86400 == pytest.approx(7.0, rel=1e-3)


def test_object_columns_with_none_and_na_are_missing_samples():
    values = pd.array(X, dtype="object")
    values[10], values[20] = None, pd.NA
    assert trophic.decompose(values, sample_rate_hz=FS).n_bad == 2


def test_two_columns_are_two_decompositions():
    both = trophic.decompose(np.stack([X, X[::-1]], axis=1), sample_rate_hz=FS)
    assert isinstance(both, list)
    assert [round(float(d.components["frequency_hz"][0])) for d in both] == [7, 7]


def test_the_default_band_sees_every_component_several_times():
    low, high = default_band(1000.0, 10.0)
    assert low * 10.0 == pytest.approx(4.0)
    assert high == pytest.approx(450.0)


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"x": X[:5]}, ValueError, "at least"),
        ({"x": X, "sample_rate_hz": FS, "times_s": T}, ValueError, "not both"),
        ({"x": X, "sample_rate_hz": -1.0}, ValueError, "sample_rate_hz"),
        ({"x": X, "times_s": T[:-1]}, ValueError, "times_s"),
        ({"x": X, "times_s": np.zeros(len(X))}, ValueError, "increas"),
        ({"x": np.full(100, np.nan)}, ValueError, "finite"),
        ({"x": X * 1j}, TypeError, "real"),
        ({"x": ["a"] * 100}, TypeError, "real"),
        ({"x": X, "sample_rate_hz": FS, "f_min_hz": 50, "f_max_hz": 10}, ValueError, "f_min_hz"),
        ({"x": X, "sample_rate_hz": FS, "f_max_hz": 150}, ValueError, "f_max_hz"),
        ({"x": X, "sample_rate_hz": FS, "n_branches": 0}, ValueError, "n_branches"),
    ],
)
def test_what_it_refuses(arguments, error, named):
    with pytest.raises(error, match=named):
        trophic.decompose(**arguments)
