"""Bounded storage for `Overview`: a grid, frames that merge in pairs, and tracks that are thinned by halves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.view.spectrogram import Spectrogram

Array = NDArray[np.float64]

# name -> (how two frames merge, what an empty frame holds)
ENVELOPE = {
    "signal_min": (np.fmin, np.nan),
    "signal_max": (np.fmax, np.nan),
    "signal_square": (np.add, 0.0),
    "residual_min": (np.fmin, np.nan),
    "residual_max": (np.fmax, np.nan),
    "residual_square": (np.add, 0.0),
    "n": (np.add, 0.0),
    "n_residual": (np.add, 0.0),
}


class Grid:
    """Samples of any clock on a regular grid: nearest point, several on one point averaged."""

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.origin_s = np.nan
        self._latest_s = -np.inf
        self._cell, self._total, self._count = 0, 0.0, 0  # the cell that may still get more samples

    def admit(self, time_s: Array, signal: Array, residual: Array) -> tuple[NDArray[np.int64], Array, Array]:
        """The good samples: grid index, signal and residual."""
        good = np.isfinite(time_s) & np.isfinite(signal)
        if not good.all():
            time_s, signal, residual = time_s[good], signal[good], residual[good]
        if not len(time_s):
            return np.empty(0, np.int64), signal, residual
        before = np.maximum.accumulate(np.concatenate([[self._latest_s], time_s]))[:-1]
        in_order = time_s > before
        if not in_order.all():
            time_s, signal, residual = time_s[in_order], signal[in_order], residual[in_order]
        if len(time_s):
            if np.isnan(self.origin_s):
                self.origin_s = float(time_s[0])
            self._latest_s = float(time_s[-1])
        index = np.rint((time_s - self.origin_s) * self.rate_hz).astype(np.int64)
        return index, np.asarray(signal, np.float64), np.asarray(residual, np.float64)

    def cells(self, index: NDArray[np.int64], values: Array) -> tuple[NDArray[np.int64], Array]:
        """The cells that are complete, and their means. The last one is held back: the next chunk may add to it."""
        if self._count and index[0] != self._cell:
            cells, means = [np.array([self._cell])], [np.array([self._total / self._count])]
            self._total, self._count = 0.0, 0
        else:
            cells, means = [], []
        starts = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
        totals = np.add.reduceat(values, starts)
        counts = np.diff(starts, append=len(index))
        totals[0] += self._total
        counts[0] += self._count
        cells.append(index[starts[:-1]])
        means.append(totals[:-1] / counts[:-1])
        self._cell, self._total, self._count = int(index[-1]), float(totals[-1]), int(counts[-1])
        return np.concatenate(cells), np.concatenate(means)

    def last_cell(self) -> tuple[NDArray[np.int64], Array]:
        """The cell held back; nothing if there is none."""
        if not self._count:
            return np.empty(0, np.int64), np.empty(0)
        return np.array([self._cell]), np.array([self._total / self._count])


class Frames:
    """Per frame: envelopes of signal and residual, and spectrogram power.

    Parameters
    ----------
    capacity : int
        Frames kept at most, even.
    n_rows, n_octaves : int
        Of the spectrogram.

    Attributes
    ----------
    length : int
        Samples per frame, a power of two.
    """

    def __init__(self, capacity: int, n_rows: int, n_octaves: int) -> None:
        self.capacity, self.length = capacity, 1
        self._n = 0  # frames in use
        self._envelope = {name: np.full(capacity, empty) for name, (_, empty) in ENVELOPE.items()}
        self._power = np.zeros((capacity, n_rows))
        self._power_count = np.zeros((capacity, n_octaves), np.int64)
        self._octave_of_row = np.zeros(n_rows, np.int64)
        # moments about the first sample, so that an offset costs no digits
        self._offset = np.nan
        self._moments = np.zeros(5)  # n, sum s, sum s^2, sum r, sum r^2

    def reach(self, index: int) -> None:
        """Make room for sample ``index``: merge until its frame exists."""
        while index // self.length >= self.capacity:
            self._merge()
        self._n = max(self._n, index // self.length + 1)

    def _merge(self) -> None:
        half = self.capacity // 2
        for name, (merge, empty) in ENVELOPE.items():
            column = self._envelope[name]
            column[:half] = merge(column[::2], column[1::2])
            column[half:] = empty
        for column in (self._power, self._power_count):
            column[:half] = column[::2] + column[1::2]
            column[half:] = 0
        self.length *= 2
        self._n = -(-self._n // 2)

    def add_samples(self, index: NDArray[np.int64], signal: Array, residual: Array) -> None:
        """Samples at increasing ``index``; signal finite, residual NaN where the model gave none."""
        self.reach(int(index[-1]))
        frame = index // self.length
        starts = np.flatnonzero(np.diff(frame, prepend=frame[0] - 1))
        known = np.isfinite(residual)
        heard = np.where(known, residual, 0.0)
        hidden = np.where(known, residual, np.nan)
        found = {
            "signal_min": np.minimum.reduceat(signal, starts),
            "signal_max": np.maximum.reduceat(signal, starts),
            "signal_square": np.add.reduceat(signal**2, starts),
            "residual_min": np.fmin.reduceat(hidden, starts),
            "residual_max": np.fmax.reduceat(hidden, starts),
            "residual_square": np.add.reduceat(heard**2, starts),
            "n": np.diff(starts, append=len(index)).astype(np.float64),
            "n_residual": np.add.reduceat(known.astype(np.float64), starts),
        }
        at = frame[starts]
        for name, (merge, _) in ENVELOPE.items():
            self._envelope[name][at] = merge(self._envelope[name][at], found[name])
        if np.isnan(self._offset):
            self._offset = signal[0]
        s, r = (signal - self._offset)[known], residual[known]
        self._moments += [len(s), s.sum(), (s**2).sum(), r.sum(), (r**2).sum()]

    def add_power(self, octave: int, rows: slice, index: NDArray[np.int64], power: Array) -> None:
        """Spectrogram windows centred on ``index``, power of shape (n, rows); NaN rows are blank and add nothing."""
        self._octave_of_row[rows] = octave
        there = np.isfinite(power[:, 0])
        index, power = index[there], power[there]
        if not len(index):
            return
        self.reach(int(index[-1]))
        frame = index // self.length
        starts = np.flatnonzero(np.diff(frame, prepend=frame[0] - 1))
        self._power[frame[starts], rows] += np.add.reduceat(power, starts, axis=0)
        self._power_count[frame[starts], octave] += np.diff(starts, append=len(index))

    def explained(self) -> float:
        """1 - var(residual) / var(signal) over all samples with both; NaN if the signal does not vary."""
        n, s, ss, r, rr = self._moments
        if n < 2 or ss - s * s / n <= 0:
            return float("nan")
        return float(1 - (rr - r * r / n) / (ss - s * s / n))

    def envelope(self) -> dict[str, Array]:
        """The envelope columns, shape (F,)."""
        return {name: column[: self._n] for name, column in self._envelope.items()}

    def power(self, spectrogram: Spectrogram) -> Array:
        """Mean power per frame, shape (F, R). Frames between two windows of a slow octave take the nearer one."""
        power = np.full((self._n, self._power.shape[1]), np.nan)
        for k, octave in enumerate(spectrogram.octaves):
            count = self._power_count[: self._n, k]
            known = np.flatnonzero(count)
            if not len(known):
                continue
            nearest = known[_nearest(known, np.arange(self._n))]
            hop = max((octave.slowest_hop << octave.level) // self.length, 1)
            close = np.abs(nearest - np.arange(self._n)) <= hop
            rows = octave.rows
            power[close, rows] = self._power[nearest[close], rows] / count[nearest[close], None]
        return power


def _nearest(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position in ``known`` (increasing) of the entry nearest to each of ``wanted``."""
    after = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(known[before] - wanted) <= np.abs(known[after] - wanted), before, after)


class TrackStore:
    """Track frames, at most ``capacity``: when full, every second one goes, and from then on every second is kept."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.time_s = np.empty(0)
        self.fields: dict[str, NDArray[Any]] = {}
        self._stride = 1
        self._n_seen = 0

    def add(self, time_s: Array, fields: dict[str, NDArray[Any]]) -> None:
        """Frames at ``time_s`` (shape (F,)), and arrays of shape (F, K)."""
        if not self.fields:
            self.fields = {name: value[:0] for name, value in fields.items()}
        first = -self._n_seen % self._stride
        self._n_seen += len(time_s)
        if first >= len(time_s):
            return
        self.time_s = np.concatenate([self.time_s, time_s[first :: self._stride]])
        for name, kept in self.fields.items():
            self.fields[name] = np.concatenate([kept, fields[name][first :: self._stride]])
        while len(self.time_s) > self.capacity:
            self._stride *= 2
            self.time_s = self.time_s[::2].copy()
            self.fields = {name: kept[::2].copy() for name, kept in self.fields.items()}
