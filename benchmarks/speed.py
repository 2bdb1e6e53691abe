"""How fast is it? Time per sample, beside resonator banks and an STFT: ``python -m benchmarks.speed``.

Writes ``speed.md`` and ``speed.png`` into ``--out``. All jobs are timed in turn, round after round, so that a machine
that slows down slows all alike; a number is the median over rounds, with the range. Single streams are judged by
the processor time of this process, which neighbours on the machine disturb less than wall time; several streams, which
run in threads, by wall time, which says something only on idle cores: the load is printed with the result.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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

Work = Callable[[], object]


@dataclass(frozen=True)
class Job:
    """Something to time: ``work`` processes ``n_samples`` samples. ``group`` and ``label`` say where it is reported."""

    group: str
    label: str
    work: Work
    n_samples: int
    wall: bool = False


Timings = dict[Job, list[float]]  # microseconds per sample, one per round


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    load_before = os.getloadavg()[0]
    timings = measure([*ecology_jobs(options.samples), *rival_jobs(options.samples)], options.rounds)
    load = f"load average {load_before:.1f} before and {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores"
    draw(timings, options.out)
    report.write(options.out / "speed.md", page(timings, options, load))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    return parser.parse_args(arguments)


def measure(jobs: Sequence[Job], rounds: int) -> Timings:
    """Microseconds per sample of every job in every round, after one run of each that compiles and warms up."""
    for job in jobs:
        job.work()
    timings: Timings = {job: [] for job in jobs}
    for _ in range(rounds):
        for job in jobs:
            clock = time.perf_counter if job.wall else time.process_time
            start = clock()
            job.work()
            timings[job].append(1e6 * (clock() - start) / job.n_samples)
    return timings


def tones_in_noise(n_samples: int, n_tones: int) -> Array:
    """A steady load: tones of unit amplitude at 10 dB each, neighbours at least 10 % apart."""
    rng = np.random.default_rng(0)
    t = np.arange(n_samples) / FS
    noise = np.sqrt(0.05) * rng.standard_normal(n_samples)
    if n_tones == 0:
        return noise
    return g.tones(t, g.spread_frequencies(n_tones, 8.0, 400.0, 1.1, rng), 1.0, 0.3) + noise


def ecology_jobs(n: int) -> list[Job]:
    """The ecology as it comes, and along everything that may grow."""
    band = f"{F_MIN:g}..{F_MAX:g} Hz"
    jobs = [Job("method", f"ecology, {band}, {p}", ecology_work(n, precision=p), n) for p in ("float64", "float32")]
    for k in (4, 8, 16, 32, 64):
        jobs.append(Job("branches, as many tones up to 24", str(k), ecology_work(n, k, min(k, 24)), n))
    for k in (0, 1, 4, 8, 12):
        jobs.append(Job("tones present, 16 branches", str(k), ecology_work(n, n_tones=k), n))
    for f in (20.0, 2.0, 0.2, 0.02):
        jobs.append(Job("lowest frequency, Hz", f"{f:g}", ecology_work(n, f_min_hz=f), n))
    for f in (25.0, 50.0, 100.0, 200.0, 450.0):
        jobs.append(Job("highest frequency, Hz, at 1000 Hz", f"{f:g}", ecology_work(n, f_max_hz=f), n))
    for c in (1, 2, 4):
        jobs.append(Job("streams in threads (wall time)", str(c), ecology_work(n, n_channels=c), n * c, wall=True))
    return jobs


def ecology_work(
    n_samples: int,
    n_branches: int = 16,
    n_tones: int = 5,
    f_min_hz: float = F_MIN,
    f_max_hz: float = F_MAX,
    n_channels: int = 1,
    precision: str = "float64",
) -> Work:
    """A run from birth through the whole signal, in chunks."""
    model = Ecology(f_min_hz, f_max_hz, n_branches, n_channels, track_every=TRACK_EVERY, precision=precision)
    x = np.repeat(tones_in_noise(n_samples, n_tones)[:, None], n_channels, axis=1)
    chunks = [Chunk(x[i : i + CHUNK], i, 1 / FS) for i in range(0, n_samples, CHUNK)]

    def work() -> None:
        state = model.init()
        for chunk in chunks:
            model.advance(state, chunk)

    return work


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


def rival_jobs(n_samples: int) -> list[Job]:
    """Fixed analyses with the resolution of the ecology's listeners.

    The banks have Q 8 and Q 64, one rotator per linewidth, and only report power. The STFT has the resolution of Q 64
    at the middle of the band (30 Hz), a 2-second Hann window, at the ecology's frame rate and at every sample.
    """
    x = tones_in_noise(n_samples, 5)
    jobs = []
    for quality in (8.0, 64.0):
        omega, rate = rotators(quality)
        turn = np.exp((1j * omega - rate) / FS)
        for real in (np.float64, np.float32):
            bank = [a.astype(real) for a in (turn.real, turn.imag, 2 * rate / FS, np.zeros(len(omega)))]
            name = f"resonator bank, Q {quality:g}, {len(omega)} rotators, {np.dtype(real)}"
            jobs.append(Job("method", name, partial(resonator_bank, x.astype(real), *bank), n_samples))
    window = get_window("hann", round(2 * FS))
    for hop, n in ((TRACK_EVERY, n_samples), (1, min(n_samples, 10_000))):
        transform = ShortTimeFFT(window, hop, FS)
        jobs.append(Job("method", f"STFT, 2 s Hann window, hop {hop}", partial(transform.spectrogram, x[:n]), n))
    return jobs


def spread(values: Sequence[float]) -> str:
    """Median and range over rounds."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}..{max(values):.3g})"


