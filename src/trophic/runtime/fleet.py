"""Many streams, one model: each stream its own State and its own checkpoints, stepped together in one process."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from trophic.runtime import durable
from trophic.runtime.autosave import Autosave
from trophic.runtime.checkpoint import load_newest
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Chunk, Model, State, StateT
from trophic.runtime.drive import Signals
from trophic.runtime.guard import without_marks

#: A stream's name is also that of its folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CHECKPOINT = "state.safetensors"
_WRITERS = 8  # they wait for the disk, not for a core

#: Opens a stream at a sample: ``open_source(name, first_sample)``.
OpenSource = Callable[[str, int], Iterable[Chunk]]


class Fleet(Generic[StateT]):
    """The States of many streams, advanced together; every bit is what each stream would have alone.

    Streams of an `Ecology` whose chunks are regular, of one length and without a bad sample are advanced in one
    compiled loop over the stacked States. All others, and those of other models, are advanced one by one, on as many
    threads as there are cores (the kernels release the interpreter).

    Parameters
    ----------
    model : Model
        The learner of every stream.
    names : sequence of str
        Names of the streams: letters, digits, ``.``, ``_`` and ``-``, at most 100, the first a letter or digit.
    seed : int
        Every State begins as ``model.init(seed)``.
    n_threads : int or None
        Threads, >= 1; None for the number of cores.

    Attributes
    ----------
    states : dict of str to State
        By name. They may be read, saved and predicted with; `advance` updates them in place.

    Raises
    ------
    ValueError
        If a name is not allowed or is there twice, or ``n_threads`` is out of range.

    Examples
    --------
    >>> import trophic
    >>> t = np.arange(4000) / 1000
    >>> tones = np.stack([np.cos(2 * np.pi * f * t) for f in (50, 60)])
    >>> model = trophic.Ecology(f_min_hz=5, f_max_hz=400)
    >>> fleet = Fleet(model, ["plant-a", "plant-b"])
    >>> fleet.advance_block(tones, sample_rate_hz=1000)
    >>> [model.components(state)["frequency_hz"][0].round(2) for state in fleet.states.values()]
    [np.float64(50.0), np.float64(60.0)]
    """

    def __init__(
        self, model: Model[StateT, Any], names: Sequence[str], seed: int = 0, n_threads: int | None = None
    ) -> None:
        self.model, self.names = model, tuple(names)
        self._n_threads = n_threads or os.cpu_count() or 1
        if n_threads is not None and n_threads < 1:
            raise ValueError(f"n_threads must be >= 1, got {n_threads}; None takes every core")
        if wrong := [name for name in self.names if not _NAME.fullmatch(name)]:
            raise ValueError(
                f"names must be made of letters, digits, '.', '_' and '-', begin with a letter or digit and have at "
                f"most 100, got {wrong[0]!r}; it is also the name of a folder"
            )
        if len(set(self.names)) != len(self.names):
            double = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"names must differ, got {double!r} more than once; number them")
        first = model.init(seed)
        self._n_channels = clock_of(first).n_channels
        self._stacked = {
            name: np.repeat(array[np.newaxis], len(self.names), axis=0) for name, array in first.arrays().items()
        }
        self.states: dict[str, StateT] = {
            name: _view(first, {leaf: array[row] for leaf, array in self._stacked.items()})
            for row, name in enumerate(self.names)
        }
        self._in_a_herd = _is_ecology(model)
        self._rows = {name: row for row, name in enumerate(self.names)}

    def advance(self, chunks: Mapping[str, Chunk]) -> None:
        """Consume the next chunk of some of the streams.

        Raises
        ------
        KeyError
            If a name is none of the fleet's.
        ValueError
            If a chunk does not continue its stream; a note names the stream. Others may have been advanced.
        """
        if unknown := [name for name in chunks if name not in self._rows]:
            raise KeyError(f"no stream is named {unknown[0]!r}; the fleet was made with its names")
        alike: dict[Any, list[str]] = {}
        for name, chunk in chunks.items():
            regular = self._in_a_herd and chunk.times_s is None
            form = (chunk.values.shape, chunk.sample_period_s, chunk.start_time_s) if regular else None
            alike.setdefault(form, []).append(name)
        self._one_by_one({name: chunks[name] for name in alike.pop(None, ())})
        for (_, period_s, start_s), names in alike.items():
            first = np.array([chunks[name].first_sample for name in names], dtype=np.int64)
            values = np.stack([np.asarray(chunks[name].values, dtype=np.float64) for name in names])
            self._together(names, values, first, period_s, start_s)

    def advance_block(self, values: NDArray[np.floating], sample_rate_hz: float, start_time_s: float = 0.0) -> None:
        """Consume the next samples of every stream, all of one length.

        Parameters
        ----------
        values : array, shape (n_streams, n_samples) or (n_streams, n_samples, n_channels)
            In the order of the names; NaN is a missing sample.
        sample_rate_hz : float
            Samples per second, in (0, inf).
        start_time_s : float
            Time stamp of sample 0.

        Raises
        ------
        ValueError
            If the shape is another, or the period or start of a stream changed.
        """
        values = np.asarray(values, dtype=np.float64)
        values = values[:, :, np.newaxis] if values.ndim == 2 else values
        if values.ndim != 3 or len(values) != len(self.names):
            raise ValueError(
                f"values must have shape (n_streams, n_samples) or (n_streams, n_samples, n_channels) with n_streams = "
                f"{len(self.names)}, got {values.shape}; give advance() the chunks of some of the streams"
            )
        if not 0 < sample_rate_hz < np.inf:
            raise ValueError(f"sample_rate_hz must be in (0, inf) Hz, got {sample_rate_hz}")
        first = self._stacked["clock.n_samples"][:, 0].copy()
        self._together(self.names, values, first, 1.0 / sample_rate_hz, start_time_s)

    def _together(
        self,
        names: Sequence[str],
        values: NDArray[np.float64],
        first: NDArray[np.int64],
        period_s: float,
        start_s: float,
    ) -> None:
        together = np.zeros(len(names), dtype=bool)
        if self._in_a_herd and values.shape[2] == self._n_channels and values.shape[1]:
            from trophic.runtime import herd

            rows = np.array([self._rows[name] for name in names])
            together = herd.clean(self._stacked, rows, values, first, period_s, start_s)
            if together.any():
                n_threads = min(self._n_threads, len(rows))
                herd.advance(self.model, self._stacked, rows[together], values[together], period_s, start_s, n_threads)
        alone = np.flatnonzero(~together).tolist()
        self._one_by_one({names[i]: Chunk(values[i], int(first[i]), period_s, None, start_s) for i in alone})

    def _one_by_one(self, chunks: Mapping[str, Chunk]) -> None:
        def one(name: str) -> None:
            try:
                self.model.advance(self.states[name], without_marks(chunks[name]))
            except Exception as error:
                error.add_note(f"in stream {name!r}")
                raise

        if self._n_threads == 1 or len(chunks) < 2:
            for name in chunks:
                one(name)
            return
        with ThreadPoolExecutor(self._n_threads) as pool:
            for _ in pool.map(one, chunks):
                pass


def run_fleet(
    model: Model[StateT, Any],
    names: Sequence[str],
    open_source: OpenSource,
    folder: str | os.PathLike[str],
    *,
    every_samples: int = 1_000_000,
    keep: int = 3,
    seed: int = 0,
    n_threads: int | None = None,
) -> Fleet[StateT]:
    """Run every stream to its end, from its newest whole checkpoint, and save it on the way and at the end.

    The streams take turns, a chunk each; one that ends leaves the others running. Ctrl-C and SIGTERM complete the
    chunks in work, save every stream and end the program, as in `trophic.run`.

    Parameters
    ----------
    model, names, seed, n_threads
        As for `Fleet`.
    open_source : callable
        ``open_source(name, first_sample)`` gives the chunks of a stream from that sample on.
    folder : path
        Has a folder per stream with its checkpoints, ``<name>/state.safetensors`` and older ones; made if need be.
        Only one program may run a stream at a time.
    every_samples : int
        Samples between checkpoints of a stream, >= 1; the streams take turns with that too.
    keep : int
        Checkpoints of a stream that stay, >= 1.

    Returns
    -------
    Fleet
        With the final States.

    Raises
    ------
    CheckpointError, CheckpointWriteError
        If the checkpoints of a stream cannot be read or, at the end, written.
    KeyboardInterrupt, SystemExit
        After Ctrl-C and SIGTERM (143), with everything saved.

    Examples
    --------
    >>> import tempfile, trophic
    >>> from trophic.runtime.streams import chunks_of
    >>> def tone(name, first_sample):
    ...     n = np.arange(first_sample, 2000)
    ...     return chunks_of(np.cos(0.1 * n), sample_rate_hz=1000, first_sample=first_sample)
    >>> model = trophic.Ecology(f_min_hz=5, f_max_hz=400)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = run_fleet(model, ["a", "b"], tone, folder)
    ...     [state.clock.index for state in run_fleet(model, ["a", "b"], tone, folder).states.values()]
    [2000, 2000]
    """
    folder = Path(folder)
    fleet = Fleet(model, names, seed, n_threads)
    savers = _savers(folder, fleet.names, every_samples, keep)
    with Signals(terminate=True) as signals, ExitStack() as stack:
        _load(fleet, savers)
        sources: dict[str, Iterator[Chunk]] = {}
        for name, state in fleet.states.items():
            savers[name].begin(state, fresh=False)
            sources[name] = iter(open_source(name, clock_of(state).index))
            if hasattr(sources[name], "close"):
                stack.callback(sources[name].close)  # type: ignore[attr-defined]
        try:
            while sources:
                chunks = {name: chunk for name, source in sources.items() if (chunk := next(source, None)) is not None}
                for name in sources.keys() - chunks.keys():
                    del sources[name]
                signals.busy = True
                fleet.advance(chunks)
                for name in chunks:
                    savers[name].offer(model, fleet.states[name])
                signals.release()
        except KeyboardInterrupt:
            if signals.busy:  # in the middle of a step: some States are of no chunk's end
                raise
            signals.pending = True
        finally:
            at_chunk_end, signals.busy = not signals.busy, True
            if at_chunk_end:
                _save_all(fleet, savers)
    signals.end_if_terminated()
    if signals.pending:
        raise KeyboardInterrupt
    return fleet


def _savers(folder: Path, names: Sequence[str], every_samples: int, keep: int) -> dict[str, Autosave]:
    """A checkpoint policy per stream, out of step, so that they do not all want the disk at once."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    durable.flush_folder(folder)
    return {
        name: Autosave(
            folder / name / _CHECKPOINT, every_samples=every_samples, keep=keep, phase=every_samples * row // len(names)
        )
        for row, name in enumerate(names)
    }


def _load(fleet: Fleet[Any], savers: Mapping[str, Autosave]) -> None:
    """Bring every stream where its newest whole checkpoint stands; one that has none begins."""

    def one(name: str) -> None:
        if durable.generations(savers[name].path):
            state, _, _ = load_newest(savers[name].path, fleet.model)
            fleet.states[name].load(state.arrays())

    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(one, fleet.names):
            pass


def _save_all(fleet: Fleet[Any], savers: Mapping[str, Autosave]) -> None:
    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(lambda name: savers[name].finish(fleet.model, fleet.states[name]), fleet.names):
            pass


def _view(like: StateT, leaves: Mapping[str, NDArray[Any]], prefix: str = "") -> StateT:
    """A State whose arrays are ``leaves``."""
    parts = {}
    for field in dataclasses.fields(like):
        value = getattr(like, field.name)
        parts[field.name] = (
            _view(value, leaves, f"{prefix}{field.name}.") if isinstance(value, State) else leaves[prefix + field.name]
        )
    return dataclasses.replace(like, **parts)


def _is_ecology(model: Model[Any, Any]) -> bool:
    return type(model).__name__ == "Ecology" and type(model).__module__ == "trophic.ecology.model"
