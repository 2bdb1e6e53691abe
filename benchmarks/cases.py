"""The questions: signals with a known answer, how each is drawn, how an answer is scored, and what is asked for.

A `Case` draws a signal from a seed and scores an `Outcome`. All are sampled at 1000 Hz unless they say otherwise, in the
band 2..450 Hz. Seeds below `FRESH` were available for tuning; published tables use seeds from `FRESH` on.

    rows = evaluate(decomposer, [CASES["five tones 10 dB"]], seeds=range(FRESH, FRESH + 50))

where ``decomposer(x, times_s, sample_rate_hz, f_min_hz, f_max_hz) -> Outcome``.
"""

from __future__ import annotations

import multiprocessing
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks import scoring
from benchmarks.scoring import Draw, Outcome
from trophic.signals import generators as g

FS = 1000.0
F_MIN, F_MAX = 2.0, 450.0
FRESH = 10_000
FIVE = np.array([1.0, 0.5, 0.25, 0.1, 0.05])

Decomposer = Callable[..., Outcome]
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One question.

    Parameters
    ----------
    name : str
    draw : callable, (Generator) -> Draw
    score : callable, (Draw, Outcome) -> dict of floats
    target : str
        What is asked for, in words, for the table.
    n_seeds : int
        How many draws the published table uses.
    """

    name: str
    draw: Callable[[np.random.Generator], Draw]
    score: Callable[[Draw, Outcome], dict[str, float]]
    target: str = ""
    n_seeds: int = 50
    tags: tuple[str, ...] = field(default=())


# --- stationary lines -------------------------------------------------------------------------------------------------


def noisy(
    clean: np.ndarray, time_s: np.ndarray, snr_db: float, rng: np.random.Generator, sample_rate_hz: float | None = FS, **truth: Any
) -> Draw:
    """Add white noise at ``snr_db`` = mean signal power / noise variance."""
    power = float(np.mean(clean**2)) / 10 ** (snr_db / 10)
    x = clean + np.sqrt(power) * rng.standard_normal(len(clean))
    return Draw(x, time_s, sample_rate_hz, F_MIN, F_MAX, noise_power=power, **truth)


def draw_tones(
    rng: np.random.Generator, amplitude: np.ndarray, snr_db: float, duration_s: float = 10.0, clock: str = "regular"
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
    truth = {"lines_hz": base * order, "lines_amplitude": 4 / (np.pi * order), "lines_phase_rad": order * phase - np.pi / 2}
    return noisy(g.square_wave(time_s, base, 5, 1.0, phase), time_s, 20.0, rng, **truth)


def draw_am(rng: np.random.Generator) -> Draw:
    """A 50 Hz carrier, 100 % amplitude-modulated at 3 Hz: lines of 0.5, 1, 0.5 at 47, 50, 53 Hz; 20 dB, 10 s."""
    carrier, modulation = rng.uniform(0, 2 * np.pi, 2)
    frequency, amplitude = np.array([47.0, 50.0, 53.0]), np.array([0.5, 1.0, 0.5])
    phase = carrier + modulation * np.array([-1, 0, 1])
    time_s = g.regular_times(10.0, FS)
    truth = {"lines_hz": frequency, "lines_amplitude": amplitude, "lines_phase_rad": phase}
    return noisy(g.tones(time_s, frequency, amplitude, phase), time_s, 20.0, rng, **truth)


def score_separate(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Lines far apart: a line is found when a component is within one resolution cell, 1/T."""
    return scoring.score_lines(draw, outcome, 1 / (draw.time_s[-1] - draw.time_s[0]))


