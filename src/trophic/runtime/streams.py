"""Streams that are no files: any Python iterator, bytes and lines as they arrive, and going on where one was left."""

from __future__ import annotations

import csv
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk

#: Sample formats of raw PCM: the name as in ffmpeg, the dtype, and full scale.
PCM_FORMATS = {
    "u8": ("u1", 128.0), "s16le": ("<i2", 2.0**15), "s16be": (">i2", 2.0**15), "s32le": ("<i4", 2.0**31),
    "s32be": (">i4", 2.0**31), "f32le": ("<f4", 1.0), "f32be": (">f4", 1.0), "f64le": ("<f8", 1.0),
    "f64be": (">f8", 1.0),
}  # fmt: skip

#: A line longer than this is no row of numbers.
MAX_LINE = 1 << 16


def from_sample(chunks: Iterable[Chunk], first_sample: int) -> Iterator[Chunk]:
    """The part of a stream from the absolute sample ``first_sample`` on: what is left for a State that stands there.

    Examples
    --------
    >>> chunks = [Chunk(np.zeros((4, 1)), first_sample=4 * i, sample_period_s=1.0) for i in range(3)]
    >>> [(c.first_sample, len(c)) for c in from_sample(chunks, 6)]
    [(6, 2), (8, 4)]
    """
    for chunk in chunks:
        skipped = min(max(first_sample - chunk.first_sample, 0), len(chunk))
        if skipped < len(chunk):
            yield chunk.part(skipped, len(chunk)) if skipped else chunk


def chunks_of(
    rows: Iterable[Any],
    *,
    sample_rate_hz: float,
    first_sample: int = 0,
    start_time_s: float = 0.0,
    chunk_size: int = 64,
) -> Iterator[Chunk]:
    """Any iterator of samples as Chunks.

    Parameters
    ----------
    rows : iterable of number or sequence of n_channels numbers
        One item per sample, in the signal's own unit; None and NaN are missing. It may be endless and may block.
    sample_rate_hz : float
        Samples per second, in (0, inf).
    first_sample : int
        Absolute index of the first item: where the State stands (``state.clock.index``).
    start_time_s : float
        Time stamp of sample 0.
    chunk_size : int
        Samples that are waited for before they are handed on, >= 1.

    Raises
    ------
    ValueError
        If an item is not as many numbers as the first one was.

    Examples
    --------
    >>> [chunk.values[:, 0].tolist() for chunk in chunks_of(iter([1, None, 3.5]), sample_rate_hz=10, chunk_size=2)]
    [[1.0, nan], [3.5]]
    """
    rows, n_channels = iter(rows), None
    while block := list(itertools.islice(rows, chunk_size)):
        values = np.array(block, dtype=np.float64).reshape(len(block), -1)
        n_channels = n_channels or values.shape[1]
        if values.shape[1] != n_channels:
            raise ValueError(
                f"samples {first_sample} and on have {values.shape[1]} channels, those before {n_channels}"
            )
        yield Chunk(values, first_sample, sample_period_s=1.0 / sample_rate_hz, start_time_s=start_time_s)
        first_sample += len(values)


class Decoder(Protocol):
    """What makes rows of bytes: `Pcm`, `CsvLines`, `trophic.runtime.messages.JsonRows`."""

    n_malformed: int

    def feed(self, data: bytes, /) -> NDArray[np.float64]: ...

    def finish(self) -> NDArray[np.float64]: ...


@dataclass
class Pcm:
    """Raw PCM as it arrives: frames of interleaved samples, integers scaled so that full scale is 1.

    Parameters
    ----------
    dtype : str
        A key of `PCM_FORMATS`.
    n_channels : int
        Samples per frame, >= 1.

    Examples
    --------
    >>> decoder = Pcm("s16le", n_channels=2)
    >>> decoder.feed(bytes([0, 64, 0, 192, 0])).tolist(), decoder.feed(bytes([32, 0, 0])).tolist()
    ([[0.5, -0.5]], [[0.25, 0.0]])
    """

    dtype: str
    n_channels: int
    n_malformed: int = 0
    _rest: bytes = b""

    def feed(self, data: bytes) -> NDArray[np.float64]:
        """The frames, shape (n, n_channels), that ``data`` completes."""
        kind, full_scale = PCM_FORMATS[self.dtype]
        frame = np.dtype(kind).itemsize * self.n_channels
        data = self._rest + data
        whole = len(data) - len(data) % frame
        self._rest = data[whole:]
        values = np.frombuffer(data[:whole], kind).astype(np.float64).reshape(-1, self.n_channels)
        return (values - full_scale) / full_scale if kind == "u1" else values / full_scale

    def finish(self) -> NDArray[np.float64]:
        """What is left at the end of the stream: a frame cut short is dropped and counted."""
        self.n_malformed += bool(self._rest)
        self._rest = b""
        return np.empty((0, self.n_channels))


