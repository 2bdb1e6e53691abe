"""`run`: drive any model over any source, chunk by chunk, for a second or for a year."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import Any, Generic, Self

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, InfoT, Model, State, StateT
from trophic.runtime.sinks import Sink


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
) -> Result[StateT, InfoT]:
    """Feed ``source`` to ``model`` and return the State it ends in.

    Parameters
    ----------
    model : Model
        The configuration of the learner.
    source : array, shape (n_samples,) or (n_samples, n_channels), or Chunk, or iterable of Chunk
        The signal in its own unit; NaN and inf mark missing samples. An array continues at the sample
        where ``state`` stands. An iterable may be endless and may block.
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

    Returns
    -------
    Result
        Ctrl-C ends a run like the end of the source does: the chunk in work is completed (a second Ctrl-C
        does not wait for it and raises KeyboardInterrupt), the sinks are closed and the Result has
        ``interrupted=True``.

    Raises
    ------
    ValueError
        If the arguments contradict each other or the chunks do not continue the state.
    TypeError
        If ``source`` is neither an array of real numbers nor chunks.

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
    state = model.init(seed) if state is None else state.copy()
    clock = clock_of(state)
    begin = clock.index
    chunks = _chunks(source, begin, sample_rate_hz, times_s, start_time_s)
    sinks = tuple(sinks)
    infos: list[InfoT] | None = [] if collect else None
    with _CtrlC() as ctrl_c, ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
        try:
            for chunk in _pieces(chunks, chunk_size):
                ctrl_c.busy = True
                info = model.advance(state, chunk)
                if infos is not None:
                    infos.append(info)
                for sink in sinks:
                    sink.write(info)
                ctrl_c.release()
        except KeyboardInterrupt:
            if ctrl_c.busy:  # the model itself was cut short: its state is of no chunk's end
                raise
            ctrl_c.pending = True
        ctrl_c.busy = True  # sinks close undisturbed
    return Result(state, infos, clock.index - begin, interrupted=ctrl_c.pending)


def clock_of(state: State) -> Clock:
    """The clock of a model's State: its field ``clock``. TypeError if it has none."""
    clock = getattr(state, "clock", None)
    if not isinstance(clock, Clock):
        raise TypeError(
            f"{type(state).__name__} must have a field `clock: Clock` (what a State needs to go on includes "
            f"where its stream stands), got {clock!r}; add `clock=Clock.new(n_channels)` in init()"
        )
    return clock


class _CtrlC:
    """Holds the first Ctrl-C back while `busy`, so that a chunk is either consumed or not begun.

    Only the main thread gets signals, and a handler that the program installed itself is respected.
    """

    def __init__(self) -> None:
        self.busy = False
        self.pending = False
        self._installed = False

    def __enter__(self) -> Self:
        on_main_thread = threading.current_thread() is threading.main_thread()
        if on_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *exception: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if not self.busy or self.pending:
            raise KeyboardInterrupt
        self.pending = True

    def release(self) -> None:
        """The chunk is done: let a Ctrl-C that came meanwhile take effect."""
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
            piece = chunk.part(start, min(start + chunk_size, len(chunk)))
            if piece.values.dtype.kind != "f":
                piece = dataclasses.replace(piece, values=piece.values.astype(np.float64))
            yield piece
