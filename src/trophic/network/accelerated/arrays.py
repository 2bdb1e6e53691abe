"""A State as JAX sees it: arrays by name, and one flat vector per number type in which they travel.

A call of a compiled function costs some microseconds per argument, so that forty arrays would cost more than a step.
`pack` lays them end to end; `unpack` cuts them apart again inside the compiled program.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from trophic.network.layout import CHOICES, NEURON_ROWS, Net
from trophic.network.state import NetworkState

Arrays = dict[str, jax.Array]
Packed = dict[str, jax.Array]  # number type -> (streams, numbers)

ROWS = ("x", "x_old", "slope", "trace", "feedback_signal", "credit", "scout", "bias", "activity")  # of the neurons
assert len(ROWS) == NEURON_ROWS
NOT_CARRIED = ("spare", "pushed", "work", "horizons")  # room for the native kernels; the horizons are part of the plan
# what no rule changes, and what changes only where `structure` and the flush of the map are due
FIXED = frozenset({"feeds", "input_weights", "sketches", "scouts", "first_feedback", "shared.seed"})
RARE = frozenset(
    {
        "slots", "edges.born", "edges.evidence", "evidence", "candidates", "salient", "since", "moments", "whiteners",
        "directions", "blocks.credit_freedom", "blocks.trace_freedom", "blocks.salience", "trials.source",
        "shared.births", "shared.deaths",
    }
)  # fmt: skip


class Entry(NamedTuple):
    """Where one array lies: its name, number type and shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Plan(NamedTuple):
    """What is compiled in: the choices of a configuration and the layout of its State."""

    choices: tuple[str, ...]
    n_inputs: int
    labelled: bool
    horizons: tuple[int, ...]
    noisy: bool  # some stream's neurons have noise
    real: str
    entries: tuple[Entry, ...]

    def uses(self, rule: str, *names: str) -> bool:
        """Whether the choice for ``rule`` is one of ``names``."""
        return self.choices[list(CHOICES).index(rule)] in names

    def cast(self, value: Any) -> jax.Array:
        """``value`` in the precision of the neurons."""
        return jnp.asarray(value, dtype=self.real)


def named(state: NetworkState) -> dict[str, NDArray[Any]]:
    """Views of the arrays of a State: records by field, neurons by row, the two parts of echoes and gains."""
    views: dict[str, NDArray[Any]] = {}
    for name in Net._fields:
        array = getattr(state, name)
        if name in NOT_CARRIED:
            continue
        if name == "neurons":
            views |= dict(zip(ROWS, array))
        elif name == "echo":
            views |= {"sent": array[:, :, 0], "echo": array[:, :, 1]}
        elif name == "gain":
            views |= {"gain": array[0], "waiting": array[1], "image": array[2]}
        elif name == "shared":
            views |= {f"shared.{field}": array[field].reshape(()) for field in array.dtype.names}
        elif array.dtype.names:
            views |= {f"{name}.{field}": array[field] for field in array.dtype.names}
        else:
            views[name] = array
    return views


def whole(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The array as the rules use it: of the full P the native engine keeps one triangle (of blocks it keeps a root)."""
    if name != "precision" or len(array) != 1:
        return array
    return np.tril(array) + np.swapaxes(np.tril(array, -1), -1, -2)


def pack(states: list[NetworkState], entries: tuple[Entry, ...]) -> Packed:
    """The States as one (streams, numbers) array per number type."""
    rows: dict[str, list[list[NDArray[Any]]]] = {e.dtype: [] for e in entries}
    for state in states:
        views = named(state)
        for parts in rows.values():
            parts.append([])
        for entry in entries:
            rows[entry.dtype][-1].append(whole(entry.name, views[entry.name]).ravel())
    return {dtype: jnp.asarray(np.stack([np.concatenate(row) for row in parts])) for dtype, parts in rows.items()}


def write_back(packed: Packed, stream: int, entries: tuple[Entry, ...], state: NetworkState, triangle: bool) -> None:
    """Fill ``state`` with one stream of what `pack` made; ``triangle``: of P keep what the native engine keeps."""
    views = named(state)
    numbers = {dtype: np.asarray(array[stream]) for dtype, array in packed.items()}
    for entry, part in _parts(entries):
        values = numbers[entry.dtype][part].reshape(entry.shape)
        views[entry.name][...] = np.tril(values) if triangle and entry.name == "precision" else values


def unpack(packed: Packed, entries: tuple[Entry, ...]) -> Arrays:
    """Arrays by name, each with the streams as first axis; inside a compiled program."""
    return {e.name: packed[e.dtype][:, part].reshape(len(packed[e.dtype]), *e.shape) for e, part in _parts(entries)}


def repack(arrays: Arrays, entries: tuple[Entry, ...]) -> Packed:
    """The inverse of `unpack`."""
    flat: dict[str, list[jax.Array]] = {e.dtype: [] for e in entries}
    for e in entries:
        flat[e.dtype].append(arrays[e.name].reshape(len(arrays[e.name]), -1))
    return {dtype: jnp.concatenate(parts, axis=1) for dtype, parts in flat.items()}


def _parts(entries: tuple[Entry, ...]) -> list[tuple[Entry, slice]]:
    ends: dict[str, int] = {}
    parts = []
    for e in entries:
        start = ends.get(e.dtype, 0)
        ends[e.dtype] = start + int(np.prod(e.shape, dtype=np.int64))
        parts.append((e, slice(start, ends[e.dtype])))
    return parts
