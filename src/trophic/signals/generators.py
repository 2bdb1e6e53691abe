"""Signals with a known answer: tones, sweeps, rhythms, noises and clocks.

Time is always given in seconds, frequency in Hz, phase in radians. Everything random takes a
``numpy.random.Generator``, so that a seed names a signal. A frequency-modulated tone is described by its
instantaneous frequency at each sample, which is also the truth that a tracker is judged by.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def regular_times(duration_s: float, sample_rate_hz: float) -> Array:
    """Time stamps of a regular clock, shape (n_samples,), in seconds, starting at zero.

    Examples
    --------
    >>> regular_times(0.003, 1000.0)
    array([0.   , 0.001, 0.002])
    """
    _require_positive("duration_s", duration_s)
    _require_positive("sample_rate_hz", sample_rate_hz)
    return np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz


def jittered_times(duration_s: float, sample_rate_hz: float, jitter: float, rng: np.random.Generator) -> Array:
    """A clock whose ticks are displaced uniformly by up to ``jitter`` sample periods either way (0..0.5).

    Examples
    --------
    >>> t = jittered_times(1.0, 100.0, 0.4, np.random.default_rng(0))
    >>> len(t), bool(np.all(np.diff(t) > 0))
    (100, True)
    """
    if not 0 <= jitter < 0.5:
        raise ValueError(
            f"jitter must be in [0, 0.5) sample periods, got {jitter}; beyond 0.5 the order of samples breaks"
        )
    times_s = regular_times(duration_s, sample_rate_hz)
    return times_s + rng.uniform(-jitter, jitter, len(times_s)) / sample_rate_hz


def thinned_times(duration_s: float, sample_rate_hz: float, kept: float, rng: np.random.Generator) -> Array:
    """A regular clock that loses samples at random: each is kept with probability ``kept`` (0..1).

    Examples
    --------
    >>> round(len(thinned_times(1000.0, 100.0, 0.5, np.random.default_rng(0))) / 100_000, 2)
    0.5
    """
    if not 0 < kept <= 1:
        raise ValueError(f"kept must be a probability in (0, 1], got {kept}")
    times_s = regular_times(duration_s, sample_rate_hz)
    return times_s[rng.random(len(times_s)) < kept]


def gappy_times(duration_s: float, sample_rate_hz: float, gap_s: float, n_gaps: int, rng: np.random.Generator) -> Array:
    """A regular clock with ``n_gaps`` silences of ``gap_s`` seconds, one at random in each equal part of the record.

    Examples
    --------
    >>> t = gappy_times(10.0, 100.0, 0.5, 4, np.random.default_rng(0))
    >>> len(t), round(float(np.diff(t).max()), 2)
    (800, 0.51)
    """
    part_s = duration_s / n_gaps
    if not 0 < gap_s < part_s:
        raise ValueError(
            f"gap_s must be in (0, {part_s}) seconds to fit {n_gaps} gaps into {duration_s} s, got {gap_s}"
        )
    times_s = regular_times(duration_s, sample_rate_hz)
    starts_s = part_s * np.arange(n_gaps) + rng.uniform(0, part_s - gap_s, n_gaps)
    in_gap = np.zeros(len(times_s), dtype=bool)
    for start_s in starts_s:
        first = math.ceil(start_s * sample_rate_hz)
        in_gap[first : first + round(gap_s * sample_rate_hz)] = True
    return times_s[~in_gap]


def poisson_times(duration_s: float, mean_rate_hz: float, rng: np.random.Generator) -> Array:
    """Sampling times of a Poisson process of ``mean_rate_hz``: no clock at all.

    Examples
    --------
    >>> t = poisson_times(1000.0, 100.0, np.random.default_rng(0))
    >>> round(len(t) / 1000.0), bool(np.all(np.diff(t) > 0))             # samples per second
    (100, True)
    """
    _require_positive("duration_s", duration_s)
    _require_positive("mean_rate_hz", mean_rate_hz)
    return np.sort(rng.uniform(0, duration_s, rng.poisson(duration_s * mean_rate_hz)))


def tones(time_s: Array, frequency_hz: ArrayLike, amplitude: ArrayLike = 1.0, phase_rad: ArrayLike = 0.0) -> Array:
    """Sum of cosines ``amplitude cos(2 pi frequency t + phase)``, shape (n_samples,).

    Parameters
    ----------
    time_s : array, shape (n_samples,)
        Time stamps in seconds.
    frequency_hz, amplitude, phase_rad : array, shape (n_tones,), or scalar
        One entry per tone; scalars are shared.

    Examples
    --------
    >>> tones(np.array([0.0, 0.25, 0.5]), [1.0, 2.0], [1.0, 0.5]).round(6)
    array([ 1.5, -0.5, -0.5])
    """
    f, a, p = np.broadcast_arrays(np.atleast_1d(frequency_hz), amplitude, phase_rad)
    x = np.zeros(len(time_s))
    for frequency, height, phase in zip(f, a, p):
        x += height * np.cos(2 * np.pi * frequency * time_s + phase)
    return x


def warbling_tone(time_s: Array, frequency_hz: Array, amplitude: ArrayLike = 1.0, phase_rad: float = 0.0) -> Array:
    """One tone along an instantaneous frequency; its phase is the trapezoidal integral (exact for a linear sweep).

    Parameters
    ----------
    time_s, frequency_hz : array, shape (n_samples,)
        Time stamps in seconds and the instantaneous frequency at each, in Hz.
    amplitude : array, shape (n_samples,), or scalar
        Envelope.
    phase_rad : float
        Phase at the first sample.

    Examples
    --------
    >>> t = regular_times(1.0, 1000.0)
    >>> swept = warbling_tone(t, sweep_hz(t, 5.0, 15.0))
    >>> closed_form = np.cos(2 * np.pi * (5.0 * t + 0.5 * 10.0 * t**2 / t[-1]))
    >>> bool(np.allclose(swept, closed_form))
    True
    """
    cycles = np.concatenate([[0.0], np.cumsum(np.diff(time_s) * (frequency_hz[1:] + frequency_hz[:-1]) / 2)])
    return np.asarray(amplitude, dtype=np.float64) * np.cos(2 * np.pi * cycles + phase_rad)


def sweep_hz(time_s: Array, start_hz: float, end_hz: float) -> Array:
    """Instantaneous frequency of a linear sweep from the first time stamp to the last, shape (n_samples,).

    Examples
    --------
    >>> sweep_hz(np.array([0.0, 1.0, 2.0]), 10.0, 30.0)
    array([10., 20., 30.])
    """
    return start_hz + (end_hz - start_hz) * (time_s - time_s[0]) / (time_s[-1] - time_s[0])


def staircase_hz(time_s: Array, frequency_hz: ArrayLike, switch_s: ArrayLike) -> Array:
    """Instantaneous frequency that jumps to the next of ``frequency_hz`` at each time of ``switch_s``.

    Examples
    --------
    >>> staircase_hz(np.array([0.0, 1.0, 2.0]), [50.0, 60.0], [1.0])
    array([50., 60., 60.])
    """
    levels = np.asarray(frequency_hz, dtype=float)
    switches = np.atleast_1d(np.asarray(switch_s, dtype=float))
    if len(levels) != len(switches) + 1:
        raise ValueError(f"frequency_hz needs one more entry than switch_s, got {len(levels)} and {len(switches)}")
    return levels[np.searchsorted(switches, time_s, side="right")]


def square_wave(
    time_s: Array, frequency_hz: float, n_harmonics: int, amplitude: float = 1.0, phase_rad: float = 0.0
) -> Array:
    """The first ``n_harmonics`` odd harmonics of a square wave: ``sum 4 a/(pi n) sin(n phase)``, free of aliases.

    Examples
    --------
    >>> square_wave(np.array([0.25]), 1.0, 200).round(2)
    array([1.])
    """
    order = 2 * np.arange(n_harmonics) + 1
    return tones(time_s, frequency_hz * order, 4 * amplitude / (np.pi * order), order * phase_rad - np.pi / 2)


def ar1_noise(n_samples: int, correlation: float, rng: np.random.Generator) -> Array:
    """Red noise ``x[i] = correlation x[i-1] + noise``, stationary from the first sample, unit variance.

    Parameters
    ----------
    correlation : float in (-1, 1)
        Correlation of neighbouring samples.

    Examples
    --------
    >>> x = ar1_noise(100_000, 0.9, np.random.default_rng(0))
    >>> round(float(np.mean(x[1:] * x[:-1]) / np.mean(x**2)), 2)
    0.9
    """
    if not -1 < correlation < 1:
        raise ValueError(f"correlation must be in (-1, 1), got {correlation}; use random_walk for 1")
    drive = rng.standard_normal(n_samples) * math.sqrt(1 - correlation**2)
    return _recurse(drive, correlation, 0.0, rng.standard_normal(), 0.0)


def rhythm(n_samples: int, sample_rate_hz: float, center_hz: float, quality: float, rng: np.random.Generator) -> Array:
    """A quasi-periodic process: AR(2) noise with its pole pair at ``center_hz`` and unit variance, shape (n_samples,).

    The poles ``r exp(+-j theta)`` have ``theta = 2 pi center_hz/fs`` and ``r = exp(-pi center_hz/(quality fs))``: the
    spectral line is ``center_hz/quality`` Hz wide at half its height, the phase is forgotten in ``quality/pi`` periods.

    Parameters
    ----------
    center_hz : float in (0, sample_rate_hz/2)
    quality : float > 0.5
        Centre over linewidth (full width at half maximum).

    Examples
    --------
    >>> x = rhythm(200_000, 1000.0, 40.0, 10.0, np.random.default_rng(0))
    >>> spectrum = np.abs(np.fft.rfft(x.reshape(-1, 2000), axis=1)) ** 2
    >>> line = np.flatnonzero(spectrum.mean(axis=0) > spectrum.mean(axis=0).max() / 2) * 0.5   # Hz
    >>> float(line[0]), float(line[-1])
    (38.0, 41.5)
    >>> round(float(np.var(x)), 1)
    1.0
    """
    _require_positive("sample_rate_hz", sample_rate_hz)
    if not 0 < center_hz < sample_rate_hz / 2:
        raise ValueError(f"center_hz must be in (0, {sample_rate_hz / 2}) Hz (half the sample rate), got {center_hz}")
    if not quality > 0.5:
        raise ValueError(f"quality must be > 0.5 (an oscillation, not a decay), got {quality}")
    radius = math.exp(-math.pi * center_hz / (quality * sample_rate_hz))
    a1, a2 = 2 * radius * math.cos(2 * math.pi * center_hz / sample_rate_hz), -(radius**2)
    neighbours = a1 / (1 - a2)  # correlation at lag one, from the Yule-Walker equations
    drive = rng.standard_normal(n_samples) * math.sqrt((1 - a2**2) * (1 - neighbours**2))
    first, second = rng.standard_normal(2)
    older = neighbours * first + math.sqrt(1 - neighbours**2) * second  # a stationary pair to start from
    return _recurse(drive, a1, a2, first, older)


def random_walk(n_samples: int, rng: np.random.Generator) -> Array:
    """Brownian motion with unit steps, from zero.

    Examples
    --------
    >>> round(float(np.std(np.diff(random_walk(100_000, np.random.default_rng(0))))), 2)
    1.0
    """
    return np.cumsum(rng.standard_normal(n_samples))


def impulsive_noise(n_samples: int, rng: np.random.Generator, probability: float = 0.01, ratio: float = 30.0) -> Array:
    """Bernoulli-Gaussian noise: unit white noise that is ``ratio`` times louder in a random share of samples.

    Examples
    --------
    >>> x = impulsive_noise(100_000, np.random.default_rng(0))
    >>> round(float(np.mean(np.abs(x) > 6)), 3)
    0.008
    """
    loud = rng.random(n_samples) < probability
    return rng.standard_normal(n_samples) * np.where(loud, ratio, 1.0)


def level_steps(n_samples: int, mean_dwell: float, rng: np.random.Generator, noise: float = 0.1) -> Array:
    """A level that jumps to a new normal value after ``mean_dwell`` samples on average (Poisson), plus white ``noise``.

    Examples
    --------
    >>> x = level_steps(1_000_000, 100.0, np.random.default_rng(0), noise=0.0)
    >>> round(float(np.sum(np.diff(x) != 0)) / 10_000, 1)
    1.0
    """
    jump = rng.random(n_samples) < 1 / mean_dwell
    levels = rng.standard_normal(1 + int(jump.sum()))
    return levels[np.cumsum(jump)] + noise * rng.standard_normal(n_samples)


def spread_frequencies(n_tones: int, low_hz: float, high_hz: float, ratio: float, rng: np.random.Generator) -> Array:
    """Log-uniform random frequencies in [low_hz, high_hz], at least a factor ``ratio`` apart, in random order.

    Drawn without rejection: the free logarithmic room is shared out uniformly and the spacing put back in between.

    Examples
    --------
    >>> f = np.sort(spread_frequencies(5, 2.0, 400.0, 1.2, np.random.default_rng(0)))
    >>> bool(np.all(f[1:] / f[:-1] >= 1.2)), bool(f[0] >= 2.0 and f[-1] <= 400.0)
    (True, True)
    """
    gap = math.log(ratio)
    room = math.log(high_hz / low_hz) - (n_tones - 1) * gap
    if room <= 0:
        raise ValueError(
            f"ratio must be below {(high_hz / low_hz) ** (1 / (n_tones - 1)):.4g} to fit {n_tones} tones, got {ratio}"
        )
    sorted_log = np.sort(rng.uniform(0, room, n_tones)) + gap * np.arange(n_tones)
    return rng.permutation(low_hz * np.exp(sorted_log))


@njit(cache=True)
def _recurse(drive: Array, a1: float, a2: float, previous: float, older: float) -> Array:
    """``x[i] = a1 x[i-1] + a2 x[i-2] + drive[i]``."""
    x = np.empty(len(drive))
    for i in range(len(drive)):
        x[i] = a1 * previous + a2 * older + drive[i]
        older = previous
        previous = x[i]
    return x


def _require_positive(name: str, value: float) -> None:
    if not (0 < value < math.inf):
        raise ValueError(f"{name} must be positive and finite, got {value}")
