"""The gate every sample passes: bad samples are dropped and counted, good ones get their true interval.

A NaN, an infinity or a time stamp that does not increase is data about the sensor, not an error: it
never reaches a model, and what the model learns is what it would have learned without that sample.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.engines.native import native
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk

#: Magnitude from which a number is a mark for "missing" (9.97e36, 1e37, 1e38, 3.4e38) and no measurement. One such
#: number, taken for a sample, would outweigh all that was learned for hundreds of time constants.
NO_MEASUREMENT = 1e36
_SQUARE = NO_MEASUREMENT**2


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
    _check_place(clock, chunk)
    values = np.ascontiguousarray(chunk.values[:, channel], dtype=np.float64)
    is_regular = chunk.sample_period_s is not None
    stamps_s = _NO_STAMPS if is_regular else np.ascontiguousarray(chunk.times_s, dtype=np.float64)
    period_s = float(chunk.sample_period_s or 0.0)
    n = len(values)
    dt_s, times_s, position = np.empty(n), np.empty(n), np.empty(n, np.int64)
    n_good = scan(
        values, stamps_s, is_regular, period_s, float(chunk.start_time_s), channel,
        clock.n_samples, clock.last_index, clock.last_time_s, clock.first_time_s,
        clock.n_bad, clock.n_late, clock.n_gaps, dt_s, times_s, position,
    )  # fmt: skip
    if n_good < 0:
        _check_time_base(clock, chunk, channel)  # says why
    if n_good < n:
        position = position[:n_good].copy()
        values, dt_s, times_s = values[position], dt_s[:n_good].copy(), times_s[:n_good].copy()
    return Admitted(values, dt_s, times_s, position)


_NO_STAMPS = np.empty(0)


@native  # no `entry`: `admit` holds the arrays, and to count them would take as long as to look at them
def scan(
    values, stamps_s, is_regular, period_s, start_time_s, channel,
    n_samples, last_index, last_time_s, first_time_s, n_bad, n_late, n_gaps, dt_s, times_s, position,
):  # fmt: skip
    """How many of ``values`` are good; their intervals, stamps and places go to the front of the last three arrays.

    The clock's entries of ``channel`` are brought up to date. -1, and nothing is changed, if its last good sample is
    not where the period and the start put it. ``period_s`` is 0.0 of an irregular stream, ``stamps_s`` empty of a
    regular one.
    """
    last, newest_s, bad, late, gaps, n_good = last_index[channel], last_time_s[channel], 0, 0, 0, 0
    if is_regular and last >= 0 and start_time_s + last * period_s != newest_s:
        return -1
    for i in range(values.shape[0]):
        index = n_samples[0] + i
        time_s = start_time_s + index * period_s if is_regular else stamps_s[i]
        if not (abs(values[i]) < NO_MEASUREMENT and (is_regular or abs(time_s) < np.inf)):
            bad += 1
        elif not is_regular and last >= 0 and time_s <= newest_s:
            late += 1
        else:
            if last < 0:
                dt_s[n_good] = period_s
                first_time_s[channel] = time_s
            else:
                dt_s[n_good] = (index - last) * period_s if is_regular else time_s - newest_s
            times_s[n_good], position[n_good] = time_s, i
            gaps += index - last > 1
            last, newest_s = index, time_s
            n_good += 1
    last_index[channel], last_time_s[channel] = last, newest_s
    n_bad[channel] += bad
    n_late[channel] += late
    n_gaps[channel] += gaps
    return n_good


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
    flat = values.ravel()
    return float(flat.dot(flat)) < _SQUARE or bool(is_measurement(values).all())


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


def check_continues(clock: Clock, chunk: Chunk, channel: int) -> None:
    """Raise the ValueError of `admit` if ``chunk`` does not follow what the clock has seen of ``channel``."""
    _check_place(clock, chunk)
    _check_time_base(clock, chunk, channel)


def _check_place(clock: Clock, chunk: Chunk) -> None:
    if chunk.first_sample != clock.n_samples.item():
        raise ValueError(
            f"chunk.first_sample must be {clock.index}, the samples this state has consumed, got {chunk.first_sample}; "
            "feed the chunks in order, mark missing samples with NaN, and start a new stream with model.init()"
        )
    if chunk.values.shape[1] != clock.last_index.size:
        raise ValueError(
            f"chunk.values has {chunk.values.shape[1]} channels, this state has {clock.n_channels}; "
            "give the model n_channels = the number of columns of the signal"
        )


def _check_time_base(clock: Clock, chunk: Chunk, channel: int) -> None:
    last = clock.last_index.item(channel)
    if chunk.sample_period_s is not None and last >= 0:
        expected_s = float(chunk.start_time_s) + last * float(chunk.sample_period_s)
        if expected_s != (newest_s := clock.last_time_s.item(channel)):
            raise ValueError(
                f"sample {last} was at {newest_s} s, but sample_period_s={chunk.sample_period_s} and "
                f"start_time_s={chunk.start_time_s} put it at {expected_s} s; keep both for the whole stream, "
                "or pass times_s from the first chunk on"
            )
