"""The shipped series come out as what the literature says they are."""

from __future__ import annotations

import numpy as np
import pytest

import trophic
from trophic.signals import datasets

YEAR_S = 365.25 * 86400


def test_weekly_co2_has_a_year_and_half_a_year():
    """Keeling & Whorf: an annual cycle of about 3 ppm and its second harmonic; 59 of 2284 weeks are missing."""
    series = datasets.load_co2_weekly()
    found = trophic.decompose(series.values, times_s=series.times_s)
    cycles_per_year = found.components["frequency_hz"] * YEAR_S
    assert cycles_per_year[0] == pytest.approx(1.0, abs=0.01)
    assert found.components["amplitude"][0] == pytest.approx(2.8, abs=0.4)
    assert np.min(np.abs(cycles_per_year - 2.0)) < 0.03
    assert found.n_bad == np.isnan(series.values).sum()


def test_sunspots_have_one_cycle_of_about_eleven_years():
    """Schwabe cycle, 11.0-11.1 years on average; found within 20 cycles and alone."""
    series = datasets.load_sunspots_yearly()
    found = trophic.decompose(series.values, times_s=series.times_s)
    assert len(found.components) == 1
    years = 1 / found.components["frequency_hz"][0] / YEAR_S
    assert 10 < years < 12
    first_alive = found.tracks.time_s[found.tracks.alive.any(axis=1)][0]
    assert (first_alive - series.times_s[0]) / YEAR_S < 20 * 11
