"""Synchrosqueezed wavelet transform (package ssqueezepy) and its ridges, told the true number of lines.

A ridge selects the bins that are inverted into one mode; the mode's frequency is the phase advance of its analytic
signal (finer than the bins, which are 2 % wide), averaged over a frame, and over the last three seconds for the
answer at the end.

Source: I. Daubechies, J. Lu, H.-T. Wu, "Synchrosqueezed wavelet transforms: an empirical mode decomposition-like tool",
Appl. Comput. Harmon. Anal. 30 (2011) 243-261.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import hilbert

from benchmarks.peers.frames import Array, frame_step, from_tracks, require_regular
from benchmarks.scoring import Outcome

PENALTY = 20.0  # a lower one lets the ridges of equal tones change places
RIDGE_BINS = 4
LAST_S = 3.0


def decompose(
    x: Array, times_s: Array | None, sample_rate_hz: float, f_min_hz: float, f_max_hz: float, n_branches: int = 16
) -> Outcome:
    """All ``n_branches`` ridges, alive throughout."""
    from ssqueezepy import extract_ridges, issq_cwt, ssq_cwt

    require_regular(times_s, "synchrosqueezing")
    transform, _, ssq_hz, *_ = ssq_cwt(x, fs=sample_rate_hz)
    ridges = extract_ridges(transform, ssq_hz, penalty=PENALTY, n_ridges=n_branches, bw=RIDGE_BINS, transform="cwt")
    modes = issq_cwt(transform, "gmw", ridges, np.full(ridges.shape, RIDGE_BINS))[:n_branches]
    analytic = hilbert(modes, axis=1)
    turn = analytic[:, 1:] * np.conj(analytic[:, :-1])
    step = frame_step(sample_rate_hz)
    n_frames = turn.shape[1] // step
    frames = turn[:, : n_frames * step].reshape(n_branches, n_frames, step).sum(axis=2)
    frames[:, -1] = turn[:, -round(LAST_S * sample_rate_hz) :].sum(axis=1)
    frequency = np.angle(frames).T * sample_rate_hz / (2 * np.pi)
    amplitude = np.abs(analytic)[:, step : (n_frames + 1) * step : step].T
    inside = (frequency >= f_min_hz) & (frequency <= f_max_hz)
    time_s = (np.arange(n_frames) + 1) * step / sample_rate_hz
    return from_tracks(time_s, frequency, amplitude, inside, x - modes.sum(axis=0))
