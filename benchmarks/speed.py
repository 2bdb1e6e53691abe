"""How fast is it? Samples per second, beside resonator banks and an STFT: ``python -m benchmarks.speed``.

Writes ``speed.md`` and ``speed.png`` into ``--out``. Every number is the median of ``--repeats`` runs in this one
process; rivals are also given as a ratio, which travels better between machines than a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from scipy.signal import ShortTimeFFT, get_window

from benchmarks import report
from benchmarks.scoring import Array
from trophic import Chunk, Ecology
from trophic.signals import generators as g

FS = 1000.0
F_MIN, F_MAX = 2.0, 450.0
CHUNK = 4096
TRACK_EVERY = 10

Timing = tuple[str, float]  # what, seconds per sample


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    n = options.samples
    base = ecology_seconds(n, options.repeats)
    growth = {
        "branches": [
            (str(k), ecology_seconds(n, options.repeats, n_branches=k, n_tones=min(k, 24))) for k in (4, 8, 16, 32, 64)
        ],
        "tones present": [(str(k), ecology_seconds(n, options.repeats, n_tones=k)) for k in (0, 1, 4, 8, 12)],
        "lowest frequency, Hz": [
            (f"{f:g}", ecology_seconds(n, options.repeats, f_min_hz=f)) for f in (20.0, 2.0, 0.2, 0.02)
        ],
        "streams": [(str(c), ecology_seconds(n, options.repeats, n_channels=c)) for c in (1, 2, 4, 8)],
    }
    rivals = [
        ("ecology, float64", base),
        ("ecology, float32", ecology_seconds(n, options.repeats, precision="float32")),
        *[(name, seconds / n) for name, seconds in rival_seconds(n, options.repeats)],
    ]
    draw(growth, rivals, options.out)
    report.write(options.out / "speed.md", page(growth, rivals, options))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    return parser.parse_args(arguments)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of ``work``, after one run that compiles and warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def tones_in_noise(n_samples: int, n_tones: int) -> Array:
    """A steady load: tones of unit amplitude at 10 dB each, neighbours at least 10 % apart."""
    rng = np.random.default_rng(0)
    t = np.arange(n_samples) / FS
    noise = np.sqrt(0.05) * rng.standard_normal(n_samples)
    if n_tones == 0:
        return noise
    return g.tones(t, g.spread_frequencies(n_tones, 8.0, 400.0, 1.1, rng), 1.0, 0.3) + noise


def ecology_seconds(
    n_samples: int,
    repeats: int,
    n_branches: int = 16,
    n_tones: int = 5,
    f_min_hz: float = F_MIN,
    n_channels: int = 1,
    precision: str = "float64",
) -> float:
    """Seconds per sample, all layers on; with several streams, wall time over the samples of all of them."""
    model = Ecology(f_min_hz, F_MAX, n_branches, n_channels, track_every=TRACK_EVERY, precision=precision)
    x = np.repeat(tones_in_noise(n_samples, n_tones)[:, None], n_channels, axis=1)
    chunks = [Chunk(x[i : i + CHUNK], i, 1 / FS) for i in range(0, n_samples, CHUNK)]

    def work() -> None:
        state = model.init()
        for chunk in chunks:
            model.advance(state, chunk)

    return median_seconds(work, repeats) / (n_samples * n_channels)


@njit(cache=True, fastmath=True)
def resonator_bank(x, turn_re, turn_im, gain, power):
    """Leaky rotators ``z <- z turn + gain x``; returns the power of each, averaged over the samples."""
    re, im = np.zeros_like(turn_re), np.zeros_like(turn_re)
    for i in range(len(x)):
        for b in range(len(turn_re)):
            a = re[b] * turn_re[b] - im[b] * turn_im[b] + gain[b] * x[i]
            im[b] = re[b] * turn_im[b] + im[b] * turn_re[b]
            re[b] = a
            power[b] += a * a + im[b] * im[b]
    return power


def rotators(quality: float) -> tuple[Array, Array]:
    """Angular frequencies and rates of a constant-Q bank over the band, one linewidth apart."""
    n = int(np.ceil(np.log(F_MAX / F_MIN) * quality))
    omega = 2 * np.pi * np.geomspace(F_MIN, F_MAX, n)
    return omega, omega / (2 * quality)


def rival_seconds(n_samples: int, repeats: int) -> list[Timing]:
    """Seconds for the whole signal of fixed analyses with the resolution of the ecology's listeners.

    The banks have Q 8 and Q 64, one rotator per linewidth, and only report power. The STFT has the resolution of Q 64
    at the middle of the band (30 Hz), a 2-second Hann window, at the ecology's frame rate and at every sample.
    """
    x = tones_in_noise(n_samples, 5)
    timings = []
    for quality in (8.0, 64.0):
        omega, rate = rotators(quality)
        for real in (np.float64, np.float32):
            turn = np.exp((1j * omega - rate) / FS)
            bank = [a.astype(real) for a in (turn.real, turn.imag, 2 * rate / FS, np.zeros(len(omega)))]
            signal = x.astype(real)
            name = f"resonator bank, Q {quality:g}, {len(omega)} rotators, {np.dtype(real)}"
            timings.append((name, median_seconds(lambda s=signal, b=bank: resonator_bank(s, *b), repeats)))
    window = get_window("hann", round(2 * FS))
    for hop, samples in ((TRACK_EVERY, n_samples), (1, min(n_samples, 20_000))):
        transform = ShortTimeFFT(window, hop, FS)
        seconds = median_seconds(lambda t=transform, k=samples: t.spectrogram(x[:k]), repeats)
        timings.append((f"STFT, 2 s Hann window, hop {hop}", seconds * n_samples / samples))
    return timings


def page(growth: dict[str, list[Timing]], rivals: list[Timing], options: argparse.Namespace) -> list[str]:
    """The whole page, as lines."""
    base = rivals[0][1]
    rows = [(name, f"{1e6 * s:.3f}", f"{1e-6 / s:.2f}", f"{s / base:.2f}") for name, s in rivals]
    lines = ["# Speed", "", "Generated; do not edit.", "", *report.provenance("benchmarks.speed")]
    lines += [
        f"- {options.samples} samples, band {F_MIN:g}..{F_MAX:g} Hz at {FS:g} Hz, five tones in noise, 16 branches, "
        f"median of {options.repeats}, one core",
        "",
        *report.table(("method", "us per sample", "M samples/s", "time / ecology"), rows),
        "",
        "The banks and the STFT only measure power on a fixed grid: finding, following and explaining away is on top.",
        "",
        "![Growth](speed.png)",
        "",
    ]
    for name, timings in growth.items():
        header = (name, *(label for label, _ in timings))
        lines += [*report.table(header, [("us per sample", *(f"{1e6 * s:.3f}" for _, s in timings))]), ""]
    streams = growth["streams"]
    gain = streams[0][1] / min(seconds for _, seconds in streams)
    return [*lines, f"Several streams run in parallel threads: up to {gain:.1f} times the samples per second of one."]


def draw(growth: dict[str, list[Timing]], rivals: list[Timing], out: Path) -> None:
    """Cost against each thing that may grow, and the rivals' times."""
    out.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, len(growth) + 1, figsize=(16, 3.6), layout="constrained")
    for axis, (name, timings) in zip(axes, growth.items()):
        axis.plot([label for label, _ in timings], [1e6 * s for _, s in timings], "o-")
        axis.set(xlabel=name, ylim=(0, None))
    axes[0].set_ylabel("us per sample of one stream")
    names = [name for name, _ in rivals][::-1]
    axes[-1].barh(names, [1e6 * s for _, s in rivals][::-1], color="C1")
    axes[-1].set(xscale="log", xlabel="us per sample")
    axes[-1].tick_params(axis="y", labelsize=7)
    figure.savefig(out / "speed.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
