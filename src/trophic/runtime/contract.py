"""The contract every model keeps: configuration, State, Chunk, Info, `init`, `advance`, `step`.

A *model* is a frozen dataclass of plain Python values (its configuration). Everything it learns
lives in a *State*, a dataclass of arrays. A *Chunk* is the unit of work; one sample at a time is a
chunk of one, bit for bit. *Info* is what a step reports and may be thrown away.

    state = model.init(seed=0)
    state, info = model.step(state, chunk)      # pure: the old state is untouched
    info = model.advance(state, chunk)          # the same, in place (what `trophic.run` uses)
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

_EXACT = 1 << 53  # below it every whole number is a float64


@dataclass(frozen=True)
class Chunk:
    """A contiguous piece of a stream: exactly one of ``sample_period_s`` and ``times_s`` is given.

    Parameters
    ----------
    values : array, shape (n_samples, n_channels)
        Samples in the signal's own unit. NaN and inf mark missing samples.
    first_sample : int
        Absolute index (from the start of the stream) of ``values[0]``.
    sample_period_s : float or None
        Seconds between samples of a regular stream; None for an irregular one.
    times_s : float64 array, shape (n_samples,), or None
        Time stamps in seconds of an irregular stream; None for a regular one.
    start_time_s : float
        Time stamp of sample 0 of a regular stream.

    Examples
    --------
    >>> import numpy as np
    >>> Chunk(np.zeros((3, 1)), first_sample=100, sample_period_s=0.5).time_stamps_s()
    array([50. , 50.5, 51. ])
    """

    values: NDArray[np.floating]
    first_sample: int = 0
    sample_period_s: float | None = None
    times_s: NDArray[np.float64] | None = None
    start_time_s: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.values, np.ndarray) or self.values.ndim != 2:
            raise ValueError(
                f"values must be an array of shape (n_samples, n_channels), got {type(self.values).__name__} of shape "
                f"{np.shape(self.values)}; "
                "for one channel pass x[:, None]"
            )
        if (self.sample_period_s is None) == (self.times_s is None):
            times_s = None if self.times_s is None else "an array"
            raise ValueError(
                "give exactly one of sample_period_s (a regular stream) and times_s (an irregular one), "
                f"got sample_period_s={self.sample_period_s!r} and times_s={times_s}"
            )
        if self.times_s is not None and np.shape(self.times_s) != (len(self.values),):
            raise ValueError(
                f"times_s must have one time stamp per sample, shape ({len(self.values)},), "
                f"got shape {np.shape(self.times_s)}; drop the stamps of samples that are not in values"
            )
        if self.sample_period_s is not None and not (0 < self.sample_period_s < np.inf):
            raise ValueError(
                f"sample_period_s must be in (0, inf) seconds, got {self.sample_period_s}; pass 1 / sample_rate_hz"
            )
        if not math.isfinite(self.start_time_s):
            raise ValueError(f"start_time_s must be finite, got {self.start_time_s}; 0.0 starts the clock at sample 0")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_channels(self) -> int:
        """Number of columns of ``values``."""
        return self.values.shape[1]

    def time_stamps_s(self) -> NDArray[np.float64]:
        """Time stamps, shape (n_samples,), in seconds. Computed from the integer sample index: no drift."""
        if self.times_s is not None:
            return np.asarray(self.times_s, dtype=np.float64)
        assert self.sample_period_s is not None
        first, end = self.first_sample, self.first_sample + len(self.values)
        if end < _EXACT:
            stamps = np.arange(first, end, dtype=np.float64)
        else:
            stamps = np.arange(first, end, dtype=np.int64).astype(np.float64)
        stamps *= self.sample_period_s
        if self.start_time_s:
            stamps += self.start_time_s
        return stamps

    def part(self, start: int, stop: int) -> Chunk:
        """Samples ``start`` to ``stop`` (exclusive; 0 <= start <= stop <= len) as a chunk; nothing is copied."""
        return dataclasses.replace(
            self,
            values=self.values[start:stop],
            first_sample=self.first_sample + start,
            times_s=None if self.times_s is None else self.times_s[start:stop],
        )

    def split(self, sizes: Iterable[int]) -> list[Chunk]:
        """The same samples as consecutive smaller chunks of the given sizes (the rest last)."""
        edges = np.concatenate([[0], np.minimum(np.cumsum(list(sizes)), len(self)), [len(self)]]).astype(int).tolist()
        return [self.part(a, b) for a, b in itertools.pairwise(edges) if b > a]


@dataclass
class State:
    """Base of every model's State: a dataclass whose fields are NumPy arrays or nested States.

    Everything needed to go on is in here: a State written out and read back continues bit for bit.
    """

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """All leaves by dotted name, in field order. Arrays are views, not copies."""
        leaves: dict[str, NDArray[Any]] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, State):
                leaves.update(value.arrays(f"{prefix}{field.name}."))
            else:
                leaves[prefix + field.name] = value
        return leaves

    def copy(self) -> Self:
        """A deep copy: nothing is shared with the original."""
        return dataclasses.replace(self, **{f.name: getattr(self, f.name).copy() for f in dataclasses.fields(self)})

    def load(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Copy ``arrays`` (as `arrays()` gave them) into this State; names, shapes and dtypes must agree."""
        mine = self.arrays()
        if missing := sorted(set(mine) ^ set(arrays)):
            raise ValueError(f"state arrays do not match this model's State: {missing[:5]} on one side only")
        for name, target in mine.items():
            source = arrays[name]
            if target.shape != source.shape or target.dtype != source.dtype:
                raise ValueError(
                    f"state array {name!r} is {source.dtype}{source.shape}, this model's configuration "
                    f"needs {target.dtype}{target.shape}"
                )
            target[...] = source
        return self

    def equals(self, other: State) -> bool:
        """Bit-for-bit equality of all arrays (NaN equals the same NaN)."""
        mine, theirs = self.arrays(), other.arrays()
        return mine.keys() == theirs.keys() and all(same_bits(mine[name], theirs[name]) for name in mine)


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays agree in dtype, shape and every bit (NaN equals the same NaN, 0.0 is not -0.0)."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


StateT = TypeVar("StateT", bound=State)
InfoT = TypeVar("InfoT")


@dataclass(frozen=True)
class Model(Generic[StateT, InfoT]):
    """Base of every model: a frozen dataclass of plain Python values.

    A model implements `init` and `advance`; `step` follows. Unknown keywords are an error (it is a
    dataclass), and configurations are hashable, printable and JSON.
    """

    def init(self, seed: int = 0) -> StateT:
        """A fresh State. Randomness, if any, is a function of (seed, absolute sample index)."""
        raise TypeError(f"{type(self).__name__} must define init(seed) -> State")

    def advance(self, state: StateT, chunk: Chunk) -> InfoT:
        """Consume ``chunk``, updating ``state`` in place, and report what happened."""
        raise TypeError(f"{type(self).__name__} must define advance(state, chunk) -> Info")

    def step(self, state: StateT, chunk: Chunk) -> tuple[StateT, InfoT]:
        """Consume ``chunk`` and return the new State and Info; ``state`` is left as it was."""
        new = state.copy()
        return new, self.advance(new, chunk)

    def to_json(self) -> str:
        """The configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The model whose `to_json` gave ``text``; TypeError for a parameter that it does not have."""
        return cls(**{name: _with_tuples(value) for name, value in json.loads(text).items()})


def _with_tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were: a configuration is hashable."""
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value
