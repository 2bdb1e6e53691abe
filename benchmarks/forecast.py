"""Forecasts of real series, predict first and learn later: ``python -m benchmarks.forecast``.

One set of defaults of `trophic.Forecaster` for all series, beside other libraries' online forecasters, each at the best
of its settings *for that series*. NRMSE is the root mean square error over the deviation of the samples scored;
the first tenth of each series is not scored. Writes ``forecast.md`` into ``--out``; ``--data`` (or ``TROPHIC_DATA``)
names the folder of recordings, which are not part of the repository.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import trophic
from benchmarks import report
from benchmarks.peers.forecasters import Array, peers
from benchmarks.readers import mitdb, steel, tide, weekly_co2, year_by_month

WARM_UP = 0.1


@dataclass(frozen=True)
class Series:
    """A series, how far ahead it is forecast, and the NRMSE to beat one and that many samples ahead."""

    name: str
    read: Callable[[Path], Array]
    ahead: int
    asked: tuple[float, float]


def nab(name: str) -> Callable[[Path], Array]:
    """A series of the Numenta Anomaly Benchmark."""
    path = f"streams/NAB/data/realKnownCause/{name}.csv"
    return lambda data: np.genfromtxt(data / path, delimiter=",", skip_header=1, usecols=1)


SERIES = (
    Series("CO2, weekly with gaps", lambda data: weekly_co2(data)[0], 4, (0.0265, 0.050)),
    Series(
        "El Nino 1+2, monthly", lambda d: year_by_month("geo/elnino_nino12_1950_2010.csv", 1)(d)[0], 6, (0.217, 0.530)
    ),
    Series("NYC taxi, half-hourly", nab("nyc_taxi"), 12, (0.136, 0.442)),
    Series("machine temperature, 5 min", nab("machine_temperature_system_failure"), 12, (0.074, 0.282)),
    Series("steel plant load, 15 min", lambda data: steel(data)[0], 4, (0.365, 0.574)),
    Series("ECG 100, 60 s", lambda data: mitdb(data)[0][:21600], 8, (0.091, 0.452)),
    Series(
        "Santa Fe laser",
        lambda data: np.load(data / "chaos/santafe_laser_A.npy").ravel().astype(float),
        10,
        (0.158, 0.491),
    ),
    Series(
        "Mackey-Glass 17",
        lambda data: np.load(data / "chaos/mackey_glass_t17.npy").ravel().astype(float),
        10,
        (0.0048, 0.020),
    ),
    Series("tide Honolulu, a quarter missing", lambda data: tide(data)[0], 6, (0.0925, 0.231)),
)


def score(forecast: Array, x: Array) -> float:
    """NRMSE of forecasts (n,) laid beside the samples they are for; infinite if one is not finite."""
    here = np.isfinite(x)
    here[: int(WARM_UP * len(x))] = False
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.sqrt(np.mean((forecast[here] - x[here]) ** 2)) / np.std(x[here]))
    return error if np.isfinite(error) else np.inf


def laid(forecast: Array, ahead: int) -> Array:
    """Forecasts by the sample they are for, from forecasts by the sample they were made at."""
    return np.concatenate([np.full(ahead, np.nan), forecast[:-ahead]])


def ours(x: Array, ahead: int, seed: int) -> list[tuple[float, float]]:
    """(NRMSE, coverage) one and `ahead` samples ahead."""
    model = trophic.Forecaster(horizons=(1, ahead))
    info = model.advance(model.init(seed), trophic.Chunk(x[:, None], sample_period_s=1.0))
    result = []
    for q, h in enumerate(model.horizons):
        here = np.isfinite(x) & (np.arange(len(x)) >= WARM_UP * len(x))
        lower, upper = laid(info.lower[:, 0, q], h), laid(info.upper[:, 0, q], h)
        inside = (x >= lower) & (x <= upper)
        result.append((score(laid(info.forecast[:, 0, q], h), x), float(np.mean(inside[here]))))
    return result


def examine(series: Series, data: Path, seeds: int) -> list[list[str]]:
    """Two rows of the table: one sample ahead, and several."""
    x = np.asarray(series.read(data), dtype=np.float64)
    start = time.perf_counter()
    runs = [ours(x, series.ahead, seed) for seed in range(seeds)]
    cost_us = 1e6 * (time.perf_counter() - start) / (seeds * len(x))
    rows = []
    for q, h in enumerate((1, series.ahead)):
        best: dict[str, tuple[float, str]] = {}
        for method, setting, peer in peers(len(x)):
            error = score(peer(x, h), x)
            best[method] = min(best.get(method, (np.inf, setting)), (error, setting))
        errors = np.array([run[q][0] for run in runs])
        coverage = np.array([run[q][1] for run in runs])
        rival = min(best, key=lambda method: best[method][0])
        mean = float(errors.mean())
        rows.append(
            [
                series.name,
                str(h),
                f"{mean:.4f} ({errors.min():.4f}..{errors.max():.4f})",
                f"{100 * coverage.mean():.1f} %",
                f"{series.asked[q]:.4g}",
                "yes" if mean <= series.asked[q] else "**no**",
                f"{best[rival][0]:.4f} {rival}, {best[rival][1]}",
                "yes" if mean <= best[rival][0] else "**no**",
                "; ".join(f"{method} {error:.4f}" for method, (error, _) in best.items()),
                f"{cost_us:.0f}",
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TROPHIC_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a series' name")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"no recordings at {options.data}: give --data or set TROPHIC_DATA")
    ours(np.random.default_rng(0).standard_normal(500), 4, 0)  # compile before timing
    rows = [row for s in SERIES if options.only in s.name for row in examine(s, options.data, options.seeds)]
    beaten = [sum(row[column] == "yes" for row in rows) for column in (5, 7)]
    header = [
        "series",
        "ahead",
        "trophic",
        "covered (90 %)",
        "asked",
        "met",
        "best peer",
        "beaten",
        "peers",
        "us/sample",
    ]
    lines = ["# Forecasts beside other online forecasters", "", "Generated; do not edit.", ""]
    lines += [
        *report.provenance("benchmarks.forecast"),
        f"- trophic: mean (range) over {options.seeds} seeds of the network, one set of defaults",
        "- peers: each at the best of its settings for that series and horizon (`benchmarks/peers/forecasters.py`)",
        "",
        f"{beaten[0]} of {len(rows)} as good as asked, {beaten[1]} as good as the best peer of this run.",
        "",
        *report.table(header, rows),
        "",
    ]
    (options.out / "forecast.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
