"""Streams that come in messages: each holds whole rows, and what was learned of which message is known."""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk
from trophic.runtime.streams import Decoder

#: A message larger than that, in bytes, is refused.
MAX_MESSAGE = 1 << 20

#: What a source hands on at once: payload (None if it was refused unread) and mark of every message.
Batch = Sequence[tuple[bytes | None, int]]


@dataclass
class JsonRows:
    """Messages of JSON. What is no row is a missing sample (NaN), and counted in ``n_malformed``.

    Without time stamps a row is a number, an array of n_channels numbers, or an object ``{"x": such a row}``; with
    them an array that begins with the time in seconds, or an object ``{"t": seconds, "x": row}``. A message is one row
    or an array of rows. ``null`` is a missing number.

    Parameters
    ----------
    n_channels : int
        Signals, >= 1.
    timed : bool
        Rows have time stamps, which become the first column.

    Examples
    --------
    >>> rows = JsonRows(2, timed=True)
    >>> rows.feed(b'{"t": 0.5, "x": [1, null]}').tolist(), rows.feed(b"[[1.0, 2, 3], [1.5, 4, 5]]").tolist()
    ([[0.5, 1.0, nan]], [[1.0, 2.0, 3.0], [1.5, 4.0, 5.0]])
    >>> rows.feed(b"rubbish").tolist(), rows.n_malformed
    ([[nan, nan, nan]], 1)
    """

    n_channels: int
    timed: bool = False
    n_malformed: int = 0

    def feed(self, data: bytes, /) -> NDArray[np.float64]:
        """The rows of one message, shape (n, n_channels), or (n, 1 + n_channels) with time stamps."""
        n_columns = self.n_channels + self.timed
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            content = "rubbish"
        several = isinstance(content, list) and (not content or isinstance(content[0], list | dict))
        rows = [self._row(item) for item in (content if several else [content])]
        self.n_malformed += rows.count(None)
        return np.array([row or [math.nan] * n_columns for row in rows]).reshape(len(rows), n_columns)

    def finish(self) -> NDArray[np.float64]:
        """Nothing is left: a message ends with itself."""
        return np.empty((0, self.n_channels + self.timed))

    def _row(self, item: Any) -> list[float] | None:
        stamp: list[Any] = []
        if isinstance(item, dict):
            stamp = [item.get("t")] if self.timed else []
            item = item.get("x")
        cells = stamp + (item if isinstance(item, list) else [item])
        if len(cells) != self.n_channels + self.timed or not all(map(_is_number, cells)):
            return None
        try:
            return [math.nan if cell is None else float(cell) for cell in cells]
        except OverflowError:
            return None


def _is_number(cell: Any) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


@dataclass(frozen=True)
class Delivery(Chunk):
    """A Chunk that knows the messages it came in: the mark of each and its number of rows, in order."""

    messages: tuple[tuple[int, int], ...] = ()


