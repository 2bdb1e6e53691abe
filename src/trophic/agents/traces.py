"""Local credit through time: what a synapse keeps of its past, and how it changes when a reward arrives.

Feedback assigns credit to a neuron, L_j = sum_a F_ja g_a, with g_a the gradient that enters head a:

    e_ij <- gamma lambda e_ij + L_j g_j x_i(t-1)        hidden synapses (pre, post, broadcast error)
    e_aj <- gamma lambda e_aj + g_a x_j                 heads

Leaky neurons (a < 1) remember their input, so the term g_j x_i is replaced by the forward trace of the neuron's own
memory (random feedback local online learning, Murray 2019; e-prop, Bellec et al. 2020)

    eps_ij <- (1 - a) eps_ij + g_j x_i(t-1)

A temporal-difference error delta then moves every synapse in units of its own past changes (`variance`)

    v <- beta v + (1 - beta) (delta e)^2,        dw = alpha delta e/(sqrt(v/(1 - beta^t)) + floor)

or all of a population by one step that is bounded to keep delta from changing its sign (`bounded`; ObGD, Elsayed,
Vasan and Mahmood 2024)

    dw = alpha delta e/max(1, alpha kappa max(1, |delta|) sum |e|)

or, with `nlms`, the heads alone by alpha delta e/||[x; 1]||^2.
"""

from __future__ import annotations

import math

from trophic.agents import hebbian
from trophic.agents.layout import (
    BOUNDED,
    BY_VARIANCE,
    CREDIT,
    EPS,
    HEBB_OJA,
    LEARNED,
    LOCAL,
    SLOPE,
    SYMMETRIC,
    X_OLD,
    E,
    V,
    W,
    X,
)
from trophic.engines.native import inlined, native, vectorised
from trophic.network.credit import add_scaled
from trophic.network.readout import dot


@vectorised
def accumulate(e, credit, pre, keep, n):
    """e <- gamma lambda e + L pre of one sender; returns sum |e|."""
    total = e[0] - e[0]
    for k in range(n):
        e[k] = keep * e[k] + credit[k] * pre
        total += abs(e[k])
    return total


@vectorised
def accumulate_leaky(e, eps, credit, slope, pre, keep, rest, n):
    """eps <- (1 - a) eps + g pre and e <- gamma lambda e + L eps; returns sum |e|."""
    total = e[0] - e[0]
    for k in range(n):
        eps[k] = rest * eps[k] + slope[k] * pre
        e[k] = keep * e[k] + credit[k] * eps[k]
        total += abs(e[k])
    return total


@vectorised
def scaled_change(w, e, v, delta, rate, decay, fresh, correction, floor, n):
    """One row of synapses moved in units of their own root mean square change."""
    for k in range(n):
        q = delta * e[k]
        v[k] = decay * v[k] + fresh * q * q
        w[k] += rate * q / (math.sqrt(v[k] * correction) + floor)


@native
def assign(pop, choice, leaky):
    """L_j = sum_a F_ja g_a of every neuron; times its slope, unless the slope is in the forward trace."""
    n = pop.feedback.shape[1]
    credit, slope = pop.neurons[CREDIT], pop.neurons[SLOPE]
    credit[:] = 0
    for h in range(pop.feedback.shape[0]):
        if choice.feedback == SYMMETRIC:
            add_scaled(credit, pop.readout[W, h], pop.output[1, h], n)
        else:
            add_scaled(credit, pop.feedback[h], pop.output[1, h], n)
    if not leaky:
        for k in range(n):
            credit[k] *= slope[k]


@native
def gather(pop, z, choice, keep, leak):
    """Eligibilities of the present state, whose gradients g are in ``pop.output[1]``; returns sum |e|."""
    neurons = pop.neurons
    n, size = pop.feedback.shape[1], pop.recurrent.shape[3]
    total = 0.0
    for h in range(pop.readout.shape[1]):
        total += float(accumulate(pop.readout[E, h], neurons[X], pop.output[1, h], keep, n + 1))
    if choice.plasticity != LOCAL:
        return total
    leaky = pop.recurrent.shape[0] > EPS
    assign(pop, choice, leaky)
    credit, slope = neurons[CREDIT], neurons[SLOPE]
    rest = neurons.dtype.type(1.0) - leak
    for c in range(z.shape[0]):
        if leaky:
            total += float(accumulate_leaky(pop.inputs[E, c], pop.inputs[EPS, c], credit, slope, z[c], keep, rest, n))
        else:
            total += float(accumulate(pop.inputs[E, c], credit, z[c], keep, n))
    for j in range(pop.slots.shape[0]):
        part = slice(j * size, (j + 1) * size)
        for s in range(pop.slots.shape[1]):
            if pop.slots[j, s] < 0:
                continue
            sender = pop.slots[j, s] * size
            for m in range(size):
                pre = neurons[X_OLD, sender + m]
                e = pop.recurrent[E, j, s, m]
                if leaky:
                    eps = pop.recurrent[EPS, j, s, m]
                    total += float(accumulate_leaky(e, eps, credit[part], slope[part], pre, keep, rest, size))
                else:
                    total += float(accumulate(e, credit[part], pre, keep, size))
    return total


@inlined
def change(synapses, row, delta, rate, shared_step, choice, decay, fresh, correction, floor):
    """Moves one row of synapses (planes, rows, n)."""
    n = synapses.shape[2]
    if choice.step != BY_VARIANCE:
        add_scaled(synapses[W, row], synapses[E, row], shared_step, n)
    else:
        scaled_change(
            synapses[W, row], synapses[E, row], synapses[V, row], delta, rate, decay, fresh, correction, floor, n
        )


@native
def move(pop, delta, rate, total, n_updates, choice, rules):
    """dw of every synapse of a population; feedback weights get the changes of their heads (Kolen and Pollack 1994)."""
    real = pop.neurons.dtype.type
    n, size = pop.feedback.shape[1], pop.recurrent.shape[3]
    if choice.step == BOUNDED:
        step = real(rate * delta / max(1.0, rate * rules.bound * max(1.0, abs(delta)) * total))
    else:
        step = real(rate * delta / float(dot(pop.neurons[X], pop.neurons[X], n + 1)))
    decay, fresh, floor = real(rules.variance_decay), real(1.0 - rules.variance_decay), real(rules.variance_floor)
    correction = real(1.0 / (1.0 - rules.variance_decay**n_updates))
    d, alpha = real(delta), real(rate)
    head_rate = real(rate * rules.reference / n)
    before = pop.neurons[CREDIT]
    for h in range(pop.readout.shape[1]):
        for k in range(n):
            before[k] = pop.readout[W, h, k]
        change(pop.readout, h, d, head_rate, step, choice, decay, fresh, correction, floor)
        if choice.feedback == LEARNED:
            for k in range(n):
                pop.feedback[h, k] += pop.readout[W, h, k] - before[k]
    if choice.plasticity == HEBB_OJA:
        hebbian.update(pop, delta, rules)
    if choice.plasticity != LOCAL:
        return
    for c in range(pop.inputs.shape[1]):
        change(pop.inputs, c, d, alpha, step, choice, decay, fresh, correction, floor)
    for j in range(pop.slots.shape[0]):
        for s in range(pop.slots.shape[1]):
            if pop.slots[j, s] >= 0:
                block = pop.recurrent[:, j, s]
                for m in range(size):
                    change(block, m, d, alpha, step, choice, decay, fresh, correction, floor)
