"""`run`: drive any model over any source, chunk by chunk, for a second or for a year."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import Any, Generic, Self

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.autosave import Autosave
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Chunk, InfoT, Model, StateT
from trophic.runtime.guard import without_marks
from trophic.runtime.sinks import Sink, Watcher


@dataclass(frozen=True)
class Result(Generic[StateT, InfoT]):
    """What a run leaves behind.

    Attributes
    ----------
    state : State
        The State after the last complete chunk; pass it to the next `run` to go on.
    infos : list or None
        The Info of every chunk; None if the run was told not to collect them.
    n_samples : int
        Samples consumed by this run, good or bad.
    interrupted : bool
        True if Ctrl-C ended the run. ``state`` is then that of the last complete chunk.
    """

    state: StateT
    infos: list[InfoT] | None
    n_samples: int
    interrupted: bool = False


def run(
    model: Model[StateT, InfoT],
    source: Any,
    state: StateT | None = None,
    *,
    seed: int = 0,
    chunk_size: int = 4096,
    sample_rate_hz: float | None = None,
    times_s: NDArray[np.float64] | None = None,
    start_time_s: float = 0.0,
    sinks: Iterable[Sink] = (),
    collect: bool = True,
    checkpoint: str | os.PathLike[str] | Autosave | None = None,
    every: int | None = None,
) -> Result[StateT, InfoT]:
    """Feed ``source`` to ``model`` and return the State it ends in.

    Parameters
    ----------
    model : Model
        The configuration of the learner.
    source : array, shape (n_samples,) or (n_samples, n_channels), or Chunk, or iterable of Chunk
        The signal in its own unit; NaN, inf and magnitudes from 1e36 on are missing samples. An array continues at the
        sample where ``state`` stands. An iterable may be endless and may block.
    state : State, optional
        Where to go on. It is copied; nothing the caller holds is changed. Default: ``model.init(seed)``.
    seed : int
        Seed of a fresh State; unused if ``state`` is given.
    chunk_size : int
        Largest number of samples (>= 1) given to the model at once. It changes speed and memory, and no bit
        of the result.
    sample_rate_hz : float
        Samples per second, in (0, inf), of a regular array.
    times_s : float64 array, shape (n_samples,)
        Time stamps in seconds of an irregular array, increasing. Instead of ``sample_rate_hz``.
    start_time_s : float
        Time stamp in seconds of sample 0 of a regular array.
    sinks : iterable of Sink
        Each gets every Info; all are closed at the end, however the run ends.
    collect : bool
        Keep the Infos in the Result. With False and an endless source the memory stays bounded.
    checkpoint : path or Autosave, optional
        Save the State there at chunk ends and at the end of the run. A path saves once a minute (or ``every`` so many
        samples) and keeps the last three; `trophic.runtime.autosave.Autosave` has every choice. It is saved too when
        the source fails, but not when the model or a sink does: the State is then of no chunk's end, or ahead of what
        the sinks have.
    every : int, optional
        Samples between checkpoints, >= 1, with a path.

    Returns
    -------
    Result
        Ctrl-C ends a run like the end of the source does: the chunk in work is completed (a second Ctrl-C
        does not wait for it and raises KeyboardInterrupt), the checkpoint is saved, the sinks are closed and the
        Result has ``interrupted=True``. With a checkpoint SIGTERM does the same and then ends the program
        (SystemExit 143).

    Raises
    ------
    ValueError
        If the arguments contradict each other or the chunks do not continue the state.
    TypeError
        If ``source`` is neither an array of real numbers nor chunks.
    FileExistsError
        If ``checkpoint`` holds one already and no ``state`` is given to go on from.
    CheckpointWriteError
        If the last checkpoint cannot be written. One that fails on the way is a RuntimeWarning.

    Examples
    --------
    >>> import trophic
    >>> t = np.arange(4000) / 1000
    >>> result = run(trophic.Ecology(f_min_hz=2, f_max_hz=400), np.cos(2 * np.pi * 50 * t), sample_rate_hz=1000)
    >>> result.n_samples, result.state.clock.index, result.interrupted
    (4000, 4000, False)
    """
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be >= 1 sample, got {chunk_size}; the default 4096 suits most streams")
    autosave = _autosave(checkpoint, every)
    fresh = state is None
    state = model.init(seed) if state is None else state.copy()
    clock = clock_of(state)
    begin = clock.index
    chunks = _chunks(source, begin, sample_rate_hz, times_s, start_time_s)
    sinks = tuple(sinks)
    infos: list[InfoT] | None = [] if collect else None
    with Signals(terminate=autosave is not None) as signals, ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
        if autosave is not None:
            autosave.begin(state, fresh)
        for sink in sinks:
            if isinstance(sink, Watcher):
                sink.begin(state)
        try:
            for chunk in _pieces(chunks, chunk_size):
                signals.busy = True
                info = model.advance(state, chunk)
                if infos is not None:
                    infos.append(info)
                for sink in sinks:
                    sink.write(info)
                if autosave is not None:
                    autosave.offer(model, state)
                signals.release()
        except KeyboardInterrupt:
            if signals.busy:  # the model itself was cut short: its state is of no chunk's end
                raise
            signals.pending = True
        finally:
            at_chunk_end, signals.busy = not signals.busy, True  # what follows is undisturbed
            if autosave is not None and at_chunk_end:
                autosave.finish(model, state)
    signals.end_if_terminated()
    return Result(state, infos, clock.index - begin, interrupted=signals.pending)


def _autosave(checkpoint: str | os.PathLike[str] | Autosave | None, every: int | None) -> Autosave | None:
    if checkpoint is None or isinstance(checkpoint, Autosave):
        if every is not None:
            raise ValueError(f"every={every} needs checkpoint=path; an Autosave has its own every_samples")
        return checkpoint
    return Autosave(checkpoint, every_samples=every)


class Signals:
    """Holds the first Ctrl-C (and SIGTERM) back while `busy`, so that a chunk is either consumed or not begun.

    Only the main thread gets signals, and a handler that the program installed itself is respected.
    """

    def __init__(self, terminate: bool) -> None:
        self.busy = False
        self.pending = False
        self.terminated = False
        self._defaults: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
        if terminate:
            self._defaults[signal.SIGTERM] = signal.SIG_DFL
        self._installed: list[int] = []

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._installed = [number for number, usual in self._defaults.items() if signal.getsignal(number) is usual]
        for number in self._installed:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number in self._installed:
            signal.signal(number, self._defaults[number])

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.terminated = self.terminated or signum == signal.SIGTERM
        if not self.busy or self.pending:
            raise KeyboardInterrupt
        self.pending = True

    def end_if_terminated(self) -> None:
        """Everything is saved: do what SIGTERM asked for."""
        if self.terminated:
            raise SystemExit(128 + signal.SIGTERM)

    def release(self) -> None:
        """The chunk is done: let a signal that came meanwhile take effect."""
        self.busy = False
        if self.pending:
            raise KeyboardInterrupt


def _chunks(
    source: Any, first_sample: int, sample_rate_hz: float | None, times_s: Any, start_time_s: float
) -> Iterable[Chunk]:
    is_list = isinstance(source, list | tuple) and not (source and isinstance(source[0], Chunk))
    if is_list or hasattr(source, "__array__"):
        return (_chunk_of_array(source, first_sample, sample_rate_hz, times_s, start_time_s),)
    if sample_rate_hz is not None or times_s is not None or start_time_s:
        raise ValueError(
            "sample_rate_hz, times_s and start_time_s belong to an array; a source of Chunks carries its own time "
            "base: drop them here and set sample_period_s (or times_s) and start_time_s on each Chunk"
        )
    return (source,) if isinstance(source, Chunk) else source


def _chunk_of_array(
    source: Any, first_sample: int, sample_rate_hz: float | None, times_s: Any, start_time_s: float
) -> Chunk:
    values = np.asarray(source)
    if values.dtype.kind not in "fiub":
        raise TypeError(
            f"source must hold real numbers, got an array of dtype {values.dtype}; "
            "convert it first, for example np.asarray(x, dtype=float) with NaN where a sample is missing"
        )
    if values.ndim not in (1, 2):
        raise ValueError(f"source must have shape (n_samples,) or (n_samples, n_channels), got {values.shape}")
    if (sample_rate_hz is None) == (times_s is None):
        raise ValueError(
            "give exactly one of sample_rate_hz (a regular stream) and times_s (an irregular one) with an array, "
            f"got sample_rate_hz={sample_rate_hz!r} and times_s={'an array' if times_s is not None else None}"
        )
    if sample_rate_hz is not None and not 0 < sample_rate_hz < np.inf:
        raise ValueError(f"sample_rate_hz must be in (0, inf) Hz, got {sample_rate_hz}")
    return Chunk(
        values[:, None] if values.ndim == 1 else values,
        first_sample=first_sample,
        sample_period_s=None if sample_rate_hz is None else 1 / sample_rate_hz,
        times_s=None if times_s is None else np.asarray(times_s, dtype=np.float64),
        start_time_s=start_time_s,
    )


def _pieces(chunks: Iterable[Chunk], chunk_size: int) -> Iterator[Chunk]:
    """Chunks of at most ``chunk_size`` samples, in floating point (converted piece by piece: a file may be mapped)."""
    for chunk in chunks:
        if not isinstance(chunk, Chunk):
            raise TypeError(
                f"source must be an array or yield Chunks, it yielded {type(chunk).__name__}; "
                "wrap each block of samples as Chunk(values, first_sample=..., sample_period_s=...)"
            )
        for start in range(0, len(chunk), chunk_size):
            whole = len(chunk) <= chunk_size
            piece = chunk if whole else chunk.part(start, min(start + chunk_size, len(chunk)))
            if piece.values.dtype.kind != "f":
                piece = dataclasses.replace(piece, values=piece.values.astype(np.float64))
            yield without_marks(piece)
