"""Spores: silent leaky rotators that listen to the residual, in layers of growing quality factor.

The coarsest layer hears every sample. Each finer layer hears the analytic output of the coarser
cell above it, at that cell's own decimated rate, so that a layer eight times finer costs about as
much as the layer above it and not eight times more (a multirate tree; irregular times need no
special case because a complex output can be sampled at any time).

A cell is two cascaded poles of rate a = 1.5 omega/(2 Q):  u' = (j omega - a) u + a u_1,
u_1' = (j omega - a) u_1 + 2 a xi, response (a/(a + j d))^2 at a distance d from its frequency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trophic.ecology.layout import (
    ADULT,
    ADVANCE_IM,
    ADVANCE_RE,
    FAST,
    FILL,
    MARK_IM,
    MARK_RE,
    P1_IM,
    P1_RE,
    P2_IM,
    P2_RE,
    REST_UNTIL,
    ROT_IM,
    ROT_RE,
    SLOW,
    TICK_S,
    TURN_IM,
    TURN_RE,
    Y,
)

FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
QUALITY = (8.0, 64.0, 512.0)
SPACING = 1.25  # in units of omega/(2 Q)
GUARD = 8  # cells below the band, so that its lowest cells have a background to compare with
TICK = 1.0  # ticks of a cell, in units of 1/a: six per cycle at the edge of its band, aliases at -31 dB
CHECKS = 2  # a birth is looked for at every so many ticks; the averages move slower than that


@dataclass(frozen=True)
class Bank:
    """Geometry of the listeners: cells sorted by layer, then by frequency."""

    omega: NDArray[np.float64]  # (n_cells,) rad/s
    rate: NDArray[np.float64]  # (n_cells,) a, 1/s
    layer: NDArray[np.int64]  # (n_layers + 1,) first cell of each layer
    child: NDArray[np.int64]  # (n_cells + 1,) first child of each cell
    lift_re: NDArray[np.float64]  # (n_cells,) 1/response of the parent at the child's frequency
    lift_im: NDArray[np.float64]


@lru_cache(maxsize=32)
def bank(f_min_hz: float, f_max_hz: float, n_layers: int = len(QUALITY)) -> Bank:
    """Cells of all layers for a band, in Hz."""
    omega_min, omega_max = 2 * np.pi * f_min_hz, 2 * np.pi * f_max_hz
    omegas, rates = [], []
    for quality in QUALITY[:n_layers]:
        n = max(8, math.ceil(math.log(omega_max / omega_min) * 2 * quality / SPACING) + 1)
        step = math.log(omega_max / omega_min) / (n - 1)
        omega = omega_min * np.exp(step * np.arange(-GUARD, n))
        omegas.append(omega)
        rates.append(1.5 * omega / (2 * quality))
    layer = np.concatenate([[0], np.cumsum([len(w) for w in omegas])])
    omega, rate = np.concatenate(omegas), np.concatenate(rates)
    child = np.full(len(omega) + 1, len(omega), dtype=np.int64)
    lift = np.ones(len(omega), dtype=np.complex128)
    for up in range(n_layers - 1):
        parents = np.arange(layer[up], layer[up + 1])
        edges = np.sqrt(omega[parents][1:] * omega[parents][:-1])
        kids = np.arange(layer[up + 1], layer[up + 2])
        owner = np.searchsorted(edges, omega[kids])
        child[parents] = layer[up + 1] + np.searchsorted(owner, np.arange(len(parents)))
        a = rate[parents][owner]
        lift[kids] = ((a + 1j * (omega[kids] - omega[parents][owner])) / a) ** 2
    last = np.arange(layer[n_layers - 1], layer[n_layers])
    child[last] = len(omega)
    child[-1] = len(omega)
    return Bank(omega, rate, layer.astype(np.int64), child, lift.real.copy(), lift.imag.copy())


@njit(cache=True, nogil=True)
def set_rotors(rotors, omega, rate, lo, hi, dt, h):
    """Rotors e^((j omega - a) .) and filling factors 1 - e^(-a h) of cells lo..hi."""
    for b in range(lo, hi):
        decay = math.exp(-rate[b] * h)
        rotors[ROT_RE, b] = decay * math.cos(omega[b] * dt)
        rotors[ROT_IM, b] = decay * math.sin(omega[b] * dt)
        rotors[FILL, b] = 1.0 - decay


@njit(cache=True, nogil=True)
def set_turns(rotors, omega, lo, hi, dt):
    """Undamped rotors e^(j omega dt) over one tick."""
    for b in range(lo, hi):
        rotors[TURN_RE, b] = math.cos(omega[b] * dt)
        rotors[TURN_IM, b] = math.sin(omega[b] * dt)


@njit(cache=True, nogil=True, fastmath=FAST_MATH)
def listen(poles, first, rotors, xi, n_coarse):
    """One sample for the coarsest layer; its poles stand in rows first .. first + 3."""
    x = 2.0 * xi
    for b in range(n_coarse):
        c = rotors[ROT_RE, b]
        s = rotors[ROT_IM, b]
        f = rotors[FILL, b]
        re = poles[first, b] * c - poles[first + 1, b] * s + f * x
        im = poles[first, b] * s + poles[first + 1, b] * c
        poles[first, b] = re
        poles[first + 1, b] = im
        p = poles[first + 2, b] * c - poles[first + 3, b] * s + f * re
        poles[first + 3, b] = poles[first + 2, b] * s + poles[first + 3, b] * c + f * im
        poles[first + 2, b] = p


@njit(cache=True, nogil=True, fastmath=FAST_MATH)
def overhear(poles, rotors, lift_re, lift_im, u_re, u_im, lo, hi):
    """One tick for the children lo..hi of a cell whose output is u."""
    for b in range(lo, hi):
        c = rotors[ROT_RE, b]
        s = rotors[ROT_IM, b]
        f = rotors[FILL, b]
        x_re = u_re * lift_re[b] - u_im * lift_im[b]
        x_im = u_re * lift_im[b] + u_im * lift_re[b]
        re = poles[P1_RE, b] * c - poles[P1_IM, b] * s + f * x_re
        im = poles[P1_RE, b] * s + poles[P1_IM, b] * c + f * x_im
        poles[P1_RE, b] = re
        poles[P1_IM, b] = im
        p = poles[P2_RE, b] * c - poles[P2_IM, b] * s + f * re
        poles[P2_IM, b] = poles[P2_RE, b] * s + poles[P2_IM, b] * c + f * im
        poles[P2_RE, b] = p


@njit(cache=True, nogil=True, fastmath=FAST_MATH)
def take_stock(poles, rotors, stats, rate, lo, hi, dt, h, elapsed):
    """Power averages, and phase advance beyond the cell's own, of the cells lo..hi since their last tick."""
    start = h / elapsed
    for b in range(lo, hi):
        re = poles[P2_RE, b]
        im = poles[P2_IM, b]
        power = re * re + im * im
        c = rotors[TURN_RE, b]
        s = rotors[TURN_IM, b]
        was_re = poles[MARK_RE, b] * c - poles[MARK_IM, b] * s
        was_im = poles[MARK_RE, b] * s + poles[MARK_IM, b] * c
        poles[MARK_RE, b] = re
        poles[MARK_IM, b] = im
        stats[TICK_S, b] = dt
        fast = min(1.0, max(0.25 * rate[b] * h, start))
        slow = min(1.0, max(0.025 * rate[b] * h, start))
        stats[FAST, b] += fast * (power - stats[FAST, b])
        stats[SLOW, b] += slow * (power - stats[SLOW, b])
        stats[ADVANCE_RE, b] += fast * (re * was_re + im * was_im - stats[ADVANCE_RE, b])
        stats[ADVANCE_IM, b] += fast * (im * was_re - re * was_im - stats[ADVANCE_IM, b])


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def clean(poles, stats, omega, rate, end, z_re, z_im, omega_z, elapsed, cell, reference):
    """CLEAN (Hogbom 1974): a birth consumes the soil it explains, in its own layer and the coarser ones.

    Finer layers have not yet heard all of it, and go on listening.
    """
    d = omega_z - omega[cell]
    own = 1.0 / (1.0 + (d / rate[cell]) ** 2) ** 2
    excess_fast = (stats[FAST, cell] - reference * rate[cell]) / own
    excess_slow = (stats[SLOW, cell] - reference * rate[cell]) / own
    for b in range(end):
        d = (omega_z - omega[b]) / rate[b]
        if abs(d) > 30.0:
            continue
        q = 1.0 / (1.0 + d * d)
        g1_re = q
        g1_im = -d * q
        g2_re = g1_re * g1_re - g1_im * g1_im
        g2_im = 2.0 * g1_re * g1_im
        poles[P1_RE, b] -= z_re * g1_re - z_im * g1_im
        poles[P1_IM, b] -= z_re * g1_im + z_im * g1_re
        poles[P2_RE, b] -= z_re * g2_re - z_im * g2_im
        poles[P2_IM, b] -= z_re * g2_im + z_im * g2_re
        share = q * q
        ground = reference * rate[b]
        stats[FAST, b] = max(stats[FAST, b] - share * excess_fast, min(stats[FAST, b], ground))
        stats[SLOW, b] = max(stats[SLOW, b] - share * excess_slow, min(stats[SLOW, b], ground))
        if share > 0.2:
            stats[ADVANCE_RE, b] = 0.0
            stats[ADVANCE_IM, b] = 0.0
            stats[REST_UNTIL, b] = elapsed + 3.0 / rate[b]


@njit(cache=True, nogil=True)
def flanks(stats, rate, cell, lo, hi, row):
    """Background density around a cell: harmonic mean over the mirror pairs 3..8 cells away.

    Each pair counts by its geometric mean: exact for a background that falls as a power of
    frequency, and a line in one flank does not raise it.
    """
    total = 0.0
    n = 0
    for d in range(3, 9):
        below = stats[row, cell - d] / rate[cell - d] if cell - d >= lo else -1.0
        above = stats[row, cell + d] / rate[cell + d] if cell + d < hi else -1.0
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
