"""Protection of what inactive heads read from.

The share of head o that block j carries is its part of the variance of the head's output. A block that a head without
a target now depends on is less plastic and hears fewer new blocks:

    kappa_j = 1/(1 + (2 B max_o share_oj)^4)        o over inactive heads

A block's activity is also that of the blocks it hears, so these count as much as it does, and so on up the wires.

With "shares" that is all. With "ghosts" a block may hear what it likes: every silent head keeps an activity of its own,
that of the network with the edges it had when the head fell silent (`dynamics.haunt`), and reads it until it has a
target again. Only edges of that time are less plastic; the cost is a forward step more for each silent head.

When a head goes inactive its weights to blocks with less than half the average share are removed, and their mean
goes into its bias: what it does not need cannot be spoilt.
"""

from __future__ import annotations

from trophic.engines.native import native
from trophic.network.layout import GHOSTS, X

EVERY = 4  # samples between two looks at the shares
REST = 0.002  # rate of their means, per look


@native
def measure(net):
    """Mean and variance of each block's contribution to the active heads."""
    size = net.weights.shape[2]
    for h in range(net.feedback.shape[0]):
        if net.heads[h].active == 0:
            continue
        for j in range(net.slots.shape[0]):
            part = 0.0
            for k in range(j * size, (j + 1) * size):
                part += net.readout[h, k] * net.neurons[X, k]
            difference = part - net.shares[h, j, 0]
            net.shares[h, j, 0] += REST * difference
            net.shares[h, j, 1] += REST * ((1.0 - REST) * difference * difference - net.shares[h, j, 1])


@native
def total_variance(net, h):
    """Sum of the variances of all blocks' contributions to a head."""
    total = 1e-300
    for j in range(net.slots.shape[0]):
        total += net.shares[h, j, 1]
    return total


@native
def settle(net, h, n_inputs):
    """Removes a head's weights to blocks it hardly needs; their mean contribution goes into the bias."""
    n_blocks, size = net.slots.shape[0], net.weights.shape[2]
    total = total_variance(net, h)
    folded = 0.0
    for j in range(n_blocks):
        if n_blocks * net.shares[h, j, 1] < 0.5 * total:
            net.readout[h, j * size : (j + 1) * size] = 0
            folded += net.shares[h, j, 0]
            net.shares[h, j, 0] = 0.0
            net.shares[h, j, 1] = 0.0
    bias = net.neurons.shape[1] + n_inputs
    net.readout[h, bias] += net.readout.dtype.type(folded)


@native
def last_silence(net):
    """Step at which the last of the heads that have ghosts fell silent; without ghosts no edge is too young."""
    if net.ghosts.shape[0] == 0:
        return 1 << 62
    last = 0
    for h in range(net.ghosts.shape[0]):
        last = max(last, net.heads[h].silent)
    return last


@native
def up_the_wires(net):
    """A block counts as much as any block that hears it."""
    last = last_silence(net)
    changed = True
    while changed:
        changed = False
        for j in range(net.slots.shape[0]):
            for s in range(1, net.slots.shape[1]):
                i = net.slots[j, s]
                old = net.edges[j, s].born <= last
                if i >= 0 and old and net.blocks[i].plastic < net.blocks[j].plastic:
                    net.blocks[i].plastic = net.blocks[j].plastic
                    changed = True


@native
def update(net, choice, rules):
    """Shares, and the plasticity kappa of every block."""
    if net.shared[0].n_learned % EVERY != 0:
        return
    measure(net)
    n_blocks = net.slots.shape[0]
    for j in range(n_blocks):
        net.blocks[j].plastic = 0.0  # the largest share for now
    for h in range(net.feedback.shape[0]):
        head = net.heads[h]
        if head.was_active == 1 and head.active == 0:
            settle(net, h, choice.n_inputs)
            if choice.protection == GHOSTS:
                head.silent = net.shared[0].step
                for k in range(net.neurons.shape[1]):
                    net.ghosts[h, 0, k] = net.neurons[X, k]
        if head.active == 1:
            head.silent = 0
        head.was_active = head.active
        if head.active == 0:
            total = total_variance(net, h)
            for j in range(n_blocks):
                share = net.shares[h, j, 1] / total
                net.blocks[j].plastic = max(net.blocks[j].plastic, share)
    up_the_wires(net)
    for j in range(n_blocks):
        net.blocks[j].plastic = 1.0 / (1.0 + (2.0 * n_blocks * net.blocks[j].plastic) ** rules.share_power)
