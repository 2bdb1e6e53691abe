"""Do the ecology's lines help a forecast? ``python -m experiments.forecast_lines``.

The ecology listens to each series of `benchmarks.forecast`. The sample, moved by what its living branches would do in
the next one and h samples if nothing pushed them, is two more inputs of the forecaster. Beside it the forecaster alone,
and those two numbers as forecasts themselves. Needs the recordings; ``TROPHIC_DATA`` names their folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from benchmarks.forecast import SERIES, laid, ours, score
from experiments.shared import page
from numpy.typing import NDArray

import trophic
from trophic.ecology.decomposition import default_band

Array = NDArray[np.float64]
SEEDS = range(10_000, 10_003)


def lines_ahead(x: Array, horizons: tuple[int, ...]) -> Array:
    """The last sample and what the living branches add to it in ``horizons`` samples, (n, H)."""
    low, high = default_band(1.0, len(x))
    model = trophic.Ecology(low, high, track_every=1)
    info = model.advance(model.init(), trophic.Chunk(x[:, None], sample_period_s=1.0))
    frame = np.clip(np.searchsorted(info.time_s, np.arange(len(x)), side="right") - 1, 0, None)
    late = np.arange(len(x)) - info.time_s[frame]  # samples since the frame, where some are missing
    part = {name: getattr(info, name)[frame, 0].astype(float) for name in ("frequency_hz", "amplitude", "phase_rad")}
    columns = []
    for h in (0, *horizons):
        phase = part["phase_rad"] + 2 * np.pi * part["frequency_hz"] * (h + late[:, None])
        columns.append(np.nansum(part["amplitude"] * np.cos(phase), axis=1))
    return np.stack([x + later - columns[0] for later in columns[1:]], axis=1)


def with_lines(x: Array, lines: Array, ahead: int, seed: int) -> list[float]:
    """NRMSE one and ``ahead`` samples ahead of a forecaster that is given the lines."""
    model = trophic.Forecaster(n_inputs=1 + lines.shape[1], horizons=(1, ahead))
    chunk = trophic.Chunk(np.concatenate([x[:, None], lines], axis=1), sample_period_s=1.0)
    info = model.advance(model.init(seed), chunk)
    return [score(laid(info.forecast[:, 0, q], h), x) for q, h in enumerate(model.horizons)]


def main() -> None:
    data = Path(os.environ.get("TROPHIC_DATA", "../shared/data"))
    if not data.is_dir():
        print(f"left out: no recordings at {data}; set TROPHIC_DATA")
        return
    rows = []
    for series in SERIES:
        x = np.asarray(series.read(data), dtype=np.float64)
        lines = lines_ahead(x, (1, series.ahead))
        alone = np.array([[error for error, _ in ours(x, series.ahead, seed)] for seed in SEEDS])
        given = np.array([with_lines(x, lines, series.ahead, seed) for seed in SEEDS])
        for q, h in enumerate((1, series.ahead)):
            known = np.where(np.isnan(lines[:, q]), np.nanmean(x), lines[:, q])
            itself, ratio = score(laid(known, h), x), f"{given[:, q].mean() / alone[:, q].mean():.3f}"
            errors = page.spread(alone[:, q]), page.spread(given[:, q])
            rows.append((series.name, str(h), *errors, ratio, f"{itself:.3g}"))
            print(" | ".join(rows[-1]), flush=True)
    header = ("series", "samples ahead", "forecaster", "with the lines", "ratio", "the lines themselves")
    lines = ["NRMSE; below 1 the lines help.", "", *page.table(header, rows)]
    page.write("forecast_lines", "Do the ecology's lines help a forecast?", lines, SEEDS)


if __name__ == "__main__":
    main()
