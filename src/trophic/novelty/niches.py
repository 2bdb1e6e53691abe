"""Niches: a bounded cover of every pattern that a stream has shown, and when each was visited (Numba).

A pattern that lies within the radius of a niche visits it; one that does not, founds a niche of its own. When all are
taken the radius grows until half of them can go: the doubling algorithm for k centres (Charikar, Chekuri, Feder and
Motwani, SIAM J. Comput. 33, 2004). So the distance to the nearest niche is the distance to the nearest pattern ever
seen, to within the radius, with memory that does not grow. In adaptive resonance theory (Carpenter and Grossberg,
Appl. Opt. 26, 1987) niches are categories and the radius is the vigilance.

What was seen once before is not new, but it is rare. Every niche keeps the times of its latest visits, and a pattern is
compared with the nearest visits at different times: the k-th of them tells whether it was seen k times (the distance
to the k-th nearest neighbour: Ramaswamy, Rastogi and Shim, SIGMOD 2000; here of occurrences, not of samples).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.engines.native import native, vectorised


class Nest(NamedTuple):
    """What one channel knows of one pattern length, as the kernel takes it."""

    cover: np.void  # COVER
    niches: NDArray[np.float64]  # of all lengths; those of this one from ``base`` on, each w samples, latest first
    visits: NDArray[np.int64]  # (capacity, N_VISITS) times, latest first; -1 where there are none
    base: int
    w: int  # samples in a pattern
    apart: int  # samples: visits no further from each other are one


@vectorised
def distance2(niches, place, history, end, w):
    """Squared distance, a sum over w samples, of the niche at ``place`` and the pattern that ends at ``end``."""
    mask = history.size - 1
    total = 0.0
    for k in range(w):
        gap = history[(end - k) & mask] - niches[place + k]
        total += gap * gap
    return total


@native
def recall(nest, history, end, gaps, near, times):
    """Squared distances, ascending, of the pattern that ends at ``end`` to the nearest visits that are apart, into
    ``near``; infinite where there are no more. ``gaps`` (capacity) and ``times`` are room to work in. Returns the
    nearest niche, or -1.
    """
    for m in range(nest.cover.n):
        gaps[m] = distance2(nest.niches, nest.base + m * nest.w, history, end, nest.w)
    winner = -1
    for p in range(near.size):
        near[p] = math.inf
        for m in range(nest.cover.n):
            if gaps[m] < near[p]:
                time = latest_apart(nest.visits, m, times, p, nest.apart)
                if time >= 0:
                    near[p], times[p] = gaps[m], time
                    winner = m if p == 0 else winner
    return winner


@native
def latest_apart(visits, m, times, n, apart):
    """The latest visit to niche m that is apart from each of n others; -1 if there is none."""
    for k in range(visits.shape[1]):
        is_apart = visits[m, k] >= 0
        for j in range(n):
            is_apart = is_apart and abs(visits[m, k] - times[j]) > apart
        if is_apart:
            return visits[m, k]
    return -1


@native
def visit(nest, m, time):
    """Note that niche m is visited, unless that is still its last visit; the oldest is forgotten."""
    visits = nest.visits
    if visits[m, 0] >= 0 and time - visits[m, 0] <= nest.apart:
        return
    for k in range(visits.shape[1] - 1, 0, -1):
        visits[m, k] = visits[m, k - 1]
    visits[m, 0] = time


@native
def found(nest, history, end, usual, times):
    """Give a pattern a niche of its own, after making room. Returns whether niches have moved."""
    cover, visits = nest.cover, nest.visits
    is_full = cover.n == visits.shape[0]
    if is_full:
        thin(nest, usual, times)
    mask = history.size - 1
    for k in range(nest.w):
        nest.niches[nest.base + cover.n * nest.w + k] = history[(end - k) & mask]
    visits[cover.n, 0] = end
    for k in range(1, visits.shape[1]):
        visits[cover.n, k] = -1
    cover.n += 1
    return is_full


@native
def thin(nest, usual, times):
    """Double the radius, from half of the usual novelty on, until at most half of the niches are left; one that goes
    leaves its visits to the niche that covers it.
    """
    cover, niches, visits, base, w, apart = nest
    n = cover.n
    while cover.n > n // 2:
        cover.radius = max(2.0 * cover.radius, 0.5 * usual)
        kept = 0
        for m in range(cover.n):
            heir = covering(niches, base, m, kept, w, cover.radius)
            if heir >= 0:
                inherit(visits, heir, m, apart, times)
                continue
            for k in range(w):
                niches[base + kept * w + k] = niches[base + m * w + k]
            for k in range(visits.shape[1]):
                visits[kept, k] = visits[m, k]
            kept += 1
        cover.n = kept
        usual = max(usual, 1e-300)


@native
def covering(niches, base, m, n, w, radius):
    """The first of n niches within the radius of niche m; -1 if there is none."""
    for j in range(n):
        total = 0.0
        for k in range(w):
            gap = niches[base + m * w + k] - niches[base + j * w + k]
            total += gap * gap
        if total <= radius * radius * w:
            return j
    return -1


@native
def inherit(visits, heir, m, apart, times):
    """Leave the heir the latest visits of both, latest first; what is one visit is counted once."""
    n = visits.shape[1]
    i, j, kept = 0, 0, 0
    while kept < n and (i < n or j < n):
        is_heirs = j == n or (i < n and visits[heir, i] >= visits[m, j])
        time = visits[heir, i] if is_heirs else visits[m, j]
        i, j = (i + 1, j) if is_heirs else (i, j + 1)
        if time >= 0 and (kept == 0 or times[kept - 1] - time > apart):
            times[kept] = time
            kept += 1
    for k in range(n):
        visits[heir, k] = times[k] if k < kept else -1
