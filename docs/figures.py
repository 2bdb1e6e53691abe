"""The pictures of docs/ecology.md, docs/forecasting.md and of the README: ``python docs/figures.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import trophic
from trophic.signals import datasets
from trophic.signals import generators as g

OUT = Path(__file__).parent / "images"
FS = 1000.0


def draw(name: str, title: str, x: np.ndarray, **clock: object) -> None:
    found = trophic.decompose(x, **({"sample_rate_hz": FS} | clock))
    figure = found.plot(title=title)
    figure.savefig(OUT / f"{name}.png", dpi=72)


def forecasts() -> None:
    """Weekly CO2, up to a year ahead."""
    co2 = datasets.load_co2_weekly()
    found = trophic.forecast(co2.values, horizon=(4, 13, 26, 52), times_s=co2.times_s.astype("datetime64[s]"))
    found.plot(title="CO2 at Mauna Loa, weekly", unit=co2.meta["unit"]).savefig(OUT / "forecast.png", dpi=72)


def linewidths() -> None:
    """Reported against true quality factor of AR(2) rhythms, and the memory (mass) of the branch beside it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for quality in (3, 5, 10, 20, 50, 100):
        for seed in range(6):
            rng = np.random.default_rng([seed, quality])
            x = g.rhythm(60_000, FS, 25.0, quality, rng) + 0.3 * rng.standard_normal(60_000)
            table = trophic.decompose(x, sample_rate_hz=FS, f_min_hz=2, f_max_hz=450).components
            if len(table):
                c = table[0]
                axes.plot(quality * 1.03**seed, c["frequency_hz"] / c["bandwidth_hz"], "o", color="#0072b2", ms=4)
                axes.plot(quality * 1.03**seed, c["mass"], "x", color="#b0b0b0", ms=4)
    truth = np.array([2.5, 130])
    axes.plot(truth, truth, color="k", lw=0.8)
    axes.fill_between(truth, truth / 2, truth * 2, color="k", alpha=0.07, lw=0)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="true quality factor",
        ylabel="reported Q (dots), mass (x)",
    )
    figure.savefig(OUT / "linewidth.png", dpi=90)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    t = g.regular_times(10.0, FS)
    co2 = datasets.load_co2_weekly()
    draw("demo_co2", "CO2 at Mauna Loa, weekly", co2.values, sample_rate_hz=None, times_s=co2.times_s)
    pair = np.cos(2 * np.pi * 60 * t) + np.cos(2 * np.pi * 61.2 * t) + 0.1 * rng.standard_normal(len(t))
    draw("fission", "two tones 2 % apart: a light host, then fission", pair, f_min_hz=20, f_max_hz=200)
    up, down = (g.warbling_tone(t, g.sweep_hz(t, a, b), 1.0, 0.0) for a, b in ((60, 120), (120, 60)))
    draw("crossing", "crossing chirps", up + down + 0.1 * rng.standard_normal(len(t)), f_min_hz=20, f_max_hz=300)
    tones = g.tones(t, np.array([13.0, 37.0, 91.0, 160.0, 320.0]), np.array([1, 0.5, 0.25, 0.1, 0.05]), np.zeros(5))
    draw("weak", "five tones at 5 dB: the weakest is found late, or not", tones + 0.46 * rng.standard_normal(len(t)))
    linewidths()
    forecasts()


if __name__ == "__main__":
    main()
