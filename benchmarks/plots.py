"""The three pictures of the quality page: linewidth, precision against time, and lag behind sweeps."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks import draws, ours, scoring
from benchmarks.cases import FIVE, FRESH, score_rhythm, score_separate
from benchmarks.peers import PEERS
from benchmarks.scoring import Array, Draw, Outcome

QUALITIES = (3, 5, 8, 12, 20, 35, 60, 120, 250)
DURATIONS_S = (2.5, 5.0, 10.0, 20.0, 40.0, 80.0)
SWEEPS = ((20.0, 200.0), (5.0, 50.0))


def draw_all(out: Path, n_draws: int = 10) -> list[tuple[str, str]]:
    """Make every picture in ``out``; returns (file name, caption) pairs."""
    out.mkdir(parents=True, exist_ok=True)
    return [calibration(out, n_draws), precision(out, n_draws), lag(out)]


def ask(draw: Draw) -> Outcome:
    return ours.decompose(draw.x, None, draw.sample_rate_hz, draw.f_min_hz, draw.f_max_hz)


def generators(n_draws: int, tag: int) -> list[np.random.Generator]:
    return [np.random.default_rng([FRESH + i, tag]) for i in range(n_draws)]


def calibration(out: Path, n_draws: int) -> tuple[str, str]:
    """Measured against true Q of AR(2) rhythms: median and quartiles over draws."""
    figure, axis = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    for quality in QUALITIES:
        rows = []
        for rng in generators(n_draws, quality):
            draw = draws.draw_rhythm(rng, quality)
            rows.append(score_rhythm(draw, ask(draw))["quality_ratio"] * quality)
        found = np.array(rows)[np.isfinite(rows)]
        if len(found):
            low, middle, high = np.percentile(found, [25, 50, 75])
            axis.errorbar(quality, middle, [[middle - low], [high - middle]], fmt="o", color="C0", capsize=3)
            axis.plot(np.full(len(found), quality), found, ".", color="C0", alpha=0.3, markersize=4)
    span = np.array([QUALITIES[0] / 1.3, QUALITIES[-1] * 1.3])
    axis.plot(span, span, color="0.4", lw=1)
    axis.fill_between(span, span / 2, span * 2, color="0.9", zorder=0, label="within a factor of 2")
    axis.set(xscale="log", yscale="log", xlabel="true Q (centre / linewidth)", ylabel="Q found (frequency / bandwidth)")
    axis.legend(frameon=False)
    return save(
        figure,
        out,
        "linewidth.png",
        f"Linewidth: AR(2) rhythms of 60 s under white noise at 10 dB, {n_draws} draws each.",
    )


def precision(out: Path, n_draws: int) -> tuple[str, str]:
    """RMS frequency error of five tones over the Cramer-Rao bound, against the length of the record."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    methods = {"trophic": ask} | {name: partial(ask_peer, name) for name in ("Hann periodogram", "ESPRIT")}
    for name, method in methods.items():
        durations = [d for d in DURATIONS_S if name == "trophic" or d <= 20.0]
        ratios = [error_ratios(method, d, n_draws) for d in durations]
        rms = np.array([root_mean_square(r) for r in ratios])
        axes[0].plot(durations, rms.max(axis=1), "o-", label=f"{name}, worst tone")
        if name == "trophic":
            axes[0].plot(durations, [np.nanmedian(r) for r in ratios], "o:", color="C0", label="trophic, median")
            for height, column in zip(FIVE, rms.T):
                axes[1].plot(durations, column, "o-", label=f"{height:g}")
    axes[0].set(ylabel="RMS frequency error / CRLB")
    axes[1].set(ylabel="trophic: RMS error / CRLB by amplitude")
    for axis in axes:
        axis.axhline(1, color="0.4", lw=1)
        axis.axhline(2, color="0.4", lw=1, ls=":")
        axis.set(xscale="log", yscale="log", xlabel="record, s")
        axis.set_xticks(DURATIONS_S, [f"{d:g}" for d in DURATIONS_S])
        axis.minorticks_off()
        axis.legend(frameon=False, fontsize=8)
    return save(
        figure, out, "precision.png", f"Precision: five tones at 20 dB, {n_draws} draws per length; dotted: the target."
    )


def root_mean_square(ratios: Array) -> Array:
    """Per column, of what is not NaN; zero where nothing is."""
    found = np.isfinite(ratios)
    return np.sqrt(np.sum(np.where(found, ratios, 0) ** 2, axis=0) / np.maximum(found.sum(axis=0), 1))


def error_ratios(method, duration_s: float, n_draws: int) -> Array:
    """Frequency error / CRLB, shape (n_draws, n_tones); NaN where a tone was not found."""
    ratios = []
    for rng in generators(n_draws, round(10 * duration_s)):
        draw = draws.draw_tones(rng, FIVE, 20.0, duration_s)
        row = score_separate(draw, method(draw))
        ratios.append([row[f"error_crlb_{i}"] for i in range(len(FIVE))])
    return np.array(ratios)


def ask_peer(name: str, draw: Draw) -> Outcome:
    peer = PEERS[name]
    n = len(draw.lines_hz) if peer.knows_order else 16
    return peer.decompose(draw.x, None, draw.sample_rate_hz, draw.f_min_hz, draw.f_max_hz, n)


def lag(out: Path) -> tuple[str, str]:
    """Tracks over true sweeps and the relative error of the nearest one."""
    figure, axes = plt.subplots(2, len(SWEEPS), figsize=(9.5, 5), sharex=True, layout="constrained")
    for column, (start_hz, end_hz) in zip(axes.T, SWEEPS):
        draw = draws.draw_chirp(generators(1, 7)[0], start_hz, end_hz, 10.0)
        outcome = ask(draw)
        truth_hz = scoring.path_at(draw, outcome.time_s)[:, 0]
        error = scoring.nearest_distance_hz(outcome, truth_hz) / truth_hz
        column[0].plot(outcome.time_s, truth_hz, color="0.7", lw=4, label="truth")
        shown = np.where(outcome.alive, outcome.track_frequency_hz, np.nan)
        column[0].plot(outcome.time_s, shown, lw=1, color="C0")
        column[1].plot(outcome.time_s, np.where(np.isfinite(error), 100 * error, np.nan), lw=0.8)
        column[1].axhspan(-100 * scoring.TRACK_TOLERANCE, 100 * scoring.TRACK_TOLERANCE, color="0.93")
        column[0].set(ylabel="Hz", title=f"{start_hz:g} -> {end_hz:g} Hz in 10 s")
        column[1].set(xlabel="s", ylabel="error, %", ylim=(-8, 8))
    return save(figure, out, "sweeps.png", "Sweeps: what lives (blue) over the truth (grey), and its relative error.")


def save(figure, out: Path, name: str, caption: str) -> tuple[str, str]:
    figure.savefig(out / name, dpi=110)
    plt.close(figure)
    return name, caption
