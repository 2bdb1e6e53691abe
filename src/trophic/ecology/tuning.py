"""Frequency, mass and coherence of one branch: the slow rules, once per tick (Numba).

Everything here reads the tick's relative innovation r = 2 <e z*>/<|z|^2> (complex; for a converged
branch white, with variance 4 sigma^2/(n A^2)).
"""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, nogil=True)
def tune(b, r_im, shrink, step, rules):
    """Lagrangian tuning, d omega/dt = chi gamma^2 <T - V>/<T + V> in its virial form.

    2 <T - V> = -<psi (zeta - y)> makes (T - V)/(T + V) ~ Im r/2 ~ (Omega - omega)/(2 gamma),
    without ripple at 2 omega. With gamma = 4/t and chi = 3/4 this is the growing-memory
    least-squares line through the phase.
    """
    virial = 0.5 * r_im * shrink
    change = rules.chi * b.gamma * b.gamma * step * virial
    limit = 0.1 * b.gamma
    b.omega += min(max(change, -limit), limit)
    b.virial += min(0.5, 0.5 * b.gamma * step) * (virial - b.virial)


@njit(cache=True, nogil=True)
def weigh(b, r_re, r_im, precision, shrink, step, rules, full_food):
    """Mass: grows as the memory of a least-squares fit, and is shed when the data object.

    q = d ln z/d ln gamma is carried along the branch's own dynamics. With innovations white, the
    log-likelihood ratio of a branch lighter by a factor e^delta accumulates

        delta Re(r q*) P - delta^2 |q|^2 P/2,     P = n A^2/(2 sigma^2).

    Page's test (CUSUM) on it sheds mass as soon as the evidence exceeds `lighten_nats`. The outer
    low-pass of q makes innovations from outside the band vote for more mass, not less.
    """
    g = b.gamma
    mix = 1.0 - math.exp(-g * step)
    b.q_omega += rules.chi * g * g * step * (r_im - 0.5 * b.q_im) * shrink
    b.q_omega = min(max(b.q_omega, -g), g)
    b.q_re += mix * (r_re - b.q_re)
    b.q_im += mix * (r_im - b.q_im) + b.q_omega * step
    size = math.sqrt(b.q_re * b.q_re + b.q_im * b.q_im)
    if size > 1.0:
        b.q_re /= size
        b.q_im /= size
    return size


@njit(cache=True, nogil=True)
def objection(b, r_re, r_im, precision, step, rules):
    """Evidence (nats) of this tick for a lighter branch, from sensitivities before the tick."""
    s_re = (1.0 - rules.outer) * b.q_re + rules.outer * b.qq_re
    s_im = (1.0 - rules.outer) * b.q_im + rules.outer * b.qq_im
    delta = rules.lighten_step
    gain = delta * (r_re * s_re + r_im * s_im) - 0.5 * delta * delta * (s_re * s_re + s_im * s_im)
    mix = 1.0 - math.exp(-b.gamma * step)
    b.qq_re += mix * (b.q_re - b.qq_re)
    b.qq_im += mix * (b.q_im - b.qq_im)
    return gain * precision


@njit(cache=True, nogil=True)
def reweigh(b, objection_nats, step, rules, food):
    """m' = (omega/8) food while nothing objects; m <- m e^-delta when the objection is proven."""
    b.misfit = max(0.0, b.misfit + objection_nats)
    gamma = b.gamma
    if b.misfit > rules.lighten_nats:
        b.misfit = 0.0
        gamma *= math.exp(rules.lighten_step)
    else:
        mass = b.omega / (2.0 * gamma)
        hold = max(0.0, 1.0 - 2.0 * b.misfit / rules.lighten_nats)
        mass += rules.growth * b.omega * step * min(1.0, food) * (hold if food > 0.0 else 1.0)
        gamma = b.omega / (2.0 * mass)
    return min(gamma, b.omega / (2.0 * rules.m_min))


@njit(cache=True, nogil=True)
def cohere(b, y, v, power, time, step, rules):
    """Linewidth kappa: the rate at which a low-pass of the phasor keeps half of its power.

    A phasor of linewidth kappa (Ornstein-Uhlenbeck, in the clock of its centre frequency) keeps
    a/(a + kappa) of its power behind a low-pass of rate a; kappa is servoed to the half.
    """
    turn = b.centre * time
    c = math.cos(turn)
    s = math.sin(turn)
    clock_re = b.clock_re * c - b.clock_im * s
    clock_im = b.clock_re * s + b.clock_im * c
    norm = 1.5 - 0.5 * (clock_re * clock_re + clock_im * clock_im)
    b.clock_re = clock_re * norm
    b.clock_im = clock_im * norm
    u_re = y * b.clock_re + v * b.clock_im
    u_im = v * b.clock_re - y * b.clock_im
    off = 4.0 * b.kappa * (u_im * b.low_re - u_re * b.low_im) / (b.power + 1e-300)
    mix = min(1.0, b.kappa * step)
    b.low_re += mix * (u_re - b.low_re)
    b.low_im += mix * (u_im - b.low_im)
    slow = min(1.0, max(b.kappa * step / 8.0, step / b.age_s))
    b.power += slow * (power - b.power)
    b.low_power += slow * (b.low_re * b.low_re + b.low_im * b.low_im - b.low_power)
    late = min(1.0, max(b.kappa * step / rules.patience, 3.0 * step / b.age_s))
    b.centre_once += late * (b.centre + min(max(off, -b.kappa), b.kappa) - b.centre_once)
    b.centre_twice += late * (b.centre_once - b.centre_twice)
    b.centre = 2.0 * b.centre_once - b.centre_twice
    kept = b.low_power / (b.power + 1e-300)
    b.kappa *= math.exp(rules.servo * b.kappa * step * (0.5 - kept))
    b.kappa = min(max(b.kappa, 1.0 / b.age_s), 0.5 * b.omega)
    b.log_width += late * (math.log(b.kappa * (1.0 + b.kappa / b.gamma)) - b.log_width)
