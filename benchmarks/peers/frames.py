"""Shared by the peers: what their results have in common, written once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from benchmarks.scoring import Outcome

Array = NDArray[np.float64]

FRAME_RATE_HZ = 100.0
MEDIAN_OF_EXPONENTIAL = np.log(2.0)  # median over mean of the power of Gaussian noise in one bin


def frame_step(sample_rate_hz: float) -> int:
    """Samples from one track frame to the next."""
    return max(1, round(sample_rate_hz / FRAME_RATE_HZ))


def require_regular(times_s: Array | None, method: str) -> None:
    if times_s is not None:
        raise ValueError(
            f"{method} needs a regular clock: pass times_s=None and sample_rate_hz, got {len(times_s)} time stamps"
        )


def from_tracks(
    time_s: Array, frequency_hz: Array, amplitude: Array, alive: NDArray[np.bool_], residual: Array | None
) -> Outcome:
    """Outcome whose components are those alive in the last frame; no bandwidths."""
    last = alive[-1] if len(alive) else np.zeros(0, dtype=bool)
    unknown = np.full(int(last.sum()), np.nan)
    return Outcome(
        frequency_hz=frequency_hz[-1][last] if len(alive) else unknown,
        amplitude=amplitude[-1][last] if len(alive) else unknown,
        bandwidth_hz=unknown,
        time_s=time_s,
        track_frequency_hz=frequency_hz,
        track_amplitude=amplitude,
        track_bandwidth_hz=np.full_like(frequency_hz, np.nan),
        alive=alive,
        residual=residual,
    )


def stationary(x: Array, sample_rate_hz: float, frequency_hz: Array) -> Outcome:
    """Outcome of a batch method that found constant lines: amplitudes and residual by least squares over the record."""
    t = np.arange(len(x)) / sample_rate_hz
    amplitude, residual = fit_lines(x, t, frequency_hz)
    time_s = t[:: frame_step(sample_rate_hz)]
    ones = np.ones((len(time_s), 1))
    return from_tracks(
        time_s, ones * frequency_hz, ones * amplitude, np.ones((len(time_s), len(frequency_hz)), dtype=bool), residual
    )


def fit_lines(x: Array, time_s: Array, frequency_hz: Array) -> tuple[Array, Array]:
    """Least-squares amplitudes (n_lines,) of lines at given frequencies, and what they leave (n_samples,)."""
    if len(frequency_hz) == 0:
        return np.zeros(0), x.copy()
    phase = 2 * np.pi * time_s[:, None] * frequency_hz
    basis = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    weight = np.linalg.lstsq(basis, x, rcond=None)[0]
    n = len(frequency_hz)
    return np.hypot(weight[:n], weight[n:]), x - basis @ weight


def spectral_peaks(
    power: Array, bin_hz: float, f_min_hz: float, f_max_hz: float, threshold_db: float, floor_hz: float
) -> tuple[Array, Array]:
    """Peaks of one power spectrum that stand ``threshold_db`` above the local background, strongest first.

    The background is the running median over ``floor_hz``, scaled to the mean of exponentially distributed noise power.
    Peak places come from a parabola through the logarithms of three bins, which is exact for a Gaussian main lobe and
    good to a few thousandths of a bin for a zero-padded Hann window.

    Returns
    -------
    frequency_hz, power : arrays, shape (n_peaks,)
    """
    log_power = np.log(power + 1e-300)
    width = max(3, 2 * round(floor_hz / bin_hz / 2) + 1)
    floor = np.log(median_filter(power, width, mode="nearest") / MEDIAN_OF_EXPONENTIAL + 1e-300)
    middle = log_power[1:-1]
    frequency = np.arange(1, len(power) - 1) * bin_hz
    is_peak = (middle > log_power[:-2]) & (middle >= log_power[2:])
    is_peak &= middle - floor[1:-1] > threshold_db * np.log(10) / 10
    is_peak &= (frequency >= f_min_hz) & (frequency <= f_max_hz)
    index = np.flatnonzero(is_peak) + 1
    centre = log_power[index]
    # a neighbour that sits in a null of the window would throw the parabola far off
    left, right = (np.maximum(log_power[index + side], centre - 3.0) for side in (-1, 1))
    offset = 0.5 * (left - right) / (left - 2 * centre + right)
    height = np.exp(centre - 0.25 * (left - right) * offset)
    order = np.argsort(-height)
    return ((index + offset) * bin_hz)[order], height[order]


def suppress_sidelobes(frequency_hz: Array, power: Array, reach_hz: float, sidelobe_db: float) -> NDArray[np.bool_]:
    """Which peaks (strongest first) to keep: not those near a stronger one by less than its window's sidelobes."""
    keep = np.ones(len(power), dtype=bool)
    for i in range(len(power)):
        stronger = keep[:i] & (np.abs(frequency_hz[:i] - frequency_hz[i]) < reach_hz)
        keep[i] = not np.any(power[:i][stronger] > power[i] * 10 ** (sidelobe_db / 10))
    return keep
