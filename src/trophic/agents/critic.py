"""Recursive least-squares temporal differences, LSTD(lambda) (Bradtke and Barto 1996; Boyan 2002; Xu, He and Hu 2002).

    V = w^T xbar with xbar = [x; 1],       e <- gamma lambda e + xbar_t,      d = xbar_t - gamma' xbar_(t+1)
    k = P e/(beta + d^T P e),       w <- w + k delta,       P <- (P - k d^T P)/beta

with delta = r + gamma' V' - V and gamma' = 0 where the episode has ended of itself. The update of P that one
transition asks for is applied when the next one multiplies P: one pass over memory, not two. P is not divided by
beta where it has grown to its cap, and an ill-conditioned denominator is bounded (in (0, .1)) or skipped (<= 0).
"""

from __future__ import annotations

from trophic.agents.layout import DIFFERENCE, GAIN, LEFT, PENDING, TRACE, X_NEXT, W, X
from trophic.engines.native import native, vectorised


@vectorised
def lagged_pass(row, pending, gain, e, difference, left, relax, n):
    """One row of P <- (P - k (d^T P)) relax; adds its share of d^T P to ``left``, returns its element of P e."""
    total = row[0] - row[0]
    for m in range(n):
        p = (row[m] - gain * pending[m]) * relax
        row[m] = p
        total += p * e[m]
        left[m] += difference * p
    return total


@native
def learn(net, keep, discount, delta, rules):
    """One transition from X to X_NEXT of the critic."""
    real = net.squares.dtype.type
    squares, neurons, shared = net.squares, net.critic.neurons, net.shared[0]
    n = neurons.shape[1]
    e, d = squares[TRACE], squares[DIFFERENCE]
    gamma = real(discount)
    for k in range(n):
        e[k] = keep * e[k] + neurons[X, k]
        d[k] = neurons[X, k] - gamma * neurons[X_NEXT, k]
    left, pending, gain = squares[LEFT], squares[PENDING], squares[GAIN]
    left[:] = 0
    relax = real(shared.relax)
    trace = real(0.0)
    denominator = real(rules.forgetting)
    for i in range(n):
        k = gain[i]
        gain[i] = lagged_pass(net.precision[i], pending, k, e, d[i], left, relax, n)
        trace += net.precision[i, i]
        denominator += d[i] * gain[i]
    shared.relax = 1.0 if trace >= rules.prior_cap * n else 1.0 / rules.forgetting
    if denominator <= 0.0:
        gain[:] = 0
        shared.skipped += 1
        return
    denominator = max(denominator, real(0.1 * rules.forgetting) if denominator < 0.1 else denominator)
    step = real(delta)
    for k in range(n):
        gain[k] /= denominator
        pending[k] = left[k]
        net.critic.readout[W, 0, k] += step * gain[k]
