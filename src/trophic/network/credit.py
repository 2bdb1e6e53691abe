"""Credit on two levels: which neuron (feedback weights), and which of its past inputs (traces).

Spatial: L = F^T e for a readout error e = R z - y, and d = L g with the slope g = dx/dp.
    fixed      F random and constant (feedback alignment, Lillicrap et al. 2016)
    learned    F gets the increments that R gets, both from pre and post alone: no weight transport (Kolen and Pollack
               1994). F begins at random, R at zero, so that they differ by what F began with, and F turns towards R as
               R grows. Their decay, which would remove the difference for good, is off by default: it keeps an
               ill-conditioned readout from converging (Mackey-Glass: error .044 with a decay of 1e-5, .0009 without)
    symmetric  F = R, a control that needs weight transport
    published  dF = -eta_fb (F e - R^T e) e^T, equations (10) and (22) of arXiv 2510.17916; needs R at the feedback
               synapse, so it transports weights too. eta_fb is held below 1/||e||^2, where a step overshoots

The map may gather its credit through a feedback of its own (scouting="random": fixed normal weights). What it looks
for is whether a relation exists, not which way the loss goes down; a feedback whose sign never turns lets evidence
add up from the first sample on, while R and whatever follows it still wander about zero.

Temporal: a trace of each sender.
    matched         xbar <- (1 - a) xbar + x(t-1): the memory of the receiving neuron itself
    rflo            the same within the eligibility  eps_lm <- (1 - a) eps_lm + g_l x_m(t-1)  (Murray 2019, Bellec
                    et al. 2020); with a = 1 it is g_l xbar_m and needs no memory per weight
    exact           every weight's influence on every neuron, for few neurons, as an oracle: `exact`; the map's traces
                    are matched
    published       tau_elig e' = -e + (1 - a_fast) x, tau_elig = 10 tau_fast, equation (18)
    published_code  e <- e^(-1/30) e + (1 - e^(-1/3)) x, which the paper's public code runs
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native, vectorised
from trophic.network.layout import (
    BY_RANDOM,
    CODE_TRACE,
    CREDIT,
    FEEDBACK,
    LEARNED,
    PUBLISHED_FEEDBACK,
    PUBLISHED_TRACE,
    SCOUT,
    SLOPE,
    SYMMETRIC,
    TRACE,
    X_OLD,
    X,
)


@inlined
def trace(net, choice, rules):
    """Traces after a forward step."""
    real = net.neurons.dtype.type
    neurons = net.neurons
    source = X_OLD
    stay, come = 1.0 - rules.leak, 1.0
    if choice.trace == PUBLISHED_TRACE:
        stay = math.exp(-0.1)
        come = (1.0 - stay) * (1.0 - rules.leak)
        source = X
    elif choice.trace == CODE_TRACE:
        stay, come = math.exp(-1.0 / 30.0), 1.0 - math.exp(-1.0 / 3.0)
        source = X
    keep, gain = real(stay), real(come)
    for k in range(neurons.shape[1]):
        neurons[TRACE, k] = keep * neurons[TRACE, k] + gain * neurons[source, k]


@vectorised
def add_scaled(target, source, factor, n):
    """target += factor source, over the first n entries."""
    for k in range(n):
        target[k] += factor * source[k]


@inlined
def assign(net, choice):
    """L = F^T e and d = L g for every neuron, and the credit that the map gathers."""
    neurons = net.neurons
    n = neurons.shape[1]
    neurons[FEEDBACK] = 0
    for h in range(net.feedback.shape[0]):
        if net.error[h] == 0:
            continue
        if choice.feedback == SYMMETRIC:
            add_scaled(neurons[FEEDBACK], net.readout[h], net.error[h], n)
        else:
            add_scaled(neurons[FEEDBACK], net.feedback[h], net.error[h], n)
    for k in range(n):
        neurons[CREDIT, k] = neurons[FEEDBACK, k] * neurons[SLOPE, k]
    if choice.scouting == BY_RANDOM:
        neurons[SCOUT] = 0
        for h in range(net.scouts.shape[0]):
            if net.error[h] != 0:
                add_scaled(neurons[SCOUT], net.scouts[h], net.error[h], n)
        for k in range(n):
            neurons[SCOUT, k] *= neurons[SLOPE, k]
    else:
        for k in range(n):
            neurons[SCOUT, k] = neurons[CREDIT, k]


@inlined
def restart_feedback(net):
    """Feedback that is learned begins again, as the readout does."""
    for h in range(net.first_feedback.shape[0]):
        for k in range(net.feedback.shape[1]):
            net.feedback[h, k] = net.first_feedback[h, k]


@inlined
def rescale_feedback(net, h, ratio):
    """What feedback has learned follows its row of R, which has changed by ``ratio``; what it began with stays."""
    if h < net.first_feedback.shape[0]:
        for k in range(net.feedback.shape[1]):
            first = net.first_feedback[h, k]
            net.feedback[h, k] = first + ratio * (net.feedback[h, k] - first)


@native
def learn_feedback(net, choice, rules):
    """Feedback weights after the readout has moved by -e k^T/D."""
    real = net.neurons.dtype.type
    n = net.neurons.shape[1]
    n_heads = net.feedback.shape[0]
    if choice.feedback == LEARNED:
        keep = real(1.0 - rules.feedback_decay)
        for h in range(n_heads):
            if net.error[h] == 0:
                continue
            step = real(-net.error[h] / net.shared[0].spread)
            for k in range(n):
                net.feedback[h, k] = keep * net.feedback[h, k] + step * net.gain[0, k]
                net.readout[h, k] *= keep
    elif choice.feedback == PUBLISHED_FEEDBACK:
        power = 1e-30
        for h in range(n_heads):
            power += float(net.error[h]) ** 2
        rate = real(min(rules.feedback_rate, 1.0 / power))
        for k in range(n):
            difference = real(0.0)
            for h in range(n_heads):
                difference += (net.feedback[h, k] - net.readout[h, k]) * net.error[h]
            for h in range(n_heads):
                net.feedback[h, k] -= rate * difference * net.error[h]
