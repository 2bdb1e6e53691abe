"""The trophic field map: for block pairs that need not be connected, what an edge would be worth.

signed (the form that works)
    S_ji <- (1 - beta) S_ji + a_j b_i^T,   a_j = P_j^T d_j, b_i = Q_i^T xbar_i less its running mean: sketches of rank
    8, entries +-1/sqrt(l). Less the mean, for where the credit of a row has one, any block with a mean would do as well
    as any other: that is a bias and no relation.
    chi_ji = ||A_j^-1/2 S_ji B_i^-1/2||^2/w,   A_j = E a_j a_j^T, B_i = E b_i b_i^T, w = sum of the squared weights
    The sum is signed and the norm taken afterwards: products without a relation cancel. Whitening (each block's own
    second moments, with a ridge) keeps the directions in which blocks are loud but uninformative - the mean activity,
    the mean slope - from drowning the others. Under no relation chi is chi-squared with nu = nu_j nu_i degrees of
    freedom, nu_j = tr A_j (A_j + ridge)^-1, and the cube root of Wilson and Hilferty (1931) makes it a normal deviate:
    one threshold means the same everywhere. Every sample adds an outer product, so 16 samples enter at a time.

published      T <- (1 - alpha) T + alpha |e_bar_i d_bar_j|, block means; equations (24)-(26) of arXiv 2510.17916
published_code T_ji <- (1 - alpha) T_ji + alpha |<e_j, d_i>|/l/||x||^2, which the paper's public code runs: its rows
    are senders where its weights' rows are receivers, so an edge is born from j to i where i should hear j.
    Norms taken before the average do not cancel: both forms measure how loud two blocks are, not whether they belong
    together. The code's alpha is 1e-12, the paper's 1e-6; they are kept in float64, where such steps still count.

Candidates: row j watches the C blocks candidates[j]. With C = B these are all pairs. With C < B they rotate: after a
window, one whose z is ordinary makes room. Half of the newcomers are drawn at random; the other half are *salient*
blocks, whose past activity tells how large the error will be. That is a marginal of the pair relation (an edge that
is missing leaves an error whose size depends on what its sender did), so it costs O(B), not O(B^2), to find.
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native, vectorised
from trophic.network.dynamics import uniform
from trophic.network.layout import BATCH, CODE_MAP, PUBLISHED_MAP, RANK, SCOUT, SIGNED_MAP, TRACE, TRIALS
from trophic.network.topology import connected


@vectorised
def sketch(out, matrix, signal, first):
    """out = matrix^T signal."""
    size = matrix.shape[0]
    for q in range(RANK):
        out[q] = 0
    for k in range(size):
        s = signal[first + k]
        for q in range(RANK):
            out[q] += matrix[k, q] * s


@vectorised
def center(signal, middle, rate):
    """Takes the running mean off a sketch."""
    for q in range(RANK):
        middle[q] += rate * (signal[q] - middle[q])
        signal[q] -= middle[q]


@inlined
def listen(net, rules):
    """Sketches of this sample into the buffer; a flush when the buffer is full."""
    shared = net.shared[0]
    slot = shared.n_map % BATCH
    size = net.weights.shape[2]
    shared.n_map += 1
    rate = net.middle.dtype.type(max(rules.map_rate, 1.0 / shared.n_map))
    for j in range(net.slots.shape[0]):
        sketch(net.buffer[slot, 0, j], net.sketches[0, j], net.neurons[SCOUT], j * size)
        sketch(net.buffer[slot, 1, j], net.sketches[1, j], net.neurons[TRACE], j * size)
        center(net.buffer[slot, 1, j], net.middle[j], rate)
    if net.candidates.shape[1] < net.slots.shape[0]:
        attend(net, slot, rules)
    if slot == BATCH - 1:
        flush(net, rules)


@vectorised
def absorb(tile, left, right, keep):
    """tile <- keep tile + sum over the batch of left_s right_s^T."""
    for p in range(RANK):
        for q in range(RANK):
            tile[p, q] *= keep
        for s in range(BATCH):
            a = left[s, p]
            for q in range(RANK):
                tile[p, q] += a * right[s, q]


@inlined
def flush(net, rules):
    """The buffer enters the moments of every block and the evidence of every candidate."""
    stay = (1.0 - rules.map_rate) ** BATCH
    keep = net.evidence.dtype.type(stay)
    for j in range(net.slots.shape[0]):
        for side in range(2):
            sketches = net.buffer[:, side, j]
            absorb(net.moments[side, j], sketches, sketches, stay)
    for j in range(net.candidates.shape[0]):
        credit = net.buffer[:, 0, j]
        for c in range(net.candidates.shape[1]):
            i = net.candidates[j, c]
            if i != j:
                absorb(net.evidence[j, c], credit, net.buffer[:, 1, i], keep)


@native
def whiten(net, side, j, ridge):
    """L^-1 of block j's second moment per sample plus ridge, L L^T = E a a^T + ridge; returns tr L^-1 E a a^T L^-T."""
    rank = net.work.shape[1]
    moments, inverse = net.moments[side, j], net.whiteners[side, j]
    mean = 0.0
    for p in range(rank):
        mean += moments[p, p] / rank
    if mean <= 0.0:
        return 0.0
    freedom = float(rank)
    for p in range(rank):  # forward elimination of [E a a^T + ridge | I], scaled to unit mean power
        for q in range(p + 1):
            net.work[p, q] = moments[p, q] / mean + (ridge if p == q else 0.0)
        for q in range(rank):
            inverse[p, q] = 0
    for p in range(rank):
        for q in range(p + 1):
            total = net.work[p, q]
            for k in range(q):
                total -= net.work[p, k] * net.work[q, k]
            net.work[p, q] = math.sqrt(max(total, 1e-12)) if p == q else total / net.work[q, q]
    for q in range(rank):
        for p in range(q, rank):
            total = 1.0 if p == q else 0.0
            for k in range(q, p):
                total -= net.work[p, k] * net.work[rank + k, q]
            net.work[rank + p, q] = total / net.work[p, p]
    scale = 1.0 / math.sqrt(mean)
    for p in range(rank):
        for q in range(p + 1):
            freedom -= ridge * net.work[rank + p, q] ** 2
            inverse[p, q] = net.work[rank + p, q] * scale
    return freedom


