"""Germination: where newborns come from (Numba)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

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
    TICK_S,
    VOICED,
    V,
    Y,
)
from trophic.ecology.lifecycle import die

BLANK = np.zeros(1, dtype=BRANCH)


@njit(cache=True, nogil=True)
def germinate(cell, level, hot, sums, branches, poles, stats, omega, rate, layer, shared, rules):
    """Try to give birth at a listener that stands out from its flanks; the slot, or -1."""
    a = rate[cell]
    elapsed = shared.elapsed_s
    if elapsed * a < rules.settle or elapsed < stats[REST_UNTIL, cell] or omega[cell] < 0.999 * rules.omega_min:
        return -1
    lo = layer[level]
    hi = layer[level + 1]
    for row in (FAST, SLOW):
        density = stats[row, cell] / a
        if cell > lo and stats[row, cell - 1] / rate[cell - 1] > density:
            continue
        if cell < hi - 1 and stats[row, cell + 1] / rate[cell + 1] > density:
            continue
        reference = max(spores.flanks(stats, rate, cell, lo, hi, row), rules.floor * shared.input_power * shared.h)
        score = density / reference
        bar = rules.fast_threshold
        if row == SLOW:
            bar = 1.0 + rules.slow_threshold / math.sqrt(min(elapsed * a, 80.0) / 2.5)
        if score < bar:
            continue
        newborn = omega[cell] + phase_advance(cell, level, stats, omega, rate, shared)
        host = vacancy(newborn, a, level, branches, rules)
        if host < 0:
            continue
        k = slot_for(branches)
        if k < 0:
            continue
        bear(
            k,
            cell,
            level,
            newborn,
            host,
            hot,
            sums,
            branches,
            poles,
            stats,
            omega,
            rate,
            layer,
            reference,
            shared,
            rules,
        )
        return k
    return -1


@njit(cache=True, nogil=True)
def phase_advance(cell, level, stats, omega, rate, shared):
    """Frequency offset (rad/s) of what a cell hears, from its mean phase advance per tick."""
    angle = math.atan2(stats[ADVANCE_IM, cell], stats[ADVANCE_RE, cell] + 1e-300)
    deviation = angle / max(stats[TICK_S, cell], 1e-300)
    return min(max(deviation, -1.5 * rate[cell]), 1.5 * rate[cell])


@njit(cache=True, nogil=True)
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
        spacing = rules.zone if b.host == 0 else rules.colony_zone
        zone = spacing * b.gamma
        settled = b.voiced_s if b.status == ADULT else b.age_s
        if settled * a < 6.0:
            zone = max(zone, spacing * a)
        if gap < zone:
            return -1
    return host


@njit(cache=True, nogil=True)
def is_stuck(b, a):
    """A colony larva that finds no more mass: what it hears is more than one line for a finer cell."""
    return b.status == LARVA and b.host > 0 and b.gamma_birth > a and b.gamma > 0.8 * b.gamma_birth


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def bear(
    k, cell, level, omega_new, host, hot, sums, branches, poles, stats, omega, rate, layer, reference, shared, rules
):
    """A larva with the cell's phasor (its off-centre response undone), frequency and quality."""
    b = branches[k]
    sums[:, k] = 0.0
    a = rate[cell]
    for j in range(branches.shape[0]):
        if j != k and is_stuck(branches[j], a) and abs(branches[j].omega - omega_new) < rules.zone * branches[j].gamma:
            die(j, hot, branches, shared, -1)
    d = (omega_new - omega[cell]) / a
    u_re = poles[P2_RE, cell]
    u_im = poles[P2_IM, cell]
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
    spores.clean(poles, stats, omega, rate, layer[level + 1], z_re, z_im, b.omega, shared.elapsed_s, cell, reference)
