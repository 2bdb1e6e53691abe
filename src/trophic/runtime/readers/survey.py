"""One pass over a recording before the work: how long it is, what is missing, and whether its clock is regular."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.guard import NO_MEASUREMENT
from trophic.runtime.readers.common import Recording, SourceError
from trophic.runtime.readers.stamps import StampForm

#: Fewer samples than this tell nothing about an oscillation.
MIN_SAMPLES = 16

#: Fourth powers of larger values, summed over a recording, would no longer be numbers.
MAX_VALUE = 1e60

#: Stamps off an even grid by this part of the period are still on it.
REGULAR = 1e-6

#: A stamp's last digit excuses it from `REGULAR` if that digit is below this part of the period.
_COARSEST_DIGIT = 0.1

_MAX_INTERVALS = 1 << 20
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Survey:
    """What the pass found.

    Attributes
    ----------
    n_samples : int
        Samples per channel, good or bad.
    origin : datetime64, float or None
        The first time stamp; time is counted from it. None without stamps.
    period_s : float or None
        Sample period in seconds if the stamps keep an even grid.
    typical_s : float or None
        Median interval between stamps, in seconds.
    duration_s : float or None
        From the first stamp to the last, in seconds.
    """

    n_samples: int
    origin: Any = None
    period_s: float | None = None
    typical_s: float | None = None
    duration_s: float | None = None


def survey(path: Path, recording: Recording, use_stamps: bool) -> Survey:
    """Go through ``recording`` once, in bounded memory.

    Raises
    ------
    SourceError
        Fewer than `MIN_SAMPLES` samples, or finite ones in a channel; values beyond `MAX_VALUE`; or stamps that run
        backwards or stand still.
    """
    n_samples = 0
    n_finite = np.zeros(len(recording.channel_names), dtype=np.int64)
    clock = _StampSurvey(recording.stamps) if use_stamps and recording.stamps is not None else None
    for block in recording.blocks(_BLOCK):
        n_samples += len(block.values)
        finite = np.isfinite(block.values)
        n_finite += np.count_nonzero(finite & (np.abs(block.values) < NO_MEASUREMENT), axis=0)
        magnitude = np.where(finite, np.abs(block.values), 0.0)
        if (largest := np.max(magnitude, initial=0.0)) > MAX_VALUE:
            row = n_samples - len(magnitude) + 1 + int(np.argmax(magnitude.max(axis=1)))
            raise SourceError(
                f"{path}: data row {row}: holds values up to {largest:.3g}, beyond {MAX_VALUE:g}; scale or mend it"
            )
        if clock is not None and block.stamps is not None:
            clock.add(block.stamps)
    check_length(path, n_samples)
    for name, count in zip(recording.channel_names, n_finite, strict=True):
        if count < MIN_SAMPLES:
            few = f"only {count} finite values" if count else "no finite value"
            raise SourceError(
                f"{path}: {name!r} holds {few} in {n_samples} rows, at least {MIN_SAMPLES} are needed; "
                "choose another with --column"
            )
    return Survey(n_samples) if clock is None else clock.result(path, n_samples)


def check_length(path: Path, n_samples: int) -> None:
    """Raise `SourceError` for a recording too short to hold an oscillation."""
    if n_samples < MIN_SAMPLES:
        raise SourceError(f"{path}: only {n_samples} samples, at least {MIN_SAMPLES} are needed")


class _StampSurvey:
    """Judges time stamps one block after another.

    An even grid through the first stamp is kept by periods T with |t_i - i T| <= tolerance for every i; each
    stamp narrows the interval [low, high] of such T, which is all that has to be remembered.
    """

    def __init__(self, form: StampForm) -> None:
        self.form = form
        self.origin: Any = None
        self.last_s = 0.0
        self.low, self.high = 0.0, np.inf
        self.tolerance_s = 0.0
        self.n_seen = 0
        self.n_missing = 0
        self.n_backward = 0
        self.first_backward = -1
        self.intervals: list[NDArray[np.float64]] = []
        self.n_intervals = 0

    def add(self, stamps: NDArray[Any]) -> None:
        """Take the next stamps into account."""
        missing = np.isnat(stamps) if stamps.dtype.kind == "M" else ~np.isfinite(stamps)
        rows = np.flatnonzero(~missing)
        self.n_missing += len(stamps) - len(rows)
        if len(rows):
            if self.origin is None:
                self.origin = stamps[rows[0]]
            self._add_good(self.form.seconds(stamps[rows], self.origin), rows + self.n_seen, stamps)
        self.n_seen += len(stamps)

    def _add_good(self, seconds: NDArray[np.float64], rows: NDArray[np.int64], stamps: NDArray[Any]) -> None:
        steps = np.diff(seconds, prepend=self.last_s)[int(rows[0] == 0) :]
        backward = np.flatnonzero(steps <= 0)
        if len(backward) and self.first_backward < 0:
            self.first_backward = int(rows[backward[0] + int(rows[0] == 0)])
        self.n_backward += len(backward)
        self.last_s = float(seconds[-1])
        forward = steps[steps > 0]
        if self.n_intervals < _MAX_INTERVALS and len(forward):
            if not self.intervals:
                digit_s, typical_s = self.form.resolution_s(stamps), float(np.median(forward))
                self.tolerance_s = max(REGULAR * typical_s, digit_s if digit_s <= _COARSEST_DIGIT * typical_s else 0.0)
            self.intervals.append(forward)
            self.n_intervals += len(forward)
        later = rows > 0
        index, seconds = rows[later], seconds[later]
        if len(index):
            self.low = max(self.low, float(np.max((seconds - self.tolerance_s) / index)))
            self.high = min(self.high, float(np.min((seconds + self.tolerance_s) / index)))

    def result(self, path: Path, n_samples: int) -> Survey:
        """The verdict on all stamps."""
        column = self.form.column
        if self.origin is None or not self.intervals:
            raise SourceError(
                f"{path}: time column {column!r} does not advance; choose another with --time-column "
                "or give --sample-rate"
            )
        if self.n_backward > 0.1 * n_samples:
            raise SourceError(
                f"{path}: time column {column!r} does not increase in {self.n_backward} of {n_samples} rows, first in "
                f"data row {self.first_backward + 1}; sort the rows by time, one row per time"
            )
        typical_s = float(np.median(np.concatenate(self.intervals)))
        period_s = None
        if not self.n_missing and not self.n_backward and self.low < self.high:
            period_s = _round_period(self.last_s / (n_samples - 1), self.low, self.high)
        return Survey(n_samples, self.origin, period_s, period_s or typical_s, self.last_s)


def _round_period(period_s: float, low: float, high: float) -> float:
    """The period or rate with fewest digits the stamps allow: 10 Hz rather than 10.000000000000002 Hz."""
    period_s = min(max(period_s, low), high)
    rounded = float(f"{period_s:.10g}") if period_s >= 1 else 1 / float(f"{1 / period_s:.10g}")
    return rounded if low <= rounded <= high else period_s
