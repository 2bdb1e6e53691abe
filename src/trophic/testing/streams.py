"""The streams the checks run on: clean, with gaps, poisoned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.sinks import concatenate

N_SAMPLES = 2100
MakeChunk = Callable[[int, bool], Chunk]
"""``make_chunk(n_samples, regular) -> Chunk``: a stream's first samples, all finite; the same at every call."""


def default_chunk(n_channels: int = 1) -> MakeChunk:
    """The signal the checks use by default: tones at 31 and 110 Hz in noise, other phases in every channel.

    Examples
    --------
    >>> default_chunk(n_channels=2)(500, True).values.shape
    (500, 2)
    """

    def make_chunk(n_samples: int, regular: bool) -> Chunk:
        random = np.random.default_rng(20260310)
        jitter = np.zeros(n_samples) if regular else 0.4 * random.random(n_samples)
        times_s = 1e-3 * (np.arange(n_samples) + jitter)
        phase = np.arange(n_channels)
        values = np.cos(2 * np.pi * 31 * times_s[:, None] + phase) + 0.5 * np.cos(2 * np.pi * 110 * times_s[:, None])
        values += 0.1 * random.standard_normal((n_samples, n_channels))
        return Chunk(values, sample_period_s=1e-3) if regular else Chunk(values, times_s=times_s)

    return make_chunk


def with_gaps(chunk: Chunk) -> Chunk:
    """The same stream with bad samples in all channels, in one, alone, in runs, first, last, and across chunk ends."""
    values, n = chunk.values.copy(), len(chunk)
    values[[0, n // 9, n // 3, n - 1]] = np.array([np.nan, np.inf, -np.inf, np.nan])[:, None]
    values[60:200] = np.nan
    values[n // 2 : n // 2 + 3, 0] = np.nan
    return dataclasses.replace(chunk, values=values)


def poisoned(chunk: Chunk) -> Chunk:
    """An irregular stream with samples put in between that must not count: bad values, bad and late time stamps."""
    t = chunk.times_s
    assert t is not None, "make_chunk(n_samples, regular=False) must give times_s"
    rows = [  # before which sample, value, time stamp
        (0, np.nan, t[0] - 1),
        (1, np.inf, (t[0] + t[1]) / 2),
        (64, 9.0, np.nan),
        (64, 9.0, np.inf),
        (65, 9.0, t[64]),
        (700, 9.0, t[3]),
        (701, -np.inf, (t[700] + t[701]) / 2),
        (701, np.nan, t[701]),
    ]
    where, values, stamps = (np.array(column) for column in zip(*rows))
    return dataclasses.replace(
        chunk,
        values=np.insert(chunk.values, where, values[:, None], axis=0),
        times_s=np.insert(t, where, stamps),
    )


def feed(model: Model[Any, Any], state: State, chunk: Chunk, size: int) -> dict[str, NDArray[Any]]:
    """Advance ``state`` over ``chunk`` in pieces of ``size`` samples; the joined arrays of the Infos."""
    pieces = chunk.split([size] * (len(chunk) // size))
    return concatenate([model.advance(state, piece) for piece in pieces])


def halfway(model: Model[Any, Any], make_chunk: MakeChunk) -> tuple[Any, Chunk]:
    """A State in the middle of a stream, and the rest of that stream."""
    first, rest = with_gaps(make_chunk(N_SAMPLES, True)).split([N_SAMPLES // 2])
    state = model.init(seed=3)
    feed(model, state, first, 64)
    return state, rest
