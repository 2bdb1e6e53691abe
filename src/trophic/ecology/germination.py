"""Germination: where newborns come from (Numba)."""

from __future__ import annotations

import math

import numpy as np

from trophic.ecology import spores
from trophic.ecology.layout import (
    ADULT,
    ADVANCE_IM,
    ADVANCE_RE,
    BRANCH,
    DEAD,
    FAST,
    LARVA,
    P2_IM,
    P2_RE,
    REST_UNTIL,
    SLOW,
    VOICED,
    V,
    Y,
)
from trophic.ecology.lifecycle import die
from trophic.ecology.spores import FAR, NEAR, at
from trophic.engines.native import inlined, native

BLANK = np.zeros(1, dtype=BRANCH)


@inlined
def outstanding(cell, level, soil, bank, shared, rules):
    """Background density (power per 1/s) around a cell that may give birth, or 0 if it may not.

    A cell may when its density, in the fast or in the slow average, is a maximum among its
    neighbours and stands far enough above its flanks.
    """
    rate = bank.rate
    a = rate[cell]
    elapsed = shared.elapsed_s
    if elapsed * a < rules.settle or elapsed < soil[at(REST_UNTIL, cell)]:
        return 0.0
    if bank.omega[cell] < 0.999 * rules.omega_min or bank.omega[cell] > 1.001 * rules.omega_max:
        return 0.0
    lo = bank.layer[level]
    hi = bank.layer[level + 1]
    ground = rules.floor * shared.input_power * shared.h + 1e-300
    bar = rules.fast_threshold
    if is_peak(FAST, cell, hi, soil, rate) and has_quiet_pair(FAST, bar, cell, lo, hi, soil):
        reference = max(spores.flanks(FAST, cell, lo, hi, soil, rate), ground)
        if soil[at(FAST, cell)] >= bar * reference * a:
            return reference
    bar = 1.0 + rules.slow_threshold * math.sqrt(2.5 / 80.0)  # what it comes to in the long run
    if is_peak(SLOW, cell, hi, soil, rate) and has_quiet_pair(SLOW, bar, cell, lo, hi, soil):
        reference = max(spores.flanks(SLOW, cell, lo, hi, soil, rate), ground)
        bar = 1.0 + rules.slow_threshold * math.sqrt(2.5 / min(elapsed * a, 80.0))
        if soil[at(SLOW, cell)] >= bar * reference * a:
            return reference
    return 0.0


@inlined
def is_peak(row, cell, hi, soil, rate):
    """Is the density (power/rate) of a cell not below that of its neighbours? The guards see to one below."""
    power = soil[at(row, cell)]
    below = soil[at(row, cell - 1)] * rate[cell] <= power * rate[cell - 1]
    above = soil[at(row, cell + 1)] * rate[cell] <= power * rate[cell + 1]
    return below & (above | (cell + 1 == hi))


@inlined
def has_quiet_pair(row, bar, cell, lo, hi, soil):
    """Does any mirror pair of the flanks lie below the bar? A cheap condition for their mean to do so.

    Rates are geometric: those of a mirror pair multiply to the square of the cell's own.
    """
    if cell - FAR < lo or cell + FAR > hi:
        return True
    scale = bar / (soil[at(row, cell)] + 1e-300)
    quiet = False
    for d in range(NEAR, FAR):
        quiet |= (soil[at(row, cell - d)] * scale) * (soil[at(row, cell + d)] * scale) < 1.0
    return quiet


@native
def germinate(cell, level, dt, reference, hot, sums, branches, soil, bank, shared, rules):
    """Try to give birth at a cell that stands out from its flanks and ticks every dt; the slot, or -1."""
    a = bank.rate[cell]
    newborn = bank.omega[cell] + phase_advance(cell, a, dt, soil)
    host = vacancy(newborn, a, level, branches, rules)
    if host < 0:
        return -1
    k = slot_for(branches)
    if k >= 0:
        bear(k, cell, level, newborn, host, reference, hot, sums, branches, soil, bank, shared, rules)
    return k


