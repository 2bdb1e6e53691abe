"""Anomalies: the Numenta Anomaly Benchmark, scored as it is scored there: ``python -m benchmarks.nab``.

One set of defaults of `trophic.Novelty` on the 45 series of the benchmark that we have, standard profile. The threshold
that a series is scored with is the best one of the *other* series. ``--published`` names a folder of per-row results as
the benchmark publishes them (``DETECTOR/GROUP/DETECTOR_file.csv``), which are then scored in the same way.

Lavin and Ahmad, Evaluating real-time anomaly detection algorithms, ICMLA 2015, arXiv:1510.03336.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import trophic
from benchmarks import report

Array = NDArray[np.float64]
FALSE_ALARM = 0.11  # weight of a false alarm in the standard profile; a hit and a miss weigh 1
PROBATION = 0.15  # part of a series, of 5,000 rows at most, that is not scored
INSIDE, OUTSIDE, NOT_SCORED = 0, -1, -2


@dataclass(frozen=True)
class Series:
    """A series and the windows, first and last row, in which its anomalies lie."""

    name: str
    x: Array
    windows: tuple[tuple[int, int], ...]


def read(folder: Path) -> list[Series]:
    """Every series of the benchmark that lies in ``folder``, with its combined windows."""
    labels = json.loads((folder / "labels/combined_windows.json").read_text())
    found = []
    for path in sorted((folder / "data").glob("*/*.csv")):
        name = f"{path.parent.name}/{path.name}"
        with path.open(newline="") as file:
            stamps, values = zip(*list(csv.reader(file))[1:], strict=True)
        rows = {stamp: row for row, stamp in reversed(list(enumerate(stamps)))}
        windows = tuple((rows[a[:19]], rows[b[:19]]) for a, b in labels[name])
        found.append(Series(name, np.array(values, dtype=np.float64), windows))
    return found


def worth_at(position: Array | float) -> Array:
    """What a detection is worth by its place: -1 the beginning of a window, 0 its end, beyond it a false alarm.

    Examples
    --------
    >>> worth_at(np.array([-1.0, -0.5, 0.0, 1.0, 4.0])).round(5)
    array([ 0.98661,  0.84828,  0.     , -0.98661, -1.     ])
    """
    x = np.asarray(position, dtype=np.float64)
    return np.where(x > 3.0, -1.0, 2.0 / (1.0 + np.exp(np.minimum(5.0 * x, 700.0))) - 1.0)


def worth(n: int, windows: Sequence[tuple[int, int]]) -> tuple[Array, NDArray[np.int64]]:
    """What an alarm at each of n rows is worth, and its window's number, `OUTSIDE` or `NOT_SCORED`."""
    value = np.full(n, -FALSE_ALARM)
    where = np.full(n, OUTSIDE)
    for k, (first, last) in enumerate(windows):
        inside = np.arange(first, last + 1)
        value[inside] = worth_at(-(last - inside + 1) / (last - first + 1)) / float(worth_at(-1.0))
        where[inside] = k
        after = np.arange(last + 1, windows[k + 1][0] if k + 1 < len(windows) else n)
        value[after] = FALSE_ALARM * worth_at((after - last) / (last - first))
    where[: int(np.ceil(PROBATION * min(n, 5000)))] = NOT_SCORED
    return value, where


def points(score: Array, series: Series, thresholds: Array) -> Array:
    """Points of one series at each threshold: a window counts its best alarm, or -1; every false alarm counts."""
    value, where = worth(len(series.x), series.windows)
    total = np.zeros(len(thresholds))
    for k in np.unique(where[where != NOT_SCORED]):
        here = where == k
        order = np.argsort(-score[here], kind="stable")
        gains = value[here][order]
        sums = np.cumsum(gains) if k == OUTSIDE else np.maximum.accumulate(np.maximum(gains, -1.0))
        nothing = 0.0 if k == OUTSIDE else -1.0
        total += np.concatenate([[nothing], sums])[np.searchsorted(-score[here][order], -thresholds, side="right")]
    return total


@dataclass(frozen=True)
class Verdict:
    """Of one detector: 0 is silence, 100 is every window at its beginning and no false alarm."""

    other: float  # thresholds from the other series
    best: float  # one threshold, the best for all
    fixed: float  # the detector's own alarms
    alarms_per_1000: float
    delay: float  # median part of a window that has passed at its first alarm


def judge(scores: Sequence[Array], corpus: Sequence[Series], own: float) -> Verdict:
    """Score a detector; ``own`` is its own threshold."""
    scored = [worth(len(s.x), s.windows)[1] != NOT_SCORED for s in corpus]
    levels = np.concatenate([score[here] for score, here in zip(scores, scored, strict=True)])
    thresholds = np.concatenate([[np.inf], np.unique(np.quantile(levels, 1.0 - np.logspace(-5.3, -0.3, 1500)))[::-1]])
    table = np.stack([points(score, s, thresholds) for score, s in zip(scores, corpus, strict=True)])
    n_windows = sum(int((np.unique(worth(len(s.x), s.windows)[1]) >= INSIDE).sum()) for s in corpus)
    others = table.sum(axis=0) - table
    chosen = thresholds[others.argmax(axis=1)]

    def out_of_100(total: float) -> float:
        return 100.0 * (total + n_windows) / (2.0 * n_windows)

    alarms, rows, delays = 0, 0, []
    for score, s, here, threshold in zip(scores, corpus, scored, chosen, strict=True):
        alarm = (score >= threshold) & here
        alarms, rows = alarms + int(alarm.sum()), rows + int(here.sum())
        for first, last in s.windows:
            hits = np.flatnonzero(alarm[first : last + 1])
            delays += [hits[0] / (last - first + 1)] if len(hits) else []
    mine = sum(float(points(score, s, np.array([own]))[0]) for score, s in zip(scores, corpus, strict=True))
    return Verdict(
        other=out_of_100(float(table[np.arange(len(corpus)), others.argmax(axis=1)].sum())),
        best=out_of_100(float(table.sum(axis=0).max())),
        fixed=out_of_100(mine),
        alarms_per_1000=1000.0 * alarms / rows,
        delay=float(np.median(delays)) if delays else np.nan,
    )


