"""One page that shows an ecology at work: tracks over a spectrogram, masses, shares, signal and residual."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from trophic.view.axes import FrequencyScale, TimeScale
from trophic.view.lives import Life, lives_of
from trophic.view.overview import Overview, Scene
from trophic.view.table import INK, draw_table

Array = NDArray[np.float64]

PAPER = LinearSegmentedColormap.from_list("paper", ["#ffffff", "#f0f0f2", "#dddee2", "#c3c6cd", "#a3a8b2"])
DYNAMIC_RANGE_DB = 60  # of the spectrogram, at most
WIDTHS = (0.7, 3.0)  # of tracks, points, from WIDTH_RANGE_DB below the largest amplitude up to it
WIDTH_RANGE_DB = 40
MAX_STEPS = 600  # segments per track: more cannot be seen, and only make vector files heavy
SIGNAL, RESIDUAL = "#b9bdc6", "#3b3f47"


def draw(
    overview: Overview | Scene,
    components: NDArray[np.void] | None = None,
    path: str | Path | None = None,
    title: str | None = None,
) -> Figure:
    """Draw what an overview has seen.

    From top to bottom: the tracks of the living over the spectrogram (width and strength of a line follow its
    amplitude, a shaded band is a rhythm's own linewidth), their masses, their shares of the energy flux, and
    signal and residual. A colour belongs to an individual, in all panels and in the table.

    Parameters
    ----------
    overview : Overview or Scene
    components : structured array, shape (n_components,), optional
        For the table on the right, as `Ecology.components` gives them; None leaves it out.
    path : str or Path, optional
        Where to save the figure; the suffix (.png, .pdf, .svg) chooses the format.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.
    """
    scene = overview.scene() if isinstance(overview, Overview) else overview
    lives = lives_of(scene)
    clock, pitch = TimeScale(scene), FrequencyScale(scene)
    figure = Figure(figsize=(11 if components is not None else 8.6, 7.4), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    left, top, right = 0.07, 0.925 if title else 0.965, 0.985
    if components is not None:
        right = 0.645 if pitch.shows_periods else 0.66
    grid = figure.add_gridspec(
        4, 1, height_ratios=[4.8, 1.1, 0.9, 1.4], left=left, right=right, top=top, bottom=0.065, hspace=0.12
    )
    panels = [figure.add_subplot(grid[0])]
    panels += [figure.add_subplot(grid[i], sharex=panels[0]) for i in (1, 2, 3)]
    clock.apply(panels[3])
    pitch.apply(panels[0])
    _spectrogram(panels[0], scene, clock, pitch)
    _tracks(panels[0], lives, clock, pitch)
    _masses(panels[1], lives, clock)
    _shares(panels[2], scene, lives, clock)
    _signal(panels[3], scene, clock)
    for panel in panels:
        tidy(panel)
    for panel in panels[:3]:
        panel.tick_params(labelbottom=False)
    figure.align_ylabels(panels)
    if components is not None:
        draw_table(figure, panels[0], components, lives, pitch, scene)
    if title:
        figure.text(left, 0.965, title, fontsize=12, fontweight="bold", color=INK, va="center")
    if path is not None:
        figure.savefig(path)
    return figure


def _spectrogram(axes: Axes, scene: Scene, clock: TimeScale, pitch: FrequencyScale) -> None:
    if not np.isfinite(scene.power).any():
        return
    level = 10 * np.log10(np.maximum(scene.power, np.finfo(np.float64).tiny))
    known = level[np.isfinite(scene.power)]
    high = np.percentile(known, 99.8)
    low = max(np.percentile(known, 30), high - DYNAMIC_RANGE_DB)
    edges_s = np.append(scene.time_s - scene.frame_s / 2, scene.time_s[-1] + scene.frame_s / 2)
    ratio = np.sqrt(scene.row_hz[1] / scene.row_hz[0])
    edges_hz = np.append(scene.row_hz / ratio, scene.row_hz[-1] * ratio)
    axes.pcolormesh(
        clock(edges_s), pitch(edges_hz), np.ma.masked_invalid(level.T), cmap=PAPER, vmin=low, vmax=max(high, low + 1),
        rasterized=True, zorder=0,
    )  # fmt: skip


def _tracks(axes: Axes, lives: list[Life], clock: TimeScale, pitch: FrequencyScale) -> None:
    if not lives:
        return
    loudest = max(float(np.max(life.amplitude)) for life in lives)
    for life in reversed(lives):  # the strongest on top
        at = _thinned(len(life.time_s))
        x, y = clock(life.time_s[at]), pitch(life.frequency_hz[at])
        half = pitch(life.bandwidth_hz[at]) / 2
        axes.fill_between(x, y - half, y + half, color=life.colour, alpha=0.16, linewidth=0, zorder=2)
        below_db = 20 * np.log10(np.maximum(life.amplitude[at], 1e-300) / loudest)
        strength = np.clip(1 + below_db / WIDTH_RANGE_DB, 0, 1)
        if len(x) == 1:
            axes.plot(x, y, ".", color=life.colour, markersize=3, zorder=4)
            continue
        points = np.stack([x, y], axis=1)
        segments = np.stack([points[:-1], points[1:]], axis=1)
        width = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * strength[1:]
        for extra, colour, alpha, zorder in (
            (1.6, "white", 0.85, 3),
            (0.0, life.colour, 0.55 + 0.45 * strength[1:], 4),
        ):
            lines = LineCollection(list(segments), colors=colour, linewidths=width + extra, alpha=alpha, zorder=zorder)
            lines.set_capstyle("round")
            axes.add_collection(lines, autolim=False)


def _masses(axes: Axes, lives: list[Life], clock: TimeScale) -> None:
    axes.set_ylabel("mass")
    axes.set_yscale("log")
    for life in reversed(lives):
        at = _thinned(len(life.time_s))
        axes.plot(clock(life.time_s[at]), life.mass[at], color=life.colour, linewidth=1.3 if life.named else 0.7)
    low, high = axes.get_ylim() if lives else (1.0, 100.0)
    axes.set_ylim(min(low, 2.0) if low > 0 else 1.0, max(high, 30.0))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _shares(axes: Axes, scene: Scene, lives: list[Life], clock: TimeScale) -> None:
    """Shares of the flux stacked in order of frequency, as tracks lie above; what is free stays white."""
    axes.set_ylabel("share")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    if not lives:
        return
    at = _thinned(len(scene.track_time_s), 1000)
    time_s = scene.track_time_s[at]
    bottom = np.zeros(len(time_s))
    for life in sorted(lives, key=lambda life: float(np.median(life.frequency_hz))):
        share = np.zeros(len(time_s))
        alive = (time_s >= life.time_s[0]) & (time_s <= life.time_s[-1])
        share[alive] = np.interp(time_s[alive], life.time_s, life.share)
        axes.fill_between(
            clock(time_s), bottom, bottom + share, color=life.colour, alpha=0.75, linewidth=0.3, edgecolor="white"
        )
        bottom += share


def _signal(axes: Axes, scene: Scene, clock: TimeScale) -> None:
    offset = _offset(scene)
    name = f"signal ({scene.unit})" if scene.unit else "signal"
    axes.set_ylabel(f"{name} {'-' if offset > 0 else '+'} {abs(offset):g}" if offset else name)
    x = clock(scene.time_s)
    for low, high, colour, name in (
        (scene.signal_min - offset, scene.signal_max - offset, SIGNAL, "signal"),
        (scene.residual_min, scene.residual_max, RESIDUAL, "residual"),
    ):
        axes.fill_between(x, low, high, color=colour, linewidth=0)
        axes.plot(x, (low + high) / 2, color=colour, linewidth=0.9, label=name)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.legend(
        loc="upper left",
        ncols=2,
        fontsize=8,
        framealpha=0.8,
        edgecolor="none",
        borderaxespad=0.1,
        handlelength=1.2,
        columnspacing=1.2,
    )


def _offset(scene: Scene) -> float:
    """What to take off a signal whose swings would look flat beside its mean: the mean, to two digits of the swing."""
    if not np.isfinite(scene.signal_max).any():
        return 0.0
    low, high = float(np.nanmin(scene.signal_min)), float(np.nanmax(scene.signal_max))
    if not 0 < high - low < abs(high + low) / 4:
        return 0.0
    digits = 1 - int(np.floor(np.log10(high - low)))
    return round((high + low) / 2, digits)


def tidy(axes: Axes) -> None:
    """Small ticks, thin axes on two sides."""
    axes.tick_params(labelsize=8, colors=INK, length=3, width=0.6)
    axes.tick_params(which="minor", length=1.5, width=0.4)
    axes.xaxis.label.set_size(9)
    axes.yaxis.label.set_size(9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
        axes.spines[side].set_linewidth(0.6)


def _thinned(n: int, most: int = MAX_STEPS) -> NDArray[np.int64]:
    """Indices of at most ``most`` of ``n`` points, evenly spread, both ends included."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
