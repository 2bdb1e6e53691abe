"""`Novelty`: scores in [0, 1] for how new each sample of a stream is, and a label-free alarm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trophic.network.intake import admit_rows
from trophic.novelty import kernel
from trophic.novelty.layout import (
    CHANNEL,
    COVER,
    HISTORY,
    N_PEAKS,
    N_VISITS,
    N_VOICES,
    N_WINDOWS,
    OFFSETS,
    RULE_TABLE,
    RULES,
    SETTLE,
    VOICE,
)
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.rules import check_names, constants


@dataclass
class NoveltyState(State):
    """Everything a detector remembers: per channel its unit, the niches of its patterns, and their highest peaks."""

    clock: Clock
    channels: NDArray[np.void]
    voices: NDArray[np.void]
    peaks: NDArray[np.float64]
    covers: NDArray[np.void]
    niches: NDArray[np.float64]
    visits: NDArray[np.int64]
    history: NDArray[np.float64]
    recent: NDArray[np.float64]
    winners: NDArray[np.int64]
    settling: NDArray[np.float64]


@dataclass(frozen=True)
class NoveltyInfo:
    """What one chunk showed: n samples, C channels.

    Attributes
    ----------
    time_s : (n,) float64
        Time stamps, seconds.
    score : (n, C) float64
        How unlikely it is that the sample belongs to what was heard before, 0..1; NaN at missing values.
    alarm : (n, C) bool
        Whether the score is above ``1 - 10**-alarm``.
    novelty : (n, C, 7) float64
        Distance of the patterns of 1, 4 and 48 samples to the nearest time that something like them was heard; to the
        fourth nearest such time; and of the fast from the slow level; in units of the channel's spread. 0 before
        there is anything to compare with.
    """

    time_s: NDArray[np.float64]
    score: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    novelty: NDArray[np.float64]


@dataclass(frozen=True)
class Novelty(Model[NoveltyState, NoveltyInfo]):
    """How new or rare is this sample, in what it is, what it follows, and where the level goes? No labels, no training.

    Patterns of 1, 4 and 48 samples are compared with every pattern that the channel has shown, in bounded memory
    (`niches`): with the nearest time that something like it was heard, and with the fourth nearest. A fast level is
    compared with a slow one. The evidence of each of these seven voices is how far out in the tail of its own past it
    is (`tail`). What is new or rare is summed, up to a strongest response; less what the last response still masks
    (habituation), that is the score.

    Parameters
    ----------
    n_channels : int
        Channels, >= 1; each is judged by itself.
    capacity : int
        Niches per channel and pattern length, 16..65536. A channel takes 520 bytes per niche.
    rules : tuple of (name, value)
        Overrides of single constants, `layout.RULE_TABLE`.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    A. Siffer, P.-A. Fouque, A. Termier and C. Largouet, Anomaly detection in streams with extreme value theory, KDD
    2017, for tails. S. Ramaswamy, R. Rastogi and K. Shim, Efficient algorithms for mining outliers from large data
    sets, SIGMOD 2000, for the k-th neighbour. G. A. Carpenter and S. Grossberg, Appl. Opt. 26 (1987), for resonance
    with categories.

    Examples
    --------
    A rhythm that skips a beat:

    >>> import numpy as np, trophic
    >>> x = np.sin(0.2 * np.arange(3000)) + 0.05 * np.random.default_rng(0).normal(size=3000)
    >>> x[2500:2516] = 0.0
    >>> model = trophic.Novelty()
    >>> state = model.init()
    >>> info = model.advance(state, trophic.Chunk(x[:, None], sample_period_s=1.0))
    >>> alarms = np.flatnonzero(info.alarm[:, 0])
    >>> alarms[alarms > 1000], info.score[2500:2540].max().round(4)
    (array([2500]), np.float64(1.0))
    """

    n_channels: int = 1
    capacity: int = 1024
    rules: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (("n_channels", 1, 1 << 20), ("capacity", 16, 1 << 16)):
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise ValueError(f"{name} must be an integer in {low}..{high}, got {value!r}")
        check_names(self.rules, RULE_TABLE)
        for name, value in self.rules:
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"rule {name} must be positive and finite, got {value}")

    def init(self, seed: int = 0) -> NoveltyState:
        """A State before its first sample; nothing is drawn, ``seed`` is part of the contract."""
        c = self.n_channels
        return NoveltyState(
            Clock.new(c),
            channels=np.zeros(c, dtype=CHANNEL),
            voices=np.zeros((c, N_VOICES), dtype=VOICE),
            peaks=np.zeros((c, N_VOICES, N_PEAKS)),
            covers=np.zeros((c, N_WINDOWS), dtype=COVER),
            niches=np.zeros((c, self.capacity * OFFSETS[N_WINDOWS])),
            visits=np.full((c, N_WINDOWS, self.capacity, N_VISITS), -1, dtype=np.int64),
            history=np.zeros((c, HISTORY)),
            recent=np.zeros((c, N_WINDOWS, HISTORY)),
            winners=np.full((c, N_WINDOWS, HISTORY), -1, dtype=np.int64),
            settling=np.zeros((c, SETTLE)),
        )

    def advance(self, state: NoveltyState, chunk: Chunk) -> NoveltyInfo:
        """Consume ``chunk``, updating ``state`` in place."""
        values = np.array(chunk.values, dtype=np.float64, order="C")
        good, _ = admit_rows(state.clock, chunk)
        response = np.full(values.shape, np.nan)
        novelty = np.full((*values.shape, N_VOICES), np.nan)
        rules = self._constants()
        kernel.run(
            values, good, state.channels, state.voices, state.peaks, state.covers, state.niches, state.visits,
            state.history, state.recent, state.winners, state.settling, rules, response,
            novelty,
        )  # fmt: skip
        alarm = response >= rules.alarm
        state.channels["n_alarms"] += alarm.sum(axis=0)
        score = -np.expm1(-math.log(10.0) * response)
        return NoveltyInfo(time_s=chunk.time_stamps_s(), score=score, alarm=alarm, novelty=novelty)

    def _constants(self) -> np.record:
        return constants(self.rules, RULE_TABLE, RULES)
