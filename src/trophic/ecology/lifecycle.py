"""Birth, promotion, starvation, recycling (Numba)."""

from __future__ import annotations

import math

from numba import njit

from trophic.ecology import evidence, market, spores, tuning
from trophic.ecology.flow import set_gains, set_rotor
from trophic.ecology.layout import (
    ADULT,
    ADVANCE_IM,
    ADVANCE_RE,
    COUNT,
    DEAD,
    EE,
    EV,
    EY,
    FAST,
    JOINT,
    LARVA,
    P2_IM,
    P2_RE,
    REST_UNTIL,
    SLOW,
    STEP,
    TICK_S,
    TIME,
    VOICED,
    VV,
    YY,
    V,
    Y,
)


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
        if math.hypot(hot[Y, k], hot[V, k]) > 0.5 * math.hypot(hot[Y, j], hot[V, j]):
            if heir < 0 or other.power > branches[heir].power:
                heir = j
    if heir >= 0:
        absorb(heir, k, True, hot, branches, shared)
    return heir


@njit(cache=True, nogil=True)
def set_tick(b, h):
    """Samples per tick: a small part of the branch's time constant."""
    b.n_tick = min(1024, max(1, int(0.15 / (b.gamma * h))))


@njit(cache=True, nogil=True)
def count_social(branches, shared, rules):
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
    """Promotion of a solvent larva; death of the insolvent."""
    b = branches[k]
    if b.omega <= rules.omega_min * 1.0001 or b.omega >= rules.omega_max * 0.9999:
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
    if b.status == LARVA:
        if b.reserve > rules.adult_nats and b.host == 0:
            promote(k, hot, branches, shared, rules)
            usurp(k, hot, branches, shared, rules)
        elif b.reserve < -rules.larva_debt or (
            b.age_s * b.gamma_birth > 2.0 and 2.0 * b.gain_yy < rules.larva_ghost * posterior
        ):
            die(k, hot, branches, shared, -1)
        return
    insolvent = b.reserve < rules.starve * rules.adult_nats
    ghost = b.omega > 2.0 * rules.light_mass * b.gamma and 2.0 * b.gain_yy < rules.starve * rules.adult_nats * posterior
    if not (insolvent or ghost):
        return
    lightest = b.omega / (2.0 * rules.m_min)
    if insolvent and b.gamma < 0.99 * lightest and b.overlap < 0.5:
        set_gamma(k, min(2.0 * b.gamma, lightest), hot, branches, shared)  # burn mass before dying
        b.reserve = 0.5 * rules.adult_nats
        return
    heir = -1
    for j in range(branches.shape[0]):
        other = branches[j]
        if j != k and other.status == ADULT and abs(other.omega - b.omega) < max(other.gamma, b.gamma):
            heir = j
    die(k, hot, branches, shared, heir)


@njit(cache=True, nogil=True)
def live(k, hot, sums, branches, stats, omega, rate, layer, shared, rules):
    """One tick of branch k: evidence, tuning, mass, coherence, market, life."""
    b = branches[k]
    n = sums[COUNT, k]
    step = sums[STEP, k]
    time = sums[TIME, k]
    ey = sums[EY, k]
    ev = sums[EV, k]
    yy = sums[YY, k]
    power = (yy + sums[VV, k]) / n + 1e-300
    joint = sums[JOINT, k]
    error_power = sums[EE, k] / n
    for row in range(9):
        sums[row, k] = 0.0
    b.age_s += step
    if b.status == ADULT:
        b.voiced_s += step
    floor = max(rules.floor * shared.input_power, 1e-30)
    b.noise = evidence.background(b, stats, omega, rate, layer, shared.h, shared.elapsed_s, floor)
    b.error_power += min(1.0, max(rules.error_pace * b.gamma * step, step / b.age_s)) * (error_power - b.error_power)
    quiet = max(floor, min(b.noise, b.error_power))
    local = evidence.ring(b, 2.0 * ey / (n * power), -2.0 * ev / (n * power), math.sqrt(power), step, shared.h, rules)
    if b.host == 0:
        b.noise = max(b.noise, rules.ring * local)
    posterior = 2.0 * b.noise * b.gamma * shared.h
    shrink = power / (power + posterior)
    r_re = 2.0 * ey / (n * power)
    r_im = -2.0 * ev / (n * power)
    precision = n * power / (2.0 * quiet)
    b.overlap = evidence.overlap(k, branches)
    income = evidence.earn(b, ey, yy, power, posterior, step, rules)
    evidence.save(b, income, step, rules)
    if b.status == ADULT:
        if joint != 0.0:
            if settle_colony(k, hot, branches, shared, joint, step, rules):
                return
        else:
            b.colony = 0.0
            b.colony_fast = 0.0
    food = market.trade(k, branches, step, rules)
    against = tuning.objection(b, r_re, r_im, precision, step, rules)
    tuning.weigh(b, r_re, r_im, precision, shrink, step, rules, food)
    tuning.tune(b, r_im, shrink, step, rules)
    b.omega = min(max(b.omega, rules.omega_min), rules.omega_max)
    gamma = tuning.reweigh(b, against, step, rules, food)
    if b.status == LARVA:
        gamma = min(gamma, b.gamma_birth)
    set_gamma(k, gamma, hot, branches, shared)
    tuning.cohere(b, hot[Y, k], hot[V, k], power, time, step, rules)
    judge(k, hot, branches, posterior, shared, rules)


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
        bear(k, cell, level, newborn, host, hot, sums, branches, poles, stats, omega, rate, layer, reference, shared, rules)
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
        zone = (rules.zone if b.host == 0 else rules.colony_zone) * b.gamma
        settled = b.voiced_s if b.status == ADULT else b.age_s
        if settled * a < 6.0:
            zone = max(zone, (rules.zone if b.host == 0 else rules.colony_zone) * a)
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
def bear(k, cell, level, omega_new, host, hot, sums, branches, poles, stats, omega, rate, layer, reference, shared, rules):
    """A larva with the cell's phasor (its off-centre response undone), frequency and quality."""
    b = branches[k]
    for row in range(9):
        sums[row, k] = 0.0
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
    b.status = LARVA
    b.individual = shared.births
    b.host = host
    b.born_s = shared.time_s
    b.age_s = 0.0
    b.voiced_s = 0.0
    b.gamma_birth = a / 1.5 * (rules.birth_light if level == 0 else rules.birth_fine)
    if host == 0:
        b.gamma_birth = max(b.gamma_birth, rules.young / shared.elapsed_s)
    b.gamma = b.gamma_birth
    b.omega = min(max(omega_new, rules.omega_min), rules.omega_max)
    b.chirp = 0.0
    b.q_re = 0.0
    b.q_im = 0.0
    b.q_omega = 0.0
    b.q_chirp = 0.0
    b.qq_re = 0.0
    b.qq_im = 0.0
    b.misfit = 0.0
    b.error_power = 0.0
    b.ring_re = 0.0
    b.ring_im = 0.0
    b.ring_power = 0.0
    b.virial = 0.0
    b.noise = reference / shared.h
    b.gain_ey = 0.0
    b.gain_yy = 0.5 * power
    b.income_fast = 0.0
    b.income = 0.0
    b.reserve = 0.0
    b.overlap = 0.0
    b.colony = 0.0
    b.colony_fast = 0.0
    b.clock_re = 1.0
    b.clock_im = 0.0
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