@native
def whiten_all(net, rules):
    """Whiteners and degrees of freedom of all blocks."""
    for j in range(net.slots.shape[0]):
        for side in range(2):
            freedom = whiten(net, side, j, rules.ridge)
            if side == 0:
                net.blocks[j].credit_freedom = freedom
            else:
                net.blocks[j].trace_freedom = freedom


@native
def weight_sums(n, rules):
    """Sum of the weights, and of their squares, of the last n samples."""
    stay = (1.0 - rules.map_rate) ** BATCH
    m = n // BATCH
    return BATCH * (1.0 - stay**m) / (1.0 - stay), BATCH * (1.0 - stay ** (2 * m)) / (1.0 - stay * stay)


@inlined
def pair_evidence(net, j, c, rules):
    """Evidence of candidate c of row j as a standard normal deviate."""
    rank = net.work.shape[1]
    i = net.candidates[j, c]
    shared = net.shared[0]
    n = shared.n_map - net.since[j, c]
    freedom = net.blocks[j].credit_freedom * net.blocks[i].trace_freedom
    if n < BATCH or freedom <= 0.0:
        return 0.0
    squares = weight_sums(n, rules)[1]
    total_weight = weight_sums(shared.n_map, rules)[0]  # the moments are sums since the first sample
    left, right, tile = net.whiteners[0, j], net.whiteners[1, i], net.evidence[j, c]
    power = 0.0
    for p in range(rank):
        for q in range(rank):
            net.work[p, q] = 0.0
        for k in range(p + 1):
            for q in range(rank):
                net.work[p, q] += left[p, k] * tile[k, q]
        for q in range(rank):
            total = 0.0
            for k in range(q + 1):
                total += net.work[p, k] * right[q, k]
            power += total * total
    chi = power * total_weight * total_weight / squares
    share = 2.0 / (9.0 * freedom)
    return ((chi / freedom) ** (1.0 / 3.0) - (1.0 - share)) / math.sqrt(share)


@native
def whitened_direction(net, j, c, out):
    """A_j^-1 S_ji B_i^-1: the direction in which the relation stands out most, up to a factor."""
    rank = net.work.shape[1]
    i = net.candidates[j, c]
    left, right, tile = net.whiteners[0, j], net.whiteners[1, i], net.evidence[j, c]
    work = net.work
    multiply(left, tile, work[:rank], 0, 0)
    multiply(left, work[:rank], work[rank:], 1, 0)
    multiply(work[rank:], right, work[:rank], 0, 1)
    multiply(work[:rank], right, work[rank:], 0, 0)
    for p in range(rank):
        for q in range(rank):
            out[p, q] = work[rank + p, q]


