"""Synchrosqueezed wavelet transform (package ssqueezepy) and its ridges, told the true number of lines.

The ridge of each line is read off the reassigned transform; its frequency at the end is the median of the ridge's last
second, before the wavelet reaches over the edge of the record.

Source: I. Daubechies, J. Lu, H.-T. Wu, "Synchrosqueezed wavelet transforms: an empirical mode decomposition-like tool",
Appl. Comput. Harmon. Anal. 30 (2011) 243-261.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.frames import Array, frame_step, from_tracks, require_regular
from benchmarks.scoring import Outcome

PENALTY = 2.0
RIDGE_BINS = 4
LAST_S = 1.0


def decompose(
    x: Array, times_s: Array | None, sample_rate_hz: float, f_min_hz: float, f_max_hz: float, n_branches: int = 16
) -> Outcome:
    """All ``n_branches`` ridges, alive throughout."""
    from ssqueezepy import extract_ridges, issq_cwt, ssq_cwt

    require_regular(times_s, "synchrosqueezing")
    transform, _, ssq_hz, scales = ssq_cwt(x, fs=sample_rate_hz)
    ridges = extract_ridges(transform, ssq_hz, penalty=PENALTY, n_ridges=n_branches, bw=RIDGE_BINS, transform="cwt")
    frequency = ssq_hz[ridges]
    width = np.full(ridges.shape, RIDGE_BINS)
    modes = issq_cwt(transform, "gmw", ridges, width)[:n_branches]
    step = frame_step(sample_rate_hz)
    track = frequency[step - 1 :: step].copy()
    track[-1] = np.median(frequency[-round(LAST_S * sample_rate_hz) :], axis=0)
    amplitude = np.sqrt(2 * np.maximum(np.mean(modes**2, axis=1), 0)) * np.ones((len(track), 1))
    inside = (track >= f_min_hz) & (track <= f_max_hz)
    time_s = (np.arange(len(track)) + 1) * step / sample_rate_hz
    return from_tracks(time_s, track, amplitude, inside, x - modes.sum(axis=0))