def score_close(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Lines close together: found within a quarter of their spacing."""
    spacing = np.min(np.diff(np.sort(draw.lines_hz)))
    return scoring.score_lines(draw, outcome, spacing / 4)


def _clock(kind: str, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    if kind == "jitter":
        return g.jittered_times(duration_s, FS, 0.4, rng)
    if kind == "half dropped":
        return g.thinned_times(duration_s, FS, 0.5, rng)
    if kind == "gaps":
        return g.gappy_times(duration_s, FS, 0.3, 5, rng)
    if kind == "poisson":
        return g.poisson_times(duration_s, FS, rng)
    return g.regular_times(duration_s, FS)


# --- nothing to find ----------------------------------------------------------------------------------------------------


def draw_noise(rng: np.random.Generator, kind: str, duration_s: float = 100.0) -> Draw:
    """A stream in which nothing oscillates."""
    n = round(duration_s * FS)
    make = {
        "white": lambda: rng.standard_normal(n),
        "AR(1) .5": lambda: g.ar1_noise(n, 0.5, rng),
        "AR(1) .95": lambda: g.ar1_noise(n, 0.95, rng),
        "AR(1) .99": lambda: g.ar1_noise(n, 0.99, rng),
        "random walk": lambda: g.random_walk(n, rng),
        "Laplace": lambda: rng.laplace(size=n),
        "impulses": lambda: g.impulsive_noise(n, rng),
        "steps": lambda: g.level_steps(n, 1000.0, rng),
        "Student t3": lambda: rng.standard_t(3, n),
    }
    return Draw(make[kind](), g.regular_times(duration_s, FS), FS, F_MIN, F_MAX)


def score_false(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """How many ever lived, and how many lived on average (both should be zero)."""
    return {
        "false_individuals": float(scoring.count_individuals(outcome)),
        "mean_living": float(outcome.alive.sum(axis=1).mean()),
        "seconds": float(draw.time_s[-1] - draw.time_s[0]),
    }


# --- things that change -------------------------------------------------------------------------------------------------


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


def score_crossing(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Right when exactly two live at the end, one on each path. The residual counts after the first fifth."""
    duration_s = draw.time_s[-1] - draw.time_s[0]
    row = scoring.score_paths(draw, outcome) | scoring.score_residual(draw, outcome, scoring.SETTLED_SHARE * duration_s)
    end_hz = draw.path_hz[-1]
    owner = scoring.match(end_hz, outcome.frequency_hz, scoring.TRACK_TOLERANCE * float(end_hz.min()))
    row["order_right"] = float(np.all(owner >= 0) and len(outcome.frequency_hz) == 2)
    return row


def score_step(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Periods (of the new frequency) until the nearest component is, and stays, within 0.5 %; final order."""
    switch_s, end_hz = draw.facts["switch_s"], draw.facts["end_hz"]
    after = outcome.time_s >= switch_s
    distance = np.abs(scoring.nearest_distance_hz(outcome, np.full(len(outcome.time_s), end_hz)))[after]
    good = distance <= 0.005 * end_hz
    start = scoring.held_since(good)
    relock_s = outcome.time_s[after][start] - switch_s if start < len(good) else np.inf
    first_s = outcome.time_s[after][np.argmax(good)] - switch_s if good.any() else np.inf
    right = len(outcome.frequency_hz) == 1 and abs(outcome.frequency_hz[0] - end_hz) <= 0.005 * end_hz
    return {"relock_periods": float(relock_s * end_hz), "first_periods": float(first_s * end_hz), "order_right": float(right)}


def score_off_on(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Periods from the end of the tone until nothing lives, and from its return until it is found, to stay, within 2 %."""
    tone_hz, t = draw.facts["tone_hz"], outcome.time_s
    silent = (t >= draw.facts["off_s"]) & (t < draw.facts["on_s"])
    empty = ~outcome.alive.any(axis=1)
    gone = scoring.held_since(empty[silent])
    dies_s = t[silent][gone] - draw.facts["off_s"] if gone < silent.sum() else np.inf
    back = t >= draw.facts["on_s"]
    near = np.abs(scoring.nearest_distance_hz(outcome, np.full(len(t), tone_hz)))[back] <= 0.02 * tone_hz
    start = scoring.held_since(near)
    revives_s = t[back][start] - draw.facts["on_s"] if start < len(near) else np.inf
    right = len(outcome.frequency_hz) == 1 and abs(outcome.frequency_hz[0] - tone_hz) <= 0.005 * tone_hz
    return {"dies_periods": float(dies_s * tone_hz), "revives_periods": float(revives_s * tone_hz), "order_right": float(right)}


# --- rhythms ------------------------------------------------------------------------------------------------------------


def draw_rhythm(rng: np.random.Generator, quality: float, duration_s: float = 60.0) -> Draw:
    """An AR(2) process, centre log-uniform in 8..80 Hz, unit power, under white noise at 10 dB, 60 s."""
    center = 8.0 * 10 ** rng.uniform(0, 1)
    time_s = g.regular_times(duration_s, FS)
    clean = g.rhythm(len(time_s), FS, center, quality, rng)
    return noisy(clean, time_s, 10.0, rng, facts={"center_hz": center, "quality": quality})


def score_rhythm(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Presence, centre and quality of the one true rhythm.

    Present: the share of frames, after the first tenth of the record, in which a living component is within 20 % of the
    centre (the instantaneous frequency of a rhythm wanders by more than its linewidth). Its centre and its quality
    (frequency / bandwidth) are those of the strongest such component at the end of the record; ``n_living`` is the mean
    number of components alive.
    """
    center, quality = draw.facts["center_hz"], draw.facts["quality"]
    reach_hz = 0.2 * center
    settled = outcome.time_s - draw.time_s[0] > 0.1 * (draw.time_s[-1] - draw.time_s[0])
    distance = np.abs(scoring.nearest_distance_hz(outcome, np.full(len(outcome.time_s), center)))
    row = {
        "present": float(np.mean(distance[settled] <= reach_hz)),
        "n_living": float(outcome.alive[settled].sum(axis=1).mean()),
        "center_error": np.nan,
        "quality_ratio": np.nan,
    }
    inside = np.flatnonzero(np.abs(outcome.frequency_hz - center) <= reach_hz)
    if len(inside):
        k = inside[np.argmax(outcome.amplitude[inside])]
        row["center_error"] = float(abs(outcome.frequency_hz[k] / center - 1))
        row["quality_ratio"] = float(outcome.frequency_hz[k] / outcome.bandwidth_hz[k] / quality)
    return row


# --- the list -----------------------------------------------------------------------------------------------------------


def _cases() -> Iterable[Case]:
    tone_target = {20: "RMSE <= 2 CRLB per tone", 10: "order >= 48/50", 5: "order >= 30/50", 0: ""}
    for snr_db, target in tone_target.items():
        yield Case(
            f"five tones {snr_db} dB", partial(draw_tones, amplitude=FIVE, snr_db=snr_db), score_separate, target, tags=("tones",)
        )
    seven = np.geomspace(1.0, 0.2, 7)
    yield Case("seven tones 10 dB", partial(draw_tones, amplitude=seven, snr_db=10), score_separate, "30/30", 30, ("tones",))
    yield Case(
        "five tones 20 dB 60 s",
        partial(draw_tones, amplitude=FIVE, snr_db=20, duration_s=60.0),
        score_separate,
        "error keeps falling with the record",
        20,
        ("tones", "long"),
    )
    for kind in ("jitter", "half dropped", "gaps", "poisson"):
        draw = partial(draw_tones, amplitude=FIVE, snr_db=20, clock=kind)
        yield Case(f"five tones 20 dB, {kind}", draw, score_separate, "20/20", 20, ("tones", "irregular"))
    yield Case("square wave", draw_square, score_separate, "order 10/10, no false", 10, ("tones",))
    yield Case("pair 5 %", partial(draw_pair, spacing=0.05), score_close, "20/20 within 3 CRLB", 20, ("close",))
    yield Case("pair 2 %", partial(draw_pair, spacing=0.02), score_close, ">= 17/20", 20, ("close",))
    yield Case("AM 100 % at 3 Hz", draw_am, score_close, "three lines 9/10", 10, ("close",))
    noises = ("white", "AR(1) .5", "AR(1) .95", "AR(1) .99", "random walk", "Laplace", "impulses", "steps", "Student t3")
    for kind in noises:
        yield Case(f"noise: {kind}", partial(draw_noise, kind=kind), score_false, "0", 25, ("noise",))
    for start, end in ((50.0, 60.0), (50.0, 52.0), (50.0, 100.0)):
        target = "median <= 20 periods, order >= 19/20" if end == 52.0 else ""
        draw = partial(draw_step, start_hz=start, end_hz=end)
        yield Case(f"step {start:g}->{end:g} Hz", draw, score_step, target, 20, ("change",))
    yield Case("off / on", draw_off_on, score_off_on, "dies and revives", 20, ("change",))
    chirps = ((50.0, 60.0, 10.0, "1.0"), (20.0, 200.0, 30.0, ""), (20.0, 200.0, 10.0, ">= .98"), (5.0, 50.0, 10.0, ">= .85"))
    for start, end, duration, target in chirps:
        draw = partial(draw_chirp, start_hz=start, end_hz=end, duration_s=duration)
        yield Case(f"chirp {start:g}->{end:g} Hz in {duration:g} s", draw, scoring.score_paths, target, 10, ("change",))
    yield Case("crossing chirps", draw_crossing, score_crossing, "10/10, residual <= 3 noise", 10, ("change",))
    rhythm_target = {5: "present >= .85, centre 5 %", 10: "present >= .9, centre 2 %, Q within 2x"}
    for quality in (3, 5, 10, 20, 50):
        target = rhythm_target.get(min(quality, 10), "")
        yield Case(f"rhythm Q {quality}", partial(draw_rhythm, quality=quality), score_rhythm, target, 20, ("rhythm",))


CASES: dict[str, Case] = {case.name: case for case in _cases()}


# --- running ------------------------------------------------------------------------------------------------------------


def draw_of(case: Case, seed: int) -> Draw:
    """The signal of ``case`` with ``seed``: a function of both, the same on every machine."""
    return case.draw(np.random.default_rng([seed, zlib.crc32(case.name.encode())]))


def evaluate_one(decomposer: Decomposer, name: str, seed: int, n_branches: int = 16) -> Row:
    """Run one method on one draw; the row holds case, seed, seconds taken and the scores."""
    case = CASES[name]
    draw = draw_of(case, seed)
    times_s = draw.time_s if draw.sample_rate_hz is None else None
    start = time.perf_counter()
    outcome = decomposer(draw.x, times_s, draw.sample_rate_hz, draw.f_min_hz, draw.f_max_hz, n_branches)
    elapsed_s = time.perf_counter() - start
    return {"case": name, "seed": seed, "elapsed_s": elapsed_s, **case.score(draw, outcome)}


def evaluate(
    decomposer: Decomposer, cases: Iterable[Case | str], seeds: Iterable[int], n_branches: int = 16, processes: int = 1
) -> list[Row]:
    """Every case with every seed, in order. ``processes`` > 1 spreads the draws over processes (a top-level decomposer)."""
    names = [case if isinstance(case, str) else case.name for case in cases]
    work = [(decomposer, name, seed, n_branches) for name in names for seed in seeds]
    if processes <= 1:
        return [evaluate_one(*item) for item in work]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.starmap(evaluate_one, work, chunksize=1)
