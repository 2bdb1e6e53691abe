"""Which blocks should hear which: a signed map of pairs, driven by the temporal-difference error.

    e_ji <- gamma lambda e_ji + (P_j^T d_j)(Q_i^T x_i(t-1))^T,      d = L g, P, Q fixed +-1/sqrt(l) sketches of rank 8
    M_ji <- (1 - beta) M_ji + delta e_ji
    n_ji <- (1 - beta)^2 n_ji + delta^2 ||e_ji||^2
    z_ji = ||M_ji||^2/n_ji

e_ji is the eligibility that the synapses of an edge from block i to block j would have, whether or not there is one,
and delta its reward credit. The products are summed with their sign and the norm is taken afterwards: what is unrelated
cancels. Where delta is not predictable from e_ji (the edge would not change the outcome), increments are uncorrelated,
so E z = 1 for every pair and one threshold means the same everywhere.

Every ``period`` transitions after the warm-up, the unconnected pair of largest z is born if z >= threshold. It takes a
free slot of its row, or that of the row's edge of least viability ||W||_F (1 + z) which is old enough and has a smaller
z. A newborn's weights are P_j M_ji Q_i^T, already uphill, with norm .2 sqrt(l); its map starts again.
"""

from __future__ import annotations

import math

from trophic.agents.layout import CREDIT, RANK, SLOPE, X_OLD, W
from trophic.engines.native import native
from trophic.network.topology import connected

ELIGIBILITY, MAP = range(2)
BIRTH_NORM = 0.2


@native
def sketch(pop, side, j, signal, scaled_by_slope):
    """P_j^T d_j (side 0) or Q_j^T x_j (side 1) into ``pop.sketched``."""
    size = pop.recurrent.shape[3]
    out = pop.sketched[side, j]
    out[:] = 0
    for k in range(size):
        s = pop.neurons[signal, j * size + k]
        if scaled_by_slope:
            s *= pop.neurons[SLOPE, j * size + k]
        for q in range(RANK):
            out[q] += pop.sketches[side, j, k, q] * s


@native
def listen(pop, delta, keep, leaky, rules):
    """One transition enters the map of every pair; called when credit has been assigned."""
    n_blocks = pop.slots.shape[0]
    stay = 1.0 - rules.map_rate
    for j in range(n_blocks):
        sketch(pop, 0, j, CREDIT, leaky)
        sketch(pop, 1, j, X_OLD, False)
    for j in range(n_blocks):
        for i in range(n_blocks):
            square = 0.0
            for p in range(RANK):
                for q in range(RANK):
                    e = keep * pop.pairs[ELIGIBILITY, j, i, p, q] + pop.sketched[0, j, p] * pop.sketched[1, i, q]
                    pop.pairs[ELIGIBILITY, j, i, p, q] = e
                    pop.pairs[MAP, j, i, p, q] = stay * pop.pairs[MAP, j, i, p, q] + delta * e
                    square += e * e
            pop.power[j, i] = stay * stay * pop.power[j, i] + delta * delta * square


@native
def evidence(pop, j, i):
    """z of a pair."""
    total = 0.0
    for p in range(RANK):
        for q in range(RANK):
            total += pop.pairs[MAP, j, i, p, q] ** 2
    return total / pop.power[j, i] if pop.power[j, i] > 0.0 else 0.0


@native
def viability(pop, j, s):
    """||W||_F (1 + z) of an edge."""
    size = pop.recurrent.shape[3]
    total = 0.0
    for m in range(size):
        for k in range(size):
            total += pop.recurrent[W, j, s, m, k] ** 2
    return math.sqrt(total) * (1.0 + evidence(pop, j, pop.slots[j, s]))


@native
def place_for(pop, j, z, now, rules):
    """The slot of row j that a newborn with evidence z may take; -1 if none."""
    weakest, least = -1, 1e300
    for s in range(1, pop.slots.shape[1]):
        i = pop.slots[j, s]
        if i < 0:
            return s
        if now - pop.born[j, s] >= rules.grace and evidence(pop, j, i) < z:
            value = viability(pop, j, s)
            if value < least:
                weakest, least = s, value
    return weakest


@native
def bear(pop, j, s, i, now):
    """An edge from block i to block j in slot s."""
    size = pop.recurrent.shape[3]
    weights = pop.recurrent[W, j, s]
    total = 0.0
    for m in range(size):
        for k in range(size):
            w = 0.0
            for p in range(RANK):
                for q in range(RANK):
                    w += pop.sketches[0, j, k, p] * pop.pairs[MAP, j, i, p, q] * pop.sketches[1, i, m, q]
            weights[m, k] = w
            total += w * w
    scale = BIRTH_NORM * math.sqrt(size) / math.sqrt(total + 1e-300)
    for m in range(size):
        for k in range(size):
            weights[m, k] *= scale
            for plane in range(1, pop.recurrent.shape[0]):
                pop.recurrent[plane, j, s, m, k] = 0
    pop.slots[j, s] = i
    pop.born[j, s] = now
    pop.pairs[MAP, j, i] = 0
    pop.power[j, i] = 0


@native
def grow(pop, now, rules):
    """At most one birth; returns how many."""
    n_blocks = pop.slots.shape[0]
    best_j, best_i, best = -1, -1, rules.threshold
    for j in range(n_blocks):
        for i in range(n_blocks):
            if not connected(pop.slots, j, i):
                z = evidence(pop, j, i)
                if z >= best:
                    best_j, best_i, best = j, i, z
    if best_j < 0:
        return 0
    s = place_for(pop, best_j, best, now, rules)
    if s < 0:
        return 0
    bear(pop, best_j, s, best_i, now)
    return 1


@native
def update(pop, delta, keep, leaky, now, rules):
    """Map and births after a transition; returns the number of births."""
    listen(pop, delta, keep, leaky, rules)
    period = int(rules.period)
    if now < rules.warm_up or now % period != 0:
        return 0
    return grow(pop, now, rules)
