"""Exact temporal credit by forward mode (real time recurrent learning, Williams and Zipser 1989): the oracle.

What the traces of `credit` approximate, every weight's influence on every neuron, is carried along in full:

    J_kw(t) = dx_k(t)/dw = (1 - a) J_kw(t-1) + g_k (sum_m W_km J_mw(t-1) + [w ends at k] x_pre(w)(t-1))
    dL/dw = sum_k L_k J_kw

With feedback="symmetric", L = R^T e, this is the gradient of the loss of every sample, through all of the past, for the
readout as it is; with any other feedback it is that of the L there is. Nothing about it is local: a weight hears of
every neuron. It takes N W numbers and W times the work of a forward step (N neurons, W weights), so `LIMIT` bounds it.

While weights change J mixes influences under the weights that were; so does every online gradient. A newborn edge
begins with no influence, a dead one leaves none.
"""

from __future__ import annotations

from trophic.engines.native import native
from trophic.network.credit import add_scaled
from trophic.network.layout import FEEDBACK, SLOPE, X_OLD

LIMIT = 1 << 22  # numbers of J, at most


@native
def advance(net, rules):
    """J after a forward step."""
    real = net.neurons.dtype.type
    n_blocks, n_slots = net.slots.shape
    size = net.weights.shape[2]
    rest = real(1.0 - rules.leak)
    n_weights = net.influence.shape[1]
    for j in range(n_blocks):
        for k in range(size):
            neuron = j * size + k
            pushed = net.pushed[neuron]
            pushed[:] = 0
            for s in range(n_slots):
                i = net.slots[j, s]
                if i < 0:
                    continue
                for m in range(size):
                    add_scaled(pushed, net.influence[i * size + m], net.weights[j, s, m, k], n_weights)
                    if s > 0 or m != k:
                        pushed[((j * n_slots + s) * size + m) * size + k] += net.neurons[X_OLD, i * size + m]
            slope = net.neurons[SLOPE, neuron]
            for w in range(n_weights):
                pushed[w] = rest * net.influence[neuron, w] + slope * pushed[w]
    for k in range(net.influence.shape[0]):
        for w in range(n_weights):
            net.influence[k, w] = net.pushed[k, w]


@native
def gradient(net, j, s):
    """dL/dW of one edge, left in ``net.spare`` (l_pre, l_post); returns its squared norm."""
    size = net.weights.shape[2]
    first = (j * net.slots.shape[1] + s) * size * size
    net.spare[:] = 0
    for n in range(net.influence.shape[0]):
        credit = net.neurons[FEEDBACK, n]
        for m in range(size):
            add_scaled(net.spare[m], net.influence[n, first + m * size : first + (m + 1) * size], credit, size)
    total = 0.0
    for m in range(size):
        for k in range(size):
            total += float(net.spare[m, k]) ** 2
    return total


@native
def forget_edge(net, j, s):
    """No neuron remembers the weights of this slot."""
    size = net.weights.shape[2]
    first = (j * net.slots.shape[1] + s) * size * size
    net.influence[:, first : first + size * size] = 0
