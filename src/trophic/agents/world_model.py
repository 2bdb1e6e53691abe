"""An ensemble of world models: every block predicts what the next observation will be, by its own least squares.

    f = [tanh(A [o; a; 1]); o; a; 1],        o' = o + R f          for each block, A fixed and random
    k = P f/(beta + f^T P f),   R <- R + (o' - o - R f) k^T,   P <- (P - k f^T P)/beta

Blocks differ by A, and by the tenth of the samples that each of them leaves out, so where they have seen little they
disagree. Blocks stand in groups, one per *context*: something that stays through an episode and is not observed. The
evidence of a context grows with the likelihood of what was observed under its blocks' mean prediction m_c

    ln w_c <- ln w_c - 1/2 sum_k min((o'_k - m_ck)^2/sigma^2, 50),       w normalised, uniform when an episode begins

and blocks learn in proportion to it, so that each group becomes the model of a context of its own. A small part of
every sample is shared by all: what is the same in all contexts is learned by a group that explains nothing yet, too.
"""

from __future__ import annotations

import math

from trophic.engines.native import decayed, inlined, native, vectorised
from trophic.network.dynamics import uniform
from trophic.network.readout import dot


@vectorised
def squash(values, n):
    """tanh of every entry, in place."""
    for k in range(n):
        p = values[k]
        e = decayed(2.0 * abs(p))
        size = (1.0 - e) / (1.0 + e)
        values[k] = size if p > 0 else -size


@vectorised
def collect(sensors, inputs, features, size):
    """features[:size] = A inputs, A stored as (inputs, size)."""
    for k in range(size):
        features[k] = 0
    for c in range(inputs.shape[0]):
        u = inputs[c]
        for k in range(size):
            features[k] += sensors[c, k] * u


@inlined
def sense(sensors, inputs, features):
    """f of one block on [o; a; 1]."""
    size = sensors.shape[1]
    collect(sensors, inputs, features, size)
    squash(features, size)
    for c in range(inputs.shape[0]):
        features[size + c] = inputs[c]


@vectorised
def times(matrix, vector, out, n):
    """out = P f, of a symmetric P."""
    for k in range(n):
        out[k] = 0
    for i in range(n):
        v = vector[i]
        for k in range(n):
            out[k] += matrix[i, k] * v


@vectorised
def downdate(matrix, gain, factor, relax, n):
    """P <- (P - factor k k^T) relax; returns its trace."""
    total = 0.0
    for i in range(n):
        g = factor * gain[i]
        for k in range(n):
            matrix[i, k] = (matrix[i, k] - g * gain[k]) * relax
    for i in range(n):
        total += matrix[i, i]
    return total


@vectorised
def shift(row, gain, step, n):
    """R_k <- R_k + step k."""
    for i in range(n):
        row[i] += step * gain[i]


@native
def fit(world, b, features, target, weight, rules):
    """Least squares of one block, a sample of weight ``weight``."""
    n = features.shape[0]
    gain = world.work[1]
    times(world.precision[b], features, gain, n)
    spread = rules.forgetting / weight + dot(features, gain, n)
    for k in range(target.shape[0]):
        error = target[k] - dot(world.readout[b, k], features, n)
        shift(world.readout[b, k], gain, error / spread, n)
    relax = world.relax[b]
    trace = downdate(world.precision[b], gain, 1.0 / spread, relax, n)
    world.relax[b] = 1.0 / rules.forgetting if trace < rules.prior_cap * n else 1.0


@native
def believe(world, error, rules):
    """The evidence of every context after an observation whose errors are (contexts, d)."""
    w = world.belief
    top = -1e300
    for c in range(w.shape[0]):
        surprise = 0.0
        for k in range(error.shape[1]):
            surprise += min(error[c, k] * error[c, k] / (rules.belief_noise * rules.belief_noise), 50.0)
        w[c] = math.log(w[c] + 1e-12) - 0.5 * surprise
        top = max(top, w[c])
    total = 0.0
    for c in range(w.shape[0]):
        w[c] = math.exp(w[c] - top)
        total += w[c]
    for c in range(w.shape[0]):
        w[c] /= total


@native
def residuals(world, inputs, change):
    """Errors of the mean prediction of every context, into ``world.error``."""
    n_blocks = world.readout.shape[0]
    per_context = n_blocks // world.belief.shape[0]
    features, error = world.work[0], world.error
    error[:] = 0
    for b in range(n_blocks):
        sense(world.sensors[b], inputs, features)
        for k in range(change.shape[0]):
            miss = change[k] - dot(world.readout[b, k], features, features.shape[0])
            error[b // per_context, k] += miss / per_context


@native
def learn(world, inputs, change, rules):
    """One transition: o' - o = ``change`` after inputs [o; a; 1]."""
    shared = world.shared[0]
    n_blocks, n_contexts = world.readout.shape[0], world.belief.shape[0]
    residuals(world, inputs, change)
    if n_contexts > 1:
        believe(world, world.error, rules)
    for k in range(change.shape[0]):
        square = 0.0
        for c in range(n_contexts):
            square += world.belief[c] * world.error[c, k] * world.error[c, k]
        world.noise[k] += rules.noise_rate * (max(square, rules.noise_floor) - world.noise[k])
    features = world.work[0]
    for b in range(n_blocks):
        weight = (1.0 - rules.share) * world.belief[b // (n_blocks // n_contexts)] + rules.share / n_contexts
        if uniform(shared.seed, shared.step, -1 - b) < rules.dropout:
            continue
        sense(world.sensors[b], inputs, features)
        fit(world, b, features, change, weight, rules)
