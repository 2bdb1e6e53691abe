"""What a decomposition is judged by: its outcome, the truth, and the few measures that all cases share.

Definitions (the same for every method):

*living*
    A component is living in a track frame when ``alive`` is set there, and at the end when it is listed in
    ``Outcome.frequency_hz``.
*order right*
    As many components living at the end as there are true lines, and each true line has a component of its own within
    the tolerance of the case (one resolution cell ``1/T`` for separate lines).
*error / CRLB*
    Frequency error at the end of the record over the Cramer-Rao bound of *all* parameters (frequency, amplitude and
    phase of every line) given the whole record, its true times and its true white-noise variance.
*tracked*
    Share of frames, after the first fifth of the record (``SETTLED_SHARE``), in which some living component is within
    5 % (``TRACK_TOLERANCE``) of the true instantaneous frequency.
*residual / noise*
    Power of the residual over the power of the added noise, after the first second (``SETTLE_S``), in the
    second half of the record (``late``), or as the case says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]

SETTLE_S = 1.0
SETTLED_SHARE = 0.2
TRACK_TOLERANCE = 0.05


@dataclass(frozen=True)
class Outcome:
    """What a method says about one signal.

    Parameters
    ----------
    frequency_hz, amplitude, bandwidth_hz : array, shape (n_components,)
        The components living at the last sample, in any order. NaN bandwidth: the method does not measure it.
    time_s : array, shape (n_frames,)
        Times of the track frames.
    track_frequency_hz, track_amplitude, track_bandwidth_hz : array, shape (n_frames, n_slots)
    alive : bool array, shape (n_frames, n_slots)
    residual : array, shape (n_samples,), or None when the method has none
    individual : int array, shape (n_frames, n_slots), or None
        Identity of the component in a slot; None when a slot holds one identity from a rise of ``alive`` to its fall.
    """

    frequency_hz: Array
    amplitude: Array
    bandwidth_hz: Array
    time_s: Array
    track_frequency_hz: Array
    track_amplitude: Array
    track_bandwidth_hz: Array
    alive: NDArray[np.bool_]
    residual: Array | None = None
    individual: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Draw:
    """One signal of a case with its truth.

    Parameters
    ----------
    x : array, shape (n_samples,)
    time_s : array, shape (n_samples,)
    sample_rate_hz : float or None
        None when the clock is irregular; the method is then given ``time_s``.
    f_min_hz, f_max_hz : float
        The band that the method may use.
    noise_power : float
        Variance of the added white noise.
    lines_hz, lines_amplitude, lines_phase_rad : array, shape (n_lines,)
        True stationary lines (strongest first is not required).
    path_hz : array, shape (n_samples, n_paths)
        True instantaneous frequencies; NaN where a line is off.
    facts : dict
        Numbers that a scorer needs (time of the step, true linewidth, ...).
    """

    x: Array
    time_s: Array
    sample_rate_hz: float | None
    f_min_hz: float
    f_max_hz: float
    noise_power: float = 0.0
    lines_hz: Array = field(default_factory=lambda: np.zeros(0))
    lines_amplitude: Array = field(default_factory=lambda: np.zeros(0))
    lines_phase_rad: Array = field(default_factory=lambda: np.zeros(0))
    path_hz: Array = field(default_factory=lambda: np.zeros((0, 0)))
    facts: dict[str, float] = field(default_factory=dict)


def match(true_hz: Array, found_hz: Array, tolerance_hz: float) -> NDArray[np.intp]:
    """Index of the component that belongs to each true line (one to one, least total error); -1 beyond tolerance."""
    owner = np.full(len(true_hz), -1, dtype=np.intp)
    if len(found_hz) == 0 or len(true_hz) == 0:
        return owner
    distance = np.abs(np.asarray(true_hz)[:, None] - np.asarray(found_hz)[None, :])
    rows, columns = linear_sum_assignment(np.fmin(distance, 10 * tolerance_hz))  # a peer may say NaN
    close = distance[rows, columns] <= tolerance_hz
    owner[rows[close]] = columns[close]
    return owner


def frequency_bound_hz(draw: Draw) -> Array:
    """Cramer-Rao bound (standard deviation, Hz) of each line's frequency, shape (n_lines,).

    Inverse of the Fisher information ``J' J / sigma^2``, where J holds the derivatives of the noiseless signal with
    respect to the amplitude, the phase and the frequency of every line, at the true times.
    """
    middle_s = float(np.mean(draw.time_s))
    t = draw.time_s - middle_s  # the origin of time changes the conditioning, not the bound
    phase = 2 * np.pi * (t[:, None] + middle_s) * draw.lines_hz + draw.lines_phase_rad
    cosine, sine = np.cos(phase), np.sin(phase)
    slope = -draw.lines_amplitude * sine
    jacobian = np.concatenate([cosine, slope, 2 * np.pi * t[:, None] * slope], axis=1)
    information = jacobian.T @ jacobian / draw.noise_power
    n = len(draw.lines_hz)
    return np.sqrt(np.diag(np.linalg.inv(information))[2 * n :])


def score_lines(draw: Draw, outcome: Outcome, tolerance_hz: float) -> dict[str, float]:
    """Order, detection and frequency error / CRLB of every true line."""
    owner = match(draw.lines_hz, outcome.frequency_hz, tolerance_hz)
    found = owner >= 0
    ratio = np.full(len(owner), np.nan)
    ratio[found] = np.abs(outcome.frequency_hz[owner[found]] - draw.lines_hz[found]) / frequency_bound_hz(draw)[found]
    row = {
        "order_right": float(found.all() and len(outcome.frequency_hz) == len(draw.lines_hz)),
        "n_found": float(found.sum()),
        "n_false": float(len(outcome.frequency_hz) - found.sum()),
        "within_3_crlb": float(np.all(ratio <= 3)),
    }
    row |= {f"detected_{i}": float(hit) for i, hit in enumerate(found)}
    row |= {f"error_crlb_{i}": float(value) for i, value in enumerate(ratio)}
    return row | score_residual(draw, outcome)


def score_residual(draw: Draw, outcome: Outcome, settle_s: float = SETTLE_S) -> dict[str, float]:
    """Residual power over noise power after ``settle_s``, over the whole remaining record and over its second half."""
    if outcome.residual is None:
        return {"residual_noise": np.nan, "residual_noise_late": np.nan}
    elapsed = draw.time_s - draw.time_s[0]
    power = outcome.residual**2 / draw.noise_power
    late = elapsed > elapsed[-1] / 2
    return {
        "residual_noise": float(np.nanmean(power[elapsed > settle_s])),
        "residual_noise_late": float(np.nanmean(power[late])),
    }


def score_paths(draw: Draw, outcome: Outcome) -> dict[str, float]:
    """Share of frames in which each true path is tracked, and the median relative lag of the tracking component."""
    truth_hz = path_at(draw, outcome.time_s)
    settled = outcome.time_s - draw.time_s[0] > SETTLED_SHARE * (draw.time_s[-1] - draw.time_s[0])
    row: dict[str, float] = {}
    for i in range(truth_hz.shape[1]):
        wanted = settled & np.isfinite(truth_hz[:, i])
        distance = nearest_distance_hz(outcome, truth_hz[:, i]) / truth_hz[:, i]
        hit = np.abs(distance[wanted]) <= TRACK_TOLERANCE
        row[f"tracked_{i}"] = float(hit.mean())
        row[f"lag_{i}"] = float(np.median(distance[wanted][hit])) if hit.any() else np.nan
    row["tracked"] = float(np.mean([row[f"tracked_{i}"] for i in range(truth_hz.shape[1])]))
    row["n_living_end"] = float(len(outcome.frequency_hz))
    row["n_living_mean"] = float(outcome.alive[settled].sum(axis=1).mean())
    return row


def path_at(draw: Draw, time_s: Array) -> Array:
    """True instantaneous frequencies at the given times, shape (n_frames, n_paths)."""
    index = np.clip(np.searchsorted(draw.time_s, time_s), 0, len(draw.time_s) - 1)
    return draw.path_hz[index]


def nearest_distance_hz(outcome: Outcome, truth_hz: Array) -> Array:
    """Signed distance of the nearest living component to a path, per frame; inf when nothing lives."""
    signed = np.where(outcome.alive, outcome.track_frequency_hz - np.asarray(truth_hz)[:, None], np.inf)
    signed = np.concatenate([signed, np.full((len(signed), 1), np.inf)], axis=1)  # a method may have no slots at all
    nearest = np.argmin(np.abs(signed), axis=1)
    return signed[np.arange(len(signed)), nearest]


def count_individuals(outcome: Outcome) -> int:
    """How many distinct components ever lived."""
    if outcome.individual is not None:
        return len(np.unique(outcome.individual[outcome.alive]))
    before = np.concatenate([np.zeros((1, outcome.alive.shape[1]), dtype=bool), outcome.alive[:-1]])
    return int(np.sum(outcome.alive & ~before))


def held_since(good: NDArray[np.bool_]) -> int:
    """Index from which ``good`` holds to the end; its length when it does not hold at the end."""
    bad = np.flatnonzero(~good)
    return 0 if len(bad) == 0 else int(bad[-1]) + 1
