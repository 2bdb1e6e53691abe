"""Peaks of the short-time Fourier transform, frame by frame, without memory.

Hann windows, peaks 13 dB above the running median. The peaks of a frame are stamped with the end of its window, so that
the method is as causal as the streaming ones. No window length suits all cases: short ones follow sweeps, long ones
separate lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import get_window

from benchmarks.peers.frames import Array, frame_step, from_tracks, require_regular, spectral_peaks, suppress_sidelobes
from benchmarks.scoring import Outcome

WINDOW_S = 0.5
THRESHOLD_DB = 13.0
ZERO_PADDING = 4


@dataclass(frozen=True)
class Frame:
    """Peaks of one window, strongest first: frequency in Hz, amplitude, phase in radians at the window's centre."""

    frequency_hz: Array
    amplitude: Array
    phase_rad: Array


def analyse(
    x: Array,
    sample_rate_hz: float,
    f_min_hz: float,
    f_max_hz: float,
    n_peaks: int,
    window_s: float = WINDOW_S,
    step: int | None = None,
    threshold_db: float = THRESHOLD_DB,
) -> tuple[Array, list[Frame]]:
    """Spectral peaks of overlapping windows.

    Returns
    -------
    centre_s : array, shape (n_frames,)
        Time of each window's centre.
    frames : list of Frame
    """
    length = min(len(x), 2 * round(window_s * sample_rate_hz / 2))
    step = step or frame_step(sample_rate_hz)
    window = get_window("hann", length)
    n_fft = ZERO_PADDING * int(2 ** np.ceil(np.log2(length)))
    bin_hz, cell_hz = sample_rate_hz / n_fft, sample_rate_hz / length
    starts = np.arange(0, len(x) - length + 1, step)
    frames = []
    for start in starts:
        spectrum = np.fft.rfft(x[start : start + length] * window, n_fft)
        frequency, height = spectral_peaks(
            np.abs(spectrum) ** 2, bin_hz, f_min_hz, f_max_hz, threshold_db, floor_hz=max(30.0, 15 * cell_hz)
        )
        keep = np.flatnonzero(suppress_sidelobes(frequency, height, reach_hz=8 * cell_hz, sidelobe_db=26.0))[:n_peaks]
        frequency, height = frequency[keep], height[keep]
        nearest = np.round(frequency / bin_hz).astype(int)
        # the phase at the start of the window advances linearly across the main lobe: carry it to the centre
        phase = np.angle(spectrum[nearest]) + 2 * np.pi * nearest * bin_hz * (length / 2) / sample_rate_hz
        frames.append(Frame(frequency, 2 * np.sqrt(height) / window.sum(), np.angle(np.exp(1j * phase))))
    return (starts + length / 2) / sample_rate_hz, frames


def decompose(
    x: Array,
    times_s: Array | None,
    sample_rate_hz: float,
    f_min_hz: float,
    f_max_hz: float,
    n_branches: int = 16,
    window_s: float = WINDOW_S,
) -> Outcome:
    """The strongest ``n_branches`` peaks of every frame; slot k is the k-th strongest."""
    require_regular(times_s, "the short-time Fourier transform")
    centre_s, frames = analyse(x, sample_rate_hz, f_min_hz, f_max_hz, n_branches, window_s)
    shape = (len(frames), n_branches)
    frequency, amplitude, alive = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for i, frame in enumerate(frames):
        n = len(frame.frequency_hz)
        frequency[i, :n], amplitude[i, :n], alive[i, :n] = frame.frequency_hz, frame.amplitude, True
    return from_tracks(centre_s + window_s / 2, frequency, amplitude, alive, None)
