"""Sparse evolutionary training and gradient-driven regrowth on our network: same slots, same readout, same plasticity.

Both work on the State of a network whose own structure rule is off. Every ``PERIOD`` samples the weakest tenth of the
edges that are old enough, by the norm of their weights, is given up, and as many are born elsewhere, so that the number
of edges stays what it was.

set    births between random pairs (Mocanu et al., Nature Communications 9, 2018)
rigl   births where the gradient of the present batch is largest, the norm of the sum of d_j tr_i^T over the last
       ``BATCH`` samples, with zero weights (Evci et al., ICML 2020)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import trophic
from trophic.network.layout import CREDIT, TRACE
from trophic.network.model import Network, NetworkState

Array = NDArray[np.float64]
PERIOD, GRACE, PART, BATCH = 512, 2000, 0.1, 64


def connect(model: Network, state: NetworkState, edges: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Edges (receiver, sender) in free slots, with the weights of a newborn in random directions; full rows refuse."""
    for post, pre in edges:
        place(model, state, int(post), int(pre), rng)


def random_pairs(model: Network, rng: np.random.Generator) -> NDArray[np.int64]:
    """As many different edges as there are slots, shape (n_blocks * n_slots, 2)."""
    return np.array(
        [
            (j, i)
            for j in range(model.n_blocks)
            for i in rng.permutation([i for i in range(model.n_blocks) if i != j])[: model.n_slots]
        ]
    )


def place(model: Network, state: NetworkState, post: int, pre: int, rng: np.random.Generator | None) -> bool:
    """One edge into a free slot of row ``post``; without ``rng`` its weights are zero. False if the row is full."""
    free = np.flatnonzero(state.slots[post] < 0)
    if not len(free) or pre in state.slots[post]:
        return False
    s, size = int(free[0]), model.block_size
    state.slots[post, s] = pre
    draw = np.zeros((size, size)) if rng is None else rng.standard_normal((size, size))
    state.weights[post, s] = 0.2 / np.sqrt(size) * draw
    state.edges[post, s] = np.zeros((), dtype=state.edges.dtype)
    state.echo[post, s] = 0
    return True


def give_up_weakest(state: NetworkState) -> int:
    """Frees the slots of the weakest tenth of the edges of age; how many."""
    post, slot = np.nonzero((state.slots[:, 1:] >= 0) & (state.edges["age"][:, 1:] >= GRACE))
    slot += 1
    norms = np.linalg.norm(state.weights[post, slot], axis=(1, 2))
    for k in np.argsort(norms)[: int(np.ceil(PART * len(norms)))]:
        state.slots[post[k], slot[k]] = -1
        state.weights[post[k], slot[k]] = 0
        state.echo[post[k], slot[k]] = 0
    return int(np.ceil(PART * len(norms)))


def run(
    model: Network, state: NetworkState, values: Array, rule: str, rng: np.random.Generator, first: int = 0
) -> tuple[Array, int]:
    """Errors (n, H) over ``values`` [inputs, targets], and the number of births. ``rule`` is "set" or "rigl".

    ``first`` is the index of the first sample in the stream.
    """
    errors, births, at = [], 0, 0
    while at < len(values):
        calm = PERIOD - (BATCH if rule == "rigl" else 0)
        errors.append(feed(model, state, values, at, calm, first))
        at += len(errors[-1])
        gradient = np.zeros((model.n_blocks, model.block_size, model.n_blocks, model.block_size))
        for _ in range(min(PERIOD - calm, len(values) - at)):
            errors.append(feed(model, state, values, at, 1, first))
            at += 1
            credit, trace = state.neurons[CREDIT].astype(float), state.neurons[TRACE].astype(float)
            gradient += np.multiply.outer(credit, trace).reshape(gradient.shape)
        freed = give_up_weakest(state)
        if rule == "set":
            while freed:
                post, pre = rng.integers(model.n_blocks, size=2)
                if post != pre and place(model, state, int(post), int(pre), rng):
                    freed, births = freed - 1, births + 1
        else:
            strength = np.linalg.norm(gradient, axis=(1, 3))
            np.fill_diagonal(strength, 0.0)
            for k in np.argsort(strength, axis=None)[::-1]:
                if not freed:
                    break
                post, pre = divmod(int(k), model.n_blocks)
                if place(model, state, post, pre, None):
                    freed, births = freed - 1, births + 1
    return np.concatenate(errors), births


def feed(model: Network, state: NetworkState, values: Array, at: int, n: int, first: int) -> Array:
    """The errors of ``n`` samples from row ``at`` on."""
    chunk = trophic.Chunk(values[at : at + n], first_sample=first + at, sample_period_s=1.0)
    return model.advance(state, chunk).error
