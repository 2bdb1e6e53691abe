"""A stream of any length at a glance: a sink whose memory never grows.

Everything is kept per *frame*. A frame starts as one sample; whenever there are more than ``max_frames``
of them, neighbours are merged in pairs and a frame becomes twice as long. What is shown thus has the same
resolution whether the stream has sixty samples or ten billion, and does not depend on how it was cut into chunks.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from trophic.view.frames import Frames, Grid, TrackStore
from trophic.view.spectrogram import Spectrogram

if TYPE_CHECKING:
    from trophic.ecology.model import EcologyInfo

Array = NDArray[np.float64]
TimeAxis = Literal["seconds", "dates", "samples"]

TIME_AXES = ("seconds", "dates", "samples")
BLOCK = 4096  # good samples taken at a time: always the same ones, however the stream was cut
TRACK_FIELDS = ("frequency_hz", "amplitude", "mass", "share", "bandwidth_hz", "alive", "individual")


@dataclass(frozen=True)
class Scene:
    """What `trophic.view.figures.draw` draws. F frames, R spectrogram rows, T track frames, K branches.

    Attributes
    ----------
    time_s : float64 array, shape (F,)
        Centres of the frames, seconds; frames are ``frame_s`` long.
    signal_min, signal_max, signal_rms, residual_min, residual_max, residual_rms : float64 arrays, shape (F,)
        In the signal's unit; NaN in frames without a good sample. The rms is about zero.
    row_hz : float64 array, shape (R,)
        Row frequencies of the spectrogram, log spaced.
    power : float64 array, shape (F, R)
        Mean squared amplitude (that of a tone at the row's frequency), signal-unit^2; NaN where blank.
    track_time_s : float64 array, shape (T,)
    tracks : dict of arrays, shape (T, K)
        ``frequency_hz``, ``amplitude``, ``mass``, ``share``, ``bandwidth_hz`` (NaN where not alive),
        ``alive`` (bool), ``individual`` (int64).
    explained : float
        1 - var(residual) / var(signal); NaN before there is any.
    time_axis : {"seconds", "dates", "samples"}
    unit : str
    """

    time_s: Array
    frame_s: float
    signal_min: Array
    signal_max: Array
    signal_rms: Array
    residual_min: Array
    residual_max: Array
    residual_rms: Array
    row_hz: Array
    power: Array
    track_time_s: Array
    tracks: dict[str, NDArray[Any]]
    explained: float
    time_axis: TimeAxis
    unit: str


class Overview:
    """A sink that keeps what a figure of one channel needs, in a few megabytes.

    Parameters
    ----------
    f_min_hz, f_max_hz : float
        Band shown, Hz: the model's.
    sample_rate_hz : float or None
        Rate of the spectrogram's grid, Hz, at least 2 f_max_hz: the sampling rate of a regular stream. None (an
        irregular stream) takes f_max_hz / .45. Samples fall on the nearest grid point, several are averaged, and
        grid points without one are missing, not zero.
    channel : int
        Which channel, 0 .. n_channels - 1.
    max_frames : int
        Frames kept, an even number >= 16; the resolution in time is between this and half of it.
    time_axis : {"seconds", "dates", "samples"}
        How figures label time: "dates" if time stamps are seconds since 1970-01-01 UTC, "samples" if the
        sampling rate is a made-up 1 Hz.
    unit : str
        The signal's unit, for figures.

    Raises
    ------
    ValueError
        For a parameter out of range.

    Examples
    --------
    >>> overview = Overview(1.0, 45.0, sample_rate_hz=100.0)
    >>> t = np.arange(100_000) / 100.0
    >>> overview.add_samples(t, np.cos(2 * np.pi * 10 * t), np.zeros_like(t))
    >>> scene = overview.scene()
    >>> len(scene.time_s), scene.frame_s, scene.explained
    (782, 1.28, 1.0)
    >>> strongest = scene.power.mean(axis=0).argmax()
    >>> round(float(scene.row_hz[strongest]), 1), round(float(scene.power[:, strongest].mean()), 2)
    (9.9, 0.97)
    """

    def __init__(
        self,
        f_min_hz: float,
        f_max_hz: float,
        sample_rate_hz: float | None = None,
        *,
        channel: int = 0,
        max_frames: int = 1024,
        time_axis: TimeAxis = "seconds",
        unit: str = "",
    ) -> None:
        if not 0 < f_min_hz < f_max_hz < np.inf:
            raise ValueError(f"need 0 < f_min_hz < f_max_hz < inf, got f_min_hz={f_min_hz}, f_max_hz={f_max_hz}")
        rate_hz = f_max_hz / 0.45 if sample_rate_hz is None else sample_rate_hz
        if not 2 * f_max_hz <= rate_hz < np.inf:
            raise ValueError(
                f"sample_rate_hz must be at least 2 f_max_hz = {2 * f_max_hz} Hz, got {sample_rate_hz}; lower f_max_hz"
            )
        if channel < 0:
            raise ValueError(f"channel must be >= 0, got {channel}")
        if max_frames < 16 or max_frames % 2:
            raise ValueError(f"max_frames must be an even number >= 16, got {max_frames}")
        if time_axis not in TIME_AXES:
            raise ValueError(f"time_axis must be one of {TIME_AXES}, got {time_axis!r}")
        self.channel, self.time_axis, self.unit = channel, time_axis, unit
        self._grid = Grid(rate_hz)
        self._spectrogram = Spectrogram(f_min_hz, f_max_hz, rate_hz)
        self._frames = Frames(max_frames, len(self._spectrogram.frequency_hz), len(self._spectrogram.octaves))
        self._tracks = TrackStore(2 * max_frames)
        self._pending = (np.empty(0, np.int64), np.empty(0), np.empty(0))  # good samples waiting for their block
        self._n_cells = 0  # grid cells in the spectrogram

    def write(self, info: EcologyInfo) -> None:
        """Take one chunk's report."""
        c = self.channel
        self.add_samples(info.sample_time_s, info.signal[:, c], info.residual[:, c])
        self.add_tracks(info.time_s, {name: getattr(info, name)[:, c] for name in TRACK_FIELDS})

    def close(self) -> None:
        """Nothing to release: an Overview may be drawn before and after."""

    def add_samples(self, time_s: Array, signal: Array, residual: Array) -> None:
        """Take samples, all of shape (n,): times in seconds, signal and residual in the signal's unit.

        Samples whose value or time stamp is NaN or infinite, or whose time stamp does not increase, are ignored.
        """
        admitted = self._grid.admit(time_s, signal, residual)
        if not len(admitted[0]):
            return
        index, signal, residual = (np.concatenate(pair) for pair in zip(self._pending, admitted, strict=True))
        whole = len(index) // BLOCK * BLOCK
        for begin in range(0, whole, BLOCK):
            block = slice(begin, begin + BLOCK)
            self._take(index[block], signal[block], residual[block])
        self._pending = (index[whole:], signal[whole:], residual[whole:])

    def add_tracks(self, time_s: Array, fields: dict[str, NDArray[Any]]) -> None:
        """Take track frames: times of shape (F,) in seconds, and arrays of shape (F, K) named as in `Scene.tracks`."""
        self._tracks.add(time_s, fields)

    def scene(self) -> Scene:
        """All that was seen so far, ready to draw. The overview is unchanged and may go on."""
        done = copy.deepcopy(self)
        done._flush()
        frames, grid = done._frames, done._grid
        envelope = frames.envelope()
        with np.errstate(invalid="ignore"):
            signal_rms = np.sqrt(envelope["signal_square"] / envelope["n"])
            residual_rms = np.sqrt(envelope["residual_square"] / envelope["n_residual"])
        centre = (np.arange(len(signal_rms)) + 0.5) * frames.length - 0.5
        return Scene(
            time_s=grid.origin_s + centre / grid.rate_hz,
            frame_s=frames.length / grid.rate_hz,
            signal_min=envelope["signal_min"],
            signal_max=envelope["signal_max"],
            signal_rms=signal_rms,
            residual_min=envelope["residual_min"],
            residual_max=envelope["residual_max"],
            residual_rms=residual_rms,
            row_hz=done._spectrogram.frequency_hz,
            power=frames.power(done._spectrogram),
            track_time_s=done._tracks.time_s,
            tracks=done._tracks.fields,
            explained=frames.explained(),
            time_axis=done.time_axis,
            unit=done.unit,
        )

    def _take(self, index: NDArray[np.int64], signal: Array, residual: Array) -> None:
        """A block of good samples, into frames and spectrogram."""
        self._frames.add_samples(index, signal, residual)
        self._extend(*self._grid.cells(index, signal))

    def _extend(self, cells: NDArray[np.int64], values: Array) -> None:
        """Put grid cells (increasing) behind those already in the spectrogram, with what lies between missing."""
        longest_gap = 4 * max(self._spectrogram.reach, BLOCK)
        start = 0
        for i in np.flatnonzero(np.diff(cells, prepend=self._n_cells) > longest_gap):
            self._push_dense(cells[start:i], values[start:i])
            self._leap(int(cells[i]))
            start = i
        self._push_dense(cells[start:], values[start:])

    def _push_dense(self, cells: NDArray[np.int64], values: Array) -> None:
        if len(cells):
            dense = np.full(int(cells[-1]) + 1 - self._n_cells, np.nan)
            dense[cells - self._n_cells] = values
            self._push(dense)

    def _push(self, values: Array, last: int | None = None) -> None:
        """Into the spectrogram, and what comes out of it (centred up to cell ``last``) into the frames."""
        self._n_cells += len(values)
        for patch in self._spectrogram.push(values, self._frames.length):
            keep = len(patch.index) if last is None else int(np.searchsorted(patch.index, last, side="right"))
            self._frames.add_power(patch.octave, patch.rows, patch.index[:keep], patch.power[:keep])

    def _leap(self, cell: int) -> None:
        """Over a gap too long to fill with missing samples: finish the windows before it, go on behind it."""
        self._push(np.full(self._spectrogram.reach + 1, np.nan))
        self._n_cells = self._spectrogram.jump(cell)

    def _flush(self) -> None:
        """Bring in the samples held back, and complete the windows that reach beyond the end."""
        if len(self._pending[0]):
            self._take(*self._pending)
        self._extend(*self._grid.last_cell())
        self._push(np.full(self._spectrogram.reach + 1, np.nan), last=self._n_cells - 1)
