"""The signals of the benchmark, each drawn from a random generator together with its truth.

All are sampled at 1000 Hz unless they say otherwise and offered in the band 2..450 Hz. An SNR is mean signal power over
noise variance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.scoring import Array, Draw
from trophic.signals import generators as g

FS = 1000.0
F_MIN, F_MAX = 2.0, 450.0

NOISES: dict[str, Callable[[int, np.random.Generator], Array]] = {
    "white": lambda n, rng: rng.standard_normal(n),
    "AR(1) .5": lambda n, rng: g.ar1_noise(n, 0.5, rng),
    "AR(1) .95": lambda n, rng: g.ar1_noise(n, 0.95, rng),
    "AR(1) .99": lambda n, rng: g.ar1_noise(n, 0.99, rng),
    "random walk": g.random_walk,
    "Laplace": lambda n, rng: rng.laplace(size=n),
    "impulses": g.impulsive_noise,
    "steps": lambda n, rng: g.level_steps(n, FS, rng),
    "Student t3": lambda n, rng: rng.standard_t(3, n),
}


def noisy(
    clean: Array,
    time_s: Array,
    snr_db: float,
    rng: np.random.Generator,
    sample_rate_hz: float | None = FS,
    **truth: Any,
) -> Draw:
    """Add white noise at ``snr_db`` = mean signal power / noise variance."""
    power = float(np.mean(clean**2)) / 10 ** (snr_db / 10)
    x = clean + np.sqrt(power) * rng.standard_normal(len(clean))
    return Draw(x, time_s, sample_rate_hz, F_MIN, F_MAX, noise_power=power, **truth)


def draw_tones(
    rng: np.random.Generator, amplitude: Array, snr_db: float, duration_s: float = 10.0, clock: str = "regular"
) -> Draw:
    """Tones at log-uniform random frequencies in 8..400 Hz, at least 25 % apart, random phases."""
    frequency = g.spread_frequencies(len(amplitude), 8.0, 400.0, 1.25, rng)
    phase = rng.uniform(0, 2 * np.pi, len(amplitude))
    time_s = _clock(clock, duration_s, rng)
    truth = {"lines_hz": frequency, "lines_amplitude": amplitude, "lines_phase_rad": phase}
    rate = FS if clock == "regular" else None
    return noisy(g.tones(time_s, frequency, amplitude, phase), time_s, snr_db, rng, rate, **truth)


def draw_pair(rng: np.random.Generator, spacing: float, snr_db: float = 20.0) -> Draw:
    """Two equal tones, the lower log-uniform in 20..200 Hz, the other ``1 + spacing`` times as high, 10 s."""
    low = 20.0 * 10 ** rng.uniform(0, 1)
    frequency, phase = np.array([low, low * (1 + spacing)]), rng.uniform(0, 2 * np.pi, 2)
    time_s = g.regular_times(10.0, FS)
    truth = {"lines_hz": frequency, "lines_amplitude": np.ones(2), "lines_phase_rad": phase}
    return noisy(g.tones(time_s, frequency, 1.0, phase), time_s, snr_db, rng, **truth)


def draw_square(rng: np.random.Generator) -> Draw:
    """Five odd harmonics of a square wave, fundamental uniform in 10..40 Hz, 20 dB, 10 s."""
    base, phase = rng.uniform(10, 40), rng.uniform(0, 2 * np.pi)
    order = 2 * np.arange(5) + 1
    time_s = g.regular_times(10.0, FS)
    truth = {
        "lines_hz": base * order,
        "lines_amplitude": 4 / (np.pi * order),
        "lines_phase_rad": order * phase - np.pi / 2,
    }
    return noisy(g.square_wave(time_s, base, 5, 1.0, phase), time_s, 20.0, rng, **truth)


def draw_am(rng: np.random.Generator) -> Draw:
    """A 50 Hz carrier, 100 % amplitude-modulated at 3 Hz: lines of 0.5, 1, 0.5 at 47, 50, 53 Hz; 20 dB, 10 s."""
    carrier, modulation = rng.uniform(0, 2 * np.pi, 2)
    frequency, amplitude = np.array([47.0, 50.0, 53.0]), np.array([0.5, 1.0, 0.5])
    phase = carrier + modulation * np.array([-1, 0, 1])
    time_s = g.regular_times(10.0, FS)
    truth = {"lines_hz": frequency, "lines_amplitude": amplitude, "lines_phase_rad": phase}
    return noisy(g.tones(time_s, frequency, amplitude, phase), time_s, 20.0, rng, **truth)


def _clock(kind: str, duration_s: float, rng: np.random.Generator) -> Array:
    if kind == "jitter":
        return g.jittered_times(duration_s, FS, 0.4, rng)
    if kind == "half dropped":
        return g.thinned_times(duration_s, FS, 0.5, rng)
    if kind == "gaps":
        return g.gappy_times(duration_s, FS, 0.3, 5, rng)
    if kind == "poisson":
        return g.poisson_times(duration_s, FS, rng)
    return g.regular_times(duration_s, FS)


def draw_noise(rng: np.random.Generator, kind: str, duration_s: float = 100.0) -> Draw:
    """A stream in which nothing oscillates."""
    n = round(duration_s * FS)
    return Draw(NOISES[kind](n, rng), g.regular_times(duration_s, FS), FS, F_MIN, F_MAX)


def draw_path(rng: np.random.Generator, paths: Sequence[Callable], duration_s: float, **facts: float) -> Draw:
    """Unit tones that follow the given instantaneous frequencies, under white noise at 17 dB (0.1 rms for one tone)."""
    time_s = g.regular_times(duration_s, FS)
    path_hz = np.stack([path(time_s) for path in paths], axis=1)
    clean = sum(g.warbling_tone(time_s, path_hz[:, i], 1.0, rng.uniform(0, 2 * np.pi)) for i in range(len(paths)))
    return noisy(np.asarray(clean), time_s, 17.0, rng, path_hz=path_hz, facts=facts)


def draw_chirp(rng: np.random.Generator, start_hz: float, end_hz: float, duration_s: float) -> Draw:
    """A linear sweep of unit amplitude, 17 dB."""
    return draw_path(rng, [partial(g.sweep_hz, start_hz=start_hz, end_hz=end_hz)], duration_s)


def draw_crossing(rng: np.random.Generator) -> Draw:
    """Two unit sweeps 60 -> 120 and 120 -> 60 Hz in 10 s, 17 dB; they meet at 90 Hz after 5 s."""
    up, down = partial(g.sweep_hz, start_hz=60.0, end_hz=120.0), partial(g.sweep_hz, start_hz=120.0, end_hz=60.0)
    return draw_path(rng, [up, down], 10.0, meeting_s=5.0)


def draw_step(rng: np.random.Generator, start_hz: float, end_hz: float) -> Draw:
    """A unit tone whose frequency jumps after 5 s of 10 s, with continuous phase, 17 dB."""
    path = partial(g.staircase_hz, frequency_hz=[start_hz, end_hz], switch_s=[5.0])
    return draw_path(rng, [path], 10.0, switch_s=5.0, end_hz=end_hz)


def draw_off_on(rng: np.random.Generator) -> Draw:
    """A unit tone of 50 Hz that is off from 4 s to 8 s of 12 s, 20 dB (of the whole record's mean power)."""
    time_s = g.regular_times(12.0, FS)
    on = (time_s < 4.0) | (time_s >= 8.0)
    path_hz = np.where(on, 50.0, np.nan)[:, None]
    clean = on * g.tones(time_s, 50.0, 1.0, rng.uniform(0, 2 * np.pi))
    return noisy(clean, time_s, 20.0, rng, path_hz=path_hz, facts={"off_s": 4.0, "on_s": 8.0, "tone_hz": 50.0})


def draw_rhythm(rng: np.random.Generator, quality: float, duration_s: float = 60.0) -> Draw:
    """An AR(2) process, centre log-uniform in 8..80 Hz, unit power, under white noise at 10 dB, 60 s."""
    center = 8.0 * 10 ** rng.uniform(0, 1)
    time_s = g.regular_times(duration_s, FS)
    clean = g.rhythm(len(time_s), FS, center, quality, rng)
    return noisy(clean, time_s, 10.0, rng, facts={"center_hz": center, "quality": quality})
