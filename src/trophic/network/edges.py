"""Single edges: their age and worth, a slot for a newborn, birth and death."""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native
from trophic.network.exact import forget_edge
from trophic.network.readout import raise_prior
from trophic.network.trophic_map import forget


@inlined
def grow_older(net):
    """Every edge is a sample older."""
    for j in range(net.slots.shape[0]):
        for s in range(net.slots.shape[1]):
            if net.slots[j, s] >= 0:
                net.edges[j, s].age += 1


@inlined
def worth(net, j, s):
    """Utility of an edge over all heads, in units of a head's target power."""
    total = 0.0
    for h in range(net.utility.shape[2]):
        total += max(0.0, net.utility[j, s, h]) / (net.heads[h].target_power + 1e-300)
    return total


@native
def free(net, j, s):
    """The edge dies."""
    net.slots[j, s] = -1
    net.weights[j, s] = 0
    net.echo[j, s] = 0
    net.utility[j, s] = 0.0
    edge = net.edges[j, s]
    edge.scale = 0.0
    edge.square = 0.0
    edge.age = 0
    edge.evidence = 0.0
    if net.eligibility.shape[0] > 0:
        net.eligibility[j, s] = 0
    if net.influence.shape[0] > 0:
        forget_edge(net, j, s)


@native
def slot_for(net, j, rules):
    """A slot of row j for a newborn: a free one, else the oldest enough of least utility; -1 if there is none."""
    least, found = 1e300, -1
    for s in range(1, net.slots.shape[1]):
        if net.slots[j, s] < 0:
            return s
        if net.edges[j, s].age >= rules.grace:
            value = worth(net, j, s)
            if value < least:
                least = value
                found = s
    return found


@native
def occupy(net, j, s, i, evidence, rules):
    """Slot s of row j now hears block i; its weights are the caller's."""
    if net.slots[j, s] >= 0:
        net.shared[0].deaths += 1
    free(net, j, s)
    net.slots[j, s] = i
    net.edges[j, s].born = net.shared[0].step
    net.edges[j, s].evidence = evidence
    net.shared[0].births += 1
    raise_prior(net, j, rules)


@native
def give_birth(net, j, c, evidence, rules):
    """An edge from candidate c to row j, along the gradient that the map has gathered; False if there is no slot."""
    rank = net.work.shape[1]
    s = slot_for(net, j, rules)
    if s < 0:
        return False
    i = net.candidates[j, c]
    occupy(net, j, s, i, evidence, rules)
    size = net.weights.shape[2]
    weights = net.weights[j, s]
    tile = net.evidence[j, c]
    total = 0.0
    for m in range(size):
        for k in range(size):
            w = 0.0
            for p in range(rank):
                inner = 0.0
                for q in range(rank):
                    inner += tile[p, q] * net.sketches[1, i, m, q]
                w -= net.sketches[0, j, k, p] * inner
            weights[m, k] = w
            total += w * w
    norm = rules.birth_gain * math.sqrt(size * net.shared[0].gate)
    scale = weights.dtype.type(norm / math.sqrt(total + 1e-300))
    for m in range(size):
        for k in range(size):
            weights[m, k] *= scale
    forget(net, j, c)
    return True
