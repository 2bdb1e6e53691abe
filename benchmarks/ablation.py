"""What does each rule buy? One constant at a time is switched off or bent: ``python -m benchmarks.ablation``.

Every variant sees the same draws as the ecology with its defaults. How much a number scatters by itself is measured,
not assumed: *placebos* nudge all constants at once by a few percent at random. A change counts if it is larger than
`SIGMAS` times their root mean square change. Writes ``ablation.md`` into ``--out``. Recordings that do
not ship with the package are asked too where ``TROPHIC_DATA`` names their folder.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import trophic
from benchmarks import measures as m
from benchmarks import report
from benchmarks.cases import CASES, evaluate_one
from benchmarks.recordings import RECORDINGS, Recording
from benchmarks.scoring import Array, Outcome
from benchmarks.variants import DEFAULT, N_PLACEBOS, NUDGE, VARIANTS, Variant, placebos
from trophic.signals import datasets

SIGMAS = 3.0
NEVER = 1e3  # stands for an infinite score (periods), so that means exist

Row = dict[str, Any]


# --- what is asked ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gauge:
    """One number per variant, over the draws of some cases.

    Parameters
    ----------
    label : str
    cases : tuple of str
    measure : Measure
    sign : +1 if more is better, -1 if less is
    relative : bool
        Compared as a ratio (times, errors), else as a difference (shares, counts).
    floor : float
        No smaller change counts: a difference, or the logarithm of a ratio.
    """

    label: str
    cases: tuple[str, ...]
    measure: m.Measure
    sign: int = -1
    relative: bool = True
    floor: float = math.log(1.1)

    def value(self, rows: Sequence[Row]) -> float:
        return self.measure.value([row for row in rows if row["case"] in self.cases])

    def scale(self, value: float) -> float:
        """What is compared: higher is better."""
        return self.sign * (math.log(max(value, 1e-6)) if self.relative else value)

    def text(self, value: float) -> str:
        if math.isnan(value):
            return "–"
        if self.measure.summary in ("share", "total"):
            return f"{value:.2g}"
        if value >= NEVER and self.measure.key.endswith("periods"):
            return "never"
        return f"{value:.3g}" if value < 100 else f"{value:.0f}"


RHYTHMS = tuple(f"rhythm Q {q}" for q in (5, 10, 20))
NOISES = tuple(name for name in CASES if name.startswith("noise"))
TYPICAL = m.Measure("error / CRLB", "error_typical", "median")
WORST = m.Measure("rms error / CRLB", "error_rms", "rms")
FOUND = m.Measure("lines found", "n_found", "mean")
SHARE = m.Measure("share of the time that its lines are followed", "presence", "mean")
LIVING = m.Measure("living, mean over time", "n_living_mean", "mean")
WIDTH = m.Measure("Q off by", "quality_off", "median")


def _right(case: str) -> Gauge:
    return Gauge(f"{case}: order right", (case,), m.ORDER, +1, False, 0.2)


GAUGES = (
    _right("five tones 20 dB"),
    Gauge("five tones 20 dB: error / CRLB", ("five tones 20 dB",), TYPICAL),
    Gauge("five tones 20 dB: rms error / CRLB", ("five tones 20 dB",), WORST),
    _right("five tones 10 dB"),
    Gauge("five tones 10 dB: error / CRLB", ("five tones 10 dB",), TYPICAL),
    Gauge("five tones 5 dB: lines found of 5", ("five tones 5 dB",), FOUND, +1, False, 0.2),
    Gauge("five tones 20 dB 60 s: error / CRLB", ("five tones 20 dB 60 s",), TYPICAL),
    _right("five tones 20 dB, gaps"),
    _right("pair 5 %"),
    Gauge("pair 5 %: error / CRLB", ("pair 5 %",), TYPICAL),
    _right("pair 2 %"),
    Gauge("pair 2 %: error / CRLB", ("pair 2 %",), TYPICAL),
    _right("AM 100 % at 3 Hz"),
    Gauge("step 50->52 Hz: periods to re-lock", ("step 50->52 Hz",), m.RELOCK),
    _right("step 50->52 Hz"),
    Gauge("chirp 5->50 Hz: tracked", ("chirp 5->50 Hz in 10 s",), m.TRACKED, +1, False, 0.03),
    Gauge("crossing chirps: tracked", ("crossing chirps",), m.TRACKED, +1, False, 0.03),
    Gauge("crossing chirps: residual / noise", ("crossing chirps",), m.RESIDUAL_SETTLED),
    Gauge("off / on: periods to die", ("off / on",), m.DIES),
    Gauge("off / on: periods to revive", ("off / on",), m.REVIVES),
    Gauge("rhythms Q 5, 10, 20: present", RHYTHMS, m.PRESENT, +1, False, 0.03),
    Gauge("rhythms: centre error", RHYTHMS, m.CENTER),
    Gauge("rhythms: Q off by a factor", RHYTHMS, WIDTH),
    Gauge("rhythms: living", RHYTHMS, m.LIVING),
    Gauge("noise: false individuals", NOISES, m.FALSE_INDIVIDUALS, -1, False, 1.5),
    Gauge("CO2: year and half-year found", ("weekly CO2",), FOUND, +1, False, 0.5),
    Gauge("CO2: others", ("weekly CO2",), m.Measure("others", "n_false", "mean"), -1, False, 0.5),
    Gauge("sunspots: 11 years found", ("yearly sunspots",), FOUND, +1, False, 0.5),
    Gauge("mains: components", ("mains ENF 001", "mains ENF 025", "mains ENF 092"), LIVING),
    Gauge("strain, band-passed: components", ("LIGO H1, band-passed",), LIVING),
    Gauge("strain, band-passed: lines followed", ("LIGO H1, band-passed",), SHARE, +1, False, 0.03),
    Gauge("tide: lines followed", ("tide Honolulu, gaps",), SHARE, +1, False, 0.03),
    Gauge("shaker: lines followed", ("shaker",), SHARE, +1, False, 0.03),
    Gauge("flute: partials followed", ("flute-A4",), SHARE, +1, False, 0.03),
)

RECORDED = {recording.name: recording for recording in RECORDINGS}
SEED_SHARE = dict.fromkeys(RHYTHMS, 0.5) | dict.fromkeys(NOISES, 1 / 6) | {"five tones 20 dB 60 s": 1 / 3}


def run_recording(rules: Sequence[tuple[str, float]], recording: Recording) -> Row:
    """How long its known lines are followed, on the mean, and how many components live; nothing without the file."""
    folder = Path(os.environ.get("TROPHIC_DATA", "../shared/data"))
    if not folder.is_dir():
        return {"case": recording.name}
    x, rate_hz = recording.read(folder)
    found = ask(rules, np.asarray(x, dtype=np.float64), None, rate_hz, *recording.band_hz)
    near = [abs(found.track_frequency_hz / line_hz - 1) < recording.tolerance for line_hz in recording.lines_hz]
    return {
        "case": recording.name,
        "presence": float(np.mean([(found.alive & here).any(axis=1).mean() for here in near])),
        "n_living_mean": float(found.alive.sum(axis=1).mean()),
    }


def run_packaged(rules: Sequence[tuple[str, float]], name: str) -> Row:
    """The two records that ship with the package: which of the known rhythms live at the end."""
    year_s = 365.25 * 86400.0
    load, known = {
        "weekly CO2": (datasets.load_co2_weekly, (year_s, year_s / 2)),
        "yearly sunspots": (datasets.load_sunspots_yearly, (11.0 * year_s,)),
    }[name]
    record = load()
    found = ask(rules, record.values, record.times_s, None, *band_of(record.times_s))
    hits = [np.any(np.abs(found.frequency_hz * period - 1) < 0.08) for period in known]
    return {"case": name, "n_found": float(sum(hits)), "n_false": float(len(found.frequency_hz) - sum(hits))}


def band_of(times_s: Array) -> tuple[float, float]:
    """Four periods per record to .45 of the sampling rate, Hz."""
    return 4 / (times_s[-1] - times_s[0]), 0.45 / float(np.median(np.diff(times_s)))


def ask(
    change: Sequence[tuple[str, float]],
    x: Array,
    times_s: Array | None,
    sample_rate_hz: float | None,
    f_min_hz: float,
    f_max_hz: float,
    n_branches: int = 16,
) -> Outcome:
    """An ecology with some constants changed, behind the benchmark's door."""
    budget = dict(change).get("budget", 1e6)
    rules = tuple((name, value) for name, value in change if name != "budget")
    model = trophic.Ecology(
        f_min_hz, f_max_hz, n_branches=n_branches, budget=budget, rules=rules, track_every=max(1, len(x) // 1000)
    )
    result = trophic.run(model, x, sample_rate_hz=sample_rate_hz, times_s=times_s, chunk_size=len(x))
    (info,) = result.infos or []
    alive = model.components(result.state)
    return Outcome(
        frequency_hz=alive["frequency_hz"],
        amplitude=alive["amplitude"],
        bandwidth_hz=alive["bandwidth_hz"],
        time_s=info.time_s,
        track_frequency_hz=info.frequency_hz[:, 0].astype(float),
        track_amplitude=info.amplitude[:, 0].astype(float),
        track_bandwidth_hz=info.bandwidth_hz[:, 0].astype(float),
        alive=info.alive[:, 0],
        residual=info.residual[:, 0].astype(float),
        individual=info.individual[:, 0],
    )


def work(item: tuple[Variant, str, int]) -> Row:
    """One variant on one draw; scores that are compared across draws are made finite."""
    variant, case, seed = item
    if case in RECORDED:
        return {"variant": variant.rule} | run_recording(variant.change, RECORDED[case])
    if case not in CASES:
        return {"variant": variant.rule} | run_packaged(variant.change, case)
    row = evaluate_one(partial(ask, variant.change), case, seed)
    errors = np.array([value for key, value in row.items() if key.startswith("error_crlb")])
    errors = errors[np.isfinite(errors)]
    row["error_typical"] = float(np.median(errors)) if len(errors) else math.nan
    row["error_rms"] = float(np.sqrt(np.mean(errors**2))) if len(errors) else math.nan
    if "quality_ratio" in row:
        row["quality_off"] = math.exp(abs(math.log(row["quality_ratio"])))
    for key in ("relock_periods", "dies_periods", "revives_periods"):
        if key in row:
            row[key] = min(row[key], NEVER)
    return {"variant": variant.rule} | row


def measure(variants: Sequence[Variant], n_seeds: int, processes: int) -> dict[str, list[Row]]:
    """Rows of every variant."""
    names = dict.fromkeys(case for gauge in GAUGES for case in gauge.cases)
    items = [
        (variant, name, seed)
        for variant in variants
        for name in names
        for seed in range(math.ceil(n_seeds * SEED_SHARE.get(name, 1.0)) if name in CASES else 1)
    ]
    work(items[0])  # compiles once, for all processes
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        rows = pool.map(work, items, chunksize=4)
    table: dict[str, list[Row]] = {}
    for row in rows:
        table.setdefault(row["variant"], []).append(row)
    return table


# --- what it means ------------------------------------------------------------------------------------


Values = Mapping[str, Mapping[str, float]]  # variant -> gauge -> value


def significant(values: Values, variant: Variant) -> list[tuple[Gauge, float]]:
    """Gauges that changed by more than the placebos do, with the change (> 0: better)."""
    changed = []
    for gauge in GAUGES:
        change = difference(values, gauge, variant.rule, variant.base)
        if abs(change) > threshold(values, gauge):
            changed.append((gauge, change))
    return changed


def difference(values: Values, gauge: Gauge, rule: str, base: str) -> float:
    """How much better ``rule`` is than ``base``; 0 where one of them has no number."""
    change = gauge.scale(values[rule][gauge.label]) - gauge.scale(values[base][gauge.label])
    return 0.0 if math.isnan(change) else change


def threshold(values: Values, gauge: Gauge) -> float:
    """`SIGMAS` times the root mean square change under placebos, at least the gauge's floor."""
    changes = [difference(values, gauge, placebo.rule, "default") for placebo in placebos()]
    return max(gauge.floor, SIGMAS * math.sqrt(sum(c * c for c in changes) / len(changes)))


def describe(values: Values, variant: Variant, wanted: Callable[[float], bool]) -> str:
    """The changes of one direction, the largest (in thresholds) first: name, new number, (old number)."""
    found = [(gauge, change) for gauge, change in significant(values, variant) if wanted(change)]
    found.sort(key=lambda item: -abs(item[1]) / threshold(values, item[0]))
    return "; ".join(
        f"{g.label} {g.text(values[variant.rule][g.label])} ({g.text(values[variant.base][g.label])})" for g, _ in found
    )


def page(table: Mapping[str, Sequence[Row]], n_seeds: int, seconds: float) -> list[str]:
    """The whole page, as lines."""
    values = {rule: {gauge.label: gauge.value(rows) for gauge in GAUGES} for rule, rows in table.items()}
    verdicts = [(v, describe(values, v, lambda c: c < 0), describe(values, v, lambda c: c > 0)) for v in VARIANTS]
    idle = [v for v, worse, better in verdicts if not worse and not better]
    against = [v for v, worse, better in verdicts if better and not worse]
    lines = ["# Ablation: what each rule buys", "", "Generated; do not edit.", ""]
    lines += report.provenance("benchmarks.ablation")
    lines += [
        f"- {n_seeds} tuning seeds per case (rhythms half, 60 s a third, noises a sixth), {len(table)} variants; "
        f"{seconds / 60:.0f} minutes",
        f"- a change counts beyond {SIGMAS:g} rms changes of {N_PLACEBOS} placebos (all constants nudged by up to "
        f"{100 * NUDGE:.0f} %); the number in brackets is the unchanged ecology's",
        "",
        "## One rule at a time",
        "",
        *report.table(
            ("rule", "change", "what gets worse", "what gets better"),
            [(v.rule, change_text(v), worse or "–", better or "–") for v, worse, better in verdicts],
        ),
        "",
        "## What buys nothing here",
        "",
        "No measured change: " + ("; ".join(f"{v.rule} ({change_text(v)})" for v in idle) or "none") + ".",
        "",
        "Only better without it: " + ("; ".join(f"{v.rule} ({change_text(v)})" for v in against) or "none") + ".",
        "",
        "## All numbers",
        "",
        *number_table(values),
    ]
    return lines


def change_text(variant: Variant) -> str:
    return ", ".join(f"`{name}` = {value:g}" for name, value in variant.change)


def number_table(values: Values) -> list[str]:
    """One row per gauge and one column per variant would be wider than any page: a row per variant instead."""
    letters = [chr(ord("A") + i) if i < 26 else "A" + chr(ord("A") + i - 26) for i in range(len(GAUGES))]
    key = "; ".join(f"{letter}: {gauge.label}" for letter, gauge in zip(letters, GAUGES))
    limits = ["*counts from*"]
    for g in GAUGES:
        limit = threshold(values, g)
        limits.append(f"x {math.exp(limit):.2g}" if g.relative else f"{limit:.2g}")
    body = [[rule, *(g.text(row[g.label]) for g in GAUGES)] for rule, row in values.items()]
    return [key + ".", "", *report.table(["variant", *letters], [limits, *body])]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=6, help="draws per case")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    table = measure((DEFAULT, *placebos(), *VARIANTS), options.seeds, options.processes)
    report.write(options.out / "ablation.md", page(table, options.seeds, time.perf_counter() - start))


if __name__ == "__main__":
    main()
