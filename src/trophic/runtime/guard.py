"""The gate every sample passes: bad samples are dropped and counted, good ones get their true interval.

A NaN, an infinity or a time stamp that does not increase is data about the sensor, not an error: it
never reaches a model, and what the model learns is what it would have learned without that sample.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.engines.native import entry
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk

#: Magnitude from which a number is a mark for "missing" (9.97e36, 1e37, 1e38, 3.4e38) and no measurement. One such
#: number, taken for a sample, would outweigh all that was learned for hundreds of time constants.
NO_MEASUREMENT = 1e36


class Admitted(NamedTuple):
    """The good samples of one channel of one chunk, in order. Read only: they may alias the chunk.

    Attributes
    ----------
    values : float64 array, shape (n_good,)
        The samples, in the signal's own unit.
    dt_s : float64 array, shape (n_good,)
        Seconds since the previous good sample of this channel, in this chunk or an earlier one.
    times_s : float64 array, shape (n_good,)
        Time stamps in seconds.
    position : int64 array, shape (n_good,)
        Index of each good sample inside the chunk.
    """

    values: NDArray[np.float64]
    dt_s: NDArray[np.float64]
    times_s: NDArray[np.float64]
    position: NDArray[np.int64]


def admit(clock: Clock, chunk: Chunk, channel: int = 0) -> Admitted:
    """The good samples of one channel of ``chunk``; ``clock`` is updated for that channel.

    Cutting the stream into other chunks changes no bit of what is admitted.

    Parameters
    ----------
    clock : Clock
        Where the stream stands. The entries of ``channel`` are updated in place; move the shared index
        with `Clock.tick` when all channels are done.
    chunk : Chunk
        The samples that follow those the clock has seen.
    channel : int
        Column of ``chunk.values``, 0 .. n_channels - 1.

    Returns
    -------
    Admitted
        For a regular stream ``dt_s`` is (index - index of the previous good sample) * period: one rounding,
        whatever the length of the stream (int64 indices: 2**63 samples). Time *stamps* are exact to one
        rounding up to index 2**53, and are used for reports, not for intervals.
        The first good sample of a channel has no predecessor: it gets one period if the stream is regular,
        and 0.0 if it is irregular (nothing it could be is known before the second sample, which may be in
        a later chunk). For an irregular stream a sample is late, and dropped, if its stamp is not after
        that of the last good sample.

    Raises
    ------
    ValueError
        If the chunk does not start at the clock's index, has another number of channels, or belongs to a
        regular stream whose period or start time changed. The clock is then unchanged.

    Examples
    --------
    >>> clock = Clock.new()
    >>> chunk = Chunk(np.array([[1.0], [np.nan], [3.0]]), sample_period_s=0.5)
    >>> admitted = admit(clock, chunk)
    >>> admitted.values, admitted.dt_s, admitted.position
    (array([1., 3.]), array([0.5, 1. ]), array([0, 2]))
    >>> int(clock.n_bad[0]), int(clock.n_gaps[0])
    (1, 1)
    """
    check_continues(clock, chunk, channel)
    values = np.ascontiguousarray(chunk.values[:, channel], dtype=np.float64)
    if chunk.times_s is None:
        admitted, n_bad, n_late = _admit_regular(clock, chunk, channel, values)
    else:
        admitted, n_bad, n_late = _admit_irregular(clock, chunk, channel, values)
    _record(clock, chunk.first_sample, channel, admitted, n_bad, n_late)
    return admitted


def is_measurement(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where a number is a measurement: not NaN, not infinite, no mark for "missing".

    Examples
    --------
    >>> is_measurement(np.array([1e35, np.nan, -np.inf, 1e38]))
    array([ True, False, False, False])
    """
    return np.abs(values) < NO_MEASUREMENT


def all_measured(values: NDArray[np.floating]) -> bool:
    """Whether all are measurements; one pass suffices unless some are larger than 1e36 / sqrt(n).

    A sum of squares below a bound has no square above it, and is no number if one of them is none.

    Examples
    --------
    >>> all_measured(np.array([1.0, -1e35])), all_measured(np.array([1.0, np.nan])), all_measured(np.array([-1e36]))
    (True, False, False)
    """
    flat = values.reshape(-1)
    return float(flat.dot(flat)) < NO_MEASUREMENT**2 or bool(is_measurement(values).all())


def without_marks(chunk: Chunk) -> Chunk:
    """``chunk`` with NaN where a number says that there is no measurement: from `NO_MEASUREMENT` on, either sign.

    `admit` lets none pass; this keeps them out of what is reported of the signal as well.

    Examples
    --------
    >>> without_marks(Chunk(np.array([[2.0], [-9.96921e36]]), sample_period_s=1.0)).values[:, 0]
    array([ 2., nan])
    """
    values = chunk.values
    if all_measured(values):
        return chunk
    marked = np.abs(values) >= NO_MEASUREMENT
    return dataclasses.replace(chunk, values=np.where(marked, np.nan, values)) if marked.any() else chunk


