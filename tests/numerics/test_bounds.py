"""Cramer-Rao bounds against finite differences and maximum-likelihood estimators."""

import numpy as np
import pytest
from scipy import optimize

from trophic.instruments import bounds

TIMES = np.arange(400) / 100.0
TONES = {"amplitude": [1.0, 0.4], "frequency_hz": [7.3, 8.1], "phase_rad": [0.4, -1.1]}


def tones(times, parameters, phase_time_s):
    """Sum of sinusoids; parameters are stacked amplitudes, frequencies and phases."""
    A, f, phi = np.reshape(parameters, (3, -1))
    return np.sum(A * np.cos(2 * np.pi * f * (np.asarray(times)[:, None] - phase_time_s) + phi), axis=1)


@pytest.mark.parametrize("phase_time_s", [0.0, 2.0, 11.0])
def test_fisher_information_by_numerical_differentiation(phase_time_s):
    """Minus the expected Hessian of the log-likelihood: the slopes of the signal by central differences."""
    times = np.sort(np.random.default_rng(0).uniform(0, 4, 150))
    truth, sd, step = np.concatenate(list(TONES.values())), 0.3, 1e-6
    there, back = (
        np.array([tones(times, truth + sign * shift, phase_time_s) for shift in step * np.eye(6)]) for sign in (1, -1)
    )
    slopes = (there - back) / (2 * step)
    expected = slopes @ slopes.T / sd**2
    information = bounds.fisher_information(times, **TONES, noise_sd=sd, phase_time_s=phase_time_s)
    np.testing.assert_allclose(information, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    bound = bounds.cramer_rao(times, **TONES, noise_sd=sd, phase_time_s=phase_time_s)
    np.testing.assert_allclose(np.concatenate(bound), np.sqrt(np.diag(np.linalg.inv(expected))), rtol=1e-6)


def test_closed_form_is_the_exact_bound_of_a_tone_away_from_the_edges_of_the_spectrum():
    n, fs = 10_000, 1000.0
    times = np.arange(n) / fs
    for phase_at, phase_time_s in (("edge", times[-1]), ("edge", times[0]), ("middle", times.mean())):
        closed = bounds.tone_bound(0.7, 0.2, n, fs, phase_at)
        exact = bounds.cramer_rao(times, 0.7, 123.4, 0.9, 0.2, phase_time_s)
        for a, b in zip(closed, exact):
            assert a == pytest.approx(b[0], rel=1e-3)


@pytest.mark.parametrize("clock", ["regular", "irregular"])
def test_maximum_likelihood_reaches_the_bound(clock):
    """400 draws: a standard deviation is known to 3.5 %, six of them are tested at four sigma."""
    rng = np.random.default_rng(7)
    times = TIMES if clock == "regular" else np.sort(rng.uniform(0, 4, 400))
    truth, sd = np.concatenate(list(TONES.values())), 0.05
    clean = tones(times, truth, times[-1])

    def misfit(parameters, x):
        return tones(times, parameters, times[-1]) - x

    draws = clean + rng.normal(0, sd, (400, len(times)))
    fits = [optimize.least_squares(misfit, truth, args=(x,)).x for x in draws]
    bound = np.concatenate(bounds.cramer_rao(times, **TONES, noise_sd=sd))
    np.testing.assert_allclose(np.std(fits, axis=0) / bound, 1, atol=0.14)


def test_a_neighbour_costs_precision_and_a_stranger_does_not():
    alone = bounds.cramer_rao(TIMES, 1.0, 10.0, 0.0, 0.1)
    near = bounds.cramer_rao(TIMES, [1.0, 1.0], [10.0, 10.05], [0.0, 0.0], 0.1)
    far = bounds.cramer_rao(TIMES, [1.0, 1.0], [10.0, 30.0], [0.0, 0.0], 0.1)
    assert near.frequency_hz[0] > 5 * alone.frequency_hz[0]
    assert far.frequency_hz[0] == pytest.approx(alone.frequency_hz[0], rel=0.01)


def test_bound_survives_time_stamps_far_from_zero():
    here = bounds.cramer_rao(TIMES, 1.0, 7.3, 0.2, 0.1)
    there = bounds.cramer_rao(TIMES + 1.7e9, 1.0, 7.3, 0.2, 0.1)
    np.testing.assert_allclose(np.concatenate(there), np.concatenate(here), rtol=1e-6)


def test_persistence_and_seasonal_persistence():
    x = np.arange(12.0)
    forecast = bounds.seasonal_persistence(x, season=4, horizon=5)
    np.testing.assert_array_equal(forecast[8:], x[:4])
    assert np.isnan(forecast[:8]).all()
    np.testing.assert_array_equal(bounds.persistence(x[:, None], 3)[3:, 0], x[:-3])
    season = np.cos(2 * np.pi * np.arange(96) / 24)
    assert np.nanmax(np.abs(bounds.seasonal_persistence(season, 24, horizon=30) - season)) < 1e-14
    assert np.isnan(bounds.persistence(x, 50)).all()


def test_skill_is_measured_against_a_baseline():
    x = np.random.default_rng(3).standard_normal(100_000)
    baseline = bounds.persistence(x)
    # persistence doubles the variance of white noise, the mean keeps it
    assert bounds.skill(x, np.zeros_like(x), baseline) == pytest.approx(0.5, abs=0.01)
    assert bounds.skill(x, baseline, baseline) == 0
    assert bounds.skill(x, x, baseline) == 1


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: bounds.tone_bound(-1.0, 1.0, 100, 1.0), "amplitude"),
        (lambda: bounds.tone_bound(1.0, 0.0, 100, 1.0), "noise_sd"),
        (lambda: bounds.tone_bound(1.0, 1.0, 2, 1.0), "n_samples"),
        (lambda: bounds.tone_bound(1.0, 1.0, 9, 0.0), "sample_rate_hz"),
        (lambda: bounds.tone_bound(1.0, 1.0, 9, 1.0, "end"), "phase_at"),
        (lambda: bounds.cramer_rao(TIMES, 1.0, 0.0, 0.0, 1.0), "frequency_hz"),
        (lambda: bounds.cramer_rao(TIMES, [1.0, 1.0], [5.0], [0.0], 1.0), "one shape"),
        (lambda: bounds.cramer_rao(TIMES[:5], [1.0, 1.0], [5.0, 6.0], [0.0, 0.0], 1.0), "times_s"),
        (lambda: bounds.cramer_rao(TIMES, [1.0, 1.0], [5.0, 5.0], [0.0, 0.0], 1.0), "tell the tones"),
        (lambda: bounds.cramer_rao(TIMES, [1.0, 1.0], [5.0, 105.0], [0.0, 0.0], 1.0), "tell the tones"),
        (lambda: bounds.persistence([1.0], 0), "horizon"),
        (lambda: bounds.seasonal_persistence([1.0], 0), "season"),
        (lambda: bounds.skill([np.nan], [1.0], [1.0]), "no finite sample"),
        (lambda: bounds.skill([1.0], [2.0], [1.0]), "no error"),
    ],
)
def test_errors_name_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