@native
def multiply(a, b, out, flip_a, flip_b):
    """out = a b of square matrices, either one transposed if its flip is 1."""
    rank = out.shape[1]
    for p in range(rank):
        for q in range(rank):
            total = 0.0
            for k in range(rank):
                left = a[k, p] if flip_a == 1 else a[p, k]
                right = b[q, k] if flip_b == 1 else b[k, q]
                total += left * right
            out[p, q] = total


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
            seeking, offered = (i, j) if choice.map == CODE_MAP else (j, i)
            for k in range(size):
                d, e = neurons[SCOUT, seeking * size + k], neurons[TRACE, offered * size + k]
                product += d * e
                left += d
                right += e
            if choice.map == CODE_MAP:
                value = abs(product) / size / power
            else:
                value = abs(left * right) / (size * size)
            net.field[j, i] += alpha * (value - net.field[j, i])


@native
def update(net, choice, rules):
    """The map after a sample whose credit has been assigned."""
    if choice.map == SIGNED_MAP:
        listen(net, rules)
    elif choice.map == PUBLISHED_MAP or choice.map == CODE_MAP:
        published(net, choice, rules)


@native
def attend(net, slot, rules):
    """Running moments of the error's size |e| and of the power of each block's whitened trace."""
    rank = net.work.shape[1]
    shared = net.shared[0]
    if shared.n_map <= rules.warm_up:  # there are no whiteners yet
        return
    rate = max(rules.map_rate, 1.0 / (shared.n_map - rules.warm_up))
    size = 0.0
    for h in range(net.feedback.shape[0]):
        size += abs(float(net.error[h]))
    surprise = size - shared.surprise
    shared.surprise += rate * surprise
    shared.surprise_square += rate * (surprise * surprise - shared.surprise_square)
    for i in range(net.slots.shape[0]):
        block = net.blocks[i]
        power = 0.0
        for p in range(rank):
            part = 0.0
            for q in range(p + 1):
                part += net.whiteners[1, i, p, q] * net.buffer[slot, 1, i, q]
            power += part * part
        energy = power - block.energy
        block.energy += rate * energy
        block.energy_square += rate * (energy * energy - block.energy_square)
        block.joint += rate * (energy * surprise - block.joint)


@native
def find_salient(net):
    """The blocks whose trace tells most about the size of the error, by the correlation of the two."""
    shared = net.shared[0]
    for i in range(net.slots.shape[0]):
        block = net.blocks[i]
        block.salience = abs(block.joint) / math.sqrt(block.energy_square * shared.surprise_square + 1e-300)
    n_found = 0
    for i in range(net.slots.shape[0]):  # insertion into a short sorted list
        place = min(n_found, net.salient.shape[0] - 1)
        if n_found == net.salient.shape[0] and net.blocks[net.salient[place]].salience >= net.blocks[i].salience:
            continue
        n_found = min(n_found + 1, net.salient.shape[0])
        while place > 0 and net.blocks[net.salient[place - 1]].salience < net.blocks[i].salience:
            net.salient[place] = net.salient[place - 1]
            place -= 1
        net.salient[place] = i


@native
def on_trial(net, j, i):
    """Whether a trial of row j is about block i."""
    found = False
    for q in range(TRIALS):
        found = found or net.trials[j, q].source == i + 1
    return found


@native
def watched(net, j, i):
    """Whether row j watches block i, hears it or is it."""
    found = i == j or connected(net.slots, j, i)
    for c in range(net.candidates.shape[1]):
        found = found or net.candidates[j, c] == i
    return found


@native
def rotate(net, rules):
    """Replaces watched candidates whose evidence is ordinary; nothing to do where all pairs are watched."""
    shared = net.shared[0]
    n_blocks, n_candidates = net.candidates.shape
    if n_candidates == n_blocks:
        return
    find_salient(net)
    for j in range(n_blocks):
        for c in range(n_candidates):
            if on_trial(net, j, net.candidates[j, c]):
                continue
            n = shared.n_map - net.since[j, c]
            used = connected(net.slots, j, net.candidates[j, c])
            if not used and (n < rules.window or pair_evidence(net, j, c, rules) > rules.rotation):
                continue
            u = uniform(shared.seed, shared.step, 1000003 + j * n_candidates + c)
            if c % 2:
                i = net.salient[int(u * u * net.salient.shape[0])]  # the more salient, the more often
            else:
                i = int(u * n_blocks)
            if not watched(net, j, i):
                net.candidates[j, c] = i
                forget(net, j, c)
