"""The life of a branch: promotion, usurpation, fission, starvation, recycling (Numba)."""

from __future__ import annotations

import math

from numba import njit

from trophic.ecology import evidence, market, tuning
from trophic.ecology.flow import set_gains, set_rotor
from trophic.ecology.layout import ADULT, COUNT, DEAD, EE, EV, EY, JOINT, LARVA, STEP, TIME, VV, YY, V, Y


@njit(cache=True, nogil=True)
def stored(k, hot, b):
    """Energy |z|^2/(4 gamma) that a branch holds."""
    return (hot[Y, k] * hot[Y, k] + hot[V, k] * hot[V, k]) / (4.0 * b.gamma)


@njit(cache=True, nogil=True)
def set_gamma(k, gamma, hot, branches, shared):
    """Change a branch's damping, and book the work |z|^2 (1/gamma' - 1/gamma)/4 if it is voiced."""
    b = branches[k]
    before = stored(k, hot, b)
    b.gamma = gamma
    if b.status == ADULT:
        shared.mass_work += stored(k, hot, b) - before


@njit(cache=True, nogil=True)
def die(k, hot, branches, shared, heir):
    """Free the slot; a voiced branch's phasor goes to its heir (slot, or -1)."""
    b = branches[k]
    if b.status == ADULT:
        shared.exchanged -= stored(k, hot, b)
        if heir >= 0:
            shared.exchanged -= stored(heir, hot, branches[heir])
            hot[Y, heir] += hot[Y, k]
            hot[V, heir] += hot[V, k]
            shared.exchanged += stored(heir, hot, branches[heir])
    hot[Y, k] = 0.0
    hot[V, k] = 0.0
    b.status = DEAD
    b.host = 0
    b.share = 0.0
    b.reserve = 0.0
    shared.deaths += 1
    for j in range(branches.shape[0]):
        if branches[j].host == k + 1:
            branches[j].host = 0


@njit(cache=True, nogil=True)
def promote(k, hot, branches, shared, rules):
    """A larva is voiced: from now on it explains the input."""
    b = branches[k]
    b.status = ADULT
    b.host = 0
    b.voiced_s = 0.0
    b.reserve = max(b.reserve, rules.adult_nats)
    shared.exchanged += stored(k, hot, b)


@njit(cache=True, nogil=True)
def absorb(elder, younger, retune, hot, branches, shared):
    """Two voiced branches become one: the elder's life, the sum of their phasors.

    With ``retune`` the elder takes over the younger's frequency and damping: the tone has moved, or
    the younger hears it better. The output of the ecology does not change.
    """
    old = branches[elder]
    new = branches[younger]
    if retune:
        old.omega = new.omega
        set_gamma(elder, new.gamma, hot, branches, shared)
        old.q_re = new.q_re
        old.q_im = new.q_im
        old.q_omega = new.q_omega
        old.qq_re = new.qq_re
        old.qq_im = new.qq_im
        old.misfit = 0.0
        old.virial = new.virial
        old.error_power = new.error_power
        old.gain_ey = new.gain_ey
        old.gain_yy = new.gain_yy
        set_rotor(hot, elder, old.omega, shared.rotor_dt)
        set_tick(old, shared.h)
    old.reserve = max(old.reserve, new.reserve)
    die(younger, hot, branches, shared, elder)


@njit(cache=True, nogil=True)
def usurp(k, hot, branches, shared, rules):
    """A light newcomer as strong as half a heavy adult inside its band moves that adult to its place.

    When a tone has moved, the heavy branch that stays behind and the newcomer that makes up for it
    explain each other; together they are one branch that has to find its frequency again.
    """
    b = branches[k]
    heir = -1
    for j in range(branches.shape[0]):
        other = branches[j]
        if j == k or other.status != ADULT or other.gamma > 0.5 * b.gamma:
            continue
        if abs(other.omega - b.omega) > rules.usurp * b.gamma:
            continue
        comparable = math.hypot(hot[Y, k], hot[V, k]) > 0.5 * math.hypot(hot[Y, j], hot[V, j])
        if comparable and (heir < 0 or other.power > branches[heir].power):
            heir = j
    if heir >= 0:
        absorb(heir, k, True, hot, branches, shared)


@njit(cache=True, nogil=True)
def set_tick(b, h):
    """Samples per tick: a small part of the branch's time constant."""
    b.n_tick = min(1024, max(1, int(0.15 / (b.gamma * h))))


@njit(cache=True, nogil=True)
def count_social(branches, shared, rules):
    """Count light adults and their larvae; a larva whose host is neither alive nor light dies."""
    shared.n_colony = 0
    shared.n_light = 0
    for k in range(branches.shape[0]):
        b = branches[k]
        if b.status == LARVA and b.host > 0:
            host = branches[b.host - 1]
            if host.status != ADULT or host.omega > 2.0 * rules.light_mass * host.gamma:
                b.status = DEAD
                b.host = 0
                b.share = 0.0
                shared.deaths += 1
                continue
            shared.n_colony += 1
        if b.status == ADULT and b.omega < 2.0 * rules.light_mass * b.gamma:
            shared.n_light += 1