@native
def phase_advance(cell, a, dt, soil):
    """Frequency offset (rad/s) of what a cell hears, from its mean phase advance per tick."""
    angle = math.atan2(soil[at(ADVANCE_IM, cell)], soil[at(ADVANCE_RE, cell)] + 1e-300)
    return min(max(angle / dt, -1.5 * a), 1.5 * a)


@native
def vacancy(omega_new, a, level, branches, rules):
    """0 if the place is free, slot + 1 of a light host whose band it would share, -1 if taken."""
    host = 0
    for k in range(branches.shape[0]):
        b = branches[k]
        if b.status == DEAD:
            continue
        gap = abs(b.omega - omega_new)
        if level > 0 and b.status == ADULT and b.omega < 2.0 * rules.light_mass * b.gamma:
            if gap < 2.0 * b.gamma:
                host = k + 1
            continue
        if is_stuck(b, a):
            continue
        zone = rules.zone * b.gamma
        settled = b.voiced_s if b.status == ADULT else b.age_s
        if settled * a < 6.0:
            zone = max(zone, rules.zone * a)
        if gap < zone:
            return -1
    return host


@native
def is_stuck(b, a):
    """A colony larva that finds no more mass: what it hears is more than one line for a finer cell."""
    return b.status == LARVA and b.host > 0 and b.gamma_birth > a and b.gamma > 0.8 * b.gamma_birth


@native
def slot_for(branches):
    """A free slot, else that of the poorest larva past its first time constant, else -1."""
    worst = 1.0
    slot = -1
    for k in range(branches.shape[0]):
        b = branches[k]
        if b.status == DEAD:
            return k
        if b.status == LARVA and b.reserve < worst and b.gamma_birth * b.age_s > 1.0:
            worst = b.reserve
            slot = k
    return slot


@native
def bear(k, cell, level, omega_new, host, reference, hot, sums, branches, soil, bank, shared, rules):
    """A larva with the cell's phasor (its off-centre response undone), frequency and quality."""
    b = branches[k]
    sums[:, k] = 0.0
    a = bank.rate[cell]
    for j in range(branches.shape[0]):
        if j != k and is_stuck(branches[j], a) and abs(branches[j].omega - omega_new) < rules.zone * branches[j].gamma:
            die(j, hot, branches, shared, -1)
    d = (omega_new - bank.omega[cell]) / a
    u_re = soil[at(P2_RE, cell)]
    u_im = soil[at(P2_IM, cell)]
    g_re = 1.0 - d * d
    g_im = 2.0 * d
    z_re = u_re * g_re - u_im * g_im
    z_im = u_re * g_im + u_im * g_re
    power = z_re * z_re + z_im * z_im
    shared.births += 1
    branches[k] = BLANK[0]
    b.status = LARVA
    b.individual = shared.births
    b.host = host
    b.born_s = shared.time_s
    b.gamma_birth = a / 1.5 * (rules.birth_light if level == 0 else 1.0)
    if host == 0:
        b.gamma_birth = max(b.gamma_birth, rules.young / shared.elapsed_s)
    b.gamma = b.gamma_birth
    b.omega = min(max(omega_new, rules.omega_min), rules.omega_max)
    b.noise = reference / shared.h
    b.gain_yy = 0.5 * power
    b.clock_re = 1.0
    b.centre = b.omega
    b.centre_once = b.omega
    b.centre_twice = b.omega
    b.low_re = z_re
    b.low_im = z_im
    b.power = power
    b.low_power = power
    b.kappa = b.gamma_birth
    b.log_width = math.log(b.kappa)
    b.share = 1.0 / (branches.shape[0] + 1.0)
    hot[Y, k] = z_re
    hot[V, k] = z_im
    hot[VOICED, k] = 0.0
    spores.clean(cell, bank.layer[level + 1], reference, z_re, z_im, b.omega, shared.elapsed_s, soil, bank)
