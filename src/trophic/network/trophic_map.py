"""The trophic field map: for block pairs that need not be connected, what an edge would be worth.

signed (the form that works)
    S_ji <- (1 - beta) S_ji + (P_j^T d_j)(Q_i^T xbar_i)^T      sketches P, Q of rank 8, entries +-1/sqrt(l)
    z_ji = ||S_ji||^2/(w(n) E|P_j^T d_j|^2 E|Q_i^T xbar_i|^2),   w(n) = sum over its n samples of the squared weights
    The sum is signed, the norm is taken afterwards: products without a relation cancel, and E z = 1 for them, so
    one threshold means the same everywhere. Every sample adds an outer product, so 16 samples enter at a time.

published      T <- (1 - alpha) T + alpha |e_bar_i d_bar_j|, block means; equations (24)-(26) of arXiv 2510.17916
published_code T <- (1 - alpha) T + alpha |<e_i, d_j>|/l/||x||^2, which the paper's public code runs. Norms taken
    before the average do not cancel: both forms measure how loud two blocks are, not whether they belong together.
    The code's alpha is 1e-12, the paper's 1e-6; they are kept in float64, where such steps still count.

Candidates: row j watches the C blocks candidates[j]. With C = B these are all pairs. With C < B they rotate: after a
window, one whose z is ordinary makes room. Half of the newcomers are drawn at random; the other half are *salient*
blocks, whose past activity tells how large the error will be. That is a marginal of the pair relation (an edge that
is missing leaves an error whose size depends on what its sender did), so it costs O(B), not O(B^2), to find.
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native, vectorised
from trophic.network.dynamics import uniform
from trophic.network.layout import BATCH, CODE_MAP, CREDIT, PUBLISHED_MAP, RANK, SIGNED_MAP, TRACE, TRIALS
from trophic.network.topology import connected


@vectorised
def sketch(out, matrix, signal, first):
    """out = matrix^T signal; returns its squared norm."""
    size = matrix.shape[0]
    for q in range(RANK):
        out[q] = 0
    for k in range(size):
        s = signal[first + k]
        for q in range(RANK):
            out[q] += matrix[k, q] * s
    total = out[0] * out[0]
    for q in range(1, RANK):
        total += out[q] * out[q]
    return total


@native
def listen(net, rules):
    """Sketches of this sample into the buffer, and their mean powers; a flush when the buffer is full."""
    shared = net.shared[0]
    slot = shared.n_map % BATCH
    size = net.weights.shape[2]
    shared.n_map += 1
    rate = max(rules.map_rate, 1.0 / shared.n_map)
    squared = 0.0
    for h in range(net.feedback.shape[0]):
        squared += float(net.error[h]) ** 2
    shared.surprise += rate * (squared - shared.surprise)
    shared.surprise_sq += rate * (squared * squared - shared.surprise_sq)
    for j in range(net.slots.shape[0]):
        block = net.blocks[j]
        credit = float(sketch(net.buffer[slot, 0, j], net.sketches[0, j], net.neurons[CREDIT], j * size))
        trace = float(sketch(net.buffer[slot, 1, j], net.sketches[1, j], net.neurons[TRACE], j * size))
        block.credit_power += rate * (credit - block.credit_power)
        block.trace_power += rate * (trace - block.trace_power)
        block.energy_sq += rate * (trace * trace - block.energy_sq)
        block.joint += rate * (trace * squared - block.joint)
    if slot == BATCH - 1:
        flush(net, rules)


@vectorised
def absorb(tile, credit, trace, decay, keep):
    """tile <- keep tile + sum_s decay^(BATCH - 1 - s) credit_s trace_s^T."""
    for p in range(RANK):
        for q in range(RANK):
            tile[p, q] *= keep
        for s in range(BATCH):
            a = credit[s, p]
            for q in range(RANK):
                tile[p, q] += a * trace[s, q]


@native
def flush(net, rules):
    """The buffer enters the evidence of every candidate."""
    real = net.neurons.dtype.type
    stay = 1.0 - rules.map_rate
    for s in range(BATCH):
        weight = real(stay ** (BATCH - 1 - s))
        for j in range(net.slots.shape[0]):
            for q in range(RANK):
                net.buffer[s, 0, j, q] *= weight
    keep = real(stay**BATCH)
    for j in range(net.candidates.shape[0]):
        credit = net.buffer[:, 0, j]
        for c in range(net.candidates.shape[1]):
            i = net.candidates[j, c]
            if i != j:
                absorb(net.evidence[j, c], credit, net.buffer[:, 1, i], keep, keep)


@inlined
def pair_evidence(net, j, c, rules):
    """z of candidate c of row j; 1 on average where there is no relation."""
    i = net.candidates[j, c]
    n = net.shared[0].n_map - net.since[j, c]
    if n <= 0:
        return 0.0
    stay = 1.0 - rules.map_rate
    weights = (1.0 - stay ** (2.0 * n)) / (1.0 - stay * stay)
    total = 0.0
    for p in range(RANK):
        for q in range(RANK):
            total += float(net.evidence[j, c, p, q]) ** 2
    return total / (weights * net.blocks[j].credit_power * net.blocks[i].trace_power + 1e-300)


@native
def forget(net, j, c):
    """The evidence of a pair starts again."""
    net.evidence[j, c] = 0
    net.since[j, c] = net.shared[0].n_map


@native
def published(net, choice, rules):
    """One sample of either published map."""
    size = net.weights.shape[2]
    n_blocks = net.slots.shape[0]
    neurons = net.neurons
    alpha = rules.map_rate
    power = 1e-9
    for k in range(net.neurons.shape[1]):
        power += float(net.features[k]) ** 2
    for j in range(n_blocks):
        for i in range(n_blocks):
            product, left, right = 0.0, 0.0, 0.0
            for k in range(size):
                d, e = neurons[CREDIT, j * size + k], neurons[TRACE, i * size + k]
                product += d * e
                left += d
                right += e
            if choice.map == CODE_MAP:
                value = abs(product) / size / power
            else:
                value = abs(left * right) / (size * size)
            net.evidence[j, i, 0, 0] += alpha * (value - net.evidence[j, i, 0, 0])


@native
def update(net, choice, rules):
    """The map after a sample whose credit has been assigned."""
    if choice.map == SIGNED_MAP:
        listen(net, rules)
    elif choice.map == PUBLISHED_MAP or choice.map == CODE_MAP:
        published(net, choice, rules)


@native
def find_salient(net):
    """Salience of each block: correlation of the error's size with the size of the block's trace, times sqrt(n)."""
    shared = net.shared[0]
    spread = max(shared.surprise_sq - shared.surprise**2, 0.0)
    for i in range(net.slots.shape[0]):
        block = net.blocks[i]
        own = max(block.energy_sq - block.trace_power**2, 0.0)
        covariance = block.joint - block.trace_power * shared.surprise
        block.salience = abs(covariance) / math.sqrt(own * spread + 1e-300)


@native
def most_salient(net, rank_seed, n_draws):
    """The most salient of ``n_draws`` blocks drawn at random."""
    shared = net.shared[0]
    n_blocks = net.slots.shape[0]
    best, best_salience = 0, -1.0
    for draw in range(n_draws):
        i = int(uniform(shared.seed, shared.step, rank_seed + draw) * n_blocks)
        if net.blocks[i].salience > best_salience:
            best_salience = net.blocks[i].salience
            best = i
    return best


@native
def on_trial(net, j, i):
    """Whether a trial of row j is about block i."""
    for q in range(TRIALS):
        if net.trials[j, q].source == i + 1:
            return True
    return False


@native
def watched(net, j, i):
    """Whether row j watches block i, hears it or is it."""
    if i == j or connected(net.slots, j, i):
        return True
    for c in range(net.candidates.shape[1]):
        if net.candidates[j, c] == i:
            return True
    return False


@native
def rotate(net, rules):
    """Replaces watched candidates whose evidence is ordinary; nothing to do where all pairs are watched."""
    shared = net.shared[0]
    n_blocks, n_candidates = net.candidates.shape
    if n_candidates == n_blocks:
        return
    find_salient(net)
    n_draws = max(1, n_blocks // 8)
    for j in range(n_blocks):
        for c in range(n_candidates):
            n = shared.n_map - net.since[j, c]
            if on_trial(net, j, net.candidates[j, c]):
                continue
            used = connected(net.slots, j, net.candidates[j, c])
            if not used and (n < rules.window or pair_evidence(net, j, c, rules) > rules.rotation):
                continue
            draw = 1000003 + (j * n_candidates + c) * (n_draws + 2)
            if c % 2:
                i = most_salient(net, draw, n_draws)
            else:
                i = int(uniform(shared.seed, shared.step, draw) * n_blocks)
            if not watched(net, j, i):
                net.candidates[j, c] = i
                forget(net, j, c)
