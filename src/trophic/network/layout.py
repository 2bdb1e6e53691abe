"""What a network remembers, how its choices are coded, and the constants of its rules.

One place for the names of rows, fields and codes, so that the compiled rules read like their equations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Choices, by the name a configuration uses; the code is the position.
CHOICES: dict[str, tuple[str, ...]] = {
    "readout": ("nlms", "block_rls", "rls"),
    "feedback": ("fixed", "learned", "symmetric", "published"),
    "scouting": ("feedback", "random"),
    "trace": ("published", "published_code", "matched", "rflo", "exact"),
    "map": ("none", "published", "published_code", "signed"),
    "plasticity": ("none", "published", "published_code", "gated"),
    "structure": ("none", "published", "gated", "confirmed"),
    "homeostasis": ("none", "published"),
    "protection": ("none", "shares", "ghosts"),
    "scaling": ("none", "running"),
}
NLMS, BLOCK_RLS, RLS = range(3)
FIXED, LEARNED, SYMMETRIC, PUBLISHED_FEEDBACK = range(4)
BY_FEEDBACK, BY_RANDOM = range(2)
PUBLISHED_TRACE, CODE_TRACE, MATCHED, RFLO, EXACT = range(5)
NO_MAP, PUBLISHED_MAP, CODE_MAP, SIGNED_MAP = range(4)
NO_PLASTICITY, HEBB_OJA, HEBB_OJA_CODE, GATED_PLASTICITY = range(4)
NO_STRUCTURE, PUBLISHED_STRUCTURE, GATED, CONFIRMED = range(4)
NO_PROTECTION, SHARES, GHOSTS = range(3)
CHOICE = np.dtype([(name, "i8") for name in (*CHOICES, "labelled", "n_inputs")])

RANK = 8  # of the sketches of a block's credit and trace; a constant so that a map tile stays in registers
BATCH = 16  # samples that enter the map in one product; flushed at multiples of it on the absolute step
TRIALS = 2  # candidates of a row that may be on trial at once

# Constants: name -> (default, meaning). Signals are in units of their own standard deviation.
RULE_TABLE: dict[str, tuple[float, str]] = {
    "leak": (1.0, "a: part of the state replaced in one step; exponential Euler has a = 1 - e^(-dt/tau)"),
    "noise": (0.0, "standard deviation of the noise on every state"),
    "input_gain": (0.4, "standard deviation of input weights, times the root of channels per block"),
    "bias": (0.8, "standard deviation of initial biases"),
    "self_radius": (0.3, "spectral radius of a block's own weights at birth"),
    "input_clip": (12.0, "scaled inputs are clipped here"),
    "forgetting": (0.9999, "lambda of the recursive least squares, per sample"),
    "prior": (10.0, "P_0: prior variance of a readout weight; the default falls as (512/N)^2 beyond N = 512 neurons"),
    "nlms_rate": (0.5, "step of the normalised least mean squares"),
    "readout_cap": (1e30, "largest norm of a readout row"),
    "prior_cap": (100.0, "P is not divided by lambda where the mean of its diagonal exceeds this many priors"),
    "feedback_start": (0.3, "norm of the initial feedback weights of a head"),
    "feedback_decay": (0.0, "decay per sample of feedback and readout under Kolen-Pollack; it biases the readout"),
    "feedback_rate": (1e-4, "eta_fb of the published feedback rule"),
    "gate_rate": (0.002, "rate of the surprise gate's means"),
    "map_rate": (5e-4, "beta or alpha: forgetting of the trophic map, per sample"),
    "rate": (3e-3, "eta: norm of a block's weight change per step"),
    "rate_clip": (3.0, "a change is clipped at this multiple of its running rms"),
    "weight_cap": (3.0, "largest norm of a block of weights, in sqrt(block size)"),
    "hebb": (1e-3, "eta_h of the published plasticity"),
    "oja": (1e-3, "eta_o of the published plasticity"),
    "decay": (1e-5, "eta_d of the published plasticity"),
    "change_cap": (0.1, "largest norm of one published weight change of a block"),
    "bias_rate": (1e-4, "eta_b of the published homeostasis"),
    "activity": (0.1, "p*: activity that homeostasis aims at"),
    "period": (256.0, "samples between changes of structure, a multiple of 16"),
    "warm_up": (1024.0, "samples before the first change of structure"),
    "births": (2.0, "most births at one time"),
    "threshold": (6.0, "evidence of a birth without trial, a normal deviate"),
    "scout": (3.0, "evidence that puts a pair on trial, a normal deviate"),
    "ridge": (1e-2, "part of its mean power below which a direction of a sketch does not count"),
    "trial": (1024.0, "samples of a trial, a multiple of 64"),
    "confirm": (6.5, "Student's t, over 32 batches, that ends a trial with a birth"),
    "grace": (2000.0, "an edge younger than this is not given up"),
    "scale_rate": (1e-4, "slowest rate of the running mean and variance of each channel"),
    "far": (30.0, "a value this many units from the origin is taken for a fault of the sensor, and as missing"),
    "patience": (2048.0, "by so many must far values outnumber the others to be the signal"),
    "keep": (0.003, "an older edge whose utility is below this part of the head's power dies"),
    "birth_gain": (0.2, "norm of newborn weights, in sqrt(block size)"),
    "birth_prior": (0.1, "added to P of a block that got a new input"),
    "rotation": (1.0, "a candidate is replaced if its evidence is below this after a window"),
    "window": (1024.0, "samples a sampled candidate is watched before it may be replaced"),
    "share_power": (4.0, "exponent of the protection"),
}
RULES = np.dtype([(name, "f8") for name in RULE_TABLE])

# rows of the array of neurons
NEURON_ROWS = 9
X, X_OLD, SLOPE, TRACE, FEEDBACK, CREDIT, SCOUT, BIAS, ACTIVITY = range(NEURON_ROWS)  # L, d = L g, and d for the map

EDGE = np.dtype(
    [
        ("born", "i8"),  # step of birth
        ("age", "i8"),  # learning steps since
        ("evidence", "f8"),  # z or t at birth
        ("scale", "f8"),  # of the weight change that waits for the next forward step
        ("square", "f8"),  # running mean square of its unscaled change
    ]
)
BLOCK = np.dtype(
    [
        ("plastic", "f8"),  # kappa, 0..1: protection
        ("credit_freedom", "f8"),  # degrees of freedom of the whitened credit and trace
        ("trace_freedom", "f8"),
        ("salience", "f8"),  # how well this block's past activity tells the size of the error
        ("energy", "f8"),  # running mean and variance of the power of the whitened trace
        ("energy_square", "f8"),
        ("joint", "f8"),  # its covariance with the size of the error
    ]
)
HEAD = np.dtype(
    [
        ("error_power", "f8"),
        ("target_power", "f8"),
        ("active", "i8"),
        ("was_active", "i8"),
        ("silent", "i8"),  # step at which it fell silent, if it hears with its ghost; 0 otherwise
    ]
)
CHANNEL = np.dtype(
    [
        ("n", "i8"),
        ("mean", "f8"),  # running
        ("variance", "f8"),
        ("origin", "f8"),  # in use: scaled = (value - origin)/unit
        ("unit", "f8"),
        ("half_mean", "f8"),  # of the second half of the first 4, 8 .. 256
        ("half_variance", "f8"),
        ("far", "i8"),  # far values beyond the others that were near
        ("last", "f8"),  # the last value, as it came
        ("flat", "i8"),  # how often it came again
        ("scaled", "f8"),  # the present sample
    ]
)
TRIAL = np.dtype(
    [
        ("source", "i8"),  # block + 1 that is on trial; 0 = free
        ("n", "i8"),
        ("batch", "f8"),  # sum over the present batch
        ("sum", "f8"),  # of the batches
        ("square", "f8"),
    ]
)
SHARED = np.dtype(
    [
        ("seed", "i8"),
        ("step", "i8"),  # forward steps so far, one per sample
        ("n_learned", "i8"),
        ("n_map", "i8"),  # samples that wait in the map's buffer
        ("births", "i8"),
        ("deaths", "i8"),
        ("gate", "f8"),  # gamma: part of the target's power that is still error
        ("spread", "f8"),  # D of the readout: lambda + z P z
        ("surprise", "f8"),  # mean and variance of the size of the error, for salience
        ("surprise_square", "f8"),
    ]
)


class Net(NamedTuple):
    """All arrays of a State, as the kernels see them. B blocks of l neurons, N = B l, S slots, H heads, D features."""

    slots: NDArray[np.int64]  # (B, S) sending block; -1 free
    weights: NDArray[np.floating]  # (B, S, l_pre, l_post)
    eligibility: NDArray[np.floating]  # the same, for leaky RFLO; (0, S, l, l) otherwise
    influence: NDArray[np.floating]  # (N, B S l^2) dx/dW for exact credit; (0, B S l^2) otherwise
    edges: NDArray[np.void]  # (B, S) EDGE
    echo: NDArray[np.floating]  # (B, S, 2, l) contribution v of an edge and its trace h
    utility: NDArray[np.float64]  # (B, S, H)
    neurons: NDArray[np.floating]  # (NEURON_ROWS, N)
    blocks: NDArray[np.void]  # (B,) BLOCK
    feeds: NDArray[np.int64]  # (B, F) channel; -1 none
    input_weights: NDArray[np.floating]  # (B, F, l)
    features: NDArray[np.floating]  # (D,) z = [x; u; 1; 0..]
    readout: NDArray[np.floating]  # (H horizons, D)
    feedback: NDArray[np.floating]  # (H, N)
    first_feedback: NDArray[np.floating]  # (H, N) with which feedback that is learned began; (0, N) otherwise
    scouts: NDArray[np.floating]  # (H, N) fixed random feedback for the map; (0, N) if it uses the other
    precision: NDArray[np.floating]  # (Q, m, m) of the readout: T with P = T^T T (block-RLS), or P (RLS)
    gain: NDArray[np.floating]  # (3, D) k = P z; of the update that waits: c k and f = T z (block-RLS), k/sqrt(D) (RLS)
    relax: NDArray[np.float64]  # (Q,) 1/lambda, or 1 where P is as large as its prior
    heads: NDArray[np.void]  # (H,) HEAD
    output: NDArray[np.floating]  # (H horizons,) R z
    error: NDArray[np.floating]  # (H,) R z - y, 0 where there is no target
    shares: NDArray[np.float64]  # (H, B, 2) mean and variance of what a block contributes to a head
    ghosts: NDArray[np.floating]  # (H, 2, N) x now and before, without the edges born since a head fell silent
    sketches: NDArray[np.floating]  # (2, B, l, RANK) of credit and of trace
    spare: NDArray[np.floating]  # (l, l) room for one block's change
    pushed: NDArray[np.floating]  # room for the next influence
    candidates: NDArray[np.int64]  # (B, C) sending block
    salient: NDArray[np.int64]  # (min(C, 32),) the most salient blocks
    since: NDArray[np.int64]  # (B, C) step at which its evidence begins
    work: NDArray[np.float64]  # (2 RANK, RANK) room for products
    middle: NDArray[np.floating]  # (B, RANK) running mean of the sketched traces
    moments: NDArray[np.float64]  # (2, B, RANK, RANK) second moments of the sketches
    whiteners: NDArray[np.floating]  # the same shape, inverses of their Cholesky factors
    evidence: NDArray[np.floating]  # (B, C, RANK, RANK) signed sums; (B, 0, RANK, RANK) for the published maps
    field: NDArray[np.float64]  # (B, B) published map; (0, 0) for the others
    buffer: NDArray[np.floating]  # (BATCH, 2, B, RANK) sketches that wait
    trials: NDArray[np.void]  # (B, TRIALS) TRIAL
    directions: NDArray[np.floating]  # (B, TRIALS, RANK, RANK)
    past: NDArray[np.floating]  # (max horizon, 2, D) features and gains k/D of the last samples; (0, 2, D) for one step
    issued: NDArray[np.float64]  # (max horizon, H horizons) forecasts of the last samples, in the signals' units
    horizons: NDArray[np.int64]
    channels: NDArray[np.void]  # (C,) CHANNEL
    shared: NDArray[np.void]  # (1,) SHARED
