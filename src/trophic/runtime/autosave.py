"""When a running learner is saved, and what happens when the disk will not have it."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from trophic.runtime import durable
from trophic.runtime.checkpoint import save
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Model, State

LARGE = 1 << 25  # bytes of a State from which it is written beside the stream


class Resumable(Protocol):
    """A source that can go on where a State was saved."""

    def position(self, index: int) -> dict[str, Any] | None:
        """What is stored with the State after ``index`` samples; plain values."""
        ...

    def saved(self, index: int) -> None:
        """That State was saved: nothing before ``index`` is asked for again."""
        ...


class Autosave:
    """Checkpoints of a run, at chunk ends and at its end; give it to `trophic.run` as ``checkpoint``.

    A disk that is full for an hour does not stop the learner: a failed save is a RuntimeWarning, counted, and tried
    again an interval later. Only the save at the end raises. Of a State of 32 MB and more a copy is written while the
    stream goes on, one at a time; the save at the end waits for it.

    Parameters
    ----------
    path : path
        The newest checkpoint; older ones at ``path.1`` and so on. Its folder must exist.
    every_samples : int, optional
        Save at the first chunk end at or after every multiple of that many samples, >= 1.
    every_s : float, optional
        Save at the first chunk end that many seconds (> 0, of the computer's clock) after the last save. Default:
        60, unless ``every_samples`` is given.
    keep : int
        Checkpoints that stay, >= 1.
    config : str, optional
        Path of the file that describes the run, for `trophic resume`.
    phase : int
        Samples by which the multiples of ``every_samples`` are early, >= 0: many runs need not save at once.

    Attributes
    ----------
    n_saved, n_failed : int
        Checkpoints written and not written.
    source : Resumable or None
        The source whose position is saved too; set it before the run.

    Raises
    ------
    ValueError
        If an interval or ``keep`` is out of its range.

    Examples
    --------
    >>> import tempfile, numpy as np, trophic
    >>> model = trophic.Ecology(f_min_hz=2, f_max_hz=400)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     autosave = Autosave(f"{folder}/x.safetensors", every_samples=1000, keep=2)
    ...     _ = trophic.run(model, np.ones(3500), sample_rate_hz=1000, chunk_size=500, checkpoint=autosave)
    ...     autosave.n_saved, sorted(os.listdir(folder))
    (4, ['x.safetensors', 'x.safetensors.1'])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every_samples: int | None = None,
        every_s: float | None = None,
        keep: int = 3,
        config: str | None = None,
        phase: int = 0,
    ) -> None:
        if every_samples is not None and every_samples < 1:
            raise ValueError(f"every_samples must be >= 1, got {every_samples}; 1_000_000 loses little of most streams")
        if every_s is not None and not every_s > 0:
            raise ValueError(f"every_s must be > 0 seconds, got {every_s}; 60 loses at most a minute")
        if keep < 1:
            raise ValueError(f"keep must be >= 1 checkpoint, got {keep}; 3 leaves two to go back to")
        self.path, self.keep, self.config = Path(path), keep, config
        self.every_samples, self.phase = every_samples, phase
        self.every_s = 60.0 if every_s is None and every_samples is None else every_s
        self.n_saved = self.n_failed = 0
        self.source: Resumable | None = None
        self._saved_s = time.monotonic()
        self._saved_at = 0  # samples
        self._written_at: int | None = None
        self._writer: _Writer | None = None
        self._copy: State | None = None

    def begin(self, state: State, fresh: bool) -> None:
        """Called before the first chunk. A fresh State must not replace what was learned before: FileExistsError."""
        if fresh and durable.generations(self.path):
            raise FileExistsError(
                f"{self.path} already holds a checkpoint; go on from it with state=trophic.load(path, model), "
                "or move it away to begin anew"
            )
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"no folder {self.path.parent} to write {self.path.name} in; make it first")
        durable.remove_leftovers(self.path)
        self._written_at = None
        self._copy = state.copy() if _is_large(state) else None  # memory taken here is not waited for later
        self._saved_s, self._saved_at = time.monotonic(), clock_of(state).index

    def offer(self, model: Model[Any, Any], state: State) -> None:
        """Called after every chunk: save if it is time."""
        self._settle(wait=False)
        index, now_s = clock_of(state).index, time.monotonic()
        by_count = self.every_samples is not None and self._turn(index) > self._turn(self._saved_at)
        if not by_count and (self.every_s is None or now_s - self._saved_s < self.every_s):
            return
        if self._writer is not None:  # the disk is slower than the interval: as soon as it is free
            return
        self._saved_s, self._saved_at = now_s, index
        if _is_large(state):
            self._writer = _Writer(partial(self._save, model), self._copy_of(state), self._position(index))
            return
        try:
            self.finish(model, state)
        except OSError as error:
            self._warn(error)

    def _turn(self, index: int) -> int:
        return (index + self.phase) // (self.every_samples or 1)

    def finish(self, model: Model[Any, Any], state: State) -> None:
        """Save now, unless this very State was. Raises `CheckpointWriteError`."""
        self._settle(wait=True)
        index = clock_of(state).index
        if index == self._written_at:
            return
        self._save(model, state, self._position(index))
        self._saved(index)

    def _copy_of(self, state: State) -> State:
        """``state`` in the memory of the last copy: ten times as fast as in fresh memory."""
        try:
            self._copy = state.copy() if self._copy is None else self._copy.load(state.arrays())
        except ValueError:  # its arrays have grown
            self._copy = state.copy()
        return self._copy

    def _position(self, index: int) -> dict[str, Any] | None:
        return None if self.source is None else self.source.position(index)

    def _save(self, model: Model[Any, Any], state: State, position: dict[str, Any] | None) -> None:
        save(self.path, model, state, keep=self.keep, config=self.config, position=position)

    def _saved(self, index: int) -> None:
        self._written_at = index
        self.n_saved += 1
        if self.source is not None:
            self.source.saved(index)

    def _settle(self, wait: bool) -> None:
        """Take note of what was written beside the stream, if it is."""
        writer = self._writer
        if writer is None or (writer.thread.is_alive() and not wait):
            return
        writer.thread.join()
        self._writer = None
        if isinstance(writer.error, OSError):
            self._warn(writer.error)
        elif writer.error is not None:
            raise writer.error
        else:
            self._saved(writer.index)

    def _warn(self, error: OSError) -> None:
        self.n_failed += 1
        warnings.warn(f"{error.filename}: {error.strerror}; the run goes on", RuntimeWarning, stacklevel=4)


def _is_large(state: State) -> bool:
    return sum(array.nbytes for array in state.arrays().values()) >= LARGE


class _Writer:
    """A copy of a State on its way to the disk; the program does not end before it is there."""

    def __init__(
        self, write: Callable[[State, dict[str, Any] | None], None], state: State, position: dict[str, Any] | None
    ) -> None:
        self.index = clock_of(state).index
        self.error: Exception | None = None
        self._write, self._state, self._position = write, state, position
        self.thread = threading.Thread(target=self._run, name="trophic-checkpoint")
        self.thread.start()

    def _run(self) -> None:
        try:
            self._write(self._state, self._position)
        except Exception as error:  # told by the thread of the run
            self.error = error