@dataclass
class CsvLines:
    """Lines of numbers as they arrive. A cell that is no number is a missing sample (NaN); so is a malformed line.

    A header is skipped. Attribute ``n_malformed`` counts lines with too many or too few cells, or longer than
    `MAX_LINE` bytes.

    Parameters
    ----------
    n_columns : int
        Cells per line, >= 1, the time stamp included.
    header : bool
        The first line may be one.

    Examples
    --------
    >>> lines = CsvLines(2)
    >>> lines.feed(b"t,x\\n0.0,1\\n0.1,").tolist(), lines.feed(b"oops\\n7\\n").tolist(), lines.n_malformed
    ([[0.0, 1.0]], [[0.1, nan], [nan, nan]], 1)
    """

    n_columns: int
    header: bool = True
    n_malformed: int = 0
    _rest: bytes = b""
    _is_first: bool = True
    _skipping: bool = False

    def feed(self, data: bytes) -> NDArray[np.float64]:
        """The rows, shape (n, n_columns), that ``data`` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        rows = [row for line in lines if (row := self._row(line)) is not None]
        if len(self._rest) > MAX_LINE:  # remember that it is too long, not what is in it
            self._rest, self._skipping = b"", True
        return np.array(rows, dtype=np.float64).reshape(-1, self.n_columns)

    def finish(self) -> NDArray[np.float64]:
        """The last line, if no newline ended it. What follows may have a header again."""
        rows = self.feed(b"\n") if self._rest else np.empty((0, self.n_columns))
        self._is_first = True
        return rows

    def _row(self, line: bytes) -> list[float] | None:
        too_long, self._skipping = self._skipping or len(line) > MAX_LINE, False
        text = "" if too_long else line.decode("utf-8", "replace").strip()
        if not text and not too_long:
            return None
        cells = next(csv.reader([text]), []) if not too_long else []
        row = [_number(cell) for cell in cells]
        may_be_header, self._is_first = self.header and self._is_first, False
        if may_be_header and row and all(math.isnan(x) for x in row):
            return None
        if len(row) != self.n_columns:
            self.n_malformed += 1
            return [math.nan] * self.n_columns
        return row


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


@dataclass
class LiveStream:
    """Pieces of bytes as Chunks of a stream that goes on at ``first_sample``.

    Parameters
    ----------
    pieces : iterable of bytes
        As they arrive; may block. An empty piece says that a sender has ended: no row goes on behind it.
    decoder : Decoder
        What makes rows of them.
    sample_rate_hz : float or None
        Samples per second of a regular stream; None if the first column is the time stamp in seconds.
    first_sample : int
        Absolute index of the first row.

    Examples
    --------
    >>> stream = LiveStream([b"1\\n2\\n", b"3\\n"], CsvLines(1), sample_rate_hz=10.0, first_sample=5)
    >>> [(chunk.first_sample, chunk.values[:, 0].tolist()) for chunk in stream]
    [(5, [1.0, 2.0]), (7, [3.0])]
    """

    pieces: Iterable[bytes]
    decoder: Decoder
    sample_rate_hz: float | None
    first_sample: int = 0

    def __iter__(self) -> Iterator[Chunk]:
        for piece in self.pieces:
            yield from self._chunk(self.decoder.feed(piece) if piece else self.decoder.finish())
        yield from self._chunk(self.decoder.finish())

    def _chunk(self, rows: NDArray[np.float64]) -> Iterator[Chunk]:
        if not len(rows):
            return
        first, self.first_sample = self.first_sample, self.first_sample + len(rows)
        if self.sample_rate_hz is not None:
            yield Chunk(rows, first, sample_period_s=1.0 / self.sample_rate_hz)
        else:
            yield Chunk(rows[:, 1:], first, times_s=np.ascontiguousarray(rows[:, 0]))


def standard_input() -> Iterator[bytes]:
    """What arrives there, piece by piece."""
    while piece := os.read(0, 1 << 16):
        yield piece


def missing(like: Chunk, n_samples: int, first_sample: int) -> Chunk:
    """A chunk of ``n_samples`` missing samples of a regular stream, where samples were lost."""
    values = np.broadcast_to(np.nan, (n_samples, like.n_channels))
    return Chunk(values, first_sample, like.sample_period_s, start_time_s=like.start_time_s)
