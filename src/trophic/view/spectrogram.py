"""A spectrogram of a stream: constant-Q rows from a pyramid of halved sampling rates, missing samples allowed.

One short-time Fourier transform cannot show five decades: a window long enough for the slowest row smears
the fastest. So the stream is halved in rate once per octave, and every octave sees its own window of about
the same number of periods. Each row is a weighted least-squares amplitude against the samples that are
present, after the local mean and slope are taken out; a row is blank where less than half of its window is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PERIODS = 24  # periods in a window: neighbouring semitones are told apart
SLOWEST_PERIODS = 1.5  # but no window is longer than this many periods of f_min: the band says how long a record is
RESOLUTION = 12  # and none is shorter than this many periods of the bandwidth: a narrow band is worth resolving
ROWS_PER_OCTAVE, MIN_ROWS, MAX_ROWS = 24, 96, 320
MAX_WINDOW = 2049  # samples
HALVING = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1]) / 256  # response cos^8(pi f): 47 dB from edge to alias


class Patch(NamedTuple):
    """What one octave has to say after some more samples."""

    octave: int
    rows: slice
    index: NDArray[np.int64]  # (n,) sample index of the window centres
    power: Array  # (n, rows) squared amplitude, in signal-unit^2; NaN where blank


class Spectrogram:
    """Squared amplitude of a stream over time and log frequency.

    Parameters
    ----------
    f_min_hz, f_max_hz : float
        Band shown, Hz, 0 < f_min_hz < f_max_hz <= sample_rate_hz / 2.
    sample_rate_hz : float
        Rate of the samples pushed, Hz.

    Attributes
    ----------
    frequency_hz : float64 array, shape (n_rows,)
        Row frequencies, ascending, evenly spaced in log frequency.
    reach : int
        Samples by which the longest window extends to either side of its centre.
    """

    def __init__(self, f_min_hz: float, f_max_hz: float, sample_rate_hz: float) -> None:
        octaves = np.log2(f_max_hz / f_min_hz)
        n_rows = int(np.clip(round(ROWS_PER_OCTAVE * octaves), MIN_ROWS, MAX_ROWS))
        self.frequency_hz = np.geomspace(f_min_hz, f_max_hz, n_rows)
        relative = self.frequency_hz / sample_rate_hz
        # octave 0 is (.3, .6], octave 1 (.15, .3], ... of the sampling rate
        octave = np.maximum(np.floor(np.log2(0.6 / relative)), 0).astype(int)
        longest = SLOWEST_PERIODS / f_min_hz
        shortest = RESOLUTION / (f_max_hz - f_min_hz)
        self.octaves: list[_Octave] = []
        self.levels: list[_Level] = []
        for k in range(octave.min(), octave.max() + 1):
            rows = np.flatnonzero(octave == k)
            factor = max(k - 1, 0)
            rate_hz = sample_rate_hz / 2**factor
            # The slowest octaves share a level whose window still has enough samples to work with.
            while factor > 0 and longest * rate_hz < 64:
                factor, rate_hz = factor - 1, rate_hz * 2
            centre_hz = np.sqrt(self.frequency_hz[rows[0]] * self.frequency_hz[rows[-1]])
            window_s = max(min(longest, PERIODS / centre_hz), shortest)
            while len(self.levels) <= factor:
                self.levels.append(_Level())
            self.octaves.append(
                _Octave(slice(int(rows[0]), int(rows[-1]) + 1), factor, relative[rows], window_s * rate_hz)
            )
        self.reach = max(o.half << o.level for o in self.octaves)

    def push(self, values: Array, hop: int) -> Iterator[Patch]:
        """The rows that ``values`` (shape (n,), NaN = missing) complete; windows centred every ``hop`` samples or less.

        ``hop`` is a power of two, and never smaller than in an earlier call.
        """
        for level in range(len(self.levels)):
            self.levels[level].append(values)
            if level + 1 < len(self.levels):
                values = self.levels[level].halve()
        for k, octave in enumerate(self.octaves):
            yield from octave.patches(k, self.levels[octave.level], hop)
        needed = [level.next_half * 2 - 4 for level in self.levels]
        needed[-1] = np.iinfo(np.int64).max
        for octave in self.octaves:
            needed[octave.level] = min(needed[octave.level], octave.next_centre - octave.half)
        for level, first in zip(self.levels, needed, strict=True):
            level.forget(first)

    def jump(self, index: int) -> int:
        """Go on at sample ``index`` or a little before, as if all samples until then were missing; return where."""
        coarsest = 1 << (len(self.levels) - 1)
        index = index // coarsest * coarsest
        for j, level in enumerate(self.levels):
            level.start_at(index >> j)
        for octave in self.octaves:
            octave.next_centre = max(octave.next_centre, index >> octave.level)
        return index


class _Level:
    """The samples of one rate that are still needed, and the samples of half the rate made from them."""

    def __init__(self) -> None:
        self.start_at(0)

    def start_at(self, index: int) -> None:
        """Forget everything; the next sample is number ``index``, and all before it are missing."""
        self.first = index - 4
        self.samples = np.full(4, np.nan)
        self.next_half = (index + 1) // 2

    @property
    def end(self) -> int:
        return self.first + len(self.samples)

    def append(self, values: Array) -> None:
        self.samples = np.concatenate([self.samples, values])

    def halve(self) -> Array:
        """The next samples of half the rate: number m is centred on our 2m. Missing where less than half is there."""
        stop = max((self.end - 5) // 2 + 1, self.next_half)
        if stop == self.next_half:
            return np.empty(0)
        begin = 2 * self.next_half - 4 - self.first
        piece = self.samples[begin : 2 * (stop - 1) + 5 - self.first]
        self.next_half = stop
        present = np.isfinite(piece)
        weight = np.convolve(present, HALVING, "valid")[::2]
        total = np.convolve(np.where(present, piece, 0.0), HALVING, "valid")[::2]
        return np.where(weight >= 0.5, total / np.maximum(weight, 0.5), np.nan)

    def forget(self, first: int) -> None:
        """Drop the samples before number ``first``."""
        if first > self.first:
            drop = min(first - self.first, len(self.samples))
            self.samples = self.samples[drop:]
            self.first += drop


class _Octave:
    """The rows of one octave: their window, their Fourier vectors, and the next window's centre."""

    def __init__(self, rows: slice, level: int, relative: Array, window: float) -> None:
        self.rows, self.level = rows, level
        self.half = min(max(round(window / 2), 2), MAX_WINDOW // 2)
        offset = np.arange(-self.half, self.half + 1)
        self.position = offset / self.half
        self.window = np.cos(np.pi / 2 * offset / (self.half + 1)) ** 2
        turns = np.outer(offset, relative * 2**level)
        # every halving on the way here weakened the row by a known factor
        loss = np.prod([np.cos(np.pi * relative * 2**j) ** 8 for j in range(level)], axis=0) if level else 1.0
        self.fourier = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)
        self.scale = (2 / np.broadcast_to(loss, relative.shape)) ** 2
        self.slowest_hop = 1 << ((self.half // 2).bit_length() - 1)
        self.next_centre = 0

    def patches(self, k: int, level: _Level, hop: int) -> Iterator[Patch]:
        """All windows that are complete, a bounded number at a time."""
        hop = min(max(hop >> self.level, 1), self.slowest_hop)
        self.next_centre = -(-self.next_centre // hop) * hop
        at_once = max(1, 2_000_000 // len(self.window))
        while (n := (level.end - 1 - self.half - self.next_centre) // hop + 1) > 0:
            n = min(n, at_once)
            centres = self.next_centre + hop * np.arange(n, dtype=np.int64)
            self.next_centre += hop * n
            yield Patch(k, self.rows, centres << self.level, self._power(self._windows(level, centres, hop)))

    def _windows(self, level: _Level, centres: NDArray[np.int64], hop: int) -> Array:
        """Samples around each centre, shape (n, window); NaN before the start of the level."""
        begin = centres[0] - self.half - level.first
        piece = level.samples[max(begin, 0) : centres[-1] + self.half + 1 - level.first]
        if begin < 0:
            piece = np.concatenate([np.full(-begin, np.nan), piece])
        return np.lib.stride_tricks.sliding_window_view(piece, len(self.window))[::hop]

    def _power(self, samples: Array) -> Array:
        """Squared amplitude per row, shape (n, rows), of windows of shape (n, window)."""
        present = np.isfinite(samples)
        weight = np.where(present, self.window, 0.0)
        total = weight.sum(axis=1, keepdims=True)
        blank = total[:, 0] < 0.499 * self.window.sum()
        total[blank] = 1.0
        values = np.where(present, samples, 0.0)
        # the local line, by weighted least squares
        x = self.position - weight @ self.position[:, None] / total
        mean = (weight * values).sum(axis=1, keepdims=True) / total
        spread = np.maximum((weight * x * x).sum(axis=1, keepdims=True), 1e-12)
        slope = (weight * x * values).sum(axis=1, keepdims=True) / spread
        parts = (weight * (values - mean - slope * x)) @ self.fourier
        n_rows = parts.shape[1] // 2
        power = (parts[:, :n_rows] ** 2 + parts[:, n_rows:] ** 2) * self.scale / total**2
        power[blank] = np.nan
        return power
