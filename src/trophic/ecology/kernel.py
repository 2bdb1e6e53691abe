"""The sample loop of one channel (Numba): flow, slow rules, listeners, births, track frames."""

from __future__ import annotations

import math

from trophic.ecology import flow, germination, lifecycle, spores
from trophic.ecology.layout import (
    BLOCK,
    COUNT,
    DEAD,
    F_AMPLITUDE,
    F_BANDWIDTH,
    F_FREQUENCY,
    F_INDIVIDUAL,
    F_MASS,
    F_PHASE,
    F_SHARE,
    F_STATUS,
    LANES,
    OCTAVES,
    P2_IM,
    P2_RE,
    STEP_H,
    STEP_S,
    WAIT_S,
    V,
    Y,
)
from trophic.ecology.spores import CHILDREN, at
from trophic.engines.native import entry, inlined, native


@native
def keep_time(dt, shared):
    """Two clocks: the true dt for phase, the smoothed information step h for learning."""
    shared.n += 1
    if shared.h == 0.0:
        shared.h = dt
    gain = max(0.005, 1.0 / shared.n)
    shared.h += gain * (min(dt, 3.0 * shared.h) - shared.h)
    shared.elapsed_s += shared.h


@native
def refresh(dt, hot, branches, soil, steps, ticks, bank, shared, rules):
    """Recompute what depends on the sampling interval, when it has changed."""
    h = shared.h
    turned = abs(dt - shared.rotor_dt) > 1e-9 * dt
    if turned or abs(h - shared.rotor_h) > 1e-3 * h:
        spores.set_rotors(soil, steps, 0, bank.layer[1] // LANES, 0, bank, dt, h)
        if shared.hosts_heard > 0:
            spores.set_rotors(soil, steps, bank.layer[-1] // LANES, bank.layer[1] // LANES, 0, bank, dt, h)
        shared.rotor_h = h
    if turned:
        flow.set_rotors(hot, dt)
        shared.rotor_dt = dt
    if abs(h - shared.pace_h) > 0.25 * h:
        spores.plan_ticks(ticks, bank, h)
        shared.pace_h = h
    level_gamma = max(rules.level_pace * rules.omega_min, 1.0 / shared.elapsed_s)
    if abs(h - shared.gain_h) > 1e-3 * h or level_gamma < 0.9 * shared.level_gamma or shared.level_gamma == 0.0:
        if shared.level_gamma > 0.0:
            shared.mass_work += 0.25 * shared.level * shared.level * (1.0 / level_gamma - 1.0 / shared.level_gamma)
        shared.level_gamma = level_gamma
        flow.set_gains(hot, branches, shared)
        for k in range(branches.shape[0]):
            if branches[k].status != DEAD:
                lifecycle.set_tick(branches[k], h)


@native
def drift_level(dt, shared):
    """The branch at zero frequency follows the trend; what that stores is booked as work."""
    before = shared.level
    shared.level += shared.slope * dt
    shared.mass_work += 0.25 * (shared.level * shared.level - before * before) / shared.level_gamma


@native
def account(x, xi, shared, rules):
    """Running power and the energy ledger of one sample; heat is xi^2 (1 - e^(-2 Gamma h))/(2 Gamma)."""
    h = shared.h
    mix = min(1.0, max(h * rules.omega_min / 31.4, h / shared.elapsed_s))
    shared.input_power += mix * ((x - shared.level) ** 2 - shared.input_power)
    shared.supplied += x * xi * shared.gain
    shared.heat += xi * xi * shared.gain * (1.0 - 0.5 * shared.Gamma * shared.gain)


@inlined
def listen(xi, dt, hot, branches, soil, steps, bank, shared, rules):
    """One sample for the coarsest layer, and for the second ear while there are light hosts."""
    n_blocks = bank.layer[1] // LANES
    ear = bank.layer[-1] // LANES
    spores.listen(soil, 0, n_blocks, xi, dt)
    if shared.n_light > 0:
        if shared.hosts_heard == 0:
            spores.set_rotors(soil, steps, ear, n_blocks, 0, bank, shared.rotor_dt, shared.rotor_h)
            shared.hosts_heard = 1
        spores.listen(soil, ear, n_blocks, spores.light_voice(hot, branches, rules.light_mass), dt)
    elif shared.hosts_heard > 0:
        soil[ear * BLOCK :] = 0.0
        shared.hosts_heard = 0


@inlined
def tick_due(hot, sums, branches, soil, steps, ticks, bank, shared, rules):
    """All ticks of this sample, number n: a pair q of octave p ticks when n + q is a multiple of 2^p."""
    end = bank.layer[1] // 2
    for octave in range(OCTAVES):
        first = ticks[octave]
        period = 1 << octave
        pair = first + (-(shared.n + first) & (period - 1))
        while pair < end:
            turn = (shared.n + pair) >> octave
            tick(pair, turn, period * shared.h, hot, sums, branches, soil, steps, bank, shared, rules)
            pair += period
        end = first
        if first == 0:
            break


@inlined
def tick(pair, turn, h, hot, sums, branches, soil, steps, bank, shared, rules):
    """One tick, of length h, of a pair of coarse cells; two of their children tick in turn, and two of theirs.

    Every cell on the way is checked for a birth.
    """
    finest = bank.layer.shape[0] - 2
    cell = 2 * pair
    heard_s = soil[at(WAIT_S, cell)]
    for member in (cell, cell + 1):
        spores.take_stock(soil, member, bank.rate[member], h, shared.elapsed_s)
    for level in range(finest + 1):
        wait_s = soil[at(WAIT_S, cell)]
        if level < finest:
            pass_on(cell, level, wait_s, h, soil, steps, bank, shared)
        for member in (cell, cell + 1):
            reference = germination.outstanding(member, level, soil, bank, shared, rules)
            if reference > 0.0:
                give_birth(member, level, heard_s, reference, hot, sums, branches, soil, bank, shared, rules)
        heard_s = wait_s
        cell = bank.layer[1] + CHILDREN * cell + 2 * (turn % CHILDREN)
        turn //= CHILDREN
        h *= CHILDREN


@inlined
def pass_on(cell, level, dt, h, soil, steps, bank, shared):
    """The children of a cell and its neighbour hear their outputs, dt after they last did."""
    family = bank.layer[1] // LANES + cell // 2
    soil[at(WAIT_S, cell)] = 0.0
    soil[at(WAIT_S, cell + 1)] = 0.0
    if abs(dt - steps[STEP_S, family]) > 1e-9 * dt or abs(h - steps[STEP_H, family]) > 1e-3 * h:
        spores.set_rotors(soil, steps, family, 1, level + 1, bank, dt, h)
    u_re = soil[at(P2_RE, cell)]
    u_im = soil[at(P2_IM, cell)]
    v_re = soil[at(P2_RE, cell + 1)]
    v_im = soil[at(P2_IM, cell + 1)]
    if level == 0 and shared.hosts_heard > 0:
        ear = bank.layer[-1] + cell
        u_re += soil[at(P2_RE, ear)]
        u_im += soil[at(P2_IM, ear)]
        v_re += soil[at(P2_RE, ear + 1)]
        v_im += soil[at(P2_IM, ear + 1)]
    spores.overhear(soil, family, u_re, u_im, v_re, v_im, dt, h, shared.elapsed_s)


@native
def give_birth(cell, level, dt, reference, hot, sums, branches, soil, bank, shared, rules):
    """A larva, if there is room for it, and the hot arrays brought in line."""
    k = germination.germinate(cell, level, dt, reference, hot, sums, branches, soil, bank, shared, rules)
    if k >= 0:
        lifecycle.after_change(k, hot, branches, shared, rules)


@native
def write_frame(frame, hot, branches):
    """What a track shows of each branch."""
    for k in range(branches.shape[0]):
        b = branches[k]
        frame[F_STATUS, k] = b.status
        if b.status == DEAD:
            continue
        frame[F_INDIVIDUAL, k] = b.individual
        frame[F_FREQUENCY, k] = (b.omega + 2.0 * b.gamma * b.virial) / (2.0 * math.pi)
        frame[F_AMPLITUDE, k] = math.hypot(hot[Y, k], hot[V, k])
        frame[F_PHASE, k] = math.atan2(hot[V, k], hot[Y, k])
        frame[F_MASS, k] = b.omega / (2.0 * b.gamma)
        frame[F_SHARE, k] = b.share
        frame[F_BANDWIDTH, k] = math.exp(b.log_width) / math.pi


@entry
def run_channel(
    values, dts, times, position, hot, sums, branches, soil, steps, ticks, shared, bank, rules,
    residual, frame_position, frames,
):  # fmt: skip
    """Advance one channel by the given good samples; fills ``residual`` and ``frames``."""
    n_branches = branches.shape[0]
    f = 0
    for i in range(values.shape[0]):
        while f < frame_position.shape[0] and frame_position[f] < position[i]:
            write_frame(frames[f], hot, branches)
            f += 1
        x = values[i]
        dt = dts[i]
        shared.time_s = times[i]
        residual[i] = x
        if dt <= 0.0:
            continue
        keep_time(dt, shared)
        refresh(dt, hot, branches, soil, steps, ticks, bank, shared, rules)
        if shared.n == 1:  # an offset is not an event: the level starts where the signal does
            shared.level = x
            shared.exchanged += 0.25 * x * x / shared.level_gamma
        drift_level(dt, shared)
        xi = x - shared.level - flow.rotate(hot, n_branches)
        shared.level += 2.0 * shared.level_gamma * shared.gain * xi
        if shared.elapsed_s * rules.omega_min > 4.0:
            shared.slope += shared.level_gamma * shared.level_gamma * shared.h * xi
        residual[i] = xi
        account(x, xi, shared, rules)
        flow.errors(hot, xi, n_branches)
        if shared.n_colony > 0:
            flow.colony_errors(hot, sums, branches, xi)
        listen(xi, dt, hot, branches, soil, steps, bank, shared, rules)
        flow.kick(hot, sums, dt, shared.h, n_branches)
        for k in range(n_branches):
            if branches[k].status != DEAD and sums[COUNT, k] >= branches[k].n_tick:
                lifecycle.live(k, hot, sums, branches, soil, bank, shared, rules)
                lifecycle.after_change(k, hot, branches, shared, rules)
        tick_due(hot, sums, branches, soil, steps, ticks, bank, shared, rules)
    while f < frame_position.shape[0]:
        write_frame(frames[f], hot, branches)
        f += 1
