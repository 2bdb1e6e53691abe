"""How weights between neurons change.

gated (RFLO or e-prop with a gate and a norm; ours)
    dW_j,i = -kappa_j gamma eta d_j tr_i^T/rms,    clipped at 3 rms
    d = L g credit, tr trace (for leaky neurons an eligibility, for exact credit the gradient itself, take the place of
    d tr^T), rms the running root mean square of the norm of d_j tr_i^T, gamma the part of the target's power that is
    still error, kappa the protection of the row. Every block moves by about eta per step while there is something to
    learn. No self-weights. The change is applied by the next forward step.

published (gated Hebb-Oja, equations (23) and (27) of arXiv 2510.17916), as printed
    dW_ij = tanh(E_j) (eta_h e_i e_j + eta_o x_i (x_j - x_i W_ij)) - eta_d W_ij,    E_j = d_j (1 - x_j^2) of neuron j
    with all signals scaled by 1/||x||^2 and the norms of dW and W bounded. i sends, j receives.
published_code
    what the public code runs: the same with sender and receiver exchanged (the update lands on the transposed edge),
    and eta_h/l^2, eta_o/l, eta_d/l^4.
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native, vectorised
from trophic.network import exact
from trophic.network.layout import CREDIT, FEEDBACK, GATED_PLASTICITY, HEBB_OJA, HEBB_OJA_CODE, SLOPE, TRACE, X_OLD, X
from trophic.network.protection import last_silence


@vectorised
def squared_norm(signal, first, size):
    """Sum of squares of a block's neurons."""
    total = signal[first] * 0
    for k in range(first, first + size):
        total += signal[k] * signal[k]
    return total


@vectorised
def collect(eligibility, sender, slope, credit_by_slope, rest):
    """eps <- rest eps + x g^T; returns the squared norm of eps times L."""
    total = slope[0] * 0
    for m in range(sender.shape[0]):
        x = sender[m]
        for k in range(slope.shape[0]):
            e = rest * eligibility[m, k] + x * slope[k]
            eligibility[m, k] = e
            total += (e * credit_by_slope[k]) ** 2
    return total


@vectorised
def descend(weights, gradient, scale):
    """W <- W - scale dL/dW."""
    for m in range(weights.shape[0]):
        for k in range(weights.shape[1]):
            weights[m, k] -= scale * gradient[m, k]


@vectorised
def apply(weights, eligibility, feedback, scale):
    """W <- W - scale eps L."""
    for m in range(weights.shape[0]):
        for k in range(weights.shape[1]):
            weights[m, k] -= scale * eligibility[m, k] * feedback[k]


@inlined
def change_scale(edge, square, amount, rules):
    """eta over the running rms of this edge's change, clipped."""
    edge.square += max(0.001, 1.0 / edge.age) * (square - edge.square)
    scale = amount / math.sqrt(edge.square + 1e-30)
    limit = rules.rate_clip * rules.rate_clip * edge.square
    if square > limit:
        scale *= math.sqrt(limit / square)
    return scale


@inlined
def gated(net, rules):
    """The scale of every edge's change; with eligibilities per weight, the change itself."""
    real = net.neurons.dtype.type
    shared = net.shared[0]
    n_blocks, size = net.slots.shape[0], net.weights.shape[2]
    neurons = net.neurons
    leaky = net.eligibility.shape[0] > 0
    last = last_silence(net)
    for j in range(n_blocks):
        free = rules.rate * shared.gate
        first = j * size
        power = float(squared_norm(neurons[CREDIT], first, size))
        for s in range(net.slots.shape[1]):
            i = net.slots[j, s]
            if i < 0:
                continue
            edge = net.edges[j, s]
            amount = free if edge.born > last else free * net.blocks[j].plastic
            if net.influence.shape[0] > 0:
                scale = change_scale(edge, exact.gradient(net, j, s), amount, rules)
                descend(net.weights[j, s], net.spare, real(scale))
                continue
            if not leaky:
                square = power * float(squared_norm(neurons[TRACE], i * size, size))
                edge.scale = change_scale(edge, square, amount, rules)
                continue
            feedback = neurons[FEEDBACK, first : first + size]
            sender = neurons[X_OLD, i * size : (i + 1) * size]
            slope = neurons[SLOPE, first : first + size]
            square = float(collect(net.eligibility[j, s], sender, slope, feedback, real(1.0 - rules.leak)))
            apply(net.weights[j, s], net.eligibility[j, s], feedback, real(change_scale(edge, square, amount, rules)))
            if s == 0:
                for k in range(size):
                    net.weights[j, 0, k, k] = 0


@native
def hebb_oja(net, j, s, transposed, scale, rules, change):
    """Published change of the weights from block i to block j, left in ``change`` (l_pre, l_post)."""
    neurons = net.neurons
    size = net.weights.shape[2]
    pre, post = net.slots[j, s] * size, j * size
    for m in range(size):
        for k in range(size):
            sender, receiver = pre + m, post + k
            if transposed:
                sender, receiver = receiver, sender
            gate = math.tanh(scale * neurons[FEEDBACK, receiver] * (1.0 - neurons[X, receiver] ** 2))
            hebb = scale * scale * neurons[TRACE, sender] * neurons[TRACE, receiver]
            x_sender, x_receiver = scale * neurons[X, sender], scale * neurons[X, receiver]
            w = net.weights[j, s, m, k]
            oja = x_sender * (x_receiver - x_sender * w)
            change[m, k] = gate * (rules.hebb * hebb + rules.oja * oja) - rules.decay * w


@native
def published(net, choice, rules):
    """The published change of every edge, with its projections."""
    size = net.weights.shape[2]
    power = 1e-9
    for k in range(net.neurons.shape[1]):
        power += float(net.neurons[X, k]) ** 2
    change = net.spare
    for j in range(net.slots.shape[0]):
        for s in range(net.slots.shape[1]):
            if net.slots[j, s] < 0:
                continue
            hebb_oja(net, j, s, choice.plasticity == HEBB_OJA_CODE, 1.0 / power, rules, change)
            if s == 0:
                for k in range(size):
                    change[k, k] = 0
            project(change, rules.change_cap)
            for m in range(size):
                for k in range(size):
                    net.weights[j, s, m, k] += change[m, k]
            project(net.weights[j, s], rules.weight_cap * math.sqrt(size))


@native
def project(weights, cap):
    """Scales a block down to the Frobenius norm ``cap`` if it is larger."""
    total = 0.0
    for m in range(weights.shape[0]):
        for k in range(weights.shape[1]):
            total += float(weights[m, k]) ** 2
    if total > cap * cap:
        shrink = weights.dtype.type(cap / math.sqrt(total))
        for m in range(weights.shape[0]):
            for k in range(weights.shape[1]):
                weights[m, k] *= shrink


@native
def update(net, choice, rules):
    """Weight changes of one sample."""
    if choice.plasticity == GATED_PLASTICITY:
        gated(net, rules)
    elif choice.plasticity == HEBB_OJA or choice.plasticity == HEBB_OJA_CODE:
        published(net, choice, rules)
