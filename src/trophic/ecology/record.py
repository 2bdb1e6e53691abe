"""A record at hand: whatever array-like the caller has, as samples, a clock and a band."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.frames import columns_of, is_missing, seconds_of
from trophic.view.units import TimeAxis

Array = NDArray[np.float64]

MIN_SAMPLES = 16
MIN_PERIODS = 4  # that the slowest component fits into the record
NYQUIST_SHARE = 0.9  # of the Nyquist frequency that is used
MAX_DECADES = 7


def default_band(sample_rate_hz: float, duration_s: float) -> tuple[float, float]:
    """The band that a record can say something about, (f_min_hz, f_max_hz).

    The lower end is 4 periods per record: what was seen fewer times cannot be told from a trend. The upper end is
    .45 of the sampling rate: closer to the Nyquist frequency, a tone and its mirror image beat so slowly that
    amplitude and phase are not separate things. Very long records get 7 decades below the upper end and no more,
    because the listeners that cover the band cost time, and the rhythms of audio are not those of climate: give
    ``f_min_hz`` to `decompose` if you look for slower ones.

    Parameters
    ----------
    sample_rate_hz : float
        Samples per second, > 0; of an irregular record, 1 / (median interval).
    duration_s : float
        Seconds from the first to the last sample, at least 16 sample periods.

    Raises
    ------
    ValueError
        If the record is too short to see anything repeat.

    Examples
    --------
    >>> default_band(1000.0, 10.0)
    (0.4, 450.0)
    >>> default_band(1.0, 1e9)
    (4.5e-08, 0.45)
    """
    if not (0 < sample_rate_hz < math.inf and 0 < duration_s < math.inf):
        raise ValueError(
            f"sample_rate_hz and duration_s must be in (0, inf), got {sample_rate_hz} Hz and {duration_s} s"
        )
    if sample_rate_hz * duration_s < MIN_SAMPLES - 1.5:  # a record of n samples lasts n - 1 or n periods
        raise ValueError(
            f"the record is too short: {duration_s} s at {sample_rate_hz} Hz is less than {MIN_SAMPLES} samples"
        )
    f_max_hz = NYQUIST_SHARE * sample_rate_hz / 2
    return max(MIN_PERIODS / duration_s, f_max_hz / 10**MAX_DECADES), f_max_hz


class Given(NamedTuple):
    """A record as the caller has it: float64 values of shape (n, n_channels), NaN where a sample is missing."""

    values: Array
    is_table: bool  # it was two-dimensional
    names: tuple[str, ...]  # of the channels, "" without one
    times_s: Array | None  # dates of its own, in seconds since 1970
    library: str  # whose Series or data frame it is; "" for an array


def given(x: Any) -> Given:
    """``x`` as a record.

    Examples
    --------
    >>> import pandas
    >>> found = given(pandas.DataFrame({"left": range(20), "right": 1.5}))
    >>> found.values.shape, found.names, found.library
    ((20, 2), ('left', 'right'), 'pandas')
    """
    columns = columns_of(x)
    values, is_table = samples_of(x if columns is None else columns.values)
    if columns is None:
        return Given(values, is_table, ("",) * values.shape[1], None, "")
    return Given(values, is_table, columns.names, columns.times_s, columns.library)


def samples_of(x: Any) -> tuple[Array, bool]:
    """``x`` as float64 of shape (n, n_channels), and whether it was two-dimensional; what is missing is NaN."""
    if isinstance(x, np.ma.MaskedArray):
        x = np.ma.filled(x.astype(np.float64), np.nan)
    try:
        values = np.asarray(x)
        if values.dtype.kind == "O":  # None and pandas' NA among numbers
            values = np.array([math.nan if is_missing(v) else v for v in values.ravel()], float).reshape(values.shape)
    except (TypeError, ValueError) as error:
        raise TypeError(f"x must hold real numbers, got {type(x).__name__}: {error}") from error
    if values.dtype.kind not in "fiub":
        raise TypeError(f"x must hold real numbers, got dtype {values.dtype}; for a complex signal pass its real part")
    if values.ndim not in (1, 2):
        raise ValueError(f"x must have shape (n,) or (n, n_channels), got {values.shape}")
    n = len(values)
    if n < MIN_SAMPLES or values.size == 0:
        raise ValueError(
            f"x must have at least {MIN_SAMPLES} samples, got shape {values.shape}; time is the first axis: transpose?"
        )
    values = np.ascontiguousarray(values, dtype=np.float64)
    if not np.isfinite(values).any():
        raise ValueError(f"x has no finite sample among {values.size}")
    return (values[:, None], False) if values.ndim == 1 else (values, True)


def clock_of(
    own_times_s: Array | None, n: int, sample_rate_hz: float | None, times_s: Any
) -> tuple[Array | None, float | None, TimeAxis]:
    """(times_s, None, axis) of an irregular record, (None, sample_rate_hz, axis) of a regular one."""
    if sample_rate_hz is not None and times_s is not None:
        raise ValueError("give sample_rate_hz (a regular record) or times_s (an irregular one), not both")
    if sample_rate_hz is not None:
        if not 0 < sample_rate_hz < math.inf:
            raise ValueError(f"sample_rate_hz must be in (0, inf) Hz, got {sample_rate_hz}")
        return None, float(sample_rate_hz), "seconds"
    if times_s is None and own_times_s is None:
        return None, 1.0, "samples"
    stamps, time_axis = (own_times_s, "dates") if times_s is None else _as_seconds(times_s)
    assert stamps is not None
    if stamps.shape != (n,):
        raise ValueError(f"times_s must have one time stamp per sample, shape ({n},), got {stamps.shape}")
    return stamps, None, time_axis


def _as_seconds(times: Any) -> tuple[Array, TimeAxis]:
    """Time stamps in seconds; dates become seconds since 1970-01-01 UTC, missing ones NaN."""
    dates_s = seconds_of(times)
    if dates_s is not None:
        return dates_s, "dates"
    stamps = np.asarray(times)
    if stamps.dtype.kind == "M":
        since = stamps.astype("datetime64[us]") - np.datetime64(0, "us")
        return since / np.timedelta64(1, "s"), "dates"
    if stamps.dtype.kind not in "fiu":
        raise TypeError(f"times_s must hold seconds or dates (datetime64), got dtype {stamps.dtype}")
    return stamps.astype(np.float64), "seconds"


def shortest_interval(times_s: Array) -> float:
    """The shortest positive interval between successive time stamps, seconds: what limits the band without a clock."""
    steps = np.diff(times_s[np.isfinite(times_s)])
    return float(np.min(steps[steps > 0]))


def extent(times_s: Array) -> tuple[float, float]:
    """(median interval, duration) of time stamps, seconds."""
    stamps = times_s[np.isfinite(times_s)]
    steps = np.diff(stamps)
    steps = steps[steps > 0]
    if not len(steps):
        raise ValueError("times_s never increases; time stamps are seconds, in increasing order")
    return float(np.median(steps)), float(stamps.max() - stamps.min())
