"""From rows of scores to the numbers of a table: what is measured, how draws are summarised, what is asked."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.scoring import Array

Row = dict[str, Any]


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


SUMMARIES: dict[str, Callable[[Array], float]] = {
    "share": lambda values: float(np.mean(values)),
    "total": lambda values: float(np.sum(values)),
    "median": lambda values: float(np.median(values)),
    "mean": lambda values: float(np.mean(values)),
    "rms": _rms,
    "max": lambda values: float(np.max(values)),
}


@dataclass(frozen=True)
class Measure:
    """One number per method and case.

    Parameters
    ----------
    label : str
        Column heading.
    key : str
        Score to read from each row; with a ``*`` all matching ones, each summarised over draws, the worst reported.
    summary : str
        How the draws are summarised: share (printed as hits/draws), total, median, mean, rms or max. Draws in which the
        score is NaN (a line that was not found) do not count; an infinite one (never re-locked) does.
    """

    label: str
    key: str
    summary: str

    def value(self, rows: Sequence[Row]) -> float:
        """The summary over all draws; NaN when no draw has the score."""
        summaries = []
        for key in fnmatch.filter(rows[0], self.key):
            values = np.array([row[key] for row in rows], dtype=float)
            values = values[~np.isnan(values)]
            if len(values):
                summaries.append(SUMMARIES[self.summary](values))
        return max(summaries, default=np.nan)

    def text(self, rows: Sequence[Row]) -> str:
        """The value as it stands in a table; medians and means with the quartiles of the draws."""
        value = self.value(rows)
        if np.isnan(value):
            return "–"
        if self.summary == "share":
            return f"{round(value * len(rows))}/{len(rows)}"
        if self.summary in ("median", "mean") and "*" not in self.key and len(rows) > 3:
            values = np.array([row[self.key] for row in rows], dtype=float)
            low, high = np.nanpercentile(values, [25, 75], method="nearest")
            return f"{_short(value)} ({_short(low)}..{_short(high)})"
        return _short(value)


@dataclass(frozen=True)
class Target:
    """What is asked of a measure: at least, or at most, a value."""

    measure: Measure
    at_least: float = -np.inf
    at_most: float = np.inf

    def met(self, rows: Sequence[Row]) -> bool:
        value = self.measure.value(rows)
        return bool(self.at_least <= value <= self.at_most)

    def __str__(self) -> str:
        bounds = []
        if np.isfinite(self.at_least):
            bounds.append(f">= {_short(self.at_least)}")
        if np.isfinite(self.at_most):
            bounds.append(f"<= {_short(self.at_most)}")
        return f"{self.measure.label} {' and '.join(bounds)}"


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "never" if value > 0 else "–"
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


ORDER = Measure("order right", "order_right", "share")
FALSE_LINES = Measure("false lines", "n_false", "total")
ERROR_MEDIAN = Measure("error/CRLB, median of the worst tone", "error_crlb_*", "median")
ERROR_RMS = Measure("RMSE/CRLB of the worst tone", "error_crlb_*", "rms")
RESIDUAL = Measure("residual/noise, second half", "residual_noise_late", "median")
RESIDUAL_SETTLED = Measure("residual/noise", "residual_noise", "median")
FALSE_INDIVIDUALS = Measure("false individuals", "false_individuals", "total")
SECONDS = Measure("seconds heard", "seconds", "total")
MEAN_LIVING = Measure("mean living", "mean_living", "mean")
TRACKED = Measure("tracked", "tracked", "mean")
LAG = Measure("relative lag", "lag_0", "median")
RELOCK = Measure("periods to re-lock", "relock_periods", "median")
FIRST = Measure("periods to first touch", "first_periods", "median")
DIES = Measure("periods to die", "dies_periods", "median")
REVIVES = Measure("periods to revive", "revives_periods", "median")
PRESENT = Measure("present", "present", "mean")
CENTER = Measure("centre error", "center_error", "median")
QUALITY = Measure("Q found / Q true", "quality_ratio", "median")
LIVING = Measure("mean living", "n_living", "mean")

GROUPS: dict[str, tuple[str, tuple[Measure, ...]]] = {
    "tones": ("Separate tones", (ORDER, FALSE_LINES, ERROR_MEDIAN, ERROR_RMS, RESIDUAL)),
    "irregular": ("Irregular clocks", (ORDER, FALSE_LINES, ERROR_MEDIAN, ERROR_RMS, RESIDUAL)),
    "close": ("Close lines", (ORDER, FALSE_LINES, ERROR_MEDIAN, ERROR_RMS, RESIDUAL)),
    "noise": ("Nothing to find", (FALSE_INDIVIDUALS, MEAN_LIVING, SECONDS)),
    "step": ("Frequency steps", (RELOCK, FIRST, ORDER)),
    "pause": ("Off and on", (DIES, REVIVES, ORDER)),
    "sweep": ("Sweeps", (TRACKED, LAG)),
    "crossing": ("Crossing sweeps", (ORDER, TRACKED, RESIDUAL_SETTLED)),
    "rhythm": ("Rhythms: AR(2) processes", (PRESENT, CENTER, QUALITY, LIVING)),
}
