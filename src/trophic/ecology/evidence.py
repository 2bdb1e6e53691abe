"""Evidence as the currency: what a branch adds to the log-likelihood, in nats (Numba).

A branch that predicts y_p for its input zeta gains y_p (2 zeta - y_p)/(2 sigma^2) nats per sample
over not being there; sigma^2 is the background that the flanking listeners hear.
"""

from __future__ import annotations

import math

from numba import njit

from trophic.ecology.layout import ADULT, DEAD, FAST, LARVA
from trophic.ecology.spores import LOG_STEP, at


@njit(cache=True, nogil=True)
def background(b, soil, bank, h, elapsed):
    """Background variance per sample around a branch, from the coarsest listeners beside its band.

    Each mirror pair of cells 3..8 away counts by its arithmetic mean, pairs by their harmonic mean.
    An adult carves a notch d^2/(d^2 + gamma^2) into the residual around itself, undone here.
    """
    lo = 0
    hi = bank.layer[1]
    omega = bank.omega
    rate = bank.rate
    cell = round(math.log(b.omega / omega[0]) / LOG_STEP)
    cell = min(max(cell, lo), hi - 1)
    notch = b.gamma * b.gamma if b.status == ADULT else 0.0
    total = 0.0
    n = 0
    for d in range(3, 9):
        below = -1.0
        above = -1.0
        if cell - d >= lo:
            gap2 = (omega[cell - d] - b.omega) ** 2
            below = soil[at(FAST, cell - d)] / rate[cell - d] * (gap2 + notch) / gap2
        if cell + d < hi:
            gap2 = (omega[cell + d] - b.omega) ** 2
            above = soil[at(FAST, cell + d)] / rate[cell + d] * (gap2 + notch) / gap2
        if below >= 0.0 and above >= 0.0:
            total += 2.0 / (below + above + 1e-300)
        elif below >= 0.0:
            total += 1.0 / (below + 1e-300)
        elif above >= 0.0:
            total += 1.0 / (above + 1e-300)
        else:
            continue
        n += 1
    return n / (total + 1e-300) / h * (1.1 + 2.0 / (elapsed * rate[cell] + 1e-9))


@njit(cache=True, nogil=True)
def ring(b, r_re, r_im, amplitude, step, h):
    """Background variance per sample from the branch's own innovations, low-passed at 4 gamma.

    Inside a broad hump the flanks are quiet but the place itself is not; a line there has to stand
    above what its own neighbourhood does.
    """
    mix = -math.expm1(-4.0 * b.gamma * step)
    b.ring_re += mix * (r_re * amplitude - b.ring_re)
    b.ring_im += mix * (r_im * amplitude - b.ring_im)
    slow = min(1.0, max(0.5 * b.gamma * step, step / b.age_s))
    b.ring_power += slow * (b.ring_re * b.ring_re + b.ring_im * b.ring_im - b.ring_power)
    return b.ring_power / (6.4 * b.gamma * h)


@njit(cache=True, nogil=True)
def overlap(k, branches):
    """rho in [0, 1]: how far the band of branch k lies inside that of a stronger one (predation)."""
    me = branches[k]
    worst = 0.0
    for j in range(branches.shape[0]):
        other = branches[j]
        if j == k or other.status == DEAD or other.status < me.status or me.host == j + 1:
            continue
        if me.status == LARVA and other.status == LARVA and me.host != other.host:
            continue
        if other.status == me.status and other.power <= me.power:
            continue
        width = 0.5 * min(other.gamma, me.gamma)
        gap = other.omega - me.omega
        if abs(gap) < 8.0 * width:
            worst = max(worst, width * width / (width * width + gap * gap))
    return worst


@njit(cache=True, nogil=True)
def rival(k, branches, width):
    """Competitive exclusion: a richer neighbour so close that either could explain both, or -1."""
    me = branches[k]
    for j in range(branches.shape[0]):
        other = branches[j]
        if j == k or other.status != me.status or other.host != me.host or other.power < me.power:
            continue
        if abs(other.omega - me.omega) < width * min(other.gamma, me.gamma):
            return j
    return -1


@njit(cache=True, nogil=True)
def earn(b, ey, yy, power, posterior, step, rules):
    """Prequential income of one tick: nats gained by predicting y_p = trust * y.

    An adult's trust is its running regression <zeta y>/<y^2>; a larva's is the share of its power
    above its own posterior noise. Income under a stronger overlapping branch belongs to the
    predator; two smoothings keep one event from feeding a colony.
    """
    trust = max(0.0, 1.0 - posterior / power)
    if b.status == ADULT:
        trust = min(1.0, max(0.0, 1.0 + b.gain_ey / (b.gain_yy + 1e-300)))
    mix = min(0.5, max(0.5 * b.gamma * step, step / (b.age_s + 1.0 / b.gamma_birth)))
    b.gain_ey += mix * (ey - b.gain_ey)
    b.gain_yy += mix * (yy - b.gain_yy)
    nats = (2.0 * trust * (ey + yy) - trust * trust * yy) / (2.0 * b.noise)
    if nats > 0.0:
        nats *= 1.0 - b.overlap
    if b.status == LARVA and b.host == 0:
        return min(nats, rules.bite)
    smooth = min(1.0, rules.smooth * max(b.gamma, b.gamma_birth) * step)
    b.income_fast += smooth * (nats / step - b.income_fast)
    b.income += smooth * (b.income_fast - b.income)
    return b.income * step


@njit(cache=True, nogil=True)
def price(b, rules):
    """What a larva has to earn, in U_on: 1 + c/m, m its mass at birth.

    Across a wide band the knee of a coloured background is as good as a light line.
    """
    return 1.0 + rules.light_doubt * 2.0 * b.gamma_birth / b.omega


@njit(cache=True, nogil=True)
def save(b, income, step, rules):
    """Reserve of nats: income less upkeep, capped, so that nobody lives on old merits."""
    cap = rules.reserve_cap * rules.adult_nats
    if b.status == LARVA:
        cost = rules.larva_upkeep * b.gamma * price(b, rules)
        cap *= price(b, rules)
    else:
        cost = (rules.upkeep + rules.leak * b.reserve) * b.gamma
    b.reserve += income - cost * step * (1.0 + rules.predation * b.overlap * b.overlap)
    b.reserve = min(b.reserve, cap)
