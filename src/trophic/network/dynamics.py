"""The forward step: leaky tanh neurons, their noise, and the traces of what they heard.

    p_j = sum_s W_js x_c(js)(t-1) + W_in u(t) + b
    x_j = (1 - a) x_j(t-1) + a tanh p_j + noise,         g_j = a (1 - tanh^2 p_j)

The published dynamics tau x' = -x + tanh p, integrated exactly over one step dt with p held, are these with
a = 1 - e^(-dt/tau); the paper's public code takes dt = tau. A change of weights learned at step t - 1 is applied
here, in the same pass over W that multiplies it.
"""

from __future__ import annotations

import math

import numpy as np

from trophic.engines.native import inlined, native, vectorised
from trophic.network.layout import BIAS, CREDIT, SLOPE, TRACE, X_OLD, X


@inlined
def mixed(key):
    """Finaliser of SplitMix64 (Steele, Lea and Flood 2014): 64 random bits that are a function of ``key``."""
    z = np.uint64(key) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def uniform(seed, step, item):
    """A number in (0, 1) that is a function of (seed, step, item): the same however a stream is cut."""
    bits = mixed(mixed(mixed(np.uint64(seed)) ^ np.uint64(step)) ^ np.uint64(item))
    return (np.float64(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@inlined
def normal(seed, step, item):
    """A standard normal number of (seed, step, item), by Box and Muller."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed, step, 2 * item)))
    return radius * math.cos(2.0 * math.pi * uniform(seed, step, 2 * item + 1))


@vectorised
def tanh(p):
    """tanh p to 1e-15 of itself, in a form that vectorises: q/(2 - q) with q = 1 - e^(-2|p|).

    q is a series for a 256th of the exponent, doubled eight times by 1 - e^-2y = q (2 - q).
    """
    y = min(abs(p), 20.0) / 128
    q = y * (1 - y / 2 * (1 - y / 3 * (1 - y / 4 * (1 - y / 5 * (1 - y / 6 * (1 - y / 7 * (1 - y / 8)))))))
    for _ in range(8):
        q *= 2 - q
    return math.copysign(q / (2 - q), p)


@vectorised
def activate(x, x_old, slope, leak):
    """From p in ``x`` to x(t) and g."""
    for k in range(x.shape[0]):
        h = tanh(x[k])
        slope[k] = leak * (1 - h * h)
        x[k] = (1 - leak) * x_old[k] + leak * h


@vectorised
def heard(weights, sender, out):
    """v = W x: out[l] = sum_m weights[m, l] sender[m], two senders at a time."""
    size = out.shape[0]
    for k in range(size):
        out[k] = 0
    for m in range(0, size - 1, 2):
        x0 = sender[m]
        x1 = sender[m + 1]
        for k in range(size):
            out[k] += weights[m, k] * x0 + weights[m + 1, k] * x1
    if size % 2:
        x0 = sender[size - 1]
        for k in range(size):
            out[k] += weights[size - 1, k] * x0


@vectorised
def heard_anew(weights, sender, out, trace, credit, scale):
    """The same after W <- W - scale trace credit^T, in one pass over W."""
    size = out.shape[0]
    for k in range(size):
        out[k] = 0
    for m in range(0, size - 1, 2):
        x0 = sender[m]
        x1 = sender[m + 1]
        t0 = scale * trace[m]
        t1 = scale * trace[m + 1]
        for k in range(size):
            w0 = weights[m, k] - t0 * credit[k]
            w1 = weights[m + 1, k] - t1 * credit[k]
            weights[m, k] = w0
            weights[m + 1, k] = w1
            out[k] += w0 * x0 + w1 * x1
    if size % 2:
        t0 = scale * trace[size - 1]
        for k in range(size):
            w0 = weights[size - 1, k] - t0 * credit[k]
            weights[size - 1, k] = w0
            out[k] += w0 * sender[size - 1]


@vectorised
def without_self(weights, sender, out):
    """Takes self-connections back: the diagonal of a block's own weights is zero."""
    for k in range(out.shape[0]):
        out[k] -= weights[k, k] * sender[k]
        weights[k, k] = 0


@inlined
def drive(j, inputs, net, p):
    """p_j of one block; keeps v of each edge."""
    real = net.neurons.dtype.type
    size = p.shape[0]
    first = j * size
    for k in range(size):
        p[k] = net.neurons[BIAS, first + k]
    for f in range(net.feeds.shape[1]):
        channel = net.feeds[j, f]
        if channel >= 0:
            u = inputs[channel]
            for k in range(size):
                p[k] += net.input_weights[j, f, k] * u
    credit = net.neurons[CREDIT, first : first + size]
    for s in range(net.slots.shape[1]):
        i = net.slots[j, s]
        if i < 0:
            continue
        sender = net.neurons[X_OLD, i * size : (i + 1) * size]
        v = net.echo[j, s, 0]
        scale = net.edges[j, s].scale
        if scale != 0.0:
            trace = net.neurons[TRACE, i * size : (i + 1) * size]
            heard_anew(net.weights[j, s], sender, v, trace, credit, real(scale))
            net.edges[j, s].scale = 0.0
            if s == 0:
                without_self(net.weights[j, s], sender, v)
        else:
            heard(net.weights[j, s], sender, v)
        for k in range(size):
            p[k] += v[k]


@native
def haunt(h, inputs, net, rules):
    """The step of a silent head's ghost: the network with the edges that there were when the head fell silent."""
    real = net.neurons.dtype.type
    size = net.weights.shape[2]
    now, before = net.ghosts[h, 0], net.ghosts[h, 1]
    for k in range(now.shape[0]):
        before[k] = now[k]
    leak = real(rules.leak)
    v = net.spare[0]
    for j in range(net.slots.shape[0]):
        p = now[j * size : (j + 1) * size]
        for k in range(size):
            p[k] = net.neurons[BIAS, j * size + k]
        for f in range(net.feeds.shape[1]):
            channel = net.feeds[j, f]
            if channel >= 0:
                for k in range(size):
                    p[k] += net.input_weights[j, f, k] * inputs[channel]
        for s in range(net.slots.shape[1]):
            i = net.slots[j, s]
            if i >= 0 and net.edges[j, s].born <= net.heads[h].silent:
                heard(net.weights[j, s], before[i * size : (i + 1) * size], v)
                for k in range(size):
                    p[k] += v[k]
        for k in range(size):
            p[k] = (real(1.0) - leak) * before[j * size + k] + leak * real(tanh(p[k]))
    if rules.noise > 0.0:
        for k in range(now.shape[0]):
            now[k] += real(rules.noise * normal(net.shared[0].seed, net.shared[0].step, k))


@inlined
def forward(inputs, net, choice, rules):
    """One step of all blocks on the scaled ``inputs`` (C,); leaves z = [x; u; 1] in ``net.features``."""
    real = net.neurons.dtype.type
    shared = net.shared[0]
    n_blocks, size = net.slots.shape[0], net.weights.shape[2]
    n = n_blocks * size
    neurons = net.neurons
    for k in range(n):
        neurons[X_OLD, k] = neurons[X, k]
    for j in range(n_blocks):
        drive(j, inputs, net, neurons[X, j * size : (j + 1) * size])
    activate(neurons[X], neurons[X_OLD], neurons[SLOPE], rules.leak)
    if rules.noise > 0.0:
        for k in range(n):
            neurons[X, k] += real(rules.noise * normal(shared.seed, shared.step, k))
    for h in range(net.ghosts.shape[0]):
        if net.heads[h].silent > 0:
            haunt(h, inputs, net, rules)
    for k in range(n):
        net.features[k] = neurons[X, k]
    for c in range(inputs.shape[0]):
        net.features[n + c] = inputs[c]
    net.features[n + inputs.shape[0]] = 1
    shared.step += 1
