"""Generators against closed forms and SciPy."""

import numpy as np
import pytest
from scipy import signal as sps

from trophic.signals import generators as g

FS = 1000.0


def test_tones_is_the_sum_of_cosines():
    t = g.regular_times(0.5, FS)
    expected = 2 * np.cos(2 * np.pi * 7 * t + 0.3) + 0.5 * np.cos(2 * np.pi * 31 * t - 1.0)
    np.testing.assert_allclose(g.tones(t, [7.0, 31.0], [2.0, 0.5], [0.3, -1.0]), expected, atol=1e-12)


def test_linear_sweep_agrees_with_scipy():
    t = g.regular_times(2.0, FS)
    ours = g.warbling_tone(t, g.sweep_hz(t, 20.0, 80.0), 1.5, 0.7)
    theirs = 1.5 * sps.chirp(t, 20.0, t[-1], 80.0, phi=np.degrees(0.7))
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_staircase_keeps_the_phase_continuous():
    t = g.regular_times(2.0, FS)
    x = g.warbling_tone(t, g.staircase_hz(t, [50.0, 90.0], [1.0]))
    assert np.abs(np.diff(x)).max() < 2 * np.pi * 90.0 / FS


def test_square_wave_approaches_the_sign_function():
    t = g.regular_times(1.0, FS) + 0.3 / FS
    x = g.square_wave(t, 3.0, 500)
    away_from_edges = np.abs(np.sin(2 * np.pi * 3.0 * t)) > 0.2
    np.testing.assert_allclose(x[away_from_edges], np.sign(np.sin(2 * np.pi * 3.0 * t))[away_from_edges], atol=0.02)


@pytest.mark.parametrize("correlation", [0.5, 0.95])
def test_ar1_spectrum(correlation):
    x = g.ar1_noise(400_000, correlation, np.random.default_rng(1))
    f, power = sps.welch(x, FS, nperseg=2048)
    _, response = sps.freqz([1.0], [1.0, -correlation], worN=f, fs=FS)
    expected = 2 / FS * (1 - correlation**2) * np.abs(response) ** 2
    np.testing.assert_allclose(power[5:-5], expected[5:-5], rtol=0.35)
    assert np.var(x) == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("quality", [3.0, 10.0, 50.0])
def test_rhythm_has_its_centre_linewidth_and_variance(quality):
    center_hz = 40.0
    x = g.rhythm(2_000_000, FS, center_hz, quality, np.random.default_rng(2))
    lag = np.arange(round(quality * FS / center_hz))  # an AR(2) process: a damped cosine up to a small phase
    correlation = np.array([np.mean(x[: len(x) - k] * x[k:]) for k in lag[:: max(1, len(lag) // 50)]])
    decay_rate = np.pi * center_hz / quality
    envelope = np.exp(-decay_rate * lag[:: max(1, len(lag) // 50)] / FS)
    phase = np.arctan(decay_rate / (2 * np.pi * center_hz))
    expected = envelope * np.cos(2 * np.pi * center_hz * lag[:: max(1, len(lag) // 50)] / FS - phase) / np.cos(phase)
    np.testing.assert_allclose(correlation, expected, atol=0.06)


def test_rhythm_is_stationary_from_the_first_sample():
    first = [g.rhythm(2, FS, 40.0, 20.0, np.random.default_rng(seed)) for seed in range(4000)]
    assert np.var(first) == pytest.approx(1.0, rel=0.06)


def test_clocks():
    rng = np.random.default_rng(3)
    regular = g.regular_times(10.0, FS)
    jittered = g.jittered_times(10.0, FS, 0.4, rng)
    assert np.abs(jittered - regular).max() <= 0.4 / FS
    assert np.std(jittered - regular) == pytest.approx(0.8 / FS / np.sqrt(12), rel=0.05)
    gappy = g.gappy_times(10.0, FS, 0.3, 5, rng)
    assert np.sum(np.diff(gappy) > 0.29) == 5
    assert len(gappy) == 8500
    gaps = np.diff(g.poisson_times(100.0, FS, rng))
    assert np.mean(gaps) == pytest.approx(1 / FS, rel=0.02)
    assert np.std(gaps) == pytest.approx(1 / FS, rel=0.03)


def test_noises_have_their_distributions():
    x = g.impulsive_noise(200_000, np.random.default_rng(4), probability=0.01, ratio=30.0)
    assert np.var(x) == pytest.approx(0.99 + 0.01 * 900, rel=0.1)
    steps = g.level_steps(200_000, 1000.0, np.random.default_rng(5), noise=0.0)
    assert np.sum(np.diff(steps) != 0) == pytest.approx(200, abs=45)
    walk = g.random_walk(10_000, np.random.default_rng(6))
    assert np.std(np.diff(walk)) == pytest.approx(1.0, rel=0.03)


def test_frequencies_keep_their_distance_and_fill_the_band():
    draws = np.array([np.sort(g.spread_frequencies(5, 8.0, 400.0, 1.25, np.random.default_rng(s))) for s in range(300)])
    assert np.all(draws[:, 1:] / draws[:, :-1] >= 1.25 * (1 - 1e-12))
    assert draws.min() >= 8.0
    assert draws.max() <= 400.0
    assert draws[:, 0].min() < 8.5
    assert draws[:, -1].max() > 380.0


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda rng: g.jittered_times(1.0, FS, 0.5, rng), "jitter"),
        (lambda rng: g.thinned_times(1.0, FS, 0.0, rng), "kept"),
        (lambda rng: g.gappy_times(1.0, FS, 0.3, 5, rng), "gap_s"),
        (lambda rng: g.ar1_noise(10, 1.0, rng), "correlation"),
        (lambda rng: g.rhythm(10, FS, 600.0, 5.0, rng), "center_hz"),
        (lambda rng: g.rhythm(10, FS, 60.0, 0.5, rng), "quality"),
        (lambda rng: g.spread_frequencies(5, 8.0, 10.0, 1.25, rng), "ratio"),
        (lambda rng: g.staircase_hz(np.zeros(3), [1.0, 2.0], [0.1, 0.2]), "frequency_hz"),
        (lambda rng: g.regular_times(-1.0, FS), "duration_s"),
    ],
)
def test_errors_name_the_parameter(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.random.default_rng(0))
