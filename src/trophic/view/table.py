"""The table beside a figure: one row per component, tied to the end of its track."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from trophic.view.axes import FrequencyScale
from trophic.view.lives import OTHERS, Life, owner
from trophic.view.units import concise

if TYPE_CHECKING:
    from trophic.view.overview import Scene

Array = NDArray[np.float64]

INK, FAINT = "#333333", "#7d7d7d"
MAX_ROWS = 24
ROW = 0.0245  # of the figure's height
SIZE = 8


def draw_table(
    figure: Figure, axes: Axes, components: NDArray[np.void], lives: list[Life], pitch: FrequencyScale, scene: Scene
) -> None:
    """Rows in order of frequency, as near to the height of their track in ``axes`` as their number allows."""
    box = axes.get_position()
    start = _beside(figure, axes, pitch) + 0.006
    swatch = start + 0.018
    columns = swatch + 0.004 + np.array([0.085, 0.155, 0.215, 0.255])
    top = box.y1 - 0.008
    names = ("frequency", "amplitude", "linewidth", "mass")
    for x, name, unit in zip(columns, names, (pitch.unit.symbol, scene.unit, pitch.unit.symbol, ""), strict=True):
        for line, text in enumerate((name, unit)):
            figure.text(x, top - (0.6 + 0.7 * line) * ROW, text, ha="right", fontsize=SIZE, color=FAINT)
    shown = np.sort(components[:MAX_ROWS], order="frequency_hz")[::-1]
    if not len(shown):
        figure.text(swatch, top - 3 * ROW, "nothing oscillates here", fontsize=SIZE + 1, color=FAINT, style="italic")
        return
    ends = axes.transData.transform([(axes.get_xlim()[1], y) for y in pitch(shown["frequency_hz"])])
    wanted = figure.transFigure.inverted().transform(ends)[:, 1]
    heights = _apart(wanted, ROW, top - 2.9 * ROW)
    for component, life, end, height in zip(shown, owner(shown, lives), wanted, heights, strict=True):
        colour = OTHERS if life is None else life.colour
        line = Line2D(
            [start, start + 0.012, swatch], [end, height, height], color=colour, linewidth=1.0, solid_joinstyle="round"
        )
        figure.add_artist(line)
        cells = (
            concise(component["frequency_hz"] / pitch.unit.size, component["frequency_se_hz"] / pitch.unit.size),
            concise(component["amplitude"], component["amplitude_se"], 3),
            concise(component["bandwidth_hz"] / pitch.unit.size, digits=2),
            f"{component['mass']:.0f}",
        )
        for x, text in zip(columns, cells, strict=True):
            figure.text(x, height, text, ha="right", va="center", fontsize=SIZE, color=INK)
    if len(components) > MAX_ROWS:
        figure.text(
            columns[0], heights[-1] - ROW, f"and {len(components) - MAX_ROWS} more", ha="right", va="center",
            fontsize=SIZE, color=FAINT,
        )  # fmt: skip


def _beside(figure: Figure, axes: Axes, pitch: FrequencyScale) -> float:
    """Where the panel and the labels of its period axis end, as a share of the figure's width."""
    edge = axes.get_position().x1
    if pitch.periods is None:
        return edge
    labels = [label.get_window_extent() for label in pitch.periods.get_yticklabels() if label.get_text()]
    return max([edge, *(figure.transFigure.inverted().transform((box.x1, 0))[0] for box in labels)])


def _apart(wanted: Array, step: float, top: float) -> Array:
    """Heights in descending order, at least ``step`` apart and below ``top``, as near to ``wanted`` as that allows.

    Least squares under the order: pool neighbours that violate it (Barlow et al. 1972).
    """
    offset = step * np.arange(len(wanted))
    pools: list[tuple[float, int]] = []
    for value in np.minimum(wanted, top) + offset:
        pools.append((float(value), 1))
        while len(pools) > 1 and pools[-1][0] > pools[-2][0]:
            (b, m), (a, n) = pools.pop(), pools.pop()
            pools.append(((a * n + b * m) / (n + m), n + m))
    level = np.concatenate([np.full(n, value) for value, n in pools])
    return np.minimum(level, top) - offset
