"""Fundamental frequency of a voice, frame by frame: the reference for `benchmarks.voice`.

Source: A. de Cheveigne and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", J. Acoust. Soc.
Am. 111 (2002) 1917-1930, steps 1 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

APERIODIC = 0.15  # a frame whose normalised difference nowhere dips below this is not voiced
QUIET_DB = 30.0  # nor is one so far below the loudest tenth of the frames
STABLE = 0.1  # nor one whose pitch differs by more than this share from both neighbours'


@dataclass(frozen=True)
class Pitch:
    """Frames: centres in seconds, fundamental in Hz (NaN where not voiced)."""

    time_s: Array
    f0_hz: Array

    @property
    def voiced(self) -> NDArray[np.bool_]:
        return np.isfinite(self.f0_hz)


def yin(
    x: Array,
    sample_rate_hz: float,
    f_min_hz: float = 70.0,
    f_max_hz: float = 600.0,
    step_s: float = 0.01,
    window_s: float = 0.025,
) -> Pitch:
    """Fundamental frequency every ``step_s``, from windows centred on the frame.

    Parameters
    ----------
    x : array, shape (n,)
    sample_rate_hz, f_min_hz, f_max_hz : float
        Hz.
    step_s, window_s : float
        Seconds from frame to frame, and over which two copies of the signal are compared.
    """
    window, longest = round(window_s * sample_rate_hz), int(sample_rate_hz / f_min_hz) + 1
    shortest = max(2, int(sample_rate_hz / f_max_hz))
    reach = (window + longest) // 2 + 1
    centres = np.arange(reach, len(x) - reach, round(step_s * sample_rate_hz))
    f0 = np.full(len(centres), np.nan)
    power = np.zeros(len(centres))
    lags = np.arange(1, longest + 2)
    for i, centre in enumerate(centres):
        piece = x[centre - reach : centre - reach + window + longest + 1]
        pieces = np.lib.stride_tricks.sliding_window_view(piece, window)
        power[i] = np.mean(piece**2)
        early = (longest + 1 - lags) // 2  # both copies together are centred on the frame
        difference = np.sum((pieces[early + lags] - pieces[early]) ** 2, axis=1)
        normalised = difference * lags / np.maximum(np.cumsum(difference), 1e-300)
        f0[i] = sample_rate_hz / _first_dip(normalised, shortest, longest)
    f0[power < np.quantile(power, 0.9) * 10 ** (-QUIET_DB / 10)] = np.nan
    with np.errstate(invalid="ignore"):
        near = np.abs(np.diff(np.log(f0))) < STABLE
    f0[~(np.append(near, False) | np.insert(near, 0, False))] = np.nan
    return Pitch(centres / sample_rate_hz, f0)


def _first_dip(normalised: Array, shortest: int, longest: int) -> float:
    """Lag (samples) of the bottom of the first dip below the threshold, by a parabola; NaN without one."""
    for k in range(shortest - 1, longest):
        if normalised[k] < APERIODIC and normalised[k] <= normalised[k + 1]:
            left, middle, right = normalised[k - 1 : k + 2]
            bend = left - 2 * middle + right
            return k + 1 + (0.5 * (left - right) / bend if bend > 0 else 0.0)
    return np.nan
