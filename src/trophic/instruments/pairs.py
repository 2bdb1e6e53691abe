"""Which components keep step: phase locking of every pair, at the small whole-number ratio nearest to its own.

Components of frequencies f_a and f_b are compared at the ratio p : q of small coprime integers nearest to f_a : f_b.
Their phase-locking value |<e^(j (q phi_a - p phi_b))>| is measured by `trophic.instruments.synchrony.PhaseLocking` and
set beside what two components of the same linewidths would show if neither knew of the other. Two lines, which hardly
wander, keep step whenever their frequencies stand in a ratio; nothing but that is then known, and the false-alarm
probability says so. Two rhythms that wander and yet keep step are coupled.

Source: Tass et al. (1998), Detection of n:m phase locking from noisy data. Phys. Rev. Lett. 81, 3291.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.instruments.synchrony import PhaseLocking, lock_index, locking_false_alarm, null_mean_square
from trophic.view.units import concise

Array = NDArray[np.float64]

MAX_ORDER = 4
TRACK_FIELDS = ("phase_rad", "mass", "share", "bandwidth_hz", "alive", "individual")
MEMORIES = 4  # of them in the span watched, by default: an exponential memory is then full to 98 %


class Voices(NamedTuple):
    """Components whose phases are compared. F frames, n components.

    ``phase_rad`` (F, n) is NaN where a component did not live; ``frequency_hz`` and ``bandwidth_hz`` (full width at
    half maximum), shape (n,), are those at the end; so is ``lock``, 0..1.
    """

    phase_rad: Array
    frequency_hz: Array
    bandwidth_hz: Array
    lock: Array


@dataclass(frozen=True, repr=False)
class Synchrony:
    """Phase locking between the components of one channel, or of two (rows and columns). Printing it lists the pairs.

    Attributes
    ----------
    frequency_hz : tuple of two float64 arrays, shapes (A,) and (B,)
        The components of rows and columns, in the order of ``components``.
    lock : tuple of two float64 arrays, shapes (A,) and (B,)
        Each component's lock to its own signal, R / (1 + R) in 0..1, with R = A^2 / (2 amplitude_se^2).
    p, q : int64 arrays, shape (A, B)
        The ratio f_a : f_b nearest to p : q at which the pair is compared.
    locking : float64 array, shape (A, B)
        Phase-locking value, 0 (free) .. 1 (a constant relation); NaN for a pair that never lived together.
    offset_rad : float64 array, shape (A, B)
        The mean of q phi_a - p phi_b, in (-pi, pi].
    mean_square : float64 array, shape (A, B)
        E[locking^2] of unlocked components with these linewidths.
    false_alarm : float64 array, shape (A, B)
        Probability that such a pair shows this locking or more, 0..1. It is the rate of one look: of many pairs the
        smallest one is to be compared with a threshold divided by their number.
    memory_s : float
        What happened this long ago counts 1/e.
    within : bool
        Rows and columns are the same components.
    """

    frequency_hz: tuple[Array, Array]
    lock: tuple[Array, Array]
    p: NDArray[np.int64]
    q: NDArray[np.int64]
    locking: Array
    offset_rad: Array
    mean_square: Array
    false_alarm: Array
    memory_s: float
    within: bool

    def pairs(self) -> list[dict[str, Any]]:
        """Every pair once, as plain values: ``a``, ``b`` (row, column), ``ratio`` and the measures."""
        rows, columns = self.locking.shape
        return [
            {
                "a": a,
                "b": b,
                "ratio": f"{self.p[a, b]}:{self.q[a, b]}",
                "locking": float(self.locking[a, b]),
                "offset_rad": float(self.offset_rad[a, b]),
                "false_alarm": float(self.false_alarm[a, b]),
            }
            for a in range(rows)
            for b in range(a + 1 if self.within else 0, columns)
        ]

    def __str__(self) -> str:
        lines = [f"phase locking over {concise(self.memory_s, digits=3)} s"]
        for pair in self.pairs():
            a, b = float(self.frequency_hz[0][pair["a"]]), float(self.frequency_hz[1][pair["b"]])
            lines.append(
                f"{concise(a)} Hz and {concise(b)} Hz at {pair['ratio']}: {pair['locking']:.2f} "
                f"(by chance: {pair['false_alarm']:.2g})"
            )
        return "\n".join(lines)

    __repr__ = __str__


def nearest_ratio(frequency_a: float, frequency_b: float, max_order: int = MAX_ORDER) -> tuple[int, int]:
    """The coprime p, q in 1..max_order whose p : q is nearest to frequency_a : frequency_b, on a logarithmic scale.

    Examples
    --------
    >>> nearest_ratio(20.1, 10.0), nearest_ratio(10.0, 14.9), nearest_ratio(50.0, 1.0)
    ((2, 1), (2, 3), (4, 1))
    """
    ratios = [(p, q) for p in range(1, max_order + 1) for q in range(1, max_order + 1) if math.gcd(p, q) == 1]
    return min(ratios, key=lambda pq: abs(math.log(frequency_a * pq[1] / (frequency_b * pq[0]))))


def measure(
    time_s: Array,
    rows: Voices,
    columns: Voices | None = None,
    memory_s: float | None = None,
    max_order: int = MAX_ORDER,
) -> Synchrony:
    """Phase locking of every row with every column.

    Parameters
    ----------
    time_s : array, shape (F,)
        Time stamps of the frames, seconds; frames whose stamp is not finite or does not increase are left out.
    rows, columns : Voices
        Columns default to the rows.
    memory_s : float, optional
        Memory of the mean in seconds, > 0. Default: a quarter of the span of ``time_s``.
    max_order : int
        Largest p and q, >= 1.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    Twice a phase that wanders, the phase itself, and one that wanders by itself:

    >>> t = np.arange(4000) / 50
    >>> wander = np.cumsum(np.random.default_rng(0).normal(0, 0.2, (4000, 2)), axis=0)
    >>> phase = 2 * np.pi * np.outer(t, [20, 10, 10]) + wander @ [[2, 1, 0], [0, 0, 1]] + [1.0, 0.0, 0.0]
    >>> width_hz = 0.04 * 50 / 2 / np.pi  # of a phase that takes steps of 0.2 rad, 50 times a second
    >>> voices = Voices(phase, np.array([20.0, 10.0, 10.0]), width_hz * np.array([4, 1, 1]), np.ones(3))
    >>> found = measure(t, voices)
    >>> found
    phase locking over 20 s
    20 Hz and 10 Hz at 2:1: 1.00 (by chance: 5.5e-68)
    20 Hz and 10 Hz at 2:1: 0.10 (by chance: 0.22)
    10 Hz and 10 Hz at 1:1: 0.22 (by chance: 0.16)
    >>> round(float(found.offset_rad[0, 1]), 2)
    1.0
    """
    if not (isinstance(max_order, int) and max_order >= 1):
        raise ValueError(f"max_order must be an integer >= 1, got {max_order!r}")
    within = columns is None
    others = rows if columns is None else columns
    kept = _in_order(time_s)
    time_s, rows, others = time_s[kept], _frames(rows, kept), _frames(others, kept)
    span_s = float(time_s[-1] - time_s[0]) if len(time_s) > 1 else 0.0
    shape = (len(rows.frequency_hz), len(others.frequency_hz))
    p, q = np.ones(shape, dtype=np.int64), np.ones(shape, dtype=np.int64)
    for a, b in np.ndindex(shape):
        p[a, b], q[a, b] = nearest_ratio(float(rows.frequency_hz[a]), float(others.frequency_hz[b]), max_order)
    locking, offset, null = (np.full(shape, np.nan) for _ in range(3))
    memory_s = span_s / MEMORIES if memory_s is None else memory_s
    if span_s > 0:
        interval_s = np.diff(time_s, prepend=2 * time_s[0] - time_s[1])
        for ratio in {(int(i), int(j)) for i, j in zip(p.flat, q.flat, strict=True)}:
            at = np.nonzero((p == ratio[0]) & (q == ratio[1]))
            locking[at], offset[at], null[at] = _at_ratio(ratio, at, interval_s, rows, others, memory_s)
    return Synchrony(
        (rows.frequency_hz, others.frequency_hz), (rows.lock, others.lock),
        p, q, locking, offset, null, locking_false_alarm(locking, null), memory_s, within,
    )  # fmt: skip


def _in_order(time_s: Array) -> NDArray[np.bool_]:
    """Which time stamps are finite and later than all before."""
    stamps = np.where(np.isfinite(time_s), time_s, -np.inf)
    latest = np.maximum.accumulate(np.concatenate([[-np.inf], stamps]))[:-1]
    return stamps > latest


def _frames(voices: Voices, kept: NDArray[np.bool_]) -> Voices:
    return voices._replace(phase_rad=voices.phase_rad[kept])


def _at_ratio(
    ratio: tuple[int, int],
    at: tuple[NDArray[np.intp], ...],
    interval_s: Array,
    rows: Voices,
    columns: Voices,
    memory_s: float,
) -> tuple[Array, Array, Array]:
    """Locking, offset and the mean square without locking, of the pairs ``at`` (row and column numbers)."""
    p, q = ratio
    a, b = np.unique(at[0]), np.unique(at[1])
    meter = PhaseLocking(memory_s, p, q)
    state = meter.init(len(a) + len(b))
    meter.advance(state, np.concatenate([rows.phase_rad[:, a], columns.phase_rad[:, b]], axis=1), interval_s)
    i, j = np.searchsorted(a, at[0]), len(a) + np.searchsorted(b, at[1])
    locking, offset = meter.value(state)[i, j], np.angle(state.sums[i, j])
    offset[np.isnan(locking)] = np.nan
    step_s = float(np.median(interval_s))
    wander = np.pi * (q**2 * rows.bandwidth_hz[at[0]] + p**2 * columns.bandwidth_hz[at[1]])
    null = np.full(len(i), np.nan)
    for k, frames in enumerate(meter.effective_frames(state)[i, j]):
        if frames > 1:  # so many would be in the memory of a pair that has lived for ever:
            lived_s = step_s / (2 * math.atanh(1 / frames))
            null[k] = null_mean_square(step_s, lived_s, float(wander[k]))
        elif frames > 0:
            null[k] = 1.0
    # phases that pass each other between two frames look as if they stood
    fast = np.abs(q * rows.frequency_hz[at[0]] - p * columns.frequency_hz[at[1]]) * step_s > 0.5
    return np.where(fast & np.isfinite(locking), 0.0, locking), offset, null


# --- components and tracks ------------------------------------------------------------------------


def voices(components: NDArray[np.void], tracks: Mapping[str, NDArray[Any]]) -> Voices:
    """The phases that led to ``components``.

    Parameters
    ----------
    components : structured array, shape (n,)
        As `Ecology.components` gives them.
    tracks : mapping of arrays, shape (F, K)
        `TRACK_FIELDS`.
    """
    phase = np.full((len(tracks["phase_rad"]), len(components)), np.nan)
    for k, individual in enumerate(_individuals(components, tracks)):
        frame, slot = np.nonzero(tracks["alive"] & (tracks["individual"] == individual))
        phase[frame, k] = tracks["phase_rad"][frame, slot]
    evidence = 0.5 / np.maximum(components["phase_se_rad"].astype(np.float64), 1e-150) ** 2
    frequency_hz, bandwidth_hz = (components[name].astype(np.float64) for name in ("frequency_hz", "bandwidth_hz"))
    return Voices(phase, frequency_hz, bandwidth_hz, lock_index(evidence))


def _individuals(components: NDArray[np.void], tracks: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Birth number of each component: of those alive in the last frame the one most like it; -1 if there is none."""
    who = np.full(len(components), -1, dtype=np.int64)
    slots = np.flatnonzero(tracks["alive"][-1]) if len(tracks["alive"]) else np.empty(0, dtype=np.int64)
    if not len(slots) or not len(components):
        return who
    names = ("mass", "share", "bandwidth_hz")
    here = np.log(np.stack([components[name].astype(np.float64) for name in names]))
    there = np.log(np.stack([tracks[name][-1, slots].astype(np.float64) for name in names]))
    distance = np.abs(here[:, :, None] - there[:, None, :]).sum(axis=0)
    for _ in range(min(distance.shape)):
        i, j = np.unravel_index(np.argmin(distance), distance.shape)
        who[i] = tracks["individual"][-1, slots[j]]
        distance[i, :] = distance[:, j] = np.inf
    return who
