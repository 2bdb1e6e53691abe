"""Which block hears which: slots, the weights a network is born with, and the pairs that are connected.

A row of blocks j = 0..B-1 receives (row = post); slot s of row j names the block i = slots[j, s] that it hears
(column = pre). Slot 0 is the block itself, without self-connections; -1 is a free slot. Weights are stored as
(B, S, l_pre, l_post), so that one sender's weights to a block lie side by side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from trophic.engines.native import inlined


def empty_slots(n_blocks: int, n_cross: int) -> NDArray[np.int64]:
    """Slots of unconnected blocks, shape (n_blocks, 1 + n_cross).

    Examples
    --------
    >>> empty_slots(2, 2)
    array([[ 0, -1, -1],
           [ 1, -1, -1]])
    """
    slots = np.full((n_blocks, 1 + n_cross), -1, dtype=np.int64)
    slots[:, 0] = np.arange(n_blocks)
    return slots


def pairs(slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Edges between different blocks, shape (n_edges, 2): receiving block, sending block.

    Examples
    --------
    >>> pairs(np.array([[0, -1, -1], [1, 0, -1]]))
    array([[1, 0]])
    """
    row, slot = np.nonzero(slots[:, 1:] >= 0)
    return np.stack([row, slots[row, slot + 1]], axis=1)


def self_weights(
    n_blocks: int, size: int, radius: float, rng: np.random.Generator, exact: bool = True
) -> NDArray[np.float64]:
    """Weights inside each block, shape (n_blocks, size, size), normal, with zero diagonal.

    Parameters
    ----------
    radius : float
        Spectral radius of each block, if ``exact``; otherwise each weight has variance radius^2/(size - 1), which
        gives that radius on average only (the published choice).
    """
    weights = rng.standard_normal((n_blocks, size, size)) * (1 - np.eye(size))
    if size == 1:
        return weights
    if not exact:
        return weights * (radius / math.sqrt(size - 1))
    own = np.abs(np.linalg.eigvals(weights)).max(axis=1)
    return weights * (radius / np.maximum(own, 1e-12))[:, None, None]


def feeds(n_inputs: int, n_blocks: int, wiring: str) -> NDArray[np.int64]:
    """Channels that each block hears, shape (n_blocks, F), -1 where none.

    ``"all"``: every block hears every channel. ``"own"``: channel c enters block c mod n_blocks only.

    Examples
    --------
    >>> feeds(3, 2, "own")
    array([[ 0,  2],
           [ 1, -1]])
    """
    if wiring == "all":
        return np.tile(np.arange(n_inputs, dtype=np.int64), (n_blocks, 1))
    per_block = -(-n_inputs // n_blocks)
    channel = np.arange(n_blocks)[:, None] + n_blocks * np.arange(per_block)
    return np.where(channel < n_inputs, channel, -1)


def orthonormal(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A (rows, columns) matrix whose columns (or rows, if fewer) are orthonormal."""
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q = np.linalg.qr(tall)[0]
    return q if rows >= columns else q.T


def sketches(n_blocks: int, size: int, rank: int, rng: np.random.Generator, dtype: DTypeLike) -> NDArray[np.floating]:
    """Fixed +-1/sqrt(size) sketches P of credit and Q of traces, shape (2, n_blocks, size, rank)."""
    return (rng.choice([-1.0, 1.0], (2, n_blocks, size, rank)) / math.sqrt(size)).astype(dtype)


@inlined
def connected(slots, j, i):
    """Whether block j hears block i."""
    found = False
    for s in range(slots.shape[1]):
        found = found or slots[j, s] == i
    return found