@njit(cache=True, nogil=True)
def settle_colony(k, hot, branches, shared, joint, step, rules):
    """Fission: a host whose larvae jointly explain its band better makes way for them.

    The advantage is averaged over the colony's own memory (a beat between its members must not
    decide) and has to be worth U_on nats within one memory.
    """
    b = branches[k]
    if joint == 0.0:
        b.colony = 0.0
        b.colony_fast = 0.0
        return False
    pace = b.gamma
    for j in range(branches.shape[0]):
        if branches[j].host == k + 1 and branches[j].reserve > rules.adult_nats:
            pace = min(pace, branches[j].gamma_birth)
    nats = joint / (2.0 * b.noise)
    mix = min(1.0, 2.0 * pace * step)
    b.colony_fast += mix * (nats / step - b.colony_fast)
    b.colony += mix * (b.colony_fast - b.colony)
    if b.colony <= rules.adult_nats * pace:
        return False
    for j in range(branches.shape[0]):
        if branches[j].host == k + 1:
            branches[j].host = 0
            if branches[j].reserve > rules.adult_nats:
                promote(j, hot, branches, shared, rules)
    die(k, hot, branches, shared, -1)
    return True


@njit(cache=True, nogil=True)
def judge(k, hot, branches, posterior, shared, rules):
    """Merge with a rival, promote the solvent larva, let the insolvent and the ghosts die."""
    b = branches[k]
    if b.omega <= rules.omega_min or b.omega >= rules.omega_max:
        die(k, hot, branches, shared, -1)
        return
    rival = evidence.rival(k, branches, rules.exclusion)
    if rival >= 0 and b.age_s * b.gamma > 2.0:
        if b.status == LARVA:
            die(k, hot, branches, shared, -1)
        elif b.born_s < branches[rival].born_s:
            absorb(k, rival, True, hot, branches, shared)
        else:
            absorb(rival, k, False, hot, branches, shared)
        return
    phasor_power = 2.0 * b.gain_yy
    if b.status == LARVA:
        ghost = b.age_s * b.gamma_birth > 2.0 and phasor_power < rules.ghost * posterior
        if b.reserve > rules.adult_nats * evidence.price(b, rules) and b.host == 0:
            promote(k, hot, branches, shared, rules)
            usurp(k, hot, branches, shared, rules)
        elif b.reserve < -rules.larva_debt or ghost:
            die(k, hot, branches, shared, -1)
        return
    insolvent = b.reserve < rules.starve * rules.adult_nats
    ghost = b.omega > 2.0 * rules.light_mass * b.gamma and phasor_power < rules.ghost * posterior
    if insolvent or ghost:
        starve(k, insolvent, hot, branches, shared, rules)


@njit(cache=True, nogil=True)
def starve(k, may_shed, hot, branches, shared, rules):
    """Burn mass before dying: half the mass for a new loan, while there is mass and still something to hear."""
    b = branches[k]
    lightest = b.omega / (2.0 * rules.m_min)
    something = b.gain_ey > -0.5 * b.gain_yy  # <zeta y> above half of <y^2>
    if may_shed and something and b.gamma < 0.99 * lightest and b.overlap < 0.5:
        set_gamma(k, min(2.0 * b.gamma, lightest), hot, branches, shared)
        b.reserve = 0.5 * rules.adult_nats
        return
    heir = -1
    for j in range(branches.shape[0]):
        other = branches[j]
        if j != k and other.status == ADULT and abs(other.omega - b.omega) < max(other.gamma, b.gamma):
            heir = j
    die(k, hot, branches, shared, heir)


@njit(cache=True, nogil=True)
def live(k, hot, sums, branches, soil, bank, shared, rules):
    """One tick of branch k: evidence, mass, tuning, coherence, market, life."""
    b = branches[k]
    n = sums[COUNT, k]
    step = sums[STEP, k]
    time = sums[TIME, k]
    ey = sums[EY, k]
    yy = sums[YY, k]
    joint = sums[JOINT, k]
    power = (yy + sums[VV, k]) / n + 1e-300
    r_re = 2.0 * ey / (n * power)
    r_im = -2.0 * sums[EV, k] / (n * power)
    b.age_s += step
    if b.status == ADULT:
        b.voiced_s += step
    floor = rules.floor * shared.input_power + 1e-300
    flank = max(floor, evidence.background(b, soil, bank, shared.h, shared.elapsed_s))
    b.error_power += min(1.0, max(b.gamma * step, step / b.age_s)) * (sums[EE, k] / n - b.error_power)
    quiet = max(floor, min(flank, b.error_power))
    around = rules.ring * evidence.ring(b, r_re, r_im, math.sqrt(power), step, shared.h)
    b.noise = flank if b.host > 0 else max(flank, around)
    sums[:, k] = 0.0
    posterior = 2.0 * b.noise * b.gamma * shared.h
    shrink = power / (power + posterior)
    b.overlap = evidence.overlap(k, branches)
    evidence.save(b, evidence.earn(b, ey, yy, power, posterior, step, rules), step, rules)
    if b.status == ADULT and settle_colony(k, hot, branches, shared, joint, step, rules):
        return
    food = market.trade(k, branches, step, rules)
    against = tuning.objection(b, r_re, r_im, n * power / (2.0 * quiet), step, rules)
    tuning.sense(b, r_re, r_im, shrink, step, rules)
    tuning.tune(b, r_im, shrink, step, rules)
    gamma = tuning.weigh(b, against, step, rules, food)
    if b.status == LARVA:
        gamma = min(gamma, b.gamma_birth)
    set_gamma(k, gamma, hot, branches, shared)
    tuning.cohere(b, hot[Y, k], hot[V, k], power, time, step, rules)
    judge(k, hot, branches, posterior, shared, rules)


@njit(cache=True, nogil=True)
def after_change(k, hot, branches, shared, rules):
    """Bring the hot arrays of a branch in line with its record."""
    count_social(branches, shared, rules)
    for j in range(branches.shape[0]):
        if branches[j].status == DEAD:
            hot[Y, j] = 0.0
            hot[V, j] = 0.0
    set_rotor(hot, k, branches[k].omega, shared.rotor_dt)
    if branches[k].status != DEAD:
        set_tick(branches[k], shared.h)
    set_gains(hot, branches, shared)
