"""Comparing States and Infos bit for bit, and saying in a sentence what differs and where."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import State, same_bits


def require(condition: bool, sentence: str) -> None:
    """Raise AssertionError with ``sentence`` unless ``condition`` holds (also under ``python -O``)."""
    if not condition:
        raise AssertionError(sentence)


def require_same(
    expected: State | Mapping[str, NDArray[Any]],
    actual: State | Mapping[str, NDArray[Any]],
    case: str,
    ignore: Collection[str] = (),
) -> None:
    """Bit-equality of all arrays but those ignored; the sentence names the first array and entry that differ."""
    left, right = (dict(s.arrays()) if isinstance(s, State) else dict(s) for s in (expected, actual))
    require(left.keys() == right.keys(), f"{case}: arrays {sorted(left.keys() ^ right.keys())} are on one side only")
    for name in left:
        if name not in ignore and not same_bits(left[name], right[name]):
            raise AssertionError(f"{case}: {_first_difference(name, left[name], right[name])}")


def _first_difference(name: str, a: NDArray[Any], b: NDArray[Any]) -> str:
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"array {name!r} is {a.dtype}{a.shape} against {b.dtype}{b.shape}"
    bits = [np.frombuffer(x.tobytes(), dtype=np.uint8).reshape(a.size, -1) for x in (a, b)]
    differing = np.flatnonzero((bits[0] != bits[1]).any(axis=1))
    at = tuple(int(i) for i in np.unravel_index(differing[0], a.shape))
    return f"array {name!r} differs in {len(differing)} of {a.size} entries, first at {at}: {a[at]} against {b[at]}"


def require_apart(state: State, other: State, case: str) -> None:
    """No array of one State may be a view into the other."""
    mine, theirs = state.arrays(), other.arrays()
    for name in mine:
        require(not np.shares_memory(mine[name], theirs[name]), f"{case} share the memory of array {name!r}")


def schema_of(state: State) -> dict[str, tuple[str, tuple[int, ...]]]:
    """dtype and shape of every array."""
    return {name: (str(array.dtype), array.shape) for name, array in state.arrays().items()}


def all_finite(array: NDArray[Any]) -> bool:
    """Whether no entry is NaN or infinite, in any field of a record."""
    if array.dtype.names:
        return all(all_finite(array[field]) for field in array.dtype.names)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())
