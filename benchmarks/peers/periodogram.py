"""Peaks of the Hann-windowed periodogram of the whole record: the textbook batch answer.

A line is a local maximum at least 13 dB above the running median of the spectrum; a peak within 20 resolution cells of
one that is more than 26 dB stronger is taken for a sidelobe of the Hann window.

Source: F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proc. IEEE 66
(1978) 51-83.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import get_window

from benchmarks.peers.frames import Array, require_regular, spectral_peaks, stationary, suppress_sidelobes
from benchmarks.scoring import Outcome

THRESHOLD_DB = 13.0
ZERO_PADDING = 4


def decompose(
    x: Array, times_s: Array | None, sample_rate_hz: float, f_min_hz: float, f_max_hz: float, n_branches: int = 16
) -> Outcome:
    """At most ``n_branches`` peaks of one spectrum, as lines that last the whole record."""
    require_regular(times_s, "the periodogram")
    n_fft = ZERO_PADDING * len(x)
    power = np.abs(np.fft.rfft(x * get_window("hann", len(x)), n_fft)) ** 2
    cell_hz = sample_rate_hz / len(x)
    frequency, height = spectral_peaks(
        power, sample_rate_hz / n_fft, f_min_hz, f_max_hz, THRESHOLD_DB, floor_hz=max(10.0, 40 * cell_hz)
    )
    keep = suppress_sidelobes(frequency, height, reach_hz=20 * cell_hz, sidelobe_db=26.0)
    return stationary(x, sample_rate_hz, frequency[keep][:n_branches])
