"""Niches: a bounded cover of every pattern that a stream has shown (Numba).

A pattern that lies within the radius of a niche belongs to it; one that does not, founds a niche of its own. When all
are taken the radius grows until half of them can go: the doubling algorithm for k centres (Charikar, Chekuri, Feder and
Motwani, SIAM J. Comput. 33, 2004). So the distance to the nearest niche is the distance to the nearest pattern ever
seen, to within the radius, with memory that does not grow. In adaptive resonance theory (Carpenter and Grossberg,
Appl. Opt. 26, 1987) niches are categories and the radius is the vigilance.
"""

from __future__ import annotations

import math

from trophic.engines.native import native, vectorised


@vectorised
def distance2(niches, place, history, end, w, limit):
    """Squared distance, a sum over w samples, of the niche at ``place`` and the pattern that ends at ``end``; stops
    adding when it is above ``limit``.
    """
    mask = history.size - 1
    total = 0.0
    for start in range(0, w, 16):
        for k in range(start, min(start + 16, w)):
            gap = history[(end - k) & mask] - niches[place + k]
            total += gap * gap
        if total > limit:
            break
    return total


@native
def nearest(cover, niches, base, history, end, w):
    """Root mean square distance of a pattern to the nearest niche; infinite while there is none."""
    best = math.inf
    for m in range(cover.n):
        best = min(best, distance2(niches, base + m * w, history, end, w, best))
    return math.sqrt(best / w)


@native
def found(cover, niches, base, capacity, history, end, w, usual):
    """Give a pattern a niche of its own, after making room."""
    if cover.n == capacity:
        thin(cover, niches, base, w, usual)
    mask = history.size - 1
    place = base + cover.n * w
    for k in range(w):
        niches[place + k] = history[(end - k) & mask]
    cover.n += 1


@native
def thin(cover, niches, base, w, usual):
    """Double the radius, from half of the usual novelty on, until at most half of the niches are left."""
    n = cover.n
    while cover.n > n // 2:
        cover.radius = max(2.0 * cover.radius, 0.5 * usual)
        limit = cover.radius * cover.radius * w
        kept = 0
        for m in range(cover.n):
            here = base + m * w
            is_new = True
            for j in range(kept):
                there = base + j * w
                total = 0.0
                for k in range(w):
                    gap = niches[here + k] - niches[there + k]
                    total += gap * gap
                if total <= limit:
                    is_new = False
                    break
            if is_new:
                for k in range(w):
                    niches[base + kept * w + k] = niches[here + k]
                kept += 1
        cover.n = kept
        usual = max(usual, 1e-300)
