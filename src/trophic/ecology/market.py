"""The metabolic market: shares of a finite flux, by replicator dynamics (Numba).

    pi_k' = lambda_k [ r_k - pi_k (r_0 + sum_j r_j) ],   r = U/(U + U_on)

The rest pi_0 = 1 - sum pi stays in the environment. Fitness is divided by share (a common good),
or winner takes all. A mass is limited by what its share can feed, m <= pi * budget.
"""

from __future__ import annotations

from numba import njit

from trophic.ecology.layout import ADULT, DEAD


@njit(cache=True, nogil=True)
def fitness(b, rules):
    """Saturating reward in [0, 1) for the reserve of evidence."""
    if b.status == DEAD or b.reserve <= 0.0:
        return 0.0
    return b.reserve / (b.reserve + rules.adult_nats)


@njit(cache=True, nogil=True)
def trade(k, branches, step, rules):
    """Update the share of branch k; returns the food its mass growth gets, at most 1."""
    b = branches[k]
    total = rules.reserve_share
    for j in range(branches.shape[0]):
        total += fitness(branches[j], rules)
    pace = min(0.2, b.omega / (6.283185307179586 * rules.market_periods) * step)
    b.share = (b.share + pace * fitness(b, rules)) / (1.0 + pace * total)
    if b.status != ADULT:
        return 1.0
    return max(-1.0, 1.0 - b.omega / (2.0 * b.gamma) / (b.share * rules.budget + 1e-300))
