"""Files as streams: open any supported file and iterate over `Chunk`s, whatever its size.

    source = open_source("speech.wav")
    result = trophic.run(trophic.Ecology(f_min_hz=60, f_max_hz=4000), source)

Audio goes through libsndfile, tables through Arrow, arrays are memory-mapped; each is read block by block. Before
the work a file is surveyed once, so that a broken row in the last block is known before the first one is learned
from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk
from trophic.runtime.readers import arrays, audio, table
from trophic.runtime.readers.common import Recording, SourceError
from trophic.runtime.readers.stamps import UNITS_S
from trophic.runtime.readers.survey import Survey, check_length, survey
from trophic.view.units import DAY_S, YEAR_S, duration

__all__ = ["SUFFIXES", "Source", "SourceError", "humane_period", "open_source"]

#: Every suffix `open_source` knows.
SUFFIXES = (*audio.SUFFIXES, *arrays.SUFFIXES, *table.TEXT_SUFFIXES, *table.PARQUET_SUFFIXES)

_MAX_CHANNELS = 64


@dataclass(frozen=True)
class Source:
    """A file as an iterable of `Chunk`s; each iteration starts at the beginning. Made by `open_source`.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        "audio", "array" or "table".
    channel_names : tuple of str
        One name per channel.
    sample_period_s : float or None
        Seconds between samples; None if the time stamps keep no even grid.
    typical_rate_hz : float
        The same, or one over the median interval of an irregular stream.
    n_samples : int
        Samples per channel, good or bad.
    duration_s : float
        From the first sample to the last, in seconds.
    time_unit : str or None
        Unit of the time column: "date", or one of ns, us, ms, s, min, h, day, year; None without one.
    notes : tuple of str
        What was left out and what was guessed.
    chunk_size : int
        Most samples in a chunk.
    """

    path: Path
    kind: str
    channel_names: tuple[str, ...]
    sample_period_s: float | None
    typical_rate_hz: float
    n_samples: int
    duration_s: float
    time_unit: str | None
    notes: tuple[str, ...]
    chunk_size: int
    _recording: Recording
    _origin: Any

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.channel_names)

    @property
    def sample_rate_hz(self) -> float | None:
        """Samples per second; None if the time stamps keep no even grid."""
        return None if self.sample_period_s is None else self.typical_rate_hz

    @property
    def epoch_s(self) -> float | None:
        """Time stamp of the first sample in seconds since 1970-01-01; None unless the file has dates or years."""
        if self.time_unit == "year":
            return float(self._origin - 1970) * YEAR_S
        if self.time_unit == "date":
            return float((self._origin - np.datetime64(0, "us")) / np.timedelta64(1, "us")) / 1e6
        return None

    def __iter__(self) -> Iterator[Chunk]:
        first_sample = 0
        for block in self._recording.blocks(self.chunk_size):
            if self.sample_period_s is not None:
                yield Chunk(block.values, first_sample, sample_period_s=self.sample_period_s)
            else:
                yield Chunk(block.values, first_sample, times_s=self._seconds(block.stamps))
            first_sample += len(block.values)

    def _seconds(self, stamps: NDArray[Any] | None) -> NDArray[np.float64]:
        form = self._recording.stamps
        assert form is not None
        assert stamps is not None
        return form.seconds(stamps, self._origin)

    def when(self, time_s: float) -> str:
        """A time of the stream as a person would write it: a date, a year, or a length of time since the start.

        Parameters
        ----------
        time_s : float
            Seconds since the first sample, as in the chunks; NaN gives a dash.
        """
        if np.isnan(time_s):
            return "-"
        if self.time_unit == "date":
            moment = self._origin.astype("datetime64[us]") + np.timedelta64(round(time_s * 1e6), "us")
            per_day = self.typical_rate_hz * DAY_S
            unit = (
                "D" if per_day < 2 else "m" if per_day <= 1440 else "s"
            )  # what is finer than the samples says nothing
            return str(np.datetime_as_string(moment, unit=unit)).replace("T", " ")
        if self.time_unit == "year":
            return f"{self._origin + time_s / YEAR_S:.1f}"
        return duration(max(time_s, 0.0))

    def start(self) -> str | float | None:
        """The first time stamp, as in the file: an ISO 8601 date, or a number in `time_unit`; None without one."""
        if self._origin is None:
            return None
        if self.time_unit == "date":
            return str(np.datetime_as_string(self._origin.astype("datetime64[us]"), unit="auto"))
        return float(self._origin)


def open_source(
    path: str | Path,
    *,
    column: str | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    sample_rate_hz: float | None = None,
    chunk_size: int = 65536,
) -> Source:
    """Open a file as a `Source`.

    Parameters
    ----------
    path : str or Path
        Audio (.wav, .flac, .ogg, .mp3, .aiff, ...), NumPy (.npy, .npz), delimited text (.csv, .tsv, .txt, .dat,
        .asc, each also with .gz) or Parquet (.parquet).
    column : str, optional
        The channel, column or .npz member to read, by name or by index from 0. Default: every channel, and every
        numeric column that is not the time.
    time_column : str, optional
        The column (or .npz member) with the time stamps. Default: the one that obviously is.
    time_unit : str, optional
        Unit of a numeric time column: ns, us, ms, s, min, h, day or year (365.25 days). Default: from its name
        and size, else seconds.
    sample_rate_hz : float, optional
        Samples per second, in (0, inf), of a regular stream. It overrides what the file says.
    chunk_size : int
        Most samples per chunk, >= 1.

    Returns
    -------
    Source
        Time counts from the first sample. Stamps that keep an even grid to a millionth of the period, or to their
        last digit, give a regular stream.

    Raises
    ------
    SourceError
        The file cannot be read as a stream: one line that names the file, the place and the fix.
    ModuleNotFoundError
        Never: a missing decoder is a `SourceError` that names the extra to install.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "tone.npz"
    ...     np.savez(file, x=np.cos(np.arange(4000) / 3), fs=1000)
    ...     source = open_source(file, chunk_size=1500)
    ...     source.sample_rate_hz, source.channel_names, [len(chunk) for chunk in source]
    (1000.0, ('x',), [1500, 1500, 1000])
    """
    path = Path(path)
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be >= 1 sample, got {chunk_size}")
    if sample_rate_hz is not None:
        if not 0 < sample_rate_hz < np.inf:
            raise SourceError(f"{path}: sample rate must be in (0, inf) Hz, got {sample_rate_hz}")
        if time_column is not None:
            raise SourceError(f"{path}: give --sample-rate or --time-column, not both: each defines the time")
    _check_file(path)
    recording = _read(path, column, time_column, time_unit, sample_rate_hz is not None)
    if len(recording.channel_names) > _MAX_CHANNELS:
        raise SourceError(
            f"{path}: {len(recording.channel_names)} channels, at most {_MAX_CHANNELS} at once; "
            f"choose one with --column, for example {recording.channel_names[0]!r}"
        )
    rate = sample_rate_hz if sample_rate_hz is not None else recording.sample_rate_hz
    if rate is None and recording.stamps is None:
        raise SourceError(f"{path}: nothing tells when the samples were taken; give --sample-rate in Hz")
    if rate is not None and not 0 < rate < np.inf:
        raise SourceError(f"{path}: the file states a sample rate of {rate} Hz; give the true one with --sample-rate")
    if recording.trusted and recording.n_samples is not None:
        check_length(path, recording.n_samples)
        return _source(path, recording, Survey(recording.n_samples), rate, chunk_size)
    return _source(path, recording, survey(path, recording, use_stamps=rate is None), rate, chunk_size)


def humane_period(frequency_hz: float) -> str:
    """The period of a frequency in the unit a person would use.

    Parameters
    ----------
    frequency_hz : float
        Frequency in Hz, > 0.

    Raises
    ------
    ValueError
        The frequency is not a positive finite number.

    Examples
    --------
    >>> humane_period(1 / 31557600), humane_period(1 / (12.4206 * 3600)), humane_period(1.1), humane_period(440)
    ('1 y', '12.42 h', '909.1 ms', '2.273 ms')
    """
    if not 0 < frequency_hz < np.inf:
        raise ValueError(f"frequency_hz must be in (0, inf) Hz, got {frequency_hz}; a period needs an oscillation")
    return duration(1.0 / frequency_hz)


def _check_file(path: Path) -> None:
    """The mistakes that need no decoder to be seen."""
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if path.is_dir():
        raise SourceError(f"{path}: is a directory; name one file in it")
    if _suffix(path) not in SUFFIXES:
        raise SourceError(f"{path}: unknown suffix {path.suffix!r}; known are {' '.join(SUFFIXES)} (text also .gz)")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened: {error.strerror}") from error
    if empty:
        raise SourceError(f"{path}: is empty (0 bytes)")


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] == ".gz" and suffixes[-2] in table.TEXT_SUFFIXES:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def _read(
    path: Path, column: str | None, time_column: str | None, time_unit: str | None, sample_rate_given: bool
) -> Recording:
    suffix = _suffix(path)
    if time_unit is not None and time_unit not in UNITS_S:
        raise SourceError(f"{path}: time unit {time_unit!r} is not one of {', '.join(UNITS_S)}")
    if suffix in audio.SUFFIXES:
        if time_column is not None:
            raise SourceError(f"{path}: an audio file has no time column {time_column!r}; leave --time-column out")
        return audio.read(path, column)
    if suffix in arrays.SUFFIXES:
        read = arrays.read
    else:
        read = table.read_parquet if suffix in table.PARQUET_SUFFIXES else table.read_text
    return read(path, column, time_column, time_unit, sample_rate_given)


def _source(path: Path, recording: Recording, found: Survey, rate_hz: float | None, chunk_size: int) -> Source:
    by_stamps = rate_hz is None
    period_s = found.period_s if rate_hz is None else 1.0 / rate_hz
    typical_s = float(found.typical_s or np.nan) if period_s is None else period_s
    notes, form = recording.notes, recording.stamps if by_stamps else None
    if form is not None and form.assumed:
        notes = (*notes, f"time column {form.column!r} is taken to be in seconds; --time-unit can say otherwise")
    return Source(
        path=path,
        kind=recording.kind,
        channel_names=recording.channel_names,
        sample_period_s=period_s,
        typical_rate_hz=1.0 / typical_s if rate_hz is None else rate_hz,
        n_samples=found.n_samples,
        duration_s=(found.n_samples - 1) * typical_s if found.duration_s is None else found.duration_s,
        time_unit=None if form is None else form.unit,
        notes=notes,
        chunk_size=chunk_size,
        _recording=recording,
        _origin=found.origin,
    )