def novelty(x: Array) -> Array:
    """Scores of `trophic.Novelty` with its defaults."""
    model = trophic.Novelty()
    info = model.advance(model.init(), trophic.Chunk(x[:, None], sample_period_s=1.0))
    return np.nan_to_num(info.score[:, 0])


def surprise(x: Array) -> Array:
    """Surprise of `trophic.Forecaster`, nats."""
    model = trophic.Forecaster()
    info = model.advance(model.init(), trophic.Chunk(x[:, None], sample_period_s=1.0))
    return np.nan_to_num(info.surprise[:, 0])


def windowed_gaussian(x: Array, window: int = 6400) -> Array:
    """Tail probability of a value under the mean and deviation of the last ``window``: the benchmark's own baseline."""
    from scipy.special import erfc

    total, squares = np.cumsum(np.r_[0.0, x - x[0]]), np.cumsum(np.r_[0.0, (x - x[0]) ** 2])
    now = np.arange(len(x))
    first = np.maximum(0, now - window)
    n = np.maximum(1, now - first)
    mean = (total[now] - total[first]) / n
    deviation = np.sqrt(np.maximum((squares[now] - squares[first]) / n - mean**2, 1e-12))
    return 1.0 - 0.5 * erfc(np.abs(x - x[0] - mean) / deviation / np.sqrt(2.0)) * (now > 0)


def half_space_trees(x: Array) -> Array:
    """River's half-space trees on min-max scaled values, predict then learn."""
    from river import anomaly, compose, preprocessing

    model = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=0))
    score = np.zeros(len(x))
    for i, value in enumerate(x):
        row = {"x": float(value)}
        score[i] = model.score_one(row)
        model.learn_one(row)
    return score


def published(folder: Path, detector: str, corpus: Sequence[Series]) -> list[Array]:
    """Scores of a detector as the benchmark publishes them."""
    scores = []
    for s in corpus:
        group, file = s.name.split("/")
        with (folder / detector / group / f"{detector}_{file}").open(newline="") as rows:
            scores.append(np.array([float(row["anomaly_score"]) for row in csv.DictReader(rows)]))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TROPHIC_DATA", "../shared/data")))
    parser.add_argument("--published", type=Path, help="folder of published results, one folder per detector")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    if not (options.data / "streams/NAB").is_dir():
        parser.error(f"no series at {options.data / 'streams/NAB'}: give --data or set TROPHIC_DATA")
    corpus = read(options.data / "streams/NAB")
    novelty(np.random.default_rng(0).standard_normal(500))  # compile before timing
    detectors = {
        "trophic.Novelty": (novelty, 1.0 - 10.0**-2.3),
        "trophic.Forecaster, surprise": (surprise, np.log(1000.0)),
        "windowed Gaussian": (windowed_gaussian, 0.9999),
        "half-space trees (River)": (half_space_trees, 0.9),
    }
    rows, halves = [], []
    for name, (detect, own) in detectors.items():
        start = time.perf_counter()
        scores = [detect(s.x) for s in corpus]
        cost_us = 1e6 * (time.perf_counter() - start) / sum(len(s.x) for s in corpus)
        rows.append(line(name, judge(scores, corpus, own), f"{cost_us:.0f}"))
        if name == "trophic.Novelty":
            halves = [judge(scores[k::2], corpus[k::2], own).other for k in (0, 1)]
        print(" | ".join(rows[-1]), flush=True)
    for path in sorted(options.published.iterdir()) if options.published else ():
        if (path / "realTweets").is_dir():
            scores = published(options.published, path.name, corpus)
            rows.append(line(f"{path.name}, as published", judge(scores, corpus, np.inf), "–"))
            print(" | ".join(rows[-1]), flush=True)
    report.write(options.out / "nab.md", page(rows, halves, corpus))


def line(name: str, verdict: Verdict, cost_us: str) -> list[str]:
    fixed = "–" if cost_us == "–" else f"{verdict.fixed:.1f}"
    return [
        name,
        f"{verdict.other:.1f}",
        f"{verdict.best:.1f}",
        fixed,
        f"{verdict.alarms_per_1000:.2f}",
        f"{verdict.delay:.2f}",
        cost_us,
    ]


def page(rows: list[list[str]], halves: list[float], corpus: Sequence[Series]) -> list[str]:
    thresholds = ("thresholds from other series", "one best threshold", "own threshold")
    header = ("detector", *thresholds, "alarms per 1,000 rows", "delay", "us per row")
    return [
        "# Anomalies",
        "",
        "Generated; do not edit.",
        "",
        *report.provenance("benchmarks.nab"),
        f"- {len(corpus)} of the 58 series of the Numenta Anomaly Benchmark, {sum(len(s.x) for s in corpus)} rows;"
        " standard profile: 0 is silence, 100 every window at its beginning and no false alarm",
        "- delay: median part of a window that has passed at its first alarm",
        "",
        *report.table(header, rows),
        "",
        f"On every other series, `trophic.Novelty` scores {halves[0]:.1f} and {halves[1]:.1f}: so much depends on a few"
        " windows.",
    ]


if __name__ == "__main__":
    main()
