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
def objection(b, r_re, r_im, precision, step, rules):
    """Evidence of this tick for a lighter branch, in nats.

    With q = d ln z/d ln gamma from before the tick, and innovations white if the mass is right, the
    log-likelihood ratio of a branch lighter by a factor e^delta is

        delta Re(r q*) P - delta^2 |q|^2 P/2,     P = n A^2/(2 sigma^2):

    under the present mass e^(that) is a martingale. A share of q is low-passed once more, which
    turns the vote of innovations from outside the band (a neighbour, a sideband) towards more mass.
    """
    q_re = (1.0 - rules.outer) * b.q_re + rules.outer * b.qq_re
    q_im = (1.0 - rules.outer) * b.q_im + rules.outer * b.qq_im
    mix = 1.0 - math.exp(-b.gamma * step)
    b.qq_re += mix * (b.q_re - b.qq_re)
    b.qq_im += mix * (b.q_im - b.qq_im)
    delta = rules.lighten_step
    return precision * (delta * (r_re * q_re + r_im * q_im) - 0.5 * delta * delta * (q_re * q_re + q_im * q_im))


@njit(cache=True, nogil=True)
def sense(b, r_re, r_im, shrink, step, rules):
    """Carry the sensitivity q = d ln z/d ln gamma along: q' = gamma (r - q) + j q_omega.

    q_omega' = chi gamma^2 (Im r - Im q/2) is the same derivative of the frequency.
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


@njit(cache=True, nogil=True)
def weigh(b, objection_nats, step, rules, food):
    """The damping rate after this tick: m' = (omega/8) food, m <- m e^-delta when the objection is proven.

    Growth is the default (the memory of a least-squares fit, gamma = 4/t) and needs no evidence;
    shedding mass does: Page's test (CUSUM) on the objection.
    """
    b.misfit = max(0.0, b.misfit + objection_nats)
    gamma = b.gamma
    if b.misfit > rules.lighten_nats:
        b.misfit = 0.0
        gamma *= math.exp(rules.lighten_step)
    else:
        doubt = max(0.0, 1.0 - 2.0 * b.misfit / rules.lighten_nats) if food > 0.0 else 1.0
        mass = b.omega / (2.0 * gamma) + rules.growth * b.omega * step * min(1.0, food) * doubt
        gamma = b.omega / (2.0 * mass)
    return min(gamma, b.omega / (2.0 * rules.m_min))


@njit(cache=True, nogil=True)
def cohere(b, y, v, power, time, step, rules):
    """Centre frequency and linewidth of what the branch follows, both from its phasor.

    In the clock of its centre frequency a phasor of half width kappa (Ornstein-Uhlenbeck) keeps
    a/(a + kappa) of its power behind a low-pass of rate a: the servo holds a = kappa, the half. The
    same pair tells the offset of the centre, arg <u low*> over the mean lag: at the lag 1/kappa, where
    the skirts of a resonance, which bias any instantaneous frequency, have decayed.
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
    offset = 4.0 * b.kappa * (u_im * b.low_re - u_re * b.low_im) / (b.power + 1e-300)
    mix = min(1.0, b.kappa * step)
    b.low_re += mix * (u_re - b.low_re)
    b.low_im += mix * (u_im - b.low_im)
    brief = min(1.0, max(b.kappa * step / 8.0, step / b.age_s))
    b.power += brief * (power - b.power)
    b.low_power += brief * (b.low_re * b.low_re + b.low_im * b.low_im - b.low_power)
    long = min(1.0, max(b.kappa * step / rules.patience, 3.0 * step / b.age_s))
    b.centre_once += long * (b.centre + min(max(offset, -b.kappa), b.kappa) - b.centre_once)
    b.centre_twice += long * (b.centre_once - b.centre_twice)
    b.centre = 2.0 * b.centre_once - b.centre_twice
    kept = b.low_power / (b.power + 1e-300)
    b.kappa *= math.exp(b.kappa * step * (0.5 - kept))
    b.kappa = min(max(b.kappa, 1.0 / b.age_s), 0.5 * b.omega)
    b.log_width += long * (math.log(b.kappa * (1.0 + b.kappa / b.gamma)) - b.log_width)
