"""Irregular times on a regular grid: a step without a sample is missing, several samples in one are averaged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk
from trophic.runtime.guard import is_measurement
from trophic.runtime.sources import Source

LONGEST_GAP = 10_000_000  # steps; a slip in the unit of time should not fill the memory with missing samples


def on_grid(chunks: Iterable[Chunk], step_s: float) -> Iterator[Chunk]:
    """The stream as a regular one, with steps around the time of its first sample.

    Step k holds the mean of the good samples from ``(k - 1/2) step_s`` up to ``(k + 1/2) step_s`` after the first one,
    NaN if there is none. A step is complete when a sample after it has come. A sample that comes later than that, or
    has no time stamp, is left out.

    Parameters
    ----------
    chunks : iterable of Chunk
    step_s : float
        Seconds, in (0, inf).

    Raises
    ------
    ValueError
        If ``step_s`` is out of its range, or a gap is longer than ten million steps.

    Examples
    --------
    >>> times_s, values = np.array([10.0, 11.1, 11.3, 13.9]), np.array([[1.0], [2.0], [4.0], [8.0]])
    >>> complete, last = on_grid([Chunk(values, times_s=times_s)], step_s=1.0)
    >>> complete.values[:, 0], last.values[:, 0], last.time_stamps_s()
    (array([ 1.,  3., nan, nan]), array([8.]), array([14.]))
    """
    if not 0 < step_s < math.inf:
        raise ValueError(f"step_s must be in (0, inf) seconds, got {step_s}")
    origin_s, done = math.nan, 0  # of step 0; steps handed on
    total = np.zeros((1, 0))  # sums and numbers of good values of the step that is not complete
    number = np.zeros((1, 0))
    for chunk in chunks:
        stamps = chunk.time_stamps_s()
        timed = np.isfinite(stamps)
        if not timed.any():
            continue
        if math.isnan(origin_s):
            origin_s = float(stamps[timed][0])
            total, number = np.zeros((1, chunk.n_channels)), np.zeros((1, chunk.n_channels))
        step = np.floor((stamps[timed] - origin_s) / step_s + 0.5)
        values = chunk.values[timed].astype(np.float64)
        newest = int(max(step.max(), done))
        if newest - done > LONGEST_GAP:
            raise ValueError(
                f"step_s={step_s:g} puts {newest - done} steps into one gap, at most {LONGEST_GAP}; take a longer step"
            )
        total, number = _gathered(total, number, (step - done).astype(np.int64), values, newest - done)
        if newest > done:
            yield _regular(total[:-1], number[:-1], done, step_s, origin_s)
            total, number, done = total[-1:], number[-1:], newest
    if number.size:
        yield _regular(total, number, done, step_s, origin_s)


def _gathered(
    total: NDArray[np.float64], number: NDArray[np.float64], row: NDArray[np.int64], values: NDArray[np.float64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums and numbers of good values of n + 1 steps; those before row 0 are left out."""
    grown = [np.concatenate([old, np.zeros((n, old.shape[1]))]) for old in (total, number)]
    good = is_measurement(values) & (row >= 0)[:, None]
    np.add.at(grown[0], np.maximum(row, 0), np.where(good, values, 0.0))
    np.add.at(grown[1], np.maximum(row, 0), good)
    return grown[0], grown[1]


def _regular(
    total: NDArray[np.float64], number: NDArray[np.float64], first: int, step_s: float, origin_s: float
) -> Chunk:
    means = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return Chunk(means, first_sample=first, sample_period_s=step_s, start_time_s=origin_s)


@dataclass(frozen=True)
class GridSource(Source):
    """A file on a regular grid: a `Source` like that of the file, with `on_grid` in between."""

    _file: Source

    @classmethod
    def of(cls, source: Source, step_s: float) -> Self:
        """``source`` in steps of ``step_s`` seconds."""
        if not 0 < step_s < math.inf:
            raise ValueError(f"step_s must be in (0, inf) seconds, got {step_s}")
        given = {field.name: getattr(source, field.name) for field in fields(Source)}
        note = f"on a grid of {step_s:g} s: a step without a sample is missing, several samples in one are averaged"
        return cls(
            **given
            | {
                "sample_period_s": step_s,
                "typical_rate_hz": 1.0 / step_s,
                "n_samples": int(source.duration_s / step_s + 0.5) + 1,
                "notes": (*source.notes, note),
            },
            _file=source,
        )

    def __iter__(self) -> Iterator[Chunk]:
        return on_grid(self._file, self.sample_period_s or 0.0)