class MessageStream:
    """Messages as Chunks of a stream that goes on at ``first_sample``.

    Parameters
    ----------
    batches : iterable of Batch
        As they arrive; may block.
    decoder : Decoder
        What makes rows of each message.
    width : int
        Columns of a row, the time stamp included.
    sample_rate_hz : float or None
        Samples per second of a regular stream; None if the first column is the time stamp in seconds.
    first_sample : int
        Absolute index of the first row.
    skip_rows : int
        Rows of the first messages that were learned before.

    Examples
    --------
    >>> stream = MessageStream([[(b"1", 7), (b"[[2], [3]]", 8)]], JsonRows(1), 1, sample_rate_hz=10.0)
    >>> [(chunk.values[:, 0].tolist(), chunk.messages) for chunk in stream]
    [([1.0, 2.0, 3.0], ((7, 1), (8, 2)))]
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        decoder: Decoder,
        width: int,
        sample_rate_hz: float | None,
        first_sample: int = 0,
        skip_rows: int = 0,
    ) -> None:
        self._batches, self._decoder, self._width = batches, decoder, width
        self._rate_hz, self._index, self._skip = sample_rate_hz, first_sample, skip_rows

    def __iter__(self) -> Iterator[Delivery]:
        messages: list[tuple[int, int]] = []
        for batch in self._batches:
            blocks = []
            for payload, mark in batch:
                blocks.append(self._unlearned(self._rows(payload)))
                messages.append((mark, len(blocks[-1])))
            rows = np.concatenate(blocks) if blocks else np.empty((0, self._width))
            if len(rows):  # the marks of empty messages wait for the next rows
                yield self._chunk(rows, tuple(messages))
                messages = []

    def _rows(self, payload: bytes | None) -> NDArray[np.float64]:
        if payload is None or len(payload) > MAX_MESSAGE:
            self._decoder.n_malformed += 1
            return np.full((1, self._width), np.nan)
        return np.concatenate([self._decoder.feed(payload), self._decoder.finish()])

    def _unlearned(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        skipped = min(self._skip, len(rows))
        self._skip -= skipped
        return rows[skipped:]

    def _chunk(self, rows: NDArray[np.float64], messages: tuple[tuple[int, int], ...]) -> Delivery:
        first, self._index = self._index, self._index + len(rows)
        if self._rate_hz is not None:
            return Delivery(rows, first, sample_period_s=1.0 / self._rate_hz, messages=messages)
        return Delivery(rows[:, 1:], first, times_s=np.ascontiguousarray(rows[:, 0]), messages=messages)


class Ledger:
    """Hands Chunks on, behind every queue, and remembers which message each sample came in.

    Parameters
    ----------
    chunks : iterable of Chunk
        Those that are no `Delivery` came in no message.
    first_sample : int
        Absolute index of the first.
    skip_rows : int
        Rows of the first message that lie before it.

    Examples
    --------
    >>> stream = MessageStream([[(b"1", 7), (b"[[2], [3]]", 8)]], JsonRows(1), 1, sample_rate_hz=10.0)
    >>> ledger = Ledger(stream)
    >>> _ = list(ledger)
    >>> ledger.settle(0), ledger.settle(2), ledger.settle(3)
    ((None, 0), (7, 1), (8, 0))
    """

    def __init__(self, chunks: Iterable[Chunk], first_sample: int = 0, skip_rows: int = 0) -> None:
        self._chunks = chunks
        self._open: deque[tuple[int, int]] = deque()  # end of each message's rows, its mark
        self._settled: tuple[int, int | None] = (first_sample - skip_rows, None)
        self.handed_on = first_sample

    def __iter__(self) -> Iterator[Chunk]:
        for chunk in self._chunks:
            end = chunk.first_sample
            for mark, n_rows in getattr(chunk, "messages", ()):
                end += n_rows
                self._open.append((end, mark))
            yield chunk
            self.handed_on = chunk.first_sample + len(chunk)

    def settle(self, index: int) -> tuple[int | None, int]:
        """Mark of the last message (None: none yet) all of whose rows lie before sample ``index``, and how many rows
        of the next one do. Indices must not decrease."""
        while self._open and self._open[0][0] <= index:
            self._settled = self._open.popleft()
        end, mark = self._settled
        return mark, index - end if self._open or mark is None else 0


class Backoff:
    """Waits between attempts to connect: 0.1 s, then twice as long each time, at most 30 s; success starts over.

    Examples
    --------
    >>> backoff = Backoff(threading.Event())
    >>> [backoff.next_s() for _ in range(3)], [backoff.next_s() for _ in range(9)][-1]
    ([0.1, 0.2, 0.4], 30.0)
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._pause_s = stop, 0.1

    def next_s(self) -> float:
        """The pause that is due, in seconds; the following one is longer."""
        pause_s, self._pause_s = self._pause_s, min(30.0, 2 * self._pause_s)
        return pause_s

    def wait(self, pause_s: float) -> None:
        """That pause, or until told to stop."""
        self._stop.wait(pause_s)

    def reset(self) -> None:
        """It worked."""
        self._pause_s = 0.1
