"""Plasticity as arXiv 2510.17916 prints it, for `ActorCritic.published`; our own rule is in `trophic.agents.traces`.

    e_j <- e^-1/10 e_j + (1 - a) x_j                                             (18), tau_elig = 10 tau_fast
    E_j = F_j delta (1 - x_j^2)
    dW_ij = (tanh(E_j) (eta_h e_i e_j + eta_o x_i (x_j - x_i W_ij)))/||x||^4 - eta_d W_ij        (23), (27)

i sends, j receives; the temporal-difference error delta enters through the feedback weights F. In the paper every
signal is scaled by 1/||x||^2, so a product of two by 1/||x||^4.
"""

from __future__ import annotations

import math

from trophic.agents.layout import MEMORY, W, X
from trophic.engines.native import native

KEEP = math.exp(-0.1)


@native
def remember(pop, leak):
    """Eligibilities of neurons, after a step."""
    for k in range(pop.feedback.shape[1]):
        pop.neurons[MEMORY, k] = KEEP * pop.neurons[MEMORY, k] + (1.0 - leak) * pop.neurons[X, k]


@native
def update(pop, delta, rules):
    """One change of all recurrent weights."""
    neurons = pop.neurons
    n, size = pop.feedback.shape[1], pop.recurrent.shape[3]
    power = 1e-9
    for k in range(n):
        power += neurons[X, k] * neurons[X, k]
    scale = 1.0 / (power * power)
    for j in range(pop.slots.shape[0]):
        for s in range(pop.slots.shape[1]):
            if pop.slots[j, s] < 0:
                continue
            for m in range(size):
                pre = pop.slots[j, s] * size + m
                for k in range(size):
                    post = j * size + k
                    if pre == post:
                        continue
                    x, y, w = neurons[X, pre], neurons[X, post], pop.recurrent[W, j, s, m, k]
                    gate = math.tanh(pop.feedback[0, post] * delta * (1.0 - y * y))
                    hebb = rules.hebb * neurons[MEMORY, pre] * neurons[MEMORY, post]
                    oja = rules.oja * x * (y - x * w)
                    pop.recurrent[W, j, s, m, k] += gate * scale * (hebb + oja) - rules.decay * w
