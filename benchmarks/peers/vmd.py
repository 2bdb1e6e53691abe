"""Variational mode decomposition (package vmdpy), told the true number of lines.

Each mode's frequency at the end is the algorithm's own centre frequency; its track is the phase advance of the mode's
analytic signal, its amplitude that signal's modulus. Settings: alpha 2000, no Lagrangian, the package's tolerance.

Source: K. Dragomiretskiy and D. Zosso, "Variational mode decomposition", IEEE Trans. Signal Process. 62 (2014) 531-544.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import hilbert

from benchmarks.peers.frames import Array, frame_step, from_tracks, require_regular
from benchmarks.scoring import Outcome

BANDWIDTH_PENALTY = 2000.0
TOLERANCE = 1e-7


def decompose(
    x: Array, times_s: Array | None, sample_rate_hz: float, f_min_hz: float, f_max_hz: float, n_branches: int = 16
) -> Outcome:
    """All ``n_branches`` modes; a mode whose centre is outside the band does not count as living."""
    from vmdpy import VMD

    require_regular(times_s, "VMD")
    even = x[: len(x) // 2 * 2]  # the package drops the last of an odd number of samples
    modes, _, centres = VMD(even, BANDWIDTH_PENALTY, 0.0, n_branches, 0, 1, TOLERANCE)
    centre_hz = centres[-1] * sample_rate_hz
    order = np.argsort(centre_hz)
    analytic = hilbert(modes[order], axis=1)
    step = frame_step(sample_rate_hz)
    advance = np.angle(analytic[:, 1:] * np.conj(analytic[:, :-1])) * sample_rate_hz / (2 * np.pi)
    n_frames = advance.shape[1] // step
    frequency = advance[:, : n_frames * step].reshape(n_branches, n_frames, step).mean(axis=2).T
    amplitude = np.abs(analytic)[:, step : (n_frames + 1) * step : step].T[:n_frames]
    frequency[-1] = centre_hz[order]
    inside = (centre_hz[order] >= f_min_hz) & (centre_hz[order] <= f_max_hz)
    residual = np.full(len(x), np.nan)
    residual[: len(even)] = even - modes.sum(axis=0)
    time_s = (np.arange(n_frames) + 1) * step / sample_rate_hz
    return from_tracks(time_s, frequency, amplitude[: len(time_s)], np.tile(inside, (n_frames, 1)), residual)
