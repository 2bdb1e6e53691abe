"""What a figure of forecasts needs of a stream of known length: a sink's listener whose memory does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trophic.view.units import TimeAxis

if TYPE_CHECKING:
    from trophic.forecasting.skill import Beside

MAX_BINS = 800
RECENT = 160  # samples shown with their forecasts


class Outlook:
    """The last samples with the forecasts that were for them, and surprise, drift and trust over the whole stream.

    Parameters
    ----------
    n_samples : int
        Rows to come, at least 1; later ones fall into the last bin.
    n_channels : int
    horizons : tuple of int
        Samples ahead.
    time_axis : {"seconds", "dates", "samples"}
        What time stamps mean; "dates" are seconds since 1970 once ``offset_s`` is added.
    offset_s : float
        Added to all time stamps, seconds.

    Attributes
    ----------
    time_s : float64 array, shape (B,)
        First time stamp in each bin; NaN in bins that were never reached.
    surprise : float64 array, shape (B, C)
        The largest in each bin, nats.
    anomaly, drift : bool arrays, shape (B, C)
        Whether there was any.
    trust : float64 array, shape (B, C, H, K)
        Weights of the experts at the end of the last chunk that ended in the bin; NaN where none did.
    recent_time_s, recent, recent_values : float64 arrays, shape (R,), (R, C), (R, C, H, 3)
        Times, samples, and forecast, lower and upper bound for them.
    """

    def __init__(
        self,
        n_samples: int,
        n_channels: int,
        horizons: tuple[int, ...],
        time_axis: TimeAxis = "seconds",
        offset_s: float = 0.0,
    ) -> None:
        from trophic.forecasting.layout import N_EXPERTS

        self.horizons, self.offset_s = horizons, offset_s
        self.time_axis: TimeAxis = time_axis
        self._n_samples, self._n = max(1, n_samples), 0
        bins = min(self._n_samples, MAX_BINS)
        self.time_s = np.full(bins, np.nan)
        self.surprise = np.full((bins, n_channels), np.nan)
        self.anomaly, self.drift = np.zeros((2, bins, n_channels), dtype=bool)
        self.trust = np.full((bins, n_channels, len(horizons), N_EXPERTS), np.nan)
        self.recent_time_s = np.empty(0)
        self.recent = np.empty((0, n_channels))
        self.recent_values = np.empty((0, n_channels, len(horizons), 3))

    def take(self, beside: Beside) -> None:
        """Take one chunk."""
        n, bins = len(beside.signal), len(self.time_s)
        if not n:
            return
        place = np.minimum((self._n + np.arange(n)) * bins // self._n_samples, bins - 1)
        self._n += n
        np.fmax.at(self.surprise, place, beside.surprise)
        np.logical_or.at(self.anomaly, place, beside.anomaly)
        np.logical_or.at(self.drift, place, beside.drift)
        time_s = beside.time_s + self.offset_s
        np.fmin.at(self.time_s, place, time_s)
        self.trust[place[-1]] = beside.trust
        self.recent_time_s = _last(self.recent_time_s, time_s)
        self.recent = _last(self.recent, beside.signal)
        self.recent_values = _last(self.recent_values, beside.values)

    def close(self) -> None:
        """Nothing to release."""


def _last(old: NDArray[np.float64], new: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.concatenate([old, new[-RECENT:].astype(np.float64)])[-RECENT:]
