"""Spores: silent leaky rotators that listen to the residual, in layers of growing quality factor.

The coarsest layer hears every sample. Each finer layer hears the analytic output of the coarser
cell above it, at that cell's own decimated rate, so that a layer eight times finer costs as much as
the layer above it and not eight times more (a multirate tree; irregular times need no special case
because a complex output can be sampled at any time).

A cell is two cascaded poles of rate a = 1.5 omega/(2 Q):  u' = (j omega - a) u + a u_1,
u_1' = (j omega - a) u_1 + 2 a xi, response (a/(a + j d))^2 at a distance d from its frequency.

Cells are numbered layer by layer; the eight children of cell c are n_coarse + 8 c ... + 7. Two
neighbours tick together, and their sixteen children are one block of the soil. A second ear, as
large as the coarsest layer, comes last: it hears the light hosts.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.ecology.layout import (
    ADULT,
    ADVANCE_IM,
    ADVANCE_RE,
    BLOCK,
    FAST,
    FILL,
    LANES,
    LIFT_IM,
    LIFT_RE,
    MARK_IM,
    MARK_RE,
    OCTAVES,
    P1_IM,
    P1_RE,
    P2_IM,
    P2_RE,
    REST_UNTIL,
    ROT_IM,
    ROT_RE,
    SLOW,
    SPAN,
    STEP_H,
    STEP_S,
    WAIT_S,
    Y,
)
from trophic.engines.native import decayed, inlined, native, turned, vectorised

CHILDREN = LANES // 2
QUALITY = 8.0  # of the coarsest layer; each finer one has CHILDREN times as much
SPACING = 1.25  # in units of omega/(2 Q)
LOG_STEP = SPACING / (2 * QUALITY)  # ln of the ratio of neighbours in the coarsest layer
GUARD = 8  # cells below the band, so that its lowest cells have a background to compare with
NEAR, FAR = 3, 9  # the flanks of a cell begin and end this many cells away
TICK = 2 * math.pi / 8.0  # ticks of a cell, in units of 1/a: eight per cycle at the edge of its band


class Bank(NamedTuple):
    """Geometry of the listeners: cells by layer, then by frequency."""

    omega: NDArray[np.float64]  # (n_cells,) rad/s; the second ear included
    rate: NDArray[np.float64]  # (n_cells,) a, 1/s
    layer: NDArray[np.int64]  # (n_layers + 1,) first cell of each layer; the last entry is the second ear
    lift: NDArray[np.float64]  # (n_layers, 2, LANES) 1/response of the parent at a cell (re, im); 1 in the coarsest


@lru_cache(maxsize=32)
def bank(f_min_hz: float, f_max_hz: float, n_layers: int = 3) -> Bank:
    """Cells of all layers for a band, in Hz; the coarsest are rounded up to whole blocks, downwards."""
    n_band = 1 + math.ceil(math.log(f_max_hz / f_min_hz) / LOG_STEP)
    n_below = GUARD + -(GUARD + n_band) % LANES
    omega = 2 * np.pi * f_min_hz * np.exp(LOG_STEP * np.arange(-n_below, n_band))
    omegas, rates = [omega], [1.5 * omega / (2 * QUALITY)]
    lifts = [[np.ones(LANES), np.zeros(LANES)]]
    place = (np.arange(CHILDREN) + 0.5) / CHILDREN - 0.5
    for depth in range(1, n_layers):
        ratio = np.exp(LOG_STEP / CHILDREN ** (depth - 1) * place)
        distance = (ratio - 1) * omegas[-1][0] / rates[-1][0]  # from the parent, in its rates
        lift = np.tile((1 + 1j * distance) ** 2, 2)
        lifts.append([np.real(lift), np.imag(lift)])
        omegas.append((omegas[-1][:, None] * ratio).ravel())
        rates.append(1.5 * omegas[-1] / (2 * QUALITY * CHILDREN**depth))
    layer = np.cumsum([0, *(len(cells) for cells in omegas)])
    return Bank(np.concatenate([*omegas, omegas[0]]), np.concatenate([*rates, rates[0]]), layer, np.array(lifts))


@inlined
def at(row, cell):
    """Where the soil keeps the entry of a cell in a row."""
    return cell // LANES * BLOCK + row + cell % LANES


@native
def plan_ticks(ticks, bank, h):
    """Sort the pairs of coarse cells by the octave of their tick: ticks[p] .. ticks[p - 1] - 1 tick every 2^p samples.

    Powers of two need no bookkeeping: whose turn it is follows from the index of the sample.
    """
    ticks[:] = 0
    for pair in range(bank.layer[1] // 2):
        samples = TICK / (bank.rate[2 * pair + 1] * h)
        octave = min(max(round(math.log2(samples)), 0), OCTAVES - 1)
        ticks[:octave] = pair + 1


@vectorised
def set_rotors(soil, steps, first, n_blocks, level, bank, dt, h):
    """Rotors e^((j omega - a) .) and filling factors 1 - e^(-a h) of the cells in some blocks of a layer."""
    lift = bank.lift[level]
    for f in range(first, first + n_blocks):
        block = soil[f * BLOCK : f * BLOCK + BLOCK]
        omega = bank.omega[f * LANES : f * LANES + LANES]
        rate = bank.rate[f * LANES : f * LANES + LANES]
        for i in range(LANES):
            c, s = turned(omega[i] * dt)
            decay = decayed(rate[i] * h)
            block[ROT_RE + i] = decay * c
            block[ROT_IM + i] = decay * s
            block[FILL + i] = 1 - decay
            block[LIFT_RE + i] = (1 - decay) * lift[0, i]
            block[LIFT_IM + i] = (1 - decay) * lift[1, i]
            block[SPAN + i] = rate[i] * h
        steps[STEP_S, f] = dt
        steps[STEP_H, f] = h


@vectorised
def listen(soil, first, n_blocks, xi, dt):
    """One sample for the coarsest layer, or for the second ear."""
    x = 2.0 * xi
    for f in range(first, first + n_blocks):
        block = soil[f * BLOCK : f * BLOCK + BLOCK]
        for i in range(LANES):
            c = block[ROT_RE + i]
            s = block[ROT_IM + i]
            fill = block[FILL + i]
            re = block[P1_RE + i] * c - block[P1_IM + i] * s + fill * x
            im = block[P1_RE + i] * s + block[P1_IM + i] * c
            out_re = block[P2_RE + i] * c - block[P2_IM + i] * s + fill * re
            out_im = block[P2_RE + i] * s + block[P2_IM + i] * c + fill * im
            was_re = block[MARK_RE + i] * c - block[MARK_IM + i] * s
            was_im = block[MARK_RE + i] * s + block[MARK_IM + i] * c
            block[P1_RE + i] = re
            block[P1_IM + i] = im
            block[P2_RE + i] = out_re
            block[P2_IM + i] = out_im
            block[MARK_RE + i] = was_re
            block[MARK_IM + i] = was_im
            block[WAIT_S + i] += dt


@vectorised
def overhear(soil, f, u_re, u_im, v_re, v_im, dt, h, elapsed):
    """One tick for the children of two cells, whose outputs are u and v; power averages, phase advance.

    The phase advance compares a cell's output with what it would be without news, its last one
    turned by its rotor.
    """
    block = soil[f * BLOCK : f * BLOCK + BLOCK]
    start = h / elapsed
    for i in range(LANES):
        c = block[ROT_RE + i]
        s = block[ROT_IM + i]
        fill = block[FILL + i]
        x_re = u_re if i < CHILDREN else v_re
        x_im = u_im if i < CHILDREN else v_im
        re = block[P1_RE + i] * c - block[P1_IM + i] * s + block[LIFT_RE + i] * x_re - block[LIFT_IM + i] * x_im
        im = block[P1_RE + i] * s + block[P1_IM + i] * c + block[LIFT_IM + i] * x_re + block[LIFT_RE + i] * x_im
        was_re = block[P2_RE + i] * c - block[P2_IM + i] * s
        was_im = block[P2_RE + i] * s + block[P2_IM + i] * c
        out_re = was_re + fill * re
        out_im = was_im + fill * im
        block[P1_RE + i] = re
        block[P1_IM + i] = im
        block[P2_RE + i] = out_re
        block[P2_IM + i] = out_im
        power = out_re * out_re + out_im * out_im
        fast = min(1.0, max(0.25 * block[SPAN + i], start))
        slow = min(1.0, max(0.025 * block[SPAN + i], start))
        block[FAST + i] += fast * (power - block[FAST + i])
        block[SLOW + i] += slow * (power - block[SLOW + i])
        block[ADVANCE_RE + i] += fast * (out_re * was_re + out_im * was_im - block[ADVANCE_RE + i])
        block[ADVANCE_IM + i] += fast * (out_im * was_re - out_re * was_im - block[ADVANCE_IM + i])
        block[WAIT_S + i] += dt


@inlined
def take_stock(soil, cell, rate, h, elapsed):
    """Power averages and phase advance of a coarse cell since its last tick."""
    re = soil[at(P2_RE, cell)]
    im = soil[at(P2_IM, cell)]
    was_re = soil[at(MARK_RE, cell)]
    was_im = soil[at(MARK_IM, cell)]
    soil[at(MARK_RE, cell)] = re
    soil[at(MARK_IM, cell)] = im
    power = re * re + im * im
    fast = min(1.0, max(0.25 * rate * h, h / elapsed))
    slow = min(1.0, max(0.025 * rate * h, h / elapsed))
    soil[at(FAST, cell)] += fast * (power - soil[at(FAST, cell)])
    soil[at(SLOW, cell)] += slow * (power - soil[at(SLOW, cell)])
    soil[at(ADVANCE_RE, cell)] += fast * (re * was_re + im * was_im - soil[at(ADVANCE_RE, cell)])
    soil[at(ADVANCE_IM, cell)] += fast * (im * was_re - re * was_im - soil[at(ADVANCE_IM, cell)])


@native
def light_voice(hot, branches, light_mass):
    """What light adults explain and the larvae in their bands do not: the finer layers hear it too."""
    voice = 0.0
    for k in range(branches.shape[0]):
        b = branches[k]
        if b.status == ADULT and b.omega < 2.0 * light_mass * b.gamma:
            voice += hot[Y, k]
        elif b.host > 0 and b.gamma < 0.8 * b.gamma_birth:
            voice -= hot[Y, k]
    return voice


@native
def clean(cell, end, reference, z_re, z_im, omega_z, elapsed, soil, bank):
    """CLEAN (Hogbom 1974): a birth consumes the soil it explains, in its own layer and the coarser ones.

    Finer layers have not yet heard all of it, and go on listening.
    """
    d = (omega_z - bank.omega[cell]) / bank.rate[cell]
    own = 1.0 / (1.0 + d * d) ** 2
    excess_fast = (soil[at(FAST, cell)] - reference * bank.rate[cell]) / own
    excess_slow = (soil[at(SLOW, cell)] - reference * bank.rate[cell]) / own
    for b in range(end):
        d = (omega_z - bank.omega[b]) / bank.rate[b]
        if abs(d) > 30.0:
            continue
        q = 1.0 / (1.0 + d * d)
        g1_re = q
        g1_im = -d * q
        g2_re = g1_re * g1_re - g1_im * g1_im
        g2_im = 2.0 * g1_re * g1_im
        soil[at(P1_RE, b)] -= z_re * g1_re - z_im * g1_im
        soil[at(P1_IM, b)] -= z_re * g1_im + z_im * g1_re
        soil[at(P2_RE, b)] -= z_re * g2_re - z_im * g2_im
        soil[at(P2_IM, b)] -= z_re * g2_im + z_im * g2_re
        share = q * q
        ground = reference * bank.rate[b]
        for row, excess in ((FAST, excess_fast), (SLOW, excess_slow)):
            power = soil[at(row, b)]
            soil[at(row, b)] = max(power - share * excess, min(power, ground))
        if share > 0.2:
            soil[at(ADVANCE_RE, b)] = 0.0
            soil[at(ADVANCE_IM, b)] = 0.0
            soil[at(REST_UNTIL, b)] = elapsed + 3.0 / bank.rate[b]


@native
def flanks(row, cell, lo, hi, soil, rate):
    """Background density around a cell: harmonic mean over the mirror pairs NEAR .. FAR - 1 cells away.

    Each pair counts by its geometric mean: exact for a background that falls as a power of
    frequency, and a line in one flank does not raise it.
    """
    total = 0.0
    n = 0
    for d in range(NEAR, FAR):
        below = soil[at(row, cell - d)] / rate[cell - d] if cell - d >= lo else -1.0
        above = soil[at(row, cell + d)] / rate[cell + d] if cell + d < hi else -1.0
        if below >= 0.0 and above >= 0.0:
            total += 1.0 / (math.sqrt(below * above) + 1e-300)
        elif below >= 0.0:
            total += 1.0 / (below + 1e-300)
        elif above >= 0.0:
            total += 1.0 / (above + 1e-300)
        else:
            continue
        n += 1
    return n / (total + 1e-300)
