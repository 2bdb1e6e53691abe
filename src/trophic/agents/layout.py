"""What an agent remembers, how its choices are coded, and the constants of its rules.

One place for the names of rows, fields and codes, so that the compiled rules read like their equations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Choices, by the name a configuration uses; the code is the position.
CHOICES: dict[str, tuple[str, ...]] = {
    "critic": ("cells", "lstd", "td"),
    "feedback": ("fixed", "learned", "symmetric"),
    "plasticity": ("none", "local", "published"),
    "step": ("variance", "bounded", "nlms"),
    "policy": ("softmax", "gaussian"),
    "structure": ("none", "reward"),
}
CELLS, LSTD, TD = range(3)
FIXED, LEARNED, SYMMETRIC = range(3)
NO_PLASTICITY, LOCAL, HEBB_OJA = range(3)
BY_VARIANCE, BOUNDED, NLMS = range(3)
SOFTMAX, GAUSSIAN = range(2)
NO_STRUCTURE, BY_REWARD = range(2)
CHOICE = np.dtype([(name, "i8") for name in CHOICES])

# Constants: name -> (default, lowest, highest, meaning).
RULE_TABLE: dict[str, tuple[float, float, float, str]] = {
    "discount": (0.99, 0.0, 1.0, "gamma, per step"),
    "actor_trace": (0.8, 0.0, 1.0, "lambda of the actor's eligibility"),
    "critic_trace": (0.95, 0.0, 1.0, "lambda of the critic's eligibility"),
    "actor_rate": (4e-4, 0.0, 1.0, "alpha of the actor: change of a synapse per step, in its own standard deviations"),
    "gaussian_rate": (1e-4, 0.0, 1.0, "the same with a Gaussian policy, whose gradients do not fade"),
    "critic_rate": (1e-3, 0.0, 1.0, "the same for a critic that learns by td"),
    "annealing": (0.004, 0.0, 1.0, "both alphas fall as 1/(1 + annealing episode)"),
    "entropy": (0.01, 0.0, 10.0, "tau: weight of the policy's entropy"),
    "cell_rate": (0.12, 0.0, 1.0, "alpha of a critic of cells: part of a surprise corrected at once; annealed"),
    "cell_gain": (4.0, 0.0, 1e3, "standard deviation of a cell's input weights, in 1/sqrt(inputs)"),
    "cell_bias": (4.0, 0.0, 1e3, "the same of biases in the last block, and 0 in the first: cells of every fineness"),
    "variance_decay": (0.999, 0.0, 1.0, "beta of the running second moment of a synapse's change"),
    "variance_floor": (1e-4, 0.0, 1.0, "added to its root"),
    "forgetting": (0.9998, 0.5, 1.0, "beta of the recursive least squares, per step"),
    "prior": (1.0, 1e-9, 1e9, "P_0 of the recursive least squares"),
    "prior_cap": (1e4, 1.0, 1e12, "P is not divided by beta where the mean of its diagonal exceeds this"),
    "surprise_clip": (3.0, 0.1, 1e6, "the actor's delta is clipped at this multiple of its running root mean square"),
    "surprise_decay": (0.999, 0.0, 1.0, "beta of that mean"),
    "reference": (128.0, 1.0, 1e9, "neurons N at which heads move by alpha; elsewhere by alpha times this over N"),
    "bound": (2.0, 0.0, 1e3, "kappa of the bounded step"),
    "hebb": (1e-3, 0.0, 10.0, "eta_h of the published plasticity"),
    "oja": (1e-3, 0.0, 10.0, "eta_o of the published plasticity"),
    "decay": (1e-5, 0.0, 1.0, "eta_d of the published plasticity"),
    "map_rate": (5e-4, 0.0, 1.0, "beta: forgetting of the map of pairs, per transition"),
    "threshold": (4.0, 0.0, 1e6, "evidence z at which an edge is born"),
    "period": (1000.0, 1.0, 1e12, "transitions between births"),
    "warm_up": (5000.0, 0.0, 1e12, "transitions before the first"),
    "grace": (5000.0, 0.0, 1e12, "an edge younger than this keeps its slot"),
    "recurrent_gain": (0.5, 0.0, 10.0, "standard deviation of recurrent weights, in 1/sqrt(neurons heard)"),
    "input_gain": (1.0, 0.0, 10.0, "the same of input weights, in 1/sqrt(inputs)"),
    "bias": (0.1, 0.0, 10.0, "standard deviation of biases"),
    "leak": (1.0, 1e-6, 1.0, "a: part of a neuron's state replaced in one step"),
    "input_clip": (5.0, 0.1, 1e3, "normalised observations are clipped here"),
    "deviation": (0.5, 1e-3, 10.0, "standard deviation of a Gaussian policy before it has learned, in half ranges"),
}
RULES = np.dtype([(name, "f8") for name in RULE_TABLE])

RANK = 8  # of the sketches of a block's credit and activity

# rows of the array of neurons; every row ends with an entry for the bias
NEURON_ROWS = 8
X, X_OLD, SLOPE, X_NEXT, SLOPE_NEXT, CREDIT, DRIVE, MEMORY = range(NEURON_ROWS)
# planes of an array of synapses
W, E, V, EPS = range(4)  # weight, eligibility, second moment of the change, forward trace of leaky neurons
# rows of the vectors of the recursive least squares
LSTD_ROWS = 5
TRACE, DIFFERENCE, GAIN, LEFT, PENDING = range(LSTD_ROWS)

CHANNEL = np.dtype([("n", "f8"), ("mean", "f8"), ("sum_square", "f8"), ("previous", "f8")])
SHARED = np.dtype(
    [
        ("seed", "i8"),
        ("step", "i8"),  # actions drawn so far
        ("updates", "i8"),  # transitions learned from
        ("episode", "i8"),  # episodes begun
        ("finished", "i8"),  # and ended
        ("age", "i8"),  # steps of the present episode
        ("n_bad", "i8"),  # transitions not learned from: NaN or infinite
        ("births", "i8"),  # of edges
        ("skipped", "i8"),  # ill-conditioned updates of the critic that were left out
        ("relax", "f8"),  # 1/beta, or 1 where P has grown to its cap
        ("inflow", "f8"),  # running discounted sum of rewards, whose deviation is the unit of reward
        ("surprise", "f8"),  # running mean square of delta
        ("td_error", "f8"),  # delta of the last transition
        ("value", "f8"),  # V of the present observation
    ]
)


class Population(NamedTuple):
    """B blocks of l neurons (N = B l) with S slots each, d inputs and a bias, O heads."""

    slots: NDArray[np.int64]  # (B, S) sending block; -1 free
    recurrent: NDArray[np.floating]  # (planes, B, S, l_pre, l_post)
    inputs: NDArray[np.floating]  # (planes, d + 1, N)
    readout: NDArray[np.floating]  # (3, O, N + 1)
    feedback: NDArray[np.floating]  # (O, N)
    neurons: NDArray[np.floating]  # (NEURON_ROWS, N + 1)
    output: NDArray[np.floating]  # (2, O) heads, and the gradient g that enters each
    born: NDArray[np.int64]  # (B, S) transition of birth
    sketches: NDArray[np.floating]  # (2, B, l, RANK) P and Q; (2, 0, l, RANK) without structure, and so on
    sketched: NDArray[np.floating]  # (2, B, RANK) this step's
    pairs: NDArray[np.float64]  # (2, B, B, RANK, RANK) eligibility and map of every pair
    power: NDArray[np.float64]  # (B, B) n: what ||M||^2 would be by chance


class Net(NamedTuple):
    """All arrays of a State, as the kernels see them."""

    actor: Population
    critic: Population
    precision: NDArray[np.floating]  # (N + 1, N + 1) P of the recursive least squares; (0, 0) for td
    squares: NDArray[np.floating]  # (LSTD_ROWS, N + 1)
    z: NDArray[np.floating]  # (2, d + 1) inputs of this step and of the next; the last is 1
    channels: NDArray[np.void]  # (d_obs + 1,) CHANNEL of every observation, and of the reward
    action: NDArray[np.float64]  # (A,) number of the action, or its components
    shared: NDArray[np.void]  # (1,) SHARED
