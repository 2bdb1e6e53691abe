"""The gate of several channels at once: which rows of a chunk are samples, and which of their values are good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk
from trophic.runtime.guard import admit, check_continues, is_measurement


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
    """What `admit` does for every channel of a regular chunk without bad samples, at once and bit for bit."""
    last_index = clock.last_index
    check_continues(clock, chunk, int(last_index.argmax()))  # the channel that knows most of the stream's time base
    period_s = chunk.sample_period_s
    assert period_s is not None
    first, newest = chunk.first_sample, chunk.first_sample + len(chunk) - 1
    clock.n_gaps += first - last_index > 1
    clock.first_time_s[last_index < 0] = chunk.start_time_s + float(first) * period_s
    clock.last_index[:] = newest
    clock.last_time_s[:] = chunk.start_time_s + float(newest) * period_s