def grouped(timings: Timings) -> dict[str, list[Job]]:
    groups: dict[str, list[Job]] = {}
    for job in timings:
        groups.setdefault(job.group, []).append(job)
    return groups


def page(timings: Timings, options: argparse.Namespace, load: str) -> list[str]:
    """The whole page, as lines."""
    groups = grouped(timings)
    methods = groups.pop("method")
    base = statistics.median(timings[methods[0]])
    rows = []
    for job in methods:
        median = statistics.median(timings[job])
        rows.append((job.label, spread(timings[job]), f"{1 / median:.3g}", f"{median / base:.3g}"))
    lines = ["# Speed", "", "Generated; do not edit.", "", *report.provenance("benchmarks.speed")]
    lines += [
        f"- {options.samples} samples at {FS:g} Hz, five tones in noise and 16 branches unless varied",
        f"- median (range) of {options.rounds} interleaved rounds, processor time of one core; {load}",
        "",
        *report.table(("method", "us per sample", "M samples/s", "time / ecology"), rows),
        "",
        "The banks and the STFT only measure power on a fixed grid: finding, following and explaining away is on top.",
        "",
        "![Growth](speed.png)",
        "",
    ]
    for name, jobs in groups.items():
        header = (name, *(job.label for job in jobs))
        lines += [*report.table(header, [("us per sample", *(spread(timings[job]) for job in jobs))]), ""]
    return lines


def draw(timings: Timings, out: Path) -> None:
    """Cost against each thing that may grow, and the rivals' times; bars are the range over rounds."""
    out.mkdir(parents=True, exist_ok=True)
    groups = grouped(timings)
    methods = groups.pop("method")[::-1]
    figure, axes = plt.subplots(2, 3, figsize=(14, 7), layout="constrained")
    for axis, (name, jobs) in zip(axes.flat, groups.items()):
        rounds = np.array([timings[job] for job in jobs])
        middle = np.median(rounds, axis=1)
        reach = [middle - rounds.min(axis=1), rounds.max(axis=1) - middle]
        axis.errorbar([job.label for job in jobs], middle, reach, fmt="o-", capsize=3)
        axis.set(xlabel=name, ylabel="us per sample", ylim=(0, None))
    last = axes.flat[-1]
    last.barh([job.label for job in methods], [statistics.median(timings[job]) for job in methods], color="C1")
    last.set(xscale="log", xlabel="us per sample")
    last.tick_params(axis="y", labelsize=7)
    figure.savefig(out / "speed.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
