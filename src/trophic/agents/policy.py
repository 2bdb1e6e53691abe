"""Policies: how heads become an action, and the gradient of its log probability that credit begins with.

softmax     pi = softmax(y);  g_a = 1[a] - pi_a - tau sign(delta) pi_a (log pi_a + H),  H the entropy
gaussian    y = [m; s], action m + e^s n with n normal, in half ranges of the action space;
            g_m = (u - m)/e^2s,   g_s = (u - m)^2/e^2s - 1 + tau sign(delta)

The term with tau is the gradient of the entropy. It is signed by the temporal-difference error that will multiply it,
so that the policy is always pushed to be less certain, by an amount in proportion to the surprise.
"""

from __future__ import annotations

import math

from trophic.agents.layout import GAUSSIAN
from trophic.engines.native import inlined, native
from trophic.network.dynamics import normal, uniform

LOG_DEVIATION_MIN, LOG_DEVIATION_MAX = -4.0, 1.0


@inlined
def softmax(logits, out):
    """out = e^y/sum e^y."""
    top = logits[0]
    for h in range(1, logits.shape[0]):
        top = max(top, logits[h])
    total = 0.0
    for h in range(logits.shape[0]):
        p = math.exp(float(logits[h] - top))
        out[h] = p
        total += p
    for h in range(logits.shape[0]):
        out[h] /= total


@inlined
def log_deviation(head):
    """s, kept within bounds that leave an action possible and a density finite."""
    return min(LOG_DEVIATION_MAX, max(LOG_DEVIATION_MIN, float(head)))


@native
def draw(pop, choice, shared, action, greedy):
    """An action from the heads; ``greedy`` takes the most probable one. A function of (seed, step)."""
    y = pop.output[0]
    if choice.policy == GAUSSIAN:
        n = action.shape[0]
        for a in range(n):
            noise = 0.0 if greedy else normal(shared.seed, shared.step, a)
            action[a] = float(y[a]) + math.exp(log_deviation(y[n + a])) * noise
        return
    pi = pop.output[1]
    softmax(y, pi)
    chosen = 0
    if greedy:
        for h in range(pi.shape[0]):
            if pi[h] > pi[chosen]:
                chosen = h
    else:
        rest = uniform(shared.seed, shared.step, 0)
        while chosen < pi.shape[0] - 1 and rest >= pi[chosen]:
            rest -= pi[chosen]
            chosen += 1
    action[0] = chosen


@native
def gradient(pop, choice, action, delta, entropy_weight):
    """g of every head, into ``pop.output[1]``."""
    y, g = pop.output[0], pop.output[1]
    tau = entropy_weight * (1.0 if delta > 0 else -1.0 if delta < 0 else 0.0)
    if choice.policy == GAUSSIAN:
        n = action.shape[0]
        for a in range(n):
            s = log_deviation(y[n + a])
            deviate = (action[a] - float(y[a])) * math.exp(-s)
            g[a] = deviate * math.exp(-s)
            g[n + a] = deviate * deviate - 1.0 + tau
        return
    softmax(y, g)
    entropy = 0.0
    for h in range(g.shape[0]):
        entropy -= float(g[h]) * math.log(float(g[h]) + 1e-12)
    for h in range(g.shape[0]):
        p = float(g[h])
        g[h] = -p - tau * p * (math.log(p + 1e-12) + entropy)
    g[int(action[0])] += 1.0
