"""The pictures of the documentation: ``python docs/figures.py [name ...]`` (all of them without a name).

Deterministic: fixed seeds, no dates in the files. Each function is one picture and returns it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

import trophic
from trophic.ecology.layout import ADULT, DEAD, LARVA, RULE_TABLE
from trophic.instruments.bounds import cramer_rao, tone_bound
from trophic.signals import datasets
from trophic.signals import generators as g
from trophic.view.lives import PALETTE

Array = NDArray[np.float64]

OUT = Path(__file__).parent / "images"
FS = 1000.0
BAND = {"f_min_hz": 2.0, "f_max_hz": 450.0}
GREY = "#9a9a9a"
FIVE_HZ = np.array([13.0, 37.0, 91.0, 160.0, 320.0])
FIVE = np.array([1.0, 0.5, 0.25, 0.1, 0.05])


# --- watching an ecology, larvae included -------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """One branch from birth to death: arrays over the frames in which it lived."""

    time_s: Array
    hz: Array
    mass: Array
    adult: NDArray[np.bool_]


def watch(x: Array, every: int = 10, model: trophic.Ecology | None = None) -> list[Life]:
    """All lives, larvae too, in order of birth: the State is looked at after every few samples."""
    model = model or trophic.Ecology(**BAND)
    state = model.init()
    seen: dict[int, list[tuple[float, float, float, bool]]] = {}
    for first in range(0, len(x), every):
        chunk = trophic.Chunk(x[first : first + every, None], first_sample=first, sample_period_s=1 / FS)
        model.advance(state, chunk)
        branches = state.branches[0]
        for b in branches[branches["status"] != DEAD]:
            row = (first / FS, b["omega"] / (2 * np.pi), b["omega"] / (2 * b["gamma"]), b["status"] == ADULT)
            seen.setdefault(int(b["individual"]), []).append(row)
    return [Life(*(np.array(column) for column in zip(*rows))) for _, rows in sorted(seen.items())]


def voiced(lives: Sequence[Life]) -> list[Life]:
    return [life for life in lives if life.adult.any()]


def show_lives(lives: Sequence[Life], frequency: Axes, mass: Axes, colours: Sequence[str] = PALETTE) -> None:
    """Adults as lines; the same branch while it was a larva, and larvae that never made it, thin."""
    for life in lives:
        if not life.adult.any():
            frequency.plot(life.time_s, life.hz, color=GREY, lw=0.5, alpha=0.6, zorder=1)
            mass.plot(life.time_s, life.mass, color=GREY, lw=0.5, alpha=0.6, zorder=1)
    for i, life in enumerate(voiced(lives)):
        colour = colours[i % len(colours)]
        for axes, values in ((frequency, life.hz), (mass, life.mass)):
            axes.plot(life.time_s, np.where(life.adult, np.nan, values), color=colour, lw=0.9, alpha=0.6)
            axes.plot(life.time_s, np.where(life.adult, values, np.nan), color=colour, lw=1.8)


def growth(axes: Axes, hz: float, duration_s: float, label: str | None = None) -> None:
    """The mass of an undisturbed branch, omega t/8."""
    t = np.linspace(0.05, duration_s, 200)
    axes.plot(t, 2 * np.pi * hz * t / 8, color="k", lw=0.8, ls=":", label=label)


# --- page furniture ------------------------------------------------------------------------------------


def canvas(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")


def tidy(axes: Axes, **labels: object) -> None:
    """Small type, no box, the given labels and limits."""
    axes.set(**labels)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, length=3, width=0.6)
    axes.xaxis.label.set_size(9)
    axes.yaxis.label.set_size(9)
    axes.title.set_size(9.5)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def ticks(axis: object, values: Sequence[float]) -> None:
    """Plain numbers on a logarithmic axis."""
    axis.set_ticks(values, [f"{v:g}" for v in values])
    axis.set_minor_formatter(NullFormatter())


def clock(duration_s: float) -> Array:
    return g.regular_times(duration_s, FS)


def noise(n: int, sd: float, seed: int) -> Array:
    return sd * np.random.default_rng(seed).standard_normal(n)


def noise_sd(amplitude: Array, snr_db: float) -> float:
    return float(np.sqrt(np.sum(np.square(amplitude)) / 2 / 10 ** (snr_db / 10)))


# --- the pictures --------------------------------------------------------------------------------------


def five_tones() -> Figure:
    """Tracks and masses of five tones at 20 dB."""
    t = clock(10.0)
    x = g.tones(t, FIVE_HZ, FIVE, np.arange(5.0)) + noise(len(t), noise_sd(FIVE, 20.0), 1)
    figure = canvas(8.6, 3.4)
    left, right = figure.subplots(1, 2)
    for hz in FIVE_HZ:
        left.axhline(hz, color=GREY, lw=0.6, ls="--", zorder=0)
    lives = watch(x)
    show_lives(lives, left, right)
    growth(right, FIVE_HZ[-1], 10.0, r"$\omega t/8$ at 320 and 13 Hz")
    growth(right, FIVE_HZ[0], 10.0)
    for hz, amplitude in zip(FIVE_HZ, FIVE):
        left.annotate(f"{amplitude:g}", (10.1, hz), fontsize=8, color="0.3", va="center", annotation_clip=False)
    tidy(left, yscale="log", xlim=(0, 10), ylim=(6, 450), xlabel="time (s)", ylabel="frequency (Hz)")
    left.set_title("five tones at 20 dB (amplitudes at the right)", fontsize=9.5)
    ticks(left.yaxis, (10, 30, 100, 300))
    tidy(right, yscale="log", xlim=(0, 10), ylim=(2, 4000), xlabel="time (s)", ylabel="mass")
    right.set_title("their masses (grey: larvae that failed)", fontsize=9.5)
    return figure


def fission() -> Figure:
    """Two equal tones 2 % apart: the host, its larvae, and the adults they become."""
    t = clock(8.0)
    pair = np.array([60.0, 61.2])
    x = g.tones(t, pair, 1.0, np.array([3.2, 6.0])) + noise(len(t), noise_sd(np.ones(2), 20.0), 1)
    figure = canvas(8.6, 3.4)
    left, right = figure.subplots(1, 2)
    for hz in pair:
        left.axhline(hz, color="k", lw=0.6, ls="--", zorder=0)
    show_lives(watch(x, 5), left, right, (PALETTE[2], PALETTE[0], PALETTE[1], *PALETTE[3:]))
    tidy(left, xlim=(0, 8), ylim=(57.8, 63.4), xlabel="time (s)", ylabel="frequency (Hz)")
    left.set_title("60 and 61.2 Hz; thick: voiced, thin: larvae", fontsize=9.5)
    growth(right, 60.6, 8.0, r"$\omega t/8$")
    tidy(right, yscale="log", xlim=(0, 8), ylim=(1.5, 600), xlabel="time (s)", ylabel="mass")
    right.legend(frameon=False, fontsize=8, loc="lower right")
    right.set_title("a light host, then heavy lines", fontsize=9.5)
    return figure


def change() -> Figure:
    """A sweep over a decade and a frequency step: what is not steady keeps its branch light."""
    t = clock(10.0)
    sweep = g.sweep_hz(t, 5.0, 50.0)
    step = g.staircase_hz(t, [50.0, 52.0], [5.0])
    figure = canvas(8.6, 4.6)
    axes = figure.subplots(2, 2, height_ratios=(1.5, 1))
    for column, truth, title in ((axes[:, 0], sweep, "5 to 50 Hz in 10 s"), (axes[:, 1], step, "50 Hz, then 52 Hz")):
        x = g.warbling_tone(t, truth, 1.0, 0.0) + noise(len(t), 0.1, 2)
        column[0].plot(t, truth, color="0.8", lw=5, zorder=0, solid_capstyle="butt", label="truth")
        show_lives(watch(x), *column)
        tidy(column[0], xlim=(0, 10), ylabel="frequency (Hz)", title=title)
        tidy(column[1], xlim=(0, 10), yscale="log", ylim=(1.5, 500), xlabel="time (s)", ylabel="mass")
    axes[0, 0].set_ylim(0, 60)
    axes[0, 1].set_ylim(47, 55)
    growth(axes[1, 1], 50.0, 10.0, r"$\omega t/8$")
    axes[1, 1].legend(frameon=False, fontsize=8)
    return figure


QUALITIES = (3, 5, 7, 10, 14, 20, 30, 50, 70, 100)


def linewidth(n_draws: int = 8) -> Figure:
    """Reported against true quality factor of AR(2) rhythms, and the memory of the branch beside it."""
    figure = canvas(8.6, 3.8)
    left, right = figure.subplots(1, 2)
    t = clock(60.0)
    medians = []
    for quality in QUALITIES:
        found = []
        for seed in range(n_draws):
            rng = np.random.default_rng([seed, quality])
            x = g.rhythm(len(t), FS, 25.0, quality, rng) + np.sqrt(0.1) * rng.standard_normal(len(t))
            found += list(strongest(x, 25.0))
        reported, mass = np.array(found).reshape(-1, 2).T
        left.plot(quality * np.ones(len(reported)), reported, ".", color=PALETTE[0], ms=4, alpha=0.5)
        right.plot(quality * np.ones(len(mass)), mass, ".", color=PALETTE[1], ms=4, alpha=0.5)
        medians.append((quality, np.median(reported), np.median(mass)))
    steady = g.tones(t, 25.0) + noise(len(t), np.sqrt(0.05), 1)
    line = next(strongest(steady, 25.0))
    q, reported, mass = np.array(medians).T
    truth = np.array([2.4, 130.0])
    left.fill_between(truth, truth / 2, truth * 2, color="k", alpha=0.07, lw=0, label="a factor of two")
    left.plot(truth, truth, color="k", lw=0.8)
    left.plot(q, reported, "o-", color=PALETTE[0], ms=4, lw=1.2, label="median")
    right.plot(q, mass, "o-", color=PALETTE[1], ms=4, lw=1.2, label="median")
    right.plot(truth, optimal_mass(truth, 25.0), color="k", lw=0.8, ls=":", label="Kalman filter that knows Q")
    for axes, value in ((left, line[0]), (right, line[1])):
        axes.plot([240], [value], "D", color=PALETTE[2], ms=5, clip_on=False)
        axes.axvline(170, color="0.85", lw=0.8)
        tidy(axes, xscale="log", yscale="log", xlim=(2.4, 320), ylim=(2, 6000), xlabel="true quality factor")
        axes.set_xticks([3, 10, 30, 100, 240], ["3", "10", "30", "100", "line"])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    left.set(ylabel="reported Q = frequency / bandwidth")
    right.set(ylabel="mass")
    left.set_title("linewidth: a property of the component", fontsize=9.5)
    right.set_title("mass: what the branch can afford to remember", fontsize=9.5)
    return figure


def strongest(x: Array, hz: float) -> Iterator[tuple[float, float]]:
    """(reported Q, mass) of the strongest component within 20 % of ``hz``, if there is one."""
    table = trophic.decompose(x, sample_rate_hz=FS, **BAND).components
    near = table[np.abs(table["frequency_hz"] / hz - 1) < 0.2]
    for c in near[:1]:
        yield float(c["frequency_hz"] / c["bandwidth_hz"]), float(c["mass"])


def optimal_mass(quality: Array, hz: float, power: float = 1.0, noise_power: float = 0.1) -> Array:
    """omega/(2 gamma) of the steady Kalman filter of an Ornstein-Uhlenbeck phasor: gamma^2 + 2 gamma kappa = 2 kappa P/R.

    <|z|^2> = 2 power, and the noise of the analytic input has the density R = 4 noise_power/fs.
    """
    omega = 2 * np.pi * hz
    kappa = omega / (2 * quality)
    gain = -kappa + np.sqrt(kappa**2 + 2 * kappa * (2 * power) / (4 * noise_power / FS))
    return omega / (2 * gain)


def precision(n_draws: int = 12) -> Figure:
    """Frequency error against the length of the record, and against mass when the budget limits it."""
    figure = canvas(8.6, 3.6)
    left, right = figure.subplots(1, 2)
    durations = (2.5, 5.0, 10.0, 20.0, 40.0, 80.0)
    rms = np.array([error_over_bound(duration, n_draws) for duration in durations])
    for column, amplitude, colour in zip(rms.T, FIVE, PALETTE):
        left.plot(durations, column, "o-", color=colour, ms=3.5, lw=1.2, label=f"{amplitude:g}")
    left.axhline(1.0, color="k", lw=0.8)
    tidy(left, xscale="log", yscale="log", ylim=(0.5, 20), xlabel="record (s)", ylabel="rms frequency error / CRLB")
    left.legend(frameon=False, fontsize=8, title="amplitude", title_fontsize=8, ncols=2)
    left.set_title(f"five tones at 20 dB, {n_draws} draws", fontsize=9.5)
    ticks(left.xaxis, durations)
    ticks(left.yaxis, (0.5, 1, 2, 5, 10, 20))
    masses, errors, theory = energy_law()
    right.plot(masses, theory, color="k", lw=0.8, label=r"$\chi\,\gamma^{3/2}\sigma\sqrt{h}/(2A)/2\pi$")
    right.plot(masses, errors, "o", color=PALETTE[0], ms=5, label="measured")
    tidy(right, xscale="log", yscale="log", xlabel="mass (set by the budget)", ylabel="rms frequency error (Hz)")
    right.set_title("one tone, 50 Hz at 10 dB: error ~ mass$^{-1.5}$", fontsize=9.5)
    ticks(right.xaxis, (10, 30, 100, 300))
    return figure


def error_over_bound(duration_s: float, n_draws: int) -> Array:
    """Root mean square of frequency error / CRLB at the end of the record, per tone; undetected ones do not count."""
    t = clock(duration_s)
    sd = noise_sd(FIVE, 20.0)
    ratios = np.full((n_draws, 5), np.nan)
    for seed in range(n_draws):
        rng = np.random.default_rng([seed, round(10 * duration_s)])
        hz, phase = g.spread_frequencies(5, 8.0, 400.0, 1.25, rng), rng.uniform(0, 2 * np.pi, 5)
        x = g.tones(t, hz, FIVE, phase) + sd * rng.standard_normal(len(t))
        found = trophic.decompose(x, sample_rate_hz=FS, **BAND).components["frequency_hz"]
        bound = cramer_rao(t, FIVE, hz, phase, sd).frequency_hz if duration_s <= 20 else tone_bound(
            FIVE, sd, len(t), FS
        ).frequency_hz
        for i in range(5):
            error = np.min(np.abs(found - hz[i]), initial=np.inf)
            if error < 1 / duration_s:
                ratios[seed, i] = error / bound[i]
    return np.sqrt(np.nanmean(ratios**2, axis=0))


def energy_law() -> tuple[Array, Array, Array]:
    """(mass, measured rms error in Hz, predicted) of one tone whose mass the budget limits."""
    t = clock(60.0)
    sd = noise_sd(np.ones(1), 10.0)
    chi = RULE_TABLE["chi"][0]
    rows = []
    for budget in (20, 40, 80, 160, 320, 640):
        model = trophic.Ecology(**BAND, budget=float(budget))
        errors, gammas = [], []
        for seed in range(4):
            x = g.tones(t, 50.0) + noise(len(t), sd, seed)
            state = model.init()
            for first in range(0, len(x), 200):
                model.advance(state, trophic.Chunk(x[first : first + 200, None], first_sample=first, sample_period_s=1 / FS))
                branches = state.branches[0]
                if first >= 30_000 and len(adults := branches[branches["status"] == ADULT]):
                    b = adults[np.argmax(adults["power"])]
                    errors.append(b["omega"] / (2 * np.pi) - 50.0)
                    gammas.append(b["gamma"])
        gamma = float(np.mean(gammas))
        predicted = chi * np.sqrt(gamma**3 / FS) * sd / 2 / (2 * np.pi)
        rows.append((2 * np.pi * 50.0 / (2 * gamma), np.sqrt(np.mean(np.square(errors))), predicted))
    mass, error, predicted = np.array(rows).T
    return mass, error, predicted


def failures() -> Figure:
    """A weak tone found late, a pair too close for the record, a rhythm of Q 3."""
    t = clock(10.0)
    figure = canvas(10.0, 3.3)
    weak, close, broad = figure.subplots(1, 3)
    x = g.tones(t, FIVE_HZ, FIVE, np.arange(5.0)) + noise(len(t), noise_sd(FIVE, 5.0), 3)
    show_frequencies(weak, voiced(watch(x)), FIVE_HZ)
    tidy(weak, yscale="log", xlim=(0, 10), ylim=(6, 450), xlabel="time (s)", ylabel="frequency (Hz)")
    weak.set_title("five tones at 5 dB", fontsize=9.5)
    ticks(weak.yaxis, (10, 30, 100, 300))
    pair = np.array([30.0, 30.3])
    x = g.tones(t, pair, 1.0, np.array([0.0, 1.0])) + noise(len(t), noise_sd(np.ones(2), 20.0), 1)
    show_frequencies(close, voiced(watch(x)), pair)
    tidy(close, xlim=(0, 10), ylim=(29, 31.3), xlabel="time (s)")
    close.set_title("30 and 30.3 Hz, equally strong", fontsize=9.5)
    t = clock(30.0)
    rng = np.random.default_rng(4)
    x = g.rhythm(len(t), FS, 25.0, 3.0, rng) + np.sqrt(0.1) * rng.standard_normal(len(t))
    broad.axhspan(25 * (1 - 1 / 6), 25 * (1 + 1 / 6), color="k", alpha=0.07, lw=0, label="true width")
    show_frequencies(broad, voiced(watch(x)), np.array([25.0]))
    tidy(broad, xlim=(0, 30), ylim=(0, 60), xlabel="time (s)")
    broad.set_title("a rhythm of 25 Hz, Q = 3", fontsize=9.5)
    return figure


def show_frequencies(axes: Axes, lives: Sequence[Life], truth_hz: Array) -> None:
    for hz in truth_hz:
        axes.axhline(hz, color="k", lw=0.6, ls="--", zorder=0)
    for life, colour in zip(lives, PALETTE * 20):
        axes.plot(life.time_s, np.where(life.adult, life.hz, np.nan), color=colour, lw=1.6)


def crossing() -> Figure:
    """Two sweeps that cross: both are followed, at the price of a second of excess residual."""
    t = clock(10.0)
    truth = np.stack([g.sweep_hz(t, 60.0, 120.0), g.sweep_hz(t, 120.0, 60.0)], axis=1)
    x = sum(g.warbling_tone(t, path, 1.0, 0.0) for path in truth.T) + noise(len(t), 0.1, 1)
    figure = canvas(8.6, 3.2)
    left, right = figure.subplots(1, 2)
    left.plot(t, truth, color="0.8", lw=5, zorder=0)
    show_frequencies(left, voiced(watch(x)), np.zeros(0))
    tidy(left, xlim=(0, 10), ylim=(50, 130), xlabel="time (s)", ylabel="frequency (Hz)")
    left.set_title("60 to 120 Hz and 120 to 60 Hz, 17 dB each", fontsize=9.5)
    residual = trophic.decompose(x, sample_rate_hz=FS, **BAND).residual
    power = np.convolve(residual**2, np.ones(200) / 200, mode="same") / 0.01
    right.plot(t, power, color=PALETTE[0], lw=1.2)
    right.axhline(1.0, color="k", lw=0.8)
    tidy(right, xlim=(0, 10), yscale="log", ylim=(0.5, 300), xlabel="time (s)", ylabel="residual / noise (0.2 s mean)")
    right.set_title("what is left", fontsize=9.5)
    return figure


def demo_co2() -> Figure:
    """The weekly CO2 record, as `Decomposition.plot` shows it."""
    co2 = datasets.load_co2_weekly()
    found = trophic.decompose(co2.values, times_s=co2.times_s)
    figure = found.plot(title="CO2 at Mauna Loa, weekly")
    figure.set_dpi(72)
    return figure


PICTURES: dict[str, Callable[[], Figure]] = {
    "five_tones": five_tones,
    "fission": fission,
    "change": change,
    "linewidth": linewidth,
    "precision": precision,
    "failures": failures,
    "crossing": crossing,
    "demo_co2": demo_co2,
}


def main(names: Sequence[str]) -> None:
    OUT.mkdir(exist_ok=True)
    for name in names or PICTURES:
        figure = PICTURES[name]()
        figure.savefig(OUT / f"{name}.png", dpi=figure.dpi, metadata={"Software": None})
        print(f"wrote {name}.png, {(OUT / f'{name}.png').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
