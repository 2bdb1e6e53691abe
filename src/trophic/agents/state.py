"""The State of an acting network, and how it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trophic.agents.layout import (
    CHANNEL,
    LSTD_ROWS,
    NEURON_ROWS,
    RANK,
    SHARED,
    Net,
    Population,
    W,
)
from trophic.network import topology
from trophic.runtime.clock import Clock
from trophic.runtime.contract import State

if TYPE_CHECKING:
    from trophic.agents.actor_critic import ActorCritic


@dataclass
class PopulationState(State):
    """Blocks of neurons with their synapses; `layout.Population` lists the arrays."""

    slots: NDArray[np.int64]
    recurrent: NDArray[np.floating]
    inputs: NDArray[np.floating]
    readout: NDArray[np.floating]
    feedback: NDArray[np.floating]
    neurons: NDArray[np.floating]
    output: NDArray[np.floating]
    born: NDArray[np.int64]
    sketches: NDArray[np.floating]
    sketched: NDArray[np.floating]
    pairs: NDArray[np.float64]
    power: NDArray[np.float64]

    def population(self) -> Population:
        """The arrays as the kernels take them."""
        return Population(*[getattr(self, name) for name in Population._fields])


@dataclass
class ActorCriticState(State):
    """Everything an acting network remembers; `layout.Net` lists the arrays."""

    clock: Clock
    actor: PopulationState
    critic: PopulationState
    precision: NDArray[np.floating]
    squares: NDArray[np.floating]
    z: NDArray[np.floating]
    channels: NDArray[np.void]
    action: NDArray[np.float64]
    shared: NDArray[np.void]

    @cached_property
    def net(self) -> Net:
        """The arrays as the kernels take them; they are changed in place, never exchanged."""
        rest = [getattr(self, name) for name in Net._fields[2:]]
        return Net(self.actor.population(), self.critic.population(), *rest)


def new_state(model: ActorCritic, constants: np.void, seed: int) -> ActorCriticState:
    """The State of ``model`` before its first observation."""
    rng = np.random.default_rng(seed)
    shared = np.zeros(1, dtype=SHARED)
    shared["seed"] = seed
    shared["relax"] = 1.0
    n_channels = model.n_observations * (2 if model.transients else 1) + 1
    lstd = model.critic == "lstd"
    n = model.critic_blocks * model.block_size + 1 if lstd else 0
    real = np.dtype(model.precision)
    actor = new_population(model, constants, "plastic", model.actor_blocks, model.n_heads, rng)
    if model.policy == "gaussian":
        actor.readout[W, model.n_actions :, -1] = math.log(constants["deviation"])
    return ActorCriticState(
        clock=Clock.new(model.n_observations),
        actor=actor,
        critic=new_population(model, constants, CRITIC_KINDS[model.critic], model.critic_blocks, 1, rng),
        precision=constants["prior"] * np.eye(n, dtype=real),
        squares=np.zeros((LSTD_ROWS if lstd else 0, n), dtype=real),
        z=np.zeros((2, model.n_inputs + 1), dtype=real),
        channels=np.zeros(n_channels, dtype=CHANNEL),
        action=np.zeros(model.n_actions if model.policy == "gaussian" else 1),
        shared=shared,
    )


#: What the population of a critic is: its synapses may learn, stay, or are those of competing cells without a past.
CRITIC_KINDS = {"td": "plastic", "lstd": "fixed", "cells": "cells"}


def new_slots(n_blocks: int, n_others: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Each block hears itself and ``n_others`` others, drawn at random."""
    slots = np.full((n_blocks, 1 + n_others), -1, dtype=np.int64)
    slots[:, 0] = np.arange(n_blocks)
    for j in range(n_blocks):
        others = rng.permutation(np.delete(np.arange(n_blocks), j))[:n_others]
        slots[j, 1 : 1 + len(others)] = others
    return slots


def new_population(
    model: ActorCritic, constants: np.void, kind: str, n_blocks: int, n_heads: int, rng: np.random.Generator
) -> PopulationState:
    """``n_blocks`` blocks of a kind: "plastic" (if the model is), "fixed", or "cells", which hear the inputs only."""
    real = np.dtype(model.precision)
    size, d = model.block_size, model.n_inputs
    n = n_blocks * size
    is_cells, learns = kind == "cells", kind == "plastic"
    slots = np.empty((n_blocks, 0), np.int64) if is_cells else new_slots(n_blocks, model.n_slots, rng)
    planes = 1
    if learns and model.plasticity == "local":
        planes = 3 if constants["leak"] == 1 else 4
    recurrent = np.zeros((planes, *slots.shape, size, size), dtype=real)
    if not is_cells:
        gain = constants["recurrent_gain"] / math.sqrt(slots.shape[1] * size)
        recurrent[W] = gain * rng.standard_normal(recurrent.shape[1:]) * (slots >= 0)[:, :, None, None]
        recurrent[W, :, 0] *= 1 - np.eye(size, dtype=real)
    inputs = np.zeros((planes, d + 1, n), dtype=real)
    gain = constants["cell_gain"] if is_cells else constants["input_gain"]
    inputs[W, :d] = gain / math.sqrt(d) * rng.standard_normal((d, n))
    bias = constants["cell_bias"] * np.linspace(0, 1, n_blocks).repeat(size) if is_cells else constants["bias"]
    inputs[W, d] = bias * rng.standard_normal(n)
    mapped = n_blocks if learns and model.structure == "reward" else 0
    return PopulationState(
        slots=slots,
        recurrent=recurrent,
        inputs=inputs,
        readout=np.zeros((3, n_heads, n + 1), dtype=real),
        feedback=(rng.standard_normal((n_heads, n)) / math.sqrt(n)).astype(real),
        neurons=np.zeros((NEURON_ROWS, n + 1), dtype=real),
        output=np.zeros((2, n_heads), dtype=real),
        born=np.zeros(slots.shape, dtype=np.int64),
        sketches=topology.sketches(mapped, size, RANK, rng, real),
        sketched=np.zeros((2, mapped, RANK), dtype=real),
        pairs=np.zeros((2, mapped, mapped, RANK, RANK)),
        power=np.zeros((mapped, mapped)),
    )
