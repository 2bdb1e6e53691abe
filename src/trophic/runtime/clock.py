"""The clock of a stream: one shared integer sample index, and what each channel last saw.

Time is never accumulated. An interval of a regular stream is an integer difference times the period,
an interval of an irregular one is a difference of two time stamps, so a stream may run for months
and the clock of its last sample is as exact as that of its first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk, State


@dataclass
class Clock(State):
    """Where a stream stands. Every model's State carries one, in a field named ``clock``.

    `trophic.runtime.guard.admit` updates the entries of one channel, `tick` the shared index.
    Channels share no entry, so they may be admitted from parallel threads.

    Attributes
    ----------
    n_samples : int64 array, shape (1,)
        Samples consumed so far, good or bad: the absolute index of the next one.
    last_index : int64 array, shape (n_channels,)
        Absolute index of the channel's last good sample; -1 before the first.
    last_time_s, first_time_s : float64 arrays, shape (n_channels,)
        Time stamps in seconds of the channel's last and first good samples; NaN before the first.
    n_bad : int64 array, shape (n_channels,)
        Samples dropped because the value or its time stamp was NaN or infinite.
    n_late : int64 array, shape (n_channels,)
        Samples dropped because the time stamp was not after that of the last good sample.
    n_gaps : int64 array, shape (n_channels,)
        Runs of dropped samples that a good sample ended.

    Examples
    --------
    >>> clock = Clock.new(n_channels=2)
    >>> clock.tick(Chunk(np.zeros((5, 2)), sample_period_s=0.1))
    >>> clock.index, clock.last_index
    (5, array([-1, -1]))
    """

    n_samples: NDArray[np.int64]
    last_index: NDArray[np.int64]
    last_time_s: NDArray[np.float64]
    first_time_s: NDArray[np.float64]
    n_bad: NDArray[np.int64]
    n_late: NDArray[np.int64]
    n_gaps: NDArray[np.int64]

    @classmethod
    def new(cls, n_channels: int = 1) -> Self:
        """The clock of a stream of ``n_channels`` (>= 1) channels, before its first sample."""
        if n_channels < 1:
            raise ValueError(f"n_channels must be >= 1, got {n_channels}; pass the number of columns of the signal")

        def entries(fill: float, dtype: Any) -> NDArray[Any]:
            return np.full(n_channels, fill, dtype=dtype)

        return cls(
            n_samples=np.zeros(1, dtype=np.int64),
            last_index=entries(-1, np.int64),
            last_time_s=entries(np.nan, np.float64),
            first_time_s=entries(np.nan, np.float64),
            n_bad=entries(0, np.int64),
            n_late=entries(0, np.int64),
            n_gaps=entries(0, np.int64),
        )

    @property
    def index(self) -> int:
        """Absolute index of the next sample."""
        return self.n_samples.item()

    @property
    def n_channels(self) -> int:
        """Number of channels of the stream."""
        return self.last_index.size

    def tick(self, chunk: Chunk) -> None:
        """Move the shared index past ``chunk``; call it once per chunk, after every channel was admitted."""
        self.n_samples[0] = self.index + len(chunk.values)


def clock_of(state: State) -> Clock:
    """The clock of a model's State: its field ``clock``. TypeError if it has none."""
    clock = getattr(state, "clock", None)
    if not isinstance(clock, Clock):
        raise TypeError(
            f"{type(state).__name__} must have a field `clock: Clock` (what a State needs to go on includes "
            f"where its stream stands), got {clock!r}; add `clock=Clock.new(n_channels)` in init()"
        )
    return clock
