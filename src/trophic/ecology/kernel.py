"""The sample loop of one channel (Numba): flow, slow rules, listeners, births, track frames."""

from __future__ import annotations

import math

from numba import njit

from trophic.ecology import flow, germination, lifecycle, spores
from trophic.ecology.layout import (
    CHECK,
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
    H1_RE,
    H2_IM,
    H2_RE,
    P1_RE,
    P2_IM,
    P2_RE,
    PACE_H,
    PACE_ROTOR,
    PACE_TIME,
    V,
    Y,
)


@njit(cache=True, nogil=True)
def keep_time(dt, shared):
    """Two clocks: the true dt for phase, the smoothed information step h for learning."""
    shared.n += 1
    if shared.h == 0.0:
        shared.h = dt
    gain = max(0.005, 1.0 / shared.n)
    shared.h += gain * (min(dt, 3.0 * shared.h) - shared.h)
    shared.elapsed_s += shared.h


@njit(cache=True, nogil=True)
def refresh(dt, hot, branches, rotors, omega, rate, n_coarse, shared, rules):
    """Recompute what depends on the sampling interval, when it has changed."""
    h = shared.h
    if abs(dt - shared.rotor_dt) > 1e-9 * dt:
        for k in range(branches.shape[0]):
            flow.set_rotor(hot, k, branches[k].omega, dt)
        spores.set_rotors(rotors, omega, rate, 0, n_coarse, dt, h)
        shared.rotor_dt = dt
        shared.rotor_h = h
    elif abs(h - shared.rotor_h) > 1e-3 * h:
        spores.set_rotors(rotors, omega, rate, 0, n_coarse, dt, h)
        shared.rotor_h = h
    level_gamma = max(rules.level_pace * rules.omega_min, 1.0 / shared.elapsed_s)
    if abs(h - shared.gain_h) > 1e-3 * h or level_gamma < 0.9 * shared.level_gamma or shared.level_gamma == 0.0:
        if shared.level_gamma > 0.0:
            shared.mass_work += 0.25 * shared.level * shared.level * (1.0 / level_gamma - 1.0 / shared.level_gamma)
        shared.level_gamma = level_gamma
        flow.set_gains(hot, branches, shared)
        for k in range(branches.shape[0]):
            if branches[k].status != DEAD:
                lifecycle.set_tick(branches[k], h)


@njit(cache=True, nogil=True)
def drift_level(dt, shared):
    """The branch at zero frequency follows the trend; what that stores is booked as work."""
    before = shared.level
    shared.level += shared.slope * dt
    shared.mass_work += 0.25 * (shared.level * shared.level - before * before) / shared.level_gamma


@njit(cache=True, nogil=True)
def account(x, xi, shared, rules):
    """Running powers and the energy ledger of one sample."""
    h = shared.h
    mix = min(1.0, max(h * rules.omega_min / 31.4, h / shared.elapsed_s))
    shared.input_power += mix * ((x - shared.level) ** 2 - shared.input_power)
    shared.supplied += x * xi * shared.gain
    shared.heat -= xi * xi * math.expm1(-2.0 * shared.Gamma * shared.gain_h) / (2.0 * shared.Gamma)


@njit(cache=True, nogil=True)
def tick_cell(
    cell, level, hot, sums, branches, poles, rotors, stats, pace, shared,
    omega, rate, layer, child, lift_re, lift_im, rules,
):  # fmt: skip
    """One tick of a cell: its children hear its output, and one of them is checked for a birth."""
    dt = pace[PACE_TIME, cell]
    h = pace[PACE_H, cell]
    pace[PACE_TIME, cell] = 0.0
    pace[PACE_H, cell] = 0.0
    lo = child[cell]
    hi = child[cell + 1]
    if abs(dt - pace[PACE_ROTOR, cell]) > 1e-9 * dt:
        if level == 0:
            spores.set_turns(rotors, omega, cell, cell + 1, dt)
        spores.set_turns(rotors, omega, lo, hi, dt)
        spores.set_rotors(rotors, omega, rate, lo, hi, dt, h)
        pace[PACE_ROTOR, cell] = dt
    if level == 0:
        spores.take_stock(poles, rotors, stats, rate, cell, cell + 1, dt, h, shared.elapsed_s)
    if lo < hi:
        u_re = poles[P2_RE, cell]
        u_im = poles[P2_IM, cell]
        if level == 0:
            u_re += poles[H2_RE, cell]
            u_im += poles[H2_IM, cell]
        spores.overhear(poles, rotors, lift_re, lift_im, u_re, u_im, lo, hi)
        spores.take_stock(poles, rotors, stats, rate, lo, hi, dt, h, shared.elapsed_s)
        for b in range(lo, hi):
            pace[PACE_TIME, b] += dt
            pace[PACE_H, b] += h
    turn = int(pace[CHECK, cell])
    pace[CHECK, cell] += 1.0
    if turn % spores.CHECKS != 0:
        return
    turn //= spores.CHECKS
    if lo < hi:
        child_turn = lo + turn % (hi - lo)
        germinate(child_turn, level + 1, hot, sums, branches, poles, stats, omega, rate, layer, shared, rules)
    if level == 0:
        germinate(cell, 0, hot, sums, branches, poles, stats, omega, rate, layer, shared, rules)


