"""The State of a network, and how it begins: one function per part, each returning its arrays by name."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trophic.network import topology
from trophic.network.layout import (
    BATCH,
    BIAS,
    BLOCK,
    CHANNEL,
    EDGE,
    HEAD,
    NEURON_ROWS,
    RANK,
    SHARED,
    TRIAL,
    TRIALS,
    Net,
)
from trophic.runtime.clock import Clock
from trophic.runtime.contract import State

if TYPE_CHECKING:
    from trophic.network.model import Network

Arrays = dict[str, NDArray[Any]]
_fields_of_net = operator.attrgetter(*Net._fields)


@dataclass
class NetworkState(State):
    """Everything a network remembers; `layout.Net` lists the arrays."""

    clock: Clock
    slots: NDArray[np.int64]
    weights: NDArray[np.floating]
    eligibility: NDArray[np.floating]
    influence: NDArray[np.floating]
    edges: NDArray[np.void]
    echo: NDArray[np.floating]
    utility: NDArray[np.float64]
    neurons: NDArray[np.floating]
    blocks: NDArray[np.void]
    feeds: NDArray[np.int64]
    input_weights: NDArray[np.floating]
    features: NDArray[np.floating]
    readout: NDArray[np.floating]
    feedback: NDArray[np.floating]
    first_feedback: NDArray[np.floating]
    scouts: NDArray[np.floating]
    precision: NDArray[np.floating]
    gain: NDArray[np.floating]
    relax: NDArray[np.float64]
    heads: NDArray[np.void]
    output: NDArray[np.floating]
    error: NDArray[np.floating]
    shares: NDArray[np.float64]
    ghosts: NDArray[np.floating]
    sketches: NDArray[np.floating]
    spare: NDArray[np.floating]
    pushed: NDArray[np.floating]
    candidates: NDArray[np.int64]
    salient: NDArray[np.int64]
    since: NDArray[np.int64]
    work: NDArray[np.float64]
    middle: NDArray[np.floating]
    moments: NDArray[np.float64]
    whiteners: NDArray[np.floating]
    evidence: NDArray[np.floating]
    field: NDArray[np.float64]
    buffer: NDArray[np.floating]
    trials: NDArray[np.void]
    directions: NDArray[np.floating]
    past: NDArray[np.floating]
    issued: NDArray[np.float64]
    horizons: NDArray[np.int64]
    channels: NDArray[np.void]
    shared: NDArray[np.void]

    def net(self) -> Net:
        """The arrays as the kernels take them."""
        return Net._make(_fields_of_net(self))


def new_state(model: Network, constants: np.void, seed: int) -> NetworkState:
    """The State of ``model`` before its first sample."""
    rng = np.random.default_rng(seed)
    shared = np.zeros(1, dtype=SHARED)
    shared["seed"] = seed
    shared["gate"] = 1.0
    shared["spread"] = 1.0
    channels = np.zeros(model.n_inputs + model.n_targets, dtype=CHANNEL)
    channels["unit"] = 1.0
    return NetworkState(
        clock=Clock.new(model.n_inputs + model.n_targets),
        **_wires(model, constants, rng),
        **_heads(model, constants, rng),
        **_map(model, rng),
        channels=channels,
        shared=shared,
    )


def _wires(model: Network, constants: np.void, rng: np.random.Generator) -> Arrays:
    """Blocks, their slots and neurons, and what enters them."""
    real = np.dtype(model.precision)
    b, size, s = model.n_blocks, model.block_size, 1 + model.n_slots
    n = b * size
    published = model.feedback == "published"
    feeds = topology.feeds(model.n_inputs, b, model.wiring)
    weights = np.zeros((b, s, size, size), dtype=real)
    weights[:, 0] = topology.self_weights(b, size, constants["self_radius"], rng, exact=not published)
    if published:
        columns = math.sqrt(n) * topology.orthonormal(n, feeds.shape[1], rng)
        input_weights = columns.reshape(b, size, -1).swapaxes(1, 2)
    else:
        input_weights = rng.standard_normal((b, feeds.shape[1], size))
        input_weights *= constants["input_gain"] / math.sqrt(feeds.shape[1])
    neurons = np.zeros((NEURON_ROWS, n), dtype=real)
    neurons[BIAS] = constants["bias"] * rng.standard_normal(n)
    blocks = np.zeros(b, dtype=BLOCK)
    blocks["plastic"] = 1.0
    leaky = model.trace == "rflo" and constants["leak"] < 1
    influence = np.zeros((n if model.trace == "exact" else 0, b * s * size * size), dtype=real)
    return {
        "slots": topology.empty_slots(b, model.n_slots),
        "weights": weights,
        "eligibility": np.zeros((b if leaky else 0, s, size, size), dtype=real),
        "influence": influence,
        "edges": np.zeros((b, s), dtype=EDGE),
        "echo": np.zeros((b, s, 2, size), dtype=real),
        "utility": np.zeros((b, s, model.n_outputs)),
        "neurons": neurons,
        "blocks": blocks,
        "feeds": feeds,
        "input_weights": np.ascontiguousarray(input_weights, dtype=real),
        "spare": np.zeros((size, size), dtype=real),
        "pushed": np.zeros_like(influence),
    }


def _heads(model: Network, constants: np.void, rng: np.random.Generator) -> Arrays:
    """Readout, feedback and forecasts."""
    real = np.dtype(model.precision)
    n, heads, ahead = model.n_blocks * model.block_size, model.n_outputs, len(model.horizons)
    parts, part = _readout_parts(model)
    readout = np.zeros((heads * ahead, parts * part), dtype=real)
    if model.feedback == "published":
        readout[:heads, :n] = topology.orthonormal(heads, n, rng) * math.sqrt(heads / n)
    n_precisions = 0 if model.readout == "nlms" else parts
    prior = constants["prior"] if model.readout == "rls" else math.sqrt(constants["prior"])
    feedback = (constants["feedback_start"] / math.sqrt(n) * rng.standard_normal((heads, n))).astype(real)
    learns = model.feedback in ("learned", "published")
    longest = model.horizons[-1]
    return {
        "features": np.zeros(parts * part, dtype=real),
        "readout": readout,
        "feedback": feedback,
        "first_feedback": feedback[: heads if learns else 0].copy(),
        "scouts": rng.standard_normal((heads if model.scouting == "random" else 0, n)).astype(real),
        "precision": np.tile(prior * np.eye(part), (n_precisions, 1, 1)).astype(real),
        "gain": np.zeros((3, parts * part), dtype=real),
        "relax": np.ones(n_precisions),
        "heads": np.zeros(heads, dtype=HEAD),
        "output": np.zeros(heads * ahead, dtype=real),
        "error": np.zeros(heads, dtype=real),
        "shares": np.zeros((heads, model.n_blocks, 2)),
        "ghosts": np.zeros((heads if model.protection == "ghosts" else 0, 2, n), dtype=real),
        "past": np.zeros((longest if ahead > 1 else 0, 2, parts * part), dtype=real),
        "issued": np.zeros((longest, heads * ahead)),
        "horizons": np.array(model.horizons, dtype=np.int64),
    }


def _map(model: Network, rng: np.random.Generator) -> Arrays:
    """The trophic map and its trials."""
    real = np.dtype(model.precision)
    b = model.n_blocks
    candidates = _candidates(model, rng)
    c = candidates.shape[1]
    return {
        "sketches": topology.sketches(b, model.block_size, RANK, rng, real),
        "candidates": candidates,
        "salient": np.zeros(min(c, 32), dtype=np.int64),
        "since": np.zeros((b, c), dtype=np.int64),
        "work": np.zeros((2 * RANK, RANK)),
        "middle": np.zeros((b, RANK), dtype=real),
        "moments": np.zeros((2, b, RANK, RANK)),
        "whiteners": np.zeros((2, b, RANK, RANK), dtype=real),
        "evidence": np.zeros((b, c if model.map == "signed" else 0, RANK, RANK), dtype=real),
        "field": np.zeros((b, b) if model.map in ("published", "published_code") else (0, 0)),
        "buffer": np.zeros((BATCH, 2, b, RANK), dtype=real),
        "trials": np.zeros((b, TRIALS), dtype=TRIAL),
        "directions": np.zeros((b, TRIALS, RANK, RANK), dtype=real),
    }


def _readout_parts(model: Network) -> tuple[int, int]:
    """Number and size of the blocks of features; [u; 1] fill further blocks, padded with zeros."""
    if model.readout == "rls":
        return 1, model.n_blocks * model.block_size + model.n_inputs + 1
    return model.n_blocks + -(-(model.n_inputs + 1) // model.block_size), model.block_size


def _candidates(model: Network, rng: np.random.Generator) -> NDArray[np.int64]:
    """Blocks that each row watches at first: all, or distinct random ones."""
    b, c = model.n_blocks, model.n_candidates or model.n_blocks
    if model.map == "none":
        return np.zeros((b, 0), dtype=np.int64)
    if c == b:
        return np.tile(np.arange(b, dtype=np.int64), (b, 1))
    return np.stack([rng.choice(b, c, replace=False) for _ in range(b)])
