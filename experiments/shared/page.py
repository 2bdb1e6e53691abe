"""Pages of results: where they come from, and numbers with their spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from benchmarks import report

RESULTS = Path(__file__).parents[2] / "docs" / "results"
SEEDS = range(10_000, 10_005)  # never tuned on


def nrmse(prediction: np.ndarray, target: np.ndarray) -> float:
    """Root mean square error over the standard deviation of the target; infinite if it left all bounds."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.sqrt(np.mean((prediction - target) ** 2)) / np.std(target))
    return error if np.isfinite(error) else float("inf")


def spread(values: Iterable[float], digits: int = 3, unit: str = "") -> str:
    """Mean and range with so many significant digits, as ``0.256 (0.226..0.297)``; one number if all are the same."""
    v = np.array(list(values), dtype=float)

    def show(x: float) -> str:
        if not np.isfinite(x):
            return "diverged"
        places = digits - 1 - math.floor(math.log10(abs(x))) if x else 0
        return f"{x:.{min(6, max(0, places))}f}" if x == 0 or 1e-3 <= abs(x) < 1e6 else f"{x:.{digits}g}"

    text = [show(x) for x in (v.mean(), v.min(), v.max())]
    return text[0] + unit if text[1] == text[2] else f"{text[0]}{unit} ({text[1]}..{text[2]})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A markdown table with an empty line after it."""
    return [*report.table(header, rows), ""]


def write(module: str, title: str, lines: Sequence[str], seeds: Iterable[int] = SEEDS) -> None:
    """``docs/results/<module>.md``: the title, how it was made, and ``lines``."""
    seeds = list(seeds)
    head = [f"# {title}", "", "Generated; do not edit.", "", *report.provenance(f"experiments.{module}")]
    head += [f"- {len(seeds)} seeds from {seeds[0]} on; mean (range) over seeds unless said otherwise", ""]
    report.write(RESULTS / f"{module}.md", [*head, *lines])
