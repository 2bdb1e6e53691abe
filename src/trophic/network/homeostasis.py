"""Homeostasis of activity, as published (arXiv 2510.17916).

tau_act a' = -a + |x|, tau_act = 5000 tau_elig = 50000 tau_fast (19);    db_j = eta_b <(p* - a_j)/||x||^2>
"""

from __future__ import annotations

import math

from trophic.engines.native import native
from trophic.network.layout import ACTIVITY, BIAS, X

PACE = 1.0 - math.exp(-1.0 / 50000.0)  # one step of tau_fast


@native
def update(net, rules):
    """Activity traces, and the drift of the bias towards the activity aimed at."""
    real = net.neurons.dtype.type
    neurons = net.neurons
    power = 1e-9
    for k in range(neurons.shape[1]):
        power += float(neurons[X, k]) ** 2
    rate = real(rules.bias_rate / power)
    for k in range(neurons.shape[1]):
        neurons[ACTIVITY, k] += real(PACE) * (abs(neurons[X, k]) - neurons[ACTIVITY, k])
        neurons[BIAS, k] += rate * (real(rules.activity) - neurons[ACTIVITY, k])
