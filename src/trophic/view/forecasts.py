"""One page that shows a forecaster at work: forecasts over samples, errors, surprise, and who is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from trophic.forecasting.layout import EXPERTS
from trophic.view.axes import TimeScale
from trophic.view.figures import tidy
from trophic.view.outlook import Outlook
from trophic.view.table import FAINT, INK
from trophic.view.units import TimeAxis

Array = NDArray[np.float64]

FORECAST, BAND, ALARM, DRIFT = "#0072B2", "#cfe3f1", "#D55E00", "#f6e3c5"
COLOURS = ("#c9c9c9", "#F0C987", "#E69F00", "#8CC7E8", "#0072B2", "#6CC3A4", "#00795C")  # of the experts
LINES = (
    ("nrmse", "forecast", FORECAST, "o-", 1.8),
    ("linear", "linear AR", "#AA3377", "s-", 1.0),
    ("seasonal", "seasonal persistence", "#E69F00", "^-", 1.0),
    ("persistence", "persistence", "#9a9a9a", "v-", 1.0),
)


@dataclass(frozen=True)
class _Span:
    """What a TimeScale needs of a scene."""

    time_s: Array
    frame_s: float
    time_axis: TimeAxis


def draw(
    outlook: Outlook,
    skill: NDArray[np.void],
    following: Array,
    channel: int = 0,
    path: str | Path | None = None,
    title: str | None = None,
    unit: str = "",
) -> Figure:
    """Draw what an outlook has seen of one channel.

    At the top the last samples with the forecasts of the longest horizon and their interval, and what comes next;
    beside it the errors by horizon. Below, over the whole record: surprise with anomalies and drifts, and the weights
    of the experts at the shortest and the longest horizon.

    Parameters
    ----------
    outlook : Outlook
    skill : structured array, shape (C, H)
        `trophic.forecasting.skill.SKILL`.
    following : float64 array, shape (C, H, 3)
        Forecast, lower and upper bound after the last sample.
    channel : int
    path : str or Path, optional
        Where to save the figure; the suffix (.png, .pdf, .svg) chooses the format.
    title : str, optional
    unit : str
        The signal's unit.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.
    """
    figure = Figure(figsize=(11, 7.4), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    several = len(outlook.horizons) > 1
    heights = [3.6, 1.1, 1.1, 1.1] if several else [3.6, 1.2, 1.4]
    top = 0.925 if title else 0.965
    frame = {"left": 0.07, "right": 0.985, "top": top, "bottom": 0.065, "hspace": 0.36, "wspace": 0.17}
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=[3.1, 1.0], **cast(Any, frame))
    recent, errors = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _recent(recent, outlook, following[channel], channel, unit)
    _errors(errors, skill[channel])
    surprise = figure.add_subplot(grid[1, :])
    trusts = [figure.add_subplot(grid[row, :], sharex=surprise) for row in range(2, len(heights))]
    seen = np.isfinite(outlook.time_s)
    whole = outlook.time_s[seen]
    step_s = float(np.median(np.diff(whole))) if len(whole) > 1 else 1.0
    clock = TimeScale(cast(Any, _Span(whole, step_s, outlook.time_axis)))
    clock.apply(trusts[-1])
    _surprise(surprise, outlook, channel, seen, clock)
    for axes, q in zip(trusts, (0, -1)):
        _trust(axes, outlook, channel, q, clock)
    _legend(trusts[0])
    for axes in (recent, errors, surprise, *trusts):
        tidy(axes)
    for axes in (surprise, *trusts[:-1]):
        axes.tick_params(labelbottom=False)
    figure.align_ylabels([recent, surprise, *trusts])
    if title:
        figure.text(0.07, 0.965, title, fontsize=12, fontweight="bold", color=INK, va="center")
    if path is not None:
        figure.savefig(path)
    return figure


def _recent(axes: Axes, outlook: Outlook, following: Array, channel: int, unit: str) -> None:
    times = outlook.recent_time_s
    axes.set_ylabel(f"signal ({unit})" if unit else "signal")
    if not len(times):
        return
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    later = times[-1] + step_s * np.array([0, *outlook.horizons])
    clock = TimeScale(cast(Any, _Span(np.append(times, later[-1]), step_s, outlook.time_axis)))
    clock.apply(axes)
    signal, values = outlook.recent[:, channel], outlook.recent_values[:, channel, -1]
    x, ahead = clock(times), outlook.horizons[-1]
    plural = "s" if ahead > 1 else ""
    axes.fill_between(x, values[:, 1], values[:, 2], color=BAND, linewidth=0, zorder=1)
    axes.plot(x, values[:, 0], color=FORECAST, linewidth=1.3, label=f"forecast {ahead} sample{plural} before", zorder=3)
    axes.plot(x, signal, ".-", color=INK, linewidth=0.6, markersize=3, label="samples", zorder=2)
    if np.isfinite(signal[-1]):
        following = np.concatenate([np.full((1, 3), signal[-1]), following])
        beyond = clock(later)
        axes.fill_between(beyond, following[:, 1], following[:, 2], color=ALARM, alpha=0.2, linewidth=0, zorder=1)
        axes.plot(beyond, following[:, 0], "o-", color=ALARM, linewidth=1.3, markersize=3, label="next", zorder=4)
    shown = np.concatenate([signal, values[:, 0], following[:, 0]])
    low, high = np.nanmin(shown), np.nanmax(shown)
    margin = 0.35 * (high - low) or 1.0  # bounds may be far out at the beginning
    bounds = np.concatenate([values[:, 1:].ravel(), following[:, 1:].ravel(), shown])
    axes.set_ylim(
        max(np.nanmin(bounds), low - margin) - 0.05 * margin, min(np.nanmax(bounds), high + margin) + 0.3 * margin
    )
    axes.legend(loc="upper left", ncols=3, fontsize=8, frameon=False, borderaxespad=0.1, handlelength=1.4)


def _errors(axes: Axes, rows: NDArray[np.void]) -> None:
    axes.set_title("error (1 = standard deviation)", fontsize=9, color=INK)
    axes.set_xlabel("samples ahead")
    horizons = rows["horizon"]
    for name, label, colour, style, width in LINES:
        if np.isfinite(rows[name]).any():
            axes.plot(horizons, rows[name], style, color=colour, linewidth=width, markersize=4, label=label)
    if len(horizons) > 1:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(h) for h in horizons]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(FixedLocator([]))
    axes.set_ylim(0, axes.get_ylim()[1] * 1.35)
    if axes.lines:
        axes.legend(
            loc="upper left", fontsize=7.5, frameon=False, borderaxespad=0.1, handlelength=1.6, labelspacing=0.3
        )


def _surprise(axes: Axes, outlook: Outlook, channel: int, seen: NDArray[np.bool_], clock: TimeScale) -> None:
    axes.set_ylabel("surprise (nats)")
    x = clock(outlook.time_s[seen])
    height = np.nan_to_num(outlook.surprise[seen, channel])
    alarm, drift = outlook.anomaly[seen, channel], outlook.drift[seen, channel]
    if drift.any():
        axes.fill_between(
            x, 0, 1, where=drift, step="post", color=DRIFT, transform=axes.get_xaxis_transform(), linewidth=0,
            label="drift",
        )  # fmt: skip
    axes.vlines(x, 0, height, color=FAINT, linewidth=0.8)
    if alarm.any():
        axes.plot(x[alarm], height[alarm], "o", color=ALARM, markersize=3.5, label="anomaly", clip_on=False)
    settled = height[len(height) // 10 :]  # the first errors know nothing to be measured against
    axes.set_ylim(0, 1.25 * max(float(settled.max(initial=0.0)), 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    if alarm.any() or drift.any():
        axes.legend(
            loc="lower left", bbox_to_anchor=(0.0, 0.92), ncols=2, fontsize=7.5, frameon=False, handletextpad=0.3,
            borderaxespad=0.1,
        )  # fmt: skip


def _trust(axes: Axes, outlook: Outlook, channel: int, q: int, clock: TimeScale) -> None:
    ahead = outlook.horizons[q]
    axes.set_ylabel(f"trust, {ahead} ahead")
    weights = outlook.trust[:, channel, q]
    known = np.isfinite(weights[:, 0]) & np.isfinite(outlook.time_s)
    x = clock(outlook.time_s[known])
    axes.stackplot(x, weights[known].T, colors=COLOURS, labels=EXPERTS, linewidth=0)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))


def _legend(axes: Axes) -> None:
    """Names of the experts above a panel of trust."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=len(EXPERTS), fontsize=7.5, frameon=False,
        handlelength=0.9, columnspacing=1.1, handletextpad=0.4, borderaxespad=0.1,
    )  # fmt: skip
