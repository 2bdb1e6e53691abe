"""Axes in human units: time as seconds, hours or calendar dates, frequency with periods beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from trophic.view.units import DAY_S, HOUR_S, MINUTE_S, MONTH_S, YEAR_S, duration, frequency_unit, time_unit

if TYPE_CHECKING:
    from trophic.view.overview import Scene

Array = NDArray[np.float64]

SLOW_HZ = 0.5  # a typical frequency below this is better read as a period
NICE_PERIODS_S = np.concatenate(
    [
        np.outer(10.0 ** np.arange(-3, 1), [1, 2, 5]).ravel()[:-2],
        [1, 2, 5, 10, 20, 30],
        MINUTE_S * np.array([1, 2, 5, 10, 20, 30]),
        HOUR_S * np.array([1, 2, 3, 6, 12]),
        DAY_S * np.array([1, 2, 7, 14]),
        MONTH_S * np.array([1, 2, 3, 6]),
        YEAR_S * np.outer(10.0 ** np.arange(0, 5), [1, 2, 5]).ravel(),
    ]
)
NICE_PERIODS_SAMPLES = np.outer(10.0 ** np.arange(0, 9), [1, 2, 5]).ravel()
MAX_PERIOD_LABELS = 8


class TimeScale:
    """Seconds to the x coordinate of a figure: a unit that suits the span, or days for matplotlib's dates."""

    def __init__(self, scene: Scene) -> None:
        self.dates = scene.time_axis == "dates"
        if len(scene.time_s):
            half = scene.frame_s / 2
            self.span_s = (float(scene.time_s[0]) - half, float(scene.time_s[-1]) + half)
        else:
            self.span_s = (0.0, 1.0)
        self.unit = time_unit(self.span_s[1] - self.span_s[0], scene.time_axis)

    def __call__(self, time_s: Array | float) -> Array:
        return np.asarray(time_s) / (DAY_S if self.dates else self.unit.size)

    def apply(self, axes: Axes) -> None:
        """Limits, ticks and label of the x axis of ``axes``."""
        axes.set_xlim(*self(np.array(self.span_s)))
        if self.dates:
            locator = AutoDateLocator(minticks=4, maxticks=9)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        else:
            axes.set_xlabel(f"time ({self.unit.symbol})")


class FrequencyScale:
    """Hz to the y coordinate of a figure; logarithmic if the band is wider than a decade."""

    def __init__(self, scene: Scene) -> None:
        self.time_axis = scene.time_axis
        self.low_hz, self.high_hz = float(scene.row_hz[0]), float(scene.row_hz[-1])
        typical_hz = float(np.sqrt(self.low_hz * self.high_hz))
        self.unit = frequency_unit(typical_hz, scene.time_axis)
        self.log = self.high_hz / self.low_hz > 10
        self.shows_periods = typical_hz < SLOW_HZ
        self.periods: Axes | None = None  # the axis of periods, once applied

    def __call__(self, frequency_hz: Array | float) -> Array:
        return np.asarray(frequency_hz) / self.unit.size

    def apply(self, axes: Axes) -> None:
        """Scale, limits, ticks and label of the y axis of ``axes``, and a period axis on its right if that helps."""
        self._scale(axes)
        if self.log:
            decades = np.log10(self.high_hz / self.low_hz)
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
            axes.yaxis.set_minor_locator(LogLocator(subs=np.arange(2.0, 10.0), numticks=200))
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.yaxis.set_major_locator(MaxNLocator(7))
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        axes.set_ylabel(f"frequency ({self.unit.symbol})")
        if self.shows_periods:
            self._period_axis(axes)

    def _scale(self, axes: Axes) -> None:
        axes.set_yscale("log" if self.log else "linear")
        axes.set_ylim(*self(np.array([self.low_hz, self.high_hz])))

    def _period_axis(self, axes: Axes) -> None:
        nice = NICE_PERIODS_SAMPLES if self.time_axis == "samples" else NICE_PERIODS_S
        periods = nice[(nice >= 1 / self.high_hz) & (nice <= 1 / self.low_hz)]
        periods = self._spread(periods)
        twin = axes.twinx()
        self._scale(twin)
        twin.yaxis.set_minor_locator(FixedLocator([]))
        symbol = [duration(float(p), self.time_axis).removesuffix(" samples") for p in periods]
        symbol = [_months(float(p)) if self.time_axis != "samples" else s for p, s in zip(periods, symbol, strict=True)]
        twin.set_yticks(self(1 / periods), symbol)
        twin.tick_params(axis="y", length=3, pad=2, labelsize=8)
        for side in twin.spines.values():
            side.set_visible(False)
        self.periods = twin

    def _spread(self, periods: Array) -> Array:
        """At most MAX_PERIOD_LABELS of them, none too close to the last one for its label."""
        place = np.log(periods) if self.log else 1 / periods
        low, high = (np.log(1 / self.high_hz), np.log(1 / self.low_hz)) if self.log else (self.low_hz, self.high_hz)
        apart = (high - low) / (MAX_PERIOD_LABELS + 2)
        chosen: list[int] = []
        for i in range(len(periods)):
            if not chosen or abs(place[i] - place[chosen[-1]]) >= apart:
                chosen.append(i)
        return periods[chosen]


def _plain(value: float, _position: int | None = None) -> str:
    """A tick label without powers of ten where a reader can do without."""
    if 1000 <= abs(value) < 1e6:
        return f"{value / 1000:g}k"
    return f"{value:g}"


def _months(period_s: float) -> str:
    """A period in words, in months between a month and a year."""
    if 0.99 * MONTH_S < period_s < 0.99 * YEAR_S:
        months = round(period_s / MONTH_S)
        return f"{months} month{'s' if months > 1 else ''}"
    return duration(period_s)
