"""When a running learner is saved, and what happens when the disk will not have it."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any, Protocol

from trophic.runtime import durable
from trophic.runtime.checkpoint import save
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Model, State


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
    again an interval later. Only the save at the end raises.

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
        self._saved_s, self._saved_at = time.monotonic(), clock_of(state).index

    def offer(self, model: Model[Any, Any], state: State) -> None:
        """Called after every chunk: save if it is time."""
        index, now_s = clock_of(state).index, time.monotonic()
        by_count = self.every_samples is not None and self._turn(index) > self._turn(self._saved_at)
        if not by_count and (self.every_s is None or now_s - self._saved_s < self.every_s):
            return
        self._saved_s, self._saved_at = now_s, index
        try:
            self.finish(model, state)
        except OSError as error:
            self.n_failed += 1
            warnings.warn(f"{error.filename}: {error.strerror}; the run goes on", RuntimeWarning, stacklevel=3)

    def _turn(self, index: int) -> int:
        return (index + self.phase) // (self.every_samples or 1)

    def finish(self, model: Model[Any, Any], state: State) -> None:
        """Save now, unless this very State was. Raises `CheckpointWriteError`."""
        index = clock_of(state).index
        if index == self._written_at:
            return
        position = None if self.source is None else self.source.position(index)
        save(self.path, model, state, keep=self.keep, config=self.config, position=position)
        self._written_at = index
        self.n_saved += 1
        if self.source is not None:
            self.source.saved(index)