@njit(cache=True, nogil=True)
def is_due(cell, child, pace, rate):
    return child[cell + 1] > child[cell] and pace[PACE_H, cell] * rate[cell] >= spores.TICK


@njit(cache=True, nogil=True)
def germinate(cell, level, hot, sums, branches, poles, stats, omega, rate, layer, shared, rules):
    """A birth at this cell, if one is due, and the hot arrays brought in line."""
    k = germination.germinate(cell, level, hot, sums, branches, poles, stats, omega, rate, layer, shared, rules)
    if k >= 0:
        lifecycle.after_change(k, hot, branches, shared, rules)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def run_channel(
    values, dts, times, position, hot, sums, branches, poles, rotors, stats, pace, shared,
    omega, rate, layer, child, lift_re, lift_im, rules, residual, frame_position, frames,
):  # fmt: skip
    """Advance one channel by the given good samples; fills ``residual`` and ``frames``."""
    n_branches = branches.shape[0]
    n_coarse = layer[1]
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
        refresh(dt, hot, branches, rotors, omega, rate, n_coarse, shared, rules)
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
        light = spores.light_voice(hot, branches, rules.light_mass) if shared.n_light > 0 else 0.0
        flow.errors(hot, xi, n_branches)
        if shared.n_colony > 0:
            flow.colony_errors(hot, sums, branches, xi)
        flow.kick(hot, sums, dt, shared.h, n_branches)
        for k in range(n_branches):
            if branches[k].status != DEAD and sums[COUNT, k] >= branches[k].n_tick:
                lifecycle.live(k, hot, sums, branches, stats, omega, rate, layer, shared, rules)
                lifecycle.after_change(k, hot, branches, shared, rules)
        spores.listen(poles, P1_RE, rotors, xi, n_coarse)
        if shared.n_light > 0:
            spores.listen(poles, H1_RE, rotors, light, n_coarse)
            shared.hosts_heard = 1
        elif shared.hosts_heard > 0:
            poles[H1_RE : H2_IM + 1, :n_coarse] = 0.0
            shared.hosts_heard = 0
        for c in range(n_coarse):
            pace[PACE_TIME, c] += dt
            pace[PACE_H, c] += shared.h
            if pace[PACE_H, c] * rate[c] >= spores.TICK:
                tick_cell(
                    c, 0, hot, sums, branches, poles, rotors, stats, pace, shared,
                    omega, rate, layer, child, lift_re, lift_im, rules,
                )  # fmt: skip
                for b in range(child[c], child[c + 1]):
                    if is_due(b, child, pace, rate):
                        tick_cell(
                            b, 1, hot, sums, branches, poles, rotors, stats, pace, shared,
                            omega, rate, layer, child, lift_re, lift_im, rules,
                        )  # fmt: skip
                        for d in range(child[b], child[b + 1]):
                            if is_due(d, child, pace, rate):
                                tick_cell(
                                    d, 2, hot, sums, branches, poles, rotors, stats, pace, shared,
                                    omega, rate, layer, child, lift_re, lift_im, rules,
                                )  # fmt: skip
    while f < frame_position.shape[0]:
        write_frame(frames[f], hot, branches)
        f += 1
