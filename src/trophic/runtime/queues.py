"""A bounded queue between a source that will not wait and a model that may take its time."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Iterable, Iterator

from trophic.runtime.contract import Chunk
from trophic.runtime.streams import missing

POLICIES = ("block", "drop_oldest", "fail")
_MISSING_AT_ONCE = 4096


class QueueOverflow(RuntimeError):
    """A live source was faster than the model for longer than the queue could hold, and the policy is to fail."""


class Queue:
    """Read ``source`` in a thread of its own and hand its Chunks on; iterate over it once.

    Parameters
    ----------
    source : iterable of Chunk
        May block.
    max_samples : int
        Most samples that wait, >= 1. A chunk larger than that waits alone.
    policy : {"block", "drop_oldest", "fail"}
        What happens when it is full: the source waits, the oldest chunk is dropped, or the run ends with
        `QueueOverflow` once what waits was consumed. What was dropped from a regular stream is handed on as
        missing samples, so that the clock stays right; the stamps of an irregular one tell by themselves.

    Attributes
    ----------
    n_dropped : int
        Samples dropped so far.
    n_waiting : int
        Samples in the queue now.

    Raises
    ------
    ValueError
        If ``max_samples`` or ``policy`` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> chunks = [Chunk(np.zeros((4, 1)), first_sample=4 * i, sample_period_s=1.0) for i in range(3)]
    >>> sum(len(chunk) for chunk in Queue(chunks, max_samples=8, policy="block"))
    12
    """

    def __init__(self, source: Iterable[Chunk], max_samples: int, policy: str = "block") -> None:
        if max_samples < 1:
            raise ValueError(f"max_samples must be >= 1, got {max_samples}; a second of the stream is a good size")
        if policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
        self.max_samples, self.policy = max_samples, policy
        self.n_dropped = self.n_waiting = 0
        self._source = source
        self._chunks: deque[Chunk] = deque()
        self._changed = threading.Condition()
        self._ended = self._abandoned = False
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[Chunk]:
        threading.Thread(target=self._fill, name="trophic-source", daemon=True).start()
        try:
            yield from self._drain()
        finally:
            with self._changed:
                self._abandoned = True
                self._changed.notify_all()

    def _drain(self) -> Iterator[Chunk]:
        """The chunks in order, numbered without holes: an irregular stream's drops leave no index behind."""
        index: int | None = None
        while True:
            with self._changed:
                while not self._chunks and not self._ended:
                    self._changed.wait()
                if not self._chunks:
                    break
                chunk = self._chunks.popleft()
                self.n_waiting -= len(chunk)
                self._changed.notify_all()
            index = chunk.first_sample if index is None else index
            if chunk.times_s is None:
                while index < chunk.first_sample:
                    n = min(_MISSING_AT_ONCE, chunk.first_sample - index)
                    yield missing(chunk, n, index)
                    index += n
            yield dataclasses.replace(chunk, first_sample=index)
            index += len(chunk)
        if self._error is not None:
            raise self._error

    def _fill(self) -> None:
        try:
            for chunk in self._source:
                if not self._put(chunk):
                    return
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, chunk: Chunk) -> bool:
        """Whether anyone is still listening."""
        with self._changed:
            while self._chunks and self.n_waiting + len(chunk) > self.max_samples and not self._abandoned:
                if self.policy == "block":
                    self._changed.wait()
                elif self.policy == "drop_oldest":
                    dropped = len(self._chunks.popleft())
                    self.n_waiting -= dropped
                    self.n_dropped += dropped
                else:
                    raise QueueOverflow(
                        f"{self.n_waiting} samples wait and {len(chunk)} more came, the queue holds "
                        f"{self.max_samples}; make it larger, choose the policy drop_oldest, or a smaller model"
                    )
            if not self._abandoned:
                self._chunks.append(chunk)
                self.n_waiting += len(chunk)
                self._changed.notify_all()
            return not self._abandoned
