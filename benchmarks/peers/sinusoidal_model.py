"""The sinusoidal model: STFT peak picking with peak continuation, and resynthesis.

Peaks of successive frames are joined by the nearest-frequency rule with birth and death. Between frames a track is
resynthesised with a linear amplitude and the cubic phase that meets both frames' frequency and phase most smoothly.

Source: R. J. McAulay and T. F. Quatieri, "Speech analysis/synthesis based on a sinusoidal representation", IEEE Trans.
ASSP 34 (1986) 744-754.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.peers.frames import Array, from_tracks, require_regular
from benchmarks.peers.stft_peaks import WINDOW_S, Frame, analyse
from benchmarks.scoring import Outcome

MATCH_SHARE = 0.03  # a track may move by this share of its frequency, or by half a resolution cell, between frames
CONFIRM_FRAMES = 5  # a track counts as living once it has been seen in this many frames on end


@dataclass(frozen=True)
class Partials:
    """Peaks joined into tracks: arrays (n_frames, n_slots), NaN where a slot is empty and ``identity`` -1."""

    centre_s: Array
    frequency_hz: Array
    amplitude: Array
    phase_rad: Array
    identity: NDArray[np.int64]


def join(centre_s: Array, frames: list[Frame], n_slots: int, cell_hz: float) -> Partials:
    """Continue every track with the peak of the next frame that is nearest in frequency; the rest are born or die."""
    shape = (len(frames), n_slots)
    frequency, amplitude, phase = (np.full(shape, np.nan) for _ in range(3))
    identity = np.full(shape, -1, dtype=np.int64)
    next_identity = 0
    for i, frame in enumerate(frames):
        slots = np.full(len(frame.frequency_hz), -1)
        living = np.flatnonzero(identity[i - 1] >= 0) if i else np.zeros(0, dtype=int)
        if len(living) and len(slots):
            before = frequency[i - 1, living]
            distance = np.abs(before[:, None] - frame.frequency_hz[None, :])
            reach = np.maximum(MATCH_SHARE * before, cell_hz / 2)[:, None]
            rows, columns = linear_sum_assignment(np.where(distance <= reach, distance, 1e6))
            joined = distance[rows, columns] <= reach[rows, 0]
            slots[columns[joined]] = living[rows[joined]]
            identity[i, living[rows[joined]]] = identity[i - 1, living[rows[joined]]]
        empty = [slot for slot in range(n_slots) if slot not in slots]
        for peak in np.flatnonzero(slots < 0)[: len(empty)]:
            slots[peak] = empty.pop(0)
            identity[i, slots[peak]] = next_identity
            next_identity += 1
        placed = slots >= 0
        frequency[i, slots[placed]] = frame.frequency_hz[placed]
        amplitude[i, slots[placed]] = frame.amplitude[placed]
        phase[i, slots[placed]] = frame.phase_rad[placed]
    return Partials(centre_s, frequency, amplitude, phase, identity)


def confirmed(partials: Partials) -> NDArray[np.bool_]:
    """Where a track has lasted ``CONFIRM_FRAMES`` frames."""
    age = np.zeros(partials.identity.shape, dtype=int)
    for i in range(len(age)):
        same = (partials.identity[i] >= 0) & (partials.identity[i] == partials.identity[i - 1]) if i else False
        age[i] = np.where(same, age[i - 1] + 1, partials.identity[i] >= 0)
    return age >= CONFIRM_FRAMES


def resynthesise(partials: Partials, n_samples: int, sample_rate_hz: float) -> Array:
    """Sum of the tracks, shape (n_samples,); a track that is born or dies fades over one frame."""
    y = np.zeros(n_samples)
    edges = np.round(partials.centre_s * sample_rate_hz).astype(int)
    for i in range(len(edges) - 1):
        u = np.arange(edges[i + 1] - edges[i]) / sample_rate_hz
        span_s = (edges[i + 1] - edges[i]) / sample_rate_hz
        for slot in np.flatnonzero((partials.identity[i] >= 0) | (partials.identity[i + 1] >= 0)):
            y[edges[i] : edges[i + 1]] += _segment(partials, i, int(slot), u, span_s)
    return y


def _segment(partials: Partials, i: int, slot: int, u: Array, span_s: float) -> Array:
    """One track between frames i and i+1."""
    here, there = partials.identity[i, slot], partials.identity[i + 1, slot]
    f, a, p = partials.frequency_hz[:, slot], partials.amplitude[:, slot], partials.phase_rad[:, slot]
    if here == there:
        return (a[i] + (a[i + 1] - a[i]) * u / span_s) * np.cos(_cubic_phase(f[i], f[i + 1], p[i], p[i + 1], u, span_s))
    y = np.zeros(len(u))
    if here >= 0:
        y += a[i] * (1 - u / span_s) * np.cos(p[i] + 2 * np.pi * f[i] * u)
    if there >= 0:
        y += a[i + 1] * (u / span_s) * np.cos(p[i + 1] + 2 * np.pi * f[i + 1] * (u - span_s))
    return y


def _cubic_phase(f0: float, f1: float, p0: float, p1: float, u: Array, span_s: float) -> Array:
    """Maximally smooth cubic with the given end phases and frequencies (McAulay and Quatieri, eqs. 35-37)."""
    w0, w1 = 2 * np.pi * f0, 2 * np.pi * f1
    turns = np.round(((p0 + w0 * span_s - p1) + (w1 - w0) * span_s / 2) / (2 * np.pi))
    miss = p1 - p0 - w0 * span_s + 2 * np.pi * turns
    bend = (w1 - w0) * span_s
    return p0 + w0 * u + (3 * miss - bend) * (u / span_s) ** 2 + (bend - 2 * miss) * (u / span_s) ** 3


def decompose(
    x: Array,
    times_s: Array | None,
    sample_rate_hz: float,
    f_min_hz: float,
    f_max_hz: float,
    n_branches: int = 16,
    window_s: float = WINDOW_S,
) -> Outcome:
    """Tracks of spectral peaks, stamped with the end of each window; the residual is what resynthesis leaves."""
    require_regular(times_s, "the sinusoidal model")
    centre_s, frames = analyse(x, sample_rate_hz, f_min_hz, f_max_hz, n_branches, window_s)
    partials = join(centre_s, frames, n_branches, 1 / window_s)
    alive = confirmed(partials)
    residual = x - resynthesise(partials, len(x), sample_rate_hz)
    time_s = np.arange(len(x)) / sample_rate_hz
    residual[(time_s < centre_s[0]) | (time_s >= centre_s[-1])] = np.nan
    return from_tracks(centre_s + window_s / 2, partials.frequency_hz, partials.amplitude, alive, residual)
