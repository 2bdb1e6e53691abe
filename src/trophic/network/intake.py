"""The gate of several channels at once: which rows of a chunk are samples, and which of their values are good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk
from trophic.runtime.guard import admit, is_measurement


def admit_rows(clock: Clock, chunk: Chunk) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Good values, shape (n, C), and rows that are samples, shape (n,); ``clock`` is updated and ticked.

    Every row of a regular stream is a sample: time goes on where a sensor fails. A row of an irregular stream that
    no channel could use is none: nothing says that anything happened then.
    """
    good = is_measurement(chunk.values)
    if chunk.times_s is None and len(chunk) and good.all():
        _admit_all(clock, chunk)
    else:
        good = np.zeros(chunk.values.shape, dtype=bool)
        for c in range(clock.n_channels):
            good[admit(clock, chunk, c).position, c] = True
    clock.tick(chunk)
    is_sample = np.ones(len(chunk), dtype=bool)
    if chunk.times_s is not None:
        np.any(good, axis=1, out=is_sample)
    return good, is_sample


def _admit_all(clock: Clock, chunk: Chunk) -> None:
    """What `admit` does for every channel of a regular chunk without bad samples, at once."""
    last_index = clock.last_index.copy()
    newest = int(np.argmax(last_index))  # the channel that knows most of the stream's time base
    admitted = admit(clock, chunk, newest)
    others = np.arange(clock.n_channels) != newest
    clock.n_gaps[others] += chunk.first_sample - last_index[others] > 1
    clock.first_time_s[others & (last_index < 0)] = admitted.times_s[0]
    clock.last_index[others] = clock.last_index[newest]
    clock.last_time_s[others] = admitted.times_s[-1]
