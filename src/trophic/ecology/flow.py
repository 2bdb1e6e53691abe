"""The flow of one sample: conservative rotation, deflation, dissipative kick (Numba).

    z <- z e^(j omega dt);   xi = Z - sum_voiced y;   z <- z + 2 gamma a e

with e = xi for a voiced branch, xi - y for a silent larva, and the error of the whole colony for
larvae that grow in one host's band. a = (1 - e^(-Gamma h))/Gamma, Gamma = sum 2 gamma over the
voiced branches, makes the kick exact for the rank-one coupling through the shared residual.
"""

from __future__ import annotations

import math

from trophic.ecology.layout import (
    ADULT,
    COS,
    COUNT,
    DEAD,
    EE,
    ERROR,
    EV,
    EY,
    GAIN,
    JOINT,
    OMEGA,
    SIN,
    STEP,
    TIME,
    VOICED,
    VV,
    YY,
    V,
    Y,
)
from trophic.engines.native import native, turned, vectorised


@native
def set_rotor(hot, k, omega, dt):
    """Frequency and rotor e^(j omega dt) of one branch."""
    hot[OMEGA, k] = omega
    hot[COS, k] = math.cos(omega * dt)
    hot[SIN, k] = math.sin(omega * dt)


@vectorised
def set_rotors(hot, dt):
    """Rotors of all branches, after a change of the sampling interval."""
    for k in range(hot.shape[1]):
        hot[COS, k], hot[SIN, k] = turned(hot[OMEGA, k] * dt)


@native
def set_gains(hot, branches, shared):
    """Kick gains 2 gamma a of all branches, after a change of masses, voices or the information step."""
    h = shared.h
    total = 2.0 * shared.level_gamma
    for k in range(branches.shape[0]):
        if branches[k].status == ADULT:
            total += 2.0 * branches[k].gamma
    a = h if total * h < 1e-9 else -math.expm1(-total * h) / total
    for k in range(branches.shape[0]):
        if branches[k].status == DEAD:
            hot[GAIN, k] = 0.0
            hot[VOICED, k] = 0.0
        elif branches[k].status == ADULT:
            hot[GAIN, k] = 2.0 * branches[k].gamma * a
            hot[VOICED, k] = 1.0
        else:
            together = 2.0 * branches[k].gamma
            if branches[k].host > 0:  # a colony is rank-one coupled through its joint error, too
                for j in range(branches.shape[0]):
                    if j != k and branches[j].host == branches[k].host:
                        together += 2.0 * branches[j].gamma
            hot[GAIN, k] = -2.0 * branches[k].gamma * math.expm1(-together * h) / together
            hot[VOICED, k] = 0.0
    shared.gain = a
    shared.Gamma = total
    shared.gain_h = h


@vectorised
def rotate(hot, n_branches):
    """Conservative flow of all branches; returns the voiced sum (what the ecology expects next)."""
    expected = 0.0
    for k in range(n_branches):
        y = hot[Y, k] * hot[COS, k] - hot[V, k] * hot[SIN, k]
        v = hot[Y, k] * hot[SIN, k] + hot[V, k] * hot[COS, k]
        hot[Y, k] = y
        hot[V, k] = v
        expected += hot[VOICED, k] * y
    return expected


@vectorised
def errors(hot, xi, n_branches):
    """Each branch's own error: the shared residual if voiced, the residual left by itself if silent."""
    for k in range(n_branches):
        hot[ERROR, k] = xi - (1.0 - hot[VOICED, k]) * hot[Y, k]


@native
def colony_errors(hot, sums, branches, xi):
    """Larvae in a light adult's band share one error, xi + y_host - sum of the colony."""
    n = branches.shape[0]
    for p in range(n):
        if branches[p].status != ADULT:
            continue
        colony = 0.0
        size = 0
        for k in range(n):
            if branches[k].host == p + 1:
                colony += hot[Y, k]
                size += 1
        if size == 0:
            continue
        joint = xi + hot[Y, p] - colony
        sums[JOINT, p] += xi * xi - joint * joint
        for k in range(n):
            if branches[k].host == p + 1:
                hot[ERROR, k] = joint


@vectorised
def kick(hot, sums, dt, h, n_branches):
    """Dissipative flow of all branches, and the sums over a tick that the slow rules need."""
    for k in range(n_branches):
        y = hot[Y, k]
        v = hot[V, k]
        e = hot[ERROR, k]
        sums[EY, k] += e * y
        sums[EV, k] += e * v
        sums[YY, k] += y * y
        sums[VV, k] += v * v
        sums[EE, k] += e * e
        sums[TIME, k] += dt
        sums[STEP, k] += h
        sums[COUNT, k] += 1.0
        hot[Y, k] = y + hot[GAIN, k] * e
