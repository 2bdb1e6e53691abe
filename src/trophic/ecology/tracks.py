"""Tracks: the life of the branches, frame by frame, and the sink that gathers it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.ecology.model import EcologyInfo
from trophic.runtime.sinks import concatenate

MAX_TRACK_FRAMES = 4000
TRACK_FIELDS = ("frequency_hz", "amplitude", "phase_rad", "mass", "share", "bandwidth_hz", "alive", "individual")


@dataclass(frozen=True)
class Tracks:
    """The life of the branches: F frames, K slots. A slot may be reused by another individual.

    Attributes
    ----------
    time_s : float64 array, shape (F,)
        Time stamps of the frames, seconds.
    frequency_hz, amplitude, phase_rad, mass, share, bandwidth_hz : float arrays, shape (F, K)
        NaN where not alive. ``amplitude`` in the signal's unit, ``phase_rad`` in (-pi, pi] of the cosine at the
        frame, ``mass`` the quality factor of the branch, ``share`` of the energy flux in 0..1, ``bandwidth_hz`` the
        component's own linewidth (full width at half maximum).
    alive : bool array, shape (F, K)
    individual : int64 array, shape (F, K)
        Birth number of who lives in the slot.
    rate_hz : float
        Frames per second (of an irregular record: at its median sampling rate).
    """

    time_s: NDArray[np.float64]
    frequency_hz: NDArray[np.floating]
    amplitude: NDArray[np.floating]
    phase_rad: NDArray[np.floating]
    mass: NDArray[np.floating]
    share: NDArray[np.floating]
    bandwidth_hz: NDArray[np.floating]
    alive: NDArray[np.bool_]
    individual: NDArray[np.int64]
    rate_hz: float


class Collected:
    """A sink that lays tracks and residual of all channels side by side."""

    def __init__(self, n_samples: int, n_channels: int) -> None:
        self.residual = np.full((n_samples, n_channels), np.nan)
        self.time_s = np.full(n_samples, np.nan)
        self._done = 0
        self._frames: list[dict[str, NDArray[Any]]] = []

    def write(self, info: EcologyInfo) -> None:
        here = slice(self._done, self._done + len(info.residual))
        self.residual[here], self.time_s[here] = info.residual, info.sample_time_s
        self._done = here.stop
        self._frames.append({name: getattr(info, name) for name in ("time_s", *TRACK_FIELDS)})

    def close(self) -> None:
        """Nothing to release."""

    def tracks(self, rate_hz: float) -> list[Tracks]:
        """The tracks of every channel."""
        joined = concatenate(self._frames)
        time_s = joined.pop("time_s")
        return [
            Tracks(time_s, **{name: value[:, channel] for name, value in joined.items()}, rate_hz=rate_hz)
            for channel in range(self.residual.shape[1])
        ]


def samples_per_frame(n_samples: int, rate_hz: float, track_rate_hz: float | None) -> int:
    """Samples per track frame."""
    if track_rate_hz is None:
        return max(1, math.ceil(n_samples / MAX_TRACK_FRAMES))
    if not 0 < track_rate_hz <= rate_hz * (1 + 1e-9):
        raise ValueError(f"track_rate_hz must be in (0, {rate_hz}], the sampling rate, got {track_rate_hz} Hz")
    return max(1, round(rate_hz / track_rate_hz))
