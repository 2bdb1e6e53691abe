"""The questions: signals with a known answer, how an answer is scored, and what is asked for.

A `Case` draws a signal from a seed (`benchmarks.draws`) and scores an `Outcome` (`benchmarks.scoring`). Seeds below
`FRESH` were available for tuning; published tables use seeds from `FRESH` on.

    rows = evaluate(decomposer, [CASES["five tones 10 dB"]], seeds=range(FRESH, FRESH + 50))

where ``decomposer(x, times_s, sample_rate_hz, f_min_hz, f_max_hz, n_branches) -> Outcome``.
"""

from __future__ import annotations

import multiprocessing
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import draws, scoring
from benchmarks import measures as m
from benchmarks.measures import Row, Target
from benchmarks.scoring import Draw, Outcome

FRESH = 10_000
FIVE = np.array([1.0, 0.5, 0.25, 0.1, 0.05])

Decomposer = Callable[..., Outcome]


@dataclass(frozen=True)
class Case:
    """One question.

    Parameters
    ----------
    name : str
    draw : callable, (Generator) -> Draw
    score : callable, (Draw, Outcome) -> dict of floats
    group : str
        Which table it belongs to (a key of `benchmarks.measures.GROUPS`).
    targets : tuple of Target
        What is asked for.
    n_seeds : int
        How many draws the published table uses.
    """

    name: str
    draw: Callable[[np.random.Generator], Draw]
    score: Callable[[Draw, Outcome], dict[str, float]]
    group: str
    targets: tuple[Target, ...] = ()
    n_seeds: int = 50


def score_separate(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Lines far apart: a line is found when a component is within one resolution cell, 1/T."""
    return scoring.score_lines(draw, outcome, 1 / (draw.time_s[-1] - draw.time_s[0]))


def score_close(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Lines close together: found within a quarter of their spacing."""
    spacing = np.min(np.diff(np.sort(draw.lines_hz)))
    return scoring.score_lines(draw, outcome, spacing / 4)


def score_false(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """How many ever lived, and how many lived on average (both should be zero)."""
    return {
        "false_individuals": float(scoring.count_individuals(outcome)),
        "mean_living": float(outcome.alive.sum(axis=1).mean()),
        "seconds": float(draw.time_s[-1] - draw.time_s[0]),
    }


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
    return {
        "relock_periods": float(relock_s * end_hz),
        "first_periods": float(first_s * end_hz),
        "order_right": float(right),
    }


def score_off_on(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Periods from the end of the tone until nothing lives, and from its return until it is found (2 %) for good."""
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
    return {
        "dies_periods": float(dies_s * tone_hz),
        "revives_periods": float(revives_s * tone_hz),
        "order_right": float(right),
    }


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


def _tone_cases() -> Iterable[Case]:
    targets = {
        20: (Target(m.ORDER, at_least=1.0), Target(m.ERROR_RMS, at_most=2.0)),
        10: (Target(m.ORDER, at_least=0.96), Target(m.RESIDUAL, at_most=1.02)),
        5: (Target(m.ORDER, at_least=0.6),),
        0: (),
    }
    for snr_db, asked in targets.items():
        draw = partial(draws.draw_tones, amplitude=FIVE, snr_db=snr_db)
        yield Case(f"five tones {snr_db} dB", draw, score_separate, "tones", asked)
    right = (Target(m.ORDER, at_least=1.0),)
    draw = partial(draws.draw_tones, amplitude=np.geomspace(1.0, 0.2, 7), snr_db=10)
    yield Case("seven tones 10 dB", draw, score_separate, "tones", right, 30)
    draw = partial(draws.draw_tones, amplitude=FIVE, snr_db=20, duration_s=60.0)
    yield Case("five tones 20 dB 60 s", draw, score_separate, "tones", (*right, Target(m.ERROR_RMS, at_most=2.0)), 20)
    yield Case("square wave", draws.draw_square, score_separate, "tones", right, 10)
    for kind in ("jitter", "half dropped", "gaps", "poisson"):
        draw = partial(draws.draw_tones, amplitude=FIVE, snr_db=20, clock=kind)
        yield Case(f"five tones 20 dB, {kind}", draw, score_separate, "irregular", right, 20)


def _close_cases() -> Iterable[Case]:
    asked = (Target(m.ORDER, at_least=1.0), Target(m.ERROR_RMS, at_most=3.0))
    yield Case("pair 5 %", partial(draws.draw_pair, spacing=0.05), score_close, "close", asked, 20)
    asked = (Target(m.ORDER, at_least=0.85),)
    yield Case("pair 2 %", partial(draws.draw_pair, spacing=0.02), score_close, "close", asked, 20)
    yield Case("AM 100 % at 3 Hz", draws.draw_am, score_close, "close", (Target(m.ORDER, at_least=0.9),), 10)


def _noise_cases() -> Iterable[Case]:
    for kind in draws.NOISES:
        asked = (Target(m.FALSE_INDIVIDUALS, at_most=0),)
        yield Case(f"noise: {kind}", partial(draws.draw_noise, kind=kind), score_false, "noise", asked, 100)


def _change_cases() -> Iterable[Case]:
    for start, end in ((50.0, 60.0), (50.0, 52.0), (50.0, 100.0)):
        asked = (Target(m.RELOCK, at_most=20.0), Target(m.ORDER, at_least=0.95)) if end == 52.0 else ()
        draw = partial(draws.draw_step, start_hz=start, end_hz=end)
        yield Case(f"step {start:g}->{end:g} Hz", draw, score_step, "step", asked, 20)
    yield Case("off / on", draws.draw_off_on, score_off_on, "pause", (Target(m.ORDER, at_least=0.95),), 20)
    sweeps = ((50.0, 60.0, 10.0, 1.0), (20.0, 200.0, 30.0, 0.976), (20.0, 200.0, 10.0, 0.98), (5.0, 50.0, 10.0, 0.85))
    for start, end, duration, least in sweeps:
        draw = partial(draws.draw_chirp, start_hz=start, end_hz=end, duration_s=duration)
        asked = (Target(m.TRACKED, at_least=least),)
        yield Case(f"chirp {start:g}->{end:g} Hz in {duration:g} s", draw, scoring.score_paths, "sweep", asked, 10)
    asked = (Target(m.ORDER, at_least=1.0), Target(m.RESIDUAL_SETTLED, at_most=3.0))
    yield Case("crossing chirps", draws.draw_crossing, score_crossing, "crossing", asked, 10)


def _rhythm_cases() -> Iterable[Case]:
    sharp = (
        Target(m.PRESENT, at_least=0.9),
        Target(m.CENTER, at_most=0.02),
        Target(m.QUALITY, at_least=0.5, at_most=2.0),
    )
    asked = {
        3: (),
        5: (Target(m.PRESENT, at_least=0.85), Target(m.CENTER, at_most=0.05)),
        10: sharp,
        20: sharp,
        50: sharp,
    }
    for quality, targets in asked.items():
        draw = partial(draws.draw_rhythm, quality=quality)
        yield Case(f"rhythm Q {quality}", draw, score_rhythm, "rhythm", targets, 20)


CASES: dict[str, Case] = {
    case.name: case
    for family in (_tone_cases, _close_cases, _noise_cases, _change_cases, _rhythm_cases)
    for case in family()
}


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
    """Every case with every seed, in order; more than one process needs a top-level decomposer."""
    names = [case if isinstance(case, str) else case.name for case in cases]
    work = [(decomposer, name, seed, n_branches) for name in names for seed in seeds]
    if processes <= 1:
        return [evaluate_one(*item) for item in work]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.starmap(evaluate_one, work, chunksize=1)