def _admit_regular(clock: Clock, chunk: Chunk, channel: int, values: NDArray[np.float64]) -> tuple[Admitted, int, int]:
    period_s, n = chunk.sample_period_s, len(values)
    assert period_s is not None
    dt_s, times_s, position = np.empty(n), np.empty(n), np.empty(n, dtype=np.int64)
    last = int(clock.last_index[channel])
    n_good = scan(values, chunk.first_sample, last, float(period_s), float(chunk.start_time_s), dt_s, times_s, position)
    if n_good < n:
        position = position[:n_good].copy()
        values, dt_s, times_s = values[position], dt_s[:n_good].copy(), times_s[:n_good].copy()
    return Admitted(values, dt_s, times_s, position), n - n_good, 0


@entry
def scan(values, first_sample, last, period_s, start_time_s, dt_s, times_s, position):
    """Intervals, time stamps and places of the measurements among ``values``, from the front; how many there are.

    ``last`` is the index of the good sample before them, -1 if there is none: the first one gets one period.
    """
    n_good = 0
    for i in range(values.shape[0]):
        if abs(values[i]) < NO_MEASUREMENT:
            index = first_sample + i
            dt_s[n_good] = (index - last) * period_s if last >= 0 else period_s
            times_s[n_good] = start_time_s + index * period_s
            position[n_good] = i
            last = index
            n_good += 1
    return n_good


def _admit_irregular(
    clock: Clock, chunk: Chunk, channel: int, values: NDArray[np.float64]
) -> tuple[Admitted, int, int]:
    times_s = np.asarray(chunk.times_s, dtype=np.float64)
    started = clock.last_index[channel] >= 0
    usable = is_measurement(values) & np.isfinite(times_s)
    position = np.arange(len(values), dtype=np.int64)
    n_bad = n_late = 0
    if not usable.all():
        position = position[usable]
        n_bad = len(values) - len(position)
    # A late sample is below the running maximum and so never moves it: one pass finds them all.
    stamps = times_s if n_bad == 0 else times_s[position]
    edge = clock.last_time_s[channel] if started else -np.inf
    in_order = np.empty(len(stamps), dtype=bool)
    in_order[:1] = stamps[:1] > edge
    in_order[1:] = stamps[1:] > np.maximum(np.maximum.accumulate(stamps), edge)[:-1]
    if not in_order.all():
        position, stamps = position[in_order], stamps[in_order]
        n_late = len(in_order) - len(position)
    if n_bad or n_late:
        values = values[position]
    dt_s = np.empty(len(stamps))
    np.subtract(stamps[1:], stamps[:-1], out=dt_s[1:])
    dt_s[:1] = stamps[:1] - edge if started else 0.0
    return Admitted(values, dt_s, stamps, position), n_bad, n_late


def _record(clock: Clock, first_sample: int, channel: int, admitted: Admitted, n_bad: int, n_late: int) -> None:
    if n_bad:
        clock.n_bad[channel] += n_bad
    if n_late:
        clock.n_late[channel] += n_late
    position = admitted.position
    if not len(position):
        return
    last, newest = int(clock.last_index[channel]), first_sample + int(position[-1])
    if newest - last > len(position):  # something between the previous good sample and the newest was dropped
        clock.n_gaps[channel] += np.count_nonzero(np.diff(position, prepend=last - first_sample) > 1)
    if last < 0:
        clock.first_time_s[channel] = admitted.times_s[0]
    clock.last_index[channel] = newest
    clock.last_time_s[channel] = admitted.times_s[-1]


def check_continues(clock: Clock, chunk: Chunk, channel: int) -> None:
    """Raise the ValueError of `admit` if ``chunk`` does not follow what the clock has seen of ``channel``."""
    if chunk.first_sample != clock.n_samples[0]:
        raise ValueError(
            f"chunk.first_sample must be {clock.index}, the samples this state has consumed, got {chunk.first_sample}; "
            "feed the chunks in order, mark missing samples with NaN, and start a new stream with model.init()"
        )
    if chunk.values.shape[1] != clock.last_index.size:
        raise ValueError(
            f"chunk.values has {chunk.values.shape[1]} channels, this state has {clock.n_channels}; "
            "give the model n_channels = the number of columns of the signal"
        )
    last = clock.last_index[channel]
    if chunk.sample_period_s is not None and last >= 0:
        expected_s = chunk.start_time_s + int(last) * chunk.sample_period_s
        if expected_s != clock.last_time_s[channel]:
            raise ValueError(
                f"sample {last} was at {clock.last_time_s[channel]} s, but sample_period_s={chunk.sample_period_s} and "
                f"start_time_s={chunk.start_time_s} put it at {expected_s} s; keep both for the whole stream, "
                "or pass times_s from the first chunk on"
            )
